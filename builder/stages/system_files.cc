// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/system_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <sstream>
#include <vector>

#include "builder/stages/tree.h"

namespace starling::builder {

namespace fs = std::filesystem;

namespace {

void empty_directory(const fs::path& dir) {
  if (!fs::is_directory(fs::symlink_status(dir))) return;
  for (const auto& e : fs::directory_iterator(dir)) fs::remove_all(e.path());
}

// Files below `dir` go, directories stay with their owners: daemons expect them.
void remove_files(const fs::path& dir) {
  if (!fs::is_directory(fs::symlink_status(dir))) return;
  std::vector<fs::path> files;
  for (const auto& e : fs::recursive_directory_iterator(dir))
    if (!fs::is_directory(e.symlink_status())) files.push_back(e.path());
  for (const auto& f : files) fs::remove(f);
}

}  // namespace

std::string with_fixed_ageing(std::string_view shadow, long day) {
  std::string out;
  std::istringstream lines{std::string(shadow)};
  for (std::string line; std::getline(lines, line);) {
    const auto second = line.find(':', line.find(':') + 1);
    if (second != std::string::npos) {
      const auto third = line.find(':', second + 1);
      if (third != std::string::npos && third > second + 1)
        line.replace(second + 1, third - second - 1, std::to_string(day));
    }
    out += line + "\n";
  }
  return out;
}

void clean_tree(const fs::path& root, long epoch) {
  remove_files(root / "var/log");
  for (const char* dir : {"var/cache/apt", "var/cache/debconf", "var/lib/apt/lists", "tmp", "var/tmp",
                          "run"})
    empty_directory(root / dir);
  for (const char* file :
       {"var/cache/ldconfig/aux-cache", "var/lib/systemd/random-seed", "var/lib/dbus/machine-id",
        "var/lib/dpkg/lock", "var/lib/dpkg/lock-frontend", "var/lib/dpkg/triggers/Lock",
        "var/lib/apt/extended_states.old", "root/.bash_history", "root/.wget-hsts"})
    fs::remove(root / file);
  for (const char* dir : {"var/lib/dpkg", "etc", "var/cache/debconf", "var/lib/apt"})
    for (const auto& name : {"status", "diversions", "statoverride", "available", "passwd", "shadow",
                             "group", "gshadow", "subuid", "subgid", "extended_states"})
      for (const char* suffix : {"-old", "-", ".old"}) fs::remove(root / dir / (std::string(name) + suffix));
  fs::create_directories(root / "var/lib/apt/lists/partial");
  fs::create_directories(root / "var/cache/apt/archives/partial");
  if (fs::is_directory(root / "etc/ssh"))
    for (const auto& e : fs::directory_iterator(root / "etc/ssh"))
      if (e.path().filename().string().starts_with("ssh_host_")) fs::remove(e.path());
  // Empty, not absent: absent would mean a first boot, and systemd would go through the presets of
  // all units.
  write_file(root / "etc/machine-id", "", 0444);
  const fs::path shadow = root / "etc/shadow";
  if (fs::exists(shadow)) {
    const std::string before = read_file(shadow), after = with_fixed_ageing(before, epoch / 86400);
    if (after != before) {
      struct stat st {};
      if (stat(shadow.c_str(), &st) == 0) {
        write_file(shadow, after, st.st_mode & 07777);
        if (chown(shadow.c_str(), st.st_uid, st.st_gid) != 0) fs::permissions(shadow, fs::perms::owner_read);
      }
    }
  }
}

}  // namespace starling::builder
