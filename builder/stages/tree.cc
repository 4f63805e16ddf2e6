// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "builder/core/error.h"

namespace starling::builder {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(const std::string& what, const fs::path& file) {
  throw Error("cannot " + what + " " + file.string() + ": " + std::strerror(errno)).at_file(file);
}

void set_time(const fs::path& p, long mtime) {
  const timespec t[2] = {{mtime, 0}, {mtime, 0}};
  if (utimensat(AT_FDCWD, p.c_str(), t, AT_SYMLINK_NOFOLLOW) != 0) fail("set the time of", p);
}

unsigned mode_for(unsigned mode, Modes modes) {
  if (modes == Modes::as_they_are) return mode & 07777;
  return mode & 0100 ? 0755 : 0644;
}

void lay_entry(const fs::path& from, const fs::path& to, Modes modes, long mtime);

void lay_directory(const fs::path& from, const fs::path& to, unsigned mode, Modes modes, long mtime,
                   bool top) {
  const bool existed = fs::is_directory(fs::symlink_status(to));
  // A directory the file system reaches through a link (/lib -> usr/lib) is used as it is.
  const bool linked = fs::is_symlink(fs::symlink_status(to));
  if (linked) {
    const fs::path target = fs::read_symlink(to);
    if (target.is_absolute())
      throw Error("an overlay may not write through the absolute link " + to.string()).at_file(from);
  } else if (!existed) {
    fs::remove(to);
    if (mkdir(to.c_str(), 0755) != 0) fail("create", to);
  }
  for (const auto& e : fs::directory_iterator(from))
    lay_entry(e.path(), to / e.path().filename(), modes, mtime);
  if (top || linked) return;
  // An existing directory keeps its own permissions unless the person's tree says otherwise.
  if (!existed || modes == Modes::as_they_are) {
    if (chmod(to.c_str(), modes == Modes::as_they_are ? mode & 07777 : 0755) != 0)
      fail("set the permissions of", to);
  }
  set_time(to, mtime);
}

void lay_entry(const fs::path& from, const fs::path& to, Modes modes, long mtime) {
  struct stat st {};
  if (lstat(from.c_str(), &st) != 0) fail("read", from);
  if (S_ISDIR(st.st_mode)) return lay_directory(from, to, st.st_mode, modes, mtime, false);
  if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
    throw Error("an overlay holds files, directories and links only, not " + from.string())
        .at_file(from);
  if (fs::is_directory(fs::symlink_status(to)))
    throw Error("an overlay's file would replace the directory " + to.string()).at_file(from);
  fs::remove(to);
  if (S_ISLNK(st.st_mode)) {
    fs::create_symlink(fs::read_symlink(from), to);
  } else {
    fs::copy_file(from, to);
    if (chmod(to.c_str(), mode_for(st.st_mode, modes)) != 0) fail("set the permissions of", to);
  }
  if (geteuid() == 0 && lchown(to.c_str(), 0, 0) != 0) fail("give to root", to);
  set_time(to, mtime);
}

}  // namespace

void lay_tree(const fs::path& from, const fs::path& to, Modes modes, long mtime) {
  if (!fs::exists(from)) return;
  lay_directory(from, to, 0755, modes, mtime, true);
}

void write_file(const fs::path& file, std::string_view text, unsigned mode) {
  fs::create_directories(file.parent_path());
  fs::remove(file);
  const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) fail("create", file);
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n < 0) {
      const int saved = errno;
      close(fd);
      errno = saved;
      fail("write", file);
    }
    text.remove_prefix(static_cast<size_t>(n));
  }
  if (fchmod(fd, mode) != 0 || close(fd) != 0) fail("write", file);
}

std::string read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) fail("read", file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void set_times(const fs::path& top, long mtime) {
  if (fs::is_directory(fs::symlink_status(top)))
    for (const auto& e : fs::directory_iterator(top)) set_times(e.path(), mtime);
  set_time(top, mtime);
}

void link_or_copy(const fs::path& from, const fs::path& to) {
  fs::create_directories(to.parent_path());
  std::error_code ec;
  fs::create_hard_link(from, to, ec);
  if (ec) fs::copy_file(from, to);
}

}  // namespace starling::builder
