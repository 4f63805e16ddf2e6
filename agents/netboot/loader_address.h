// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>

namespace starling::netboot {

// The grub image for UEFI with this IPv4 address written into it, in the place its builder left
// (builder/stages/boot_menu.h). Beside a DHCP server of somebody else grub cannot find out where it
// came from: it takes the boot server from the DHCP answer and knows nothing of proxyDHCP. Nothing
// when the image has no such place, or several.
std::optional<std::string> with_boot_server(std::string loader, const std::string& address);

}  // namespace starling::netboot
