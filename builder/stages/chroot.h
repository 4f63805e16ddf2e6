// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "builder/core/stage.h"

namespace starling::builder {

// A program run inside the root file system at `root`, with a clean environment, in mount and
// process namespaces of its own: /proc is there, and whatever the program started or mounted ends
// with it. The network is the machine's.
Command in_chroot(StageContext& ctx, const std::filesystem::path& root,
                  const std::vector<std::string>& argv,
                  const std::vector<std::string>& environment = {});

}  // namespace starling::builder
