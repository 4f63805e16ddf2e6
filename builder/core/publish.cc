// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/publish.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <map>
#include <set>

#include "agents/common/unique_fd.h"
#include "builder/core/error.h"
#include "builder/core/interrupt.h"

namespace starling::builder {

namespace fs = std::filesystem;

namespace {

constexpr char kList[] = ".starling-published";

[[noreturn]] void io_error(const char* what, const fs::path& file) {
  throw fs::filesystem_error(what, file, std::error_code(errno, std::system_category()));
}

void copy_into_place(const fs::path& from, const fs::path& to) {
  fs::create_directories(to.parent_path());
  const fs::path fresh = to.parent_path() / ("." + to.filename().string() + ".new");
  struct stat st {};
  UniqueFd in(open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in || fstat(in.get(), &st) != 0) io_error("cannot read", from);
  UniqueFd out(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!out) io_error("cannot write", fresh);
  for (off_t left = st.st_size; left > 0;) {
    throw_if_interrupted();
    const size_t part = static_cast<size_t>(std::min<off_t>(left, 64 << 20));
    ssize_t n = copy_file_range(in.get(), nullptr, out.get(), nullptr, part, 0);
    if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
      static thread_local char buffer[1 << 16];
      n = read(in.get(), buffer, std::min(part, sizeof buffer));
      for (ssize_t done = 0; n > 0 && done < n;) {
        const ssize_t w = write(out.get(), buffer + done, static_cast<size_t>(n - done));
        if (w < 0) {
          n = -1;
          break;
        }
        done += w;
      }
    }
    if (n <= 0) {
      const int reason = n < 0 ? errno : EIO;
      unlink(fresh.c_str());
      errno = reason;
      io_error("cannot write", fresh);
    }
    left -= n;
  }
  if (fchmod(out.get(), st.st_mode & 07777) != 0) io_error("cannot write", fresh);
  fs::rename(fresh, to);
}

std::set<std::string> read_list(const fs::path& file) {
  std::set<std::string> names;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const fs::path p(line);
    // Only what lies below out/: the list decides what is removed.
    bool inside = !line.empty() && p.is_relative();
    for (const auto& part : p) inside &= part != "..";
    if (inside) names.insert(line);
  }
  return names;
}

}  // namespace

int publish(const std::vector<fs::path>& trees, const fs::path& out, StatCache& stat_cache,
            Status& status) {
  std::map<std::string, fs::path> files;
  for (const auto& tree : trees) {
    for (const auto& entry : fs::recursive_directory_iterator(tree)) {
      if (!entry.is_regular_file()) continue;
      const std::string name = entry.path().lexically_relative(tree).string();
      if (!files.emplace(name, entry.path()).second)
        throw Error("two stages publish " + name).at_file(entry.path());
    }
  }
  fs::create_directories(out);
  const auto before = read_list(out / kList);
  int changes = 0;
  std::string list;
  for (const auto& [name, from] : files) {
    list += name + "\n";
    const fs::path to = out / name;
    std::error_code ec;
    const bool same = fs::is_regular_file(fs::symlink_status(to, ec)) &&
                      fs::file_size(to) == fs::file_size(from) &&
                      fs::status(to).permissions() == fs::status(from).permissions() &&
                      stat_cache.sha256(to) == stat_cache.sha256(from);
    if (same) continue;
    copy_into_place(from, to);
    status.published(to.string());
    ++changes;
  }
  for (const auto& name : before) {
    if (files.contains(name)) continue;
    std::error_code ec;
    if (!fs::remove(out / name, ec)) continue;
    ++changes;
    // Directories that became empty go too; remove() does not take others.
    for (fs::path dir = fs::path(name).parent_path(); !dir.empty(); dir = dir.parent_path())
      if (!fs::remove(out / dir, ec)) break;
  }
  if (changes > 0 || before.empty()) {
    const fs::path fresh = out / (std::string(kList) + ".new");
    std::ofstream file(fresh);
    file << list;
    file.close();
    if (!file) throw Error("cannot write").at_file(fresh);
    fs::rename(fresh, out / kList);
  }
  stat_cache.save();
  return changes;
}

}  // namespace starling::builder
