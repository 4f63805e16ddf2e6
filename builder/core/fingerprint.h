// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace starling::builder {

// Names and hashes of everything a stage reads. Two runs with equal digests make equal outputs;
// where they differ, the components say which input did (`--explain`). SHA-256 throughout.
class Fingerprint {
 public:
  // A literal input: an option's value, a tool's version.
  void add(std::string name, std::string_view value);
  // A file's content and permission bits. Throws Error when it cannot be read.
  void add_file(std::string name, const std::filesystem::path& file);
  // Every file below `root`: relative path, type, permission bits, content or link target; not
  // times, not owners. A missing root counts as empty.
  void add_tree(std::string name, const std::filesystem::path& root);

  // Hex SHA-256 over all components, in name order.
  std::string digest() const;
  const std::map<std::string, std::string>& components() const { return components_; }

 private:
  std::map<std::string, std::string> components_;
};

}  // namespace starling::builder
