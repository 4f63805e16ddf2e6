// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/boot_files.h"

#include <algorithm>
#include <sstream>

#include "agents/common/small_file.h"

namespace starling::netboot {

namespace fs = std::filesystem;

const std::vector<std::string>& boot_file_names() {
  static const std::vector<std::string> names = {"lpxelinux.0",  "ldlinux.c32", "grub/grubnetx64.efi",
                                                 "live/vmlinuz", "live/initrd",
                                                 "live/filesystem.squashfs"};
  return names;
}

BootFiles find_boot_files(const BootRoots& roots) {
  BootFiles found;
  for (const auto& name : boot_file_names()) {
    const bool live = name.starts_with("live/");
    const std::vector<fs::path> places = {
        live ? roots.medium / name : roots.loaders / name,
        live ? roots.fetched / name : roots.medium / "netboot" / name,
        roots.fetched / name,
    };
    const auto place = std::ranges::find_if(places, [](const fs::path& p) {
      std::error_code none;
      return fs::is_regular_file(p, none);
    });
    if (place == places.end())
      found.missing.push_back(name);
    else
      found.files[name] = *place;
  }
  return found;
}

std::optional<std::string> boot_server(const std::string& cmdline, const fs::path& net_conf_dir) {
  constexpr std::string_view kFetch = "fetch=http://";
  std::istringstream words(cmdline);
  for (std::string word; words >> word;) {
    if (!word.starts_with(kFetch)) continue;
    const auto rest = word.substr(kFetch.size());
    if (auto host = rest.substr(0, rest.find('/')); !host.empty()) return host;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(net_conf_dir, none)) {
      const auto name = entry.path().filename().string();
      if (!name.starts_with("net-") || !name.ends_with(".conf")) continue;
      std::istringstream lines(read_small_file(entry.path()).value_or(""));
      for (std::string line; std::getline(lines, line);) {
        constexpr std::string_view kServer = "ROOTSERVER=";
        if (!line.starts_with(kServer)) continue;
        auto value = line.substr(kServer.size());
        std::erase_if(value, [](char c) { return c == '\'' || c == '"'; });
        if (!value.empty() && value != "0.0.0.0") return value;
      }
    }
  }
  return std::nullopt;
}

}  // namespace starling::netboot
