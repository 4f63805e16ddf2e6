// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace starling::vm {

// What the probe guest writes on its console when it has reached user space.
inline constexpr const char* kProbeMarker = "starling: the probe guest is up";

// An initrd (cpio "newc") whose /init writes kProbeMarker and then sleeps: the smallest program a
// stock kernel can run. Made here, byte by byte, so that a probe needs no file but the kernel.
std::string probe_initrd();

}  // namespace starling::vm
