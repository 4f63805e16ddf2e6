// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace starling::builder {

class StatCache;  // builder/core/stat_cache.h

// Hex SHA-256 of a text, of a file's content. The latter throws Error when it cannot be read.
std::string sha256_hex(std::string_view text);
std::string sha256_file(const std::filesystem::path& file);

// Names and hashes of everything a stage reads. Two runs with equal digests make equal outputs;
// where they differ, the components say which input did (`--explain`). SHA-256 throughout.
class Fingerprint {
 public:
  Fingerprint() = default;
  // Files whose size, times and inode are as they were when `cache` last saw them are not read
  // again. Borrowed; may be null.
  explicit Fingerprint(StatCache* cache) : cache_(cache) {}

  // Adding a name twice keeps both: the second becomes "name#2", so no input is ever lost.

  // A literal input: an option's value, a tool's version. Short values are kept as text to
  // explain changes; use add_secret() for what must not be written to the cache.
  void add(std::string name, std::string_view value);
  void add_secret(std::string name, std::string_view value);
  // A file's content and permission bits. Throws Error when it cannot be read.
  void add_file(std::string name, const std::filesystem::path& file);
  // Every file below `root`: relative path, type, permission bits, content or link target; not
  // times, not owners. A missing root counts as empty. One component per file, "name:path".
  void add_tree(std::string name, const std::filesystem::path& root);

  // Hex SHA-256 over all components, in name order.
  std::string digest() const;
  static std::string digest_of(const std::map<std::string, std::string>& components);
  const std::map<std::string, std::string>& components() const { return components_; }

 private:
  void put(std::string name, std::string value);
  std::string hash_of(const std::filesystem::path& file);

  StatCache* cache_ = nullptr;
  std::map<std::string, std::string> components_;
};

}  // namespace starling::builder
