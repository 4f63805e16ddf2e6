// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <mutex>
#include <string>
#include <unordered_map>

namespace starling::builder {

// Remembers the SHA-256 of files by path, inode, size, mtime and ctime, so that a build in which
// nothing changed reads no file twice. ctime cannot be set by programs, so an edit that restores
// the mtime is seen too. A file touched within the last tenth of a second is not remembered: a
// second write might leave the same times.
// Safe to use from several threads. A damaged cache file counts as empty.
class StatCache {
 public:
  StatCache() = default;
  explicit StatCache(std::filesystem::path file);  // loads it when it is there

  // Throws Error when `file` cannot be read.
  std::string sha256(const std::filesystem::path& file);
  // Writes the cache file when something was learnt; failing to is not an error.
  void save();
  size_t reads() const { return reads_; }  // files really read, for tests and --verbose

 private:
  struct Entry {
    std::string identity;  // dev:ino:size:mtime:ctime
    std::string sha256;
    bool used = false;
  };
  std::filesystem::path file_;
  std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
  bool dirty_ = false;
  size_t reads_ = 0;
};

}  // namespace starling::builder
