// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace starling::netboot {

// What a machine needs to boot, by the names it is served under.
const std::vector<std::string>& boot_file_names();

// Where this node may have boot files. A node that booted from disc has all of them on the medium;
// a netbooted one has only the image (live-boot's fetch= leaves it in the medium's live/), and
// fetches the rest. Replaced in tests.
struct BootRoots {
  std::filesystem::path loaders = "/usr/lib/starling/netboot";  // inside the image, if it has them
  std::filesystem::path medium = "/run/live/medium";            // netboot/ and live/
  std::filesystem::path fetched = "/var/cache/starling/netboot";
  std::filesystem::path proc = "/proc";
  std::filesystem::path sys = "/sys";
};

// The file this system's root was mounted from, wherever live-boot put it (toram=FILE moves it to
// the medium's top): what the loop device under /run/live/rootfs/ is backed by.
std::optional<std::filesystem::path> running_image(const BootRoots& roots);

// For each name every place here that has such a file, best first.
using BootFilePlaces = std::map<std::string, std::vector<std::filesystem::path>>;
BootFilePlaces find_boot_files(const BootRoots& roots);

// Whether a kernel with this command line was booted over the network (live-boot's fetch=). Such a
// node got its image unverified, from whoever answered.
bool booted_over_network(const std::string& cmdline);

}  // namespace starling::netboot
