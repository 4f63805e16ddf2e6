// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/temporary_dir.h"

#include <stdlib.h>

#include <cerrno>
#include <cstring>

#include "builder/core/error.h"

namespace starling::vm {

TemporaryDir::TemporaryDir(const std::string& prefix) {
  auto name = "/tmp/" + prefix + ".XXXXXX";
  if (!::mkdtemp(name.data()))
    throw builder::Error(std::string("cannot make a directory: ") + strerror(errno)).at_file(name);
  path_ = name;
}

TemporaryDir::~TemporaryDir() {
  std::error_code none;
  if (!keep_) std::filesystem::remove_all(path_, none);
}

}  // namespace starling::vm
