// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>

namespace starling::vm {

// A new directory with a short path (Unix sockets fit into it), removed with this object unless
// keep() was called.
class TemporaryDir {
 public:
  explicit TemporaryDir(const std::string& prefix = "starling-vm");
  ~TemporaryDir();
  TemporaryDir(const TemporaryDir&) = delete;
  TemporaryDir& operator=(const TemporaryDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void keep() { keep_ = true; }

 private:
  std::filesystem::path path_;
  bool keep_ = false;
};

}  // namespace starling::vm
