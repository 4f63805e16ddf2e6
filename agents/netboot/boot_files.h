// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "agents/netboot/http_request.h"

namespace starling::netboot {

// What a machine needs to boot, by the names it is served under.
const std::vector<std::string>& boot_file_names();

// Where this node has boot files. A node that booted from disc has all of them on the medium; a
// netbooted one has only the image (live-boot's fetch= leaves it in live/), and fetches the rest.
struct BootRoots {
  std::filesystem::path loaders = "/usr/lib/starling/netboot";  // inside the image, if it has them
  std::filesystem::path medium = "/run/live/medium";            // netboot/ and live/
  std::filesystem::path fetched = "/run/starling/netboot/files";
};

struct BootFiles {
  FileTable files;
  std::vector<std::string> missing;  // names nobody has
};
// Looks in all roots; each file is taken from the first that has it.
BootFiles find_boot_files(const BootRoots& roots);

// Where a netbooted node got its image from: "HOST[:PORT]" of fetch=http://... of the kernel
// command line. With an empty host (live-boot's word for "the boot server") it is ROOTSERVER of
// what the initramfs left in `net_conf_dir`/net-*.conf. Nothing on a node that did not netboot.
std::optional<std::string> boot_server(const std::string& cmdline,
                                       const std::filesystem::path& net_conf_dir);

}  // namespace starling::netboot
