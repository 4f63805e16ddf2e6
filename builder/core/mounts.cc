// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/mounts.h"

#include <sched.h>
#include <sys/mount.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "builder/core/error.h"
#include "builder/core/process_tree.h"

namespace starling::builder {

namespace fs = std::filesystem;

namespace {

// mountinfo writes space, tab, newline and backslash as \ooo.
std::string unescape(const std::string& text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

}  // namespace

std::vector<fs::path> mounts_below(const fs::path& dir) {
  const std::string prefix = dir.lexically_normal().string();
  std::vector<fs::path> found;
  std::ifstream in("/proc/self/mountinfo");
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::string id, parent, device, root, where;
    fields >> id >> parent >> device >> root >> where;
    where = unescape(where);
    if (where == prefix || where.starts_with(prefix + "/")) found.emplace_back(where);
  }
  // Later lines were mounted later; of two on one point the later must go first.
  std::reverse(found.begin(), found.end());
  std::stable_sort(found.begin(), found.end(), [](const fs::path& a, const fs::path& b) {
    return a.string().size() > b.string().size();
  });
  return found;
}

int unmount_below(const fs::path& dir) {
  const auto mounts = mounts_below(dir);
  for (const auto& where : mounts) {
    if (umount2(where.c_str(), UMOUNT_NOFOLLOW) == 0) continue;
    if (umount2(where.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0 || errno == EINVAL) continue;
    throw Error(std::string("cannot unmount: ") + std::strerror(errno))
        .at_file(where)
        .replay("umount -l " + where.string());
  }
  return static_cast<int>(mounts.size());
}

void remove_tree(const fs::path& dir) {
  if (!fs::exists(fs::symlink_status(dir))) return;
  const fs::path real = fs::canonical(dir);
  if (!mounts_below(real).empty()) {
    end_processes_in(real);
    unmount_below(real);
    if (const auto left = mounts_below(real); !left.empty())
      throw Error("still mounted, so nothing was removed").at_file(left.front());
  }
  fs::remove_all(dir);
}

bool enter_own_mount_namespace() {
  if (unshare(CLONE_NEWNS) != 0) return false;
  return mount("none", "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0;
}

}  // namespace starling::builder
