// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <openssl/types.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "agents/common/bytes.h"

namespace starling::netboot {

// SHA-256 (FIPS 180-4) of what is fed to it.
class Sha256 {
 public:
  Sha256();
  void feed(Bytes bytes);
  // 64 lower-case hexadecimal digits; nothing may be fed afterwards.
  std::string hex();

 private:
  struct Delete {
    void operator()(EVP_MD_CTX* context) const;
  };
  std::unique_ptr<EVP_MD_CTX, Delete> context_;
};

// Of a file's content. Throws std::system_error, and Stopped as soon as `stop` is set. `progress`
// gets the bytes read so far.
struct Stopped {};
std::string sha256_of_file(const std::filesystem::path& file, const std::atomic<bool>& stop,
                           const std::function<void(std::uint64_t)>& progress = nullptr);

}  // namespace starling::netboot
