// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/boot_files.h"

#include <algorithm>
#include <sstream>

#include "agents/common/flock_key.h"
#include "agents/common/small_file.h"

namespace starling::netboot {

namespace fs = std::filesystem;

namespace {
constexpr const char* kImage = "live/filesystem.squashfs";
constexpr const char* kRootLayers = "/run/live/rootfs/";  // live-boot(7)
}  // namespace

const std::vector<std::string>& boot_file_names() {
  static const std::vector<std::string> names = {
      "pxelinux.0", "ldlinux.c32", "grub/grubnetx64.efi", "live/vmlinuz", "live/initrd", kImage};
  return names;
}

std::optional<fs::path> running_image(const BootRoots& roots) {
  std::istringstream mounts(read_small_file(roots.proc / "mounts").value_or(""));
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device, place, type;
    words >> device >> place >> type;
    if (type != "squashfs" || !place.starts_with(kRootLayers)) continue;
    auto file =
        read_small_file(roots.sys / "block" / fs::path(device).filename() / "loop/backing_file");
    if (!file) continue;
    file->resize(std::min(file->find('\n'), file->size()));
    if (!file->empty()) return *file;
  }
  return std::nullopt;
}

BootFilePlaces find_boot_files(const BootRoots& roots) {
  BootFilePlaces found;
  for (const auto& name : boot_file_names()) {
    std::vector<fs::path> places;
    if (name.starts_with("live/")) {
      places.push_back(roots.medium / name);
    } else {
      places.push_back(roots.loaders / name);
      places.push_back(roots.medium / "netboot" / name);
    }
    if (name == kImage)
      if (const auto image = running_image(roots); image && *image != places.front())
        places.push_back(*image);
    places.push_back(roots.fetched / name);
    std::erase_if(places, [](const fs::path& p) {
      std::error_code none;
      return !fs::is_regular_file(p, none);
    });
    if (!places.empty()) found[name] = places;
  }
  return found;
}

bool booted_over_network(const std::string& cmdline) {
  return kernel_parameter(cmdline, "fetch").has_value();
}

}  // namespace starling::netboot
