// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace starling::builder {

enum class Modes {
  as_they_are,  // a person's tree: a 0600 file stays secret
  from_git,     // a checkout, whose bits depend on the umask: 0755 if executable, else 0644
};

// Lays `from` over `to`: directories are merged, files and links replaced. Everything laid belongs
// to root and has `mtime` (seconds). A missing `from` is an empty tree. Devices, sockets and FIFOs
// throw Error: an image's tree has no use for them.
void lay_tree(const std::filesystem::path& from, const std::filesystem::path& to, Modes modes,
              long mtime);

// Creates or replaces `file` (and its parent directories) with these permission bits. A symbolic
// link at `file` is replaced, not followed: inside a root file system it would lead out of it.
void write_file(const std::filesystem::path& file, std::string_view text, unsigned mode = 0644);
std::string read_file(const std::filesystem::path& file);

// Sets the modification time of `top` and all below it, links not followed.
void set_times(const std::filesystem::path& top, long mtime);

// A second name for `from`, or a copy where the file system cannot link.
void link_or_copy(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace starling::builder
