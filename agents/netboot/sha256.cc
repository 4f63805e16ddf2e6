// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/sha256.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <vector>

#include "agents/common/fail.h"
#include "agents/common/unique_fd.h"

namespace starling::netboot {

void Sha256::Delete::operator()(EVP_MD_CTX* context) const {
  EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("no SHA-256");
}

void Sha256::feed(Bytes bytes) {
  if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1)
    throw std::runtime_error("SHA-256 failed");
}

std::string Sha256::hex() {
  std::array<std::uint8_t, 32> digest{};
  if (EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) != 1)
    throw std::runtime_error("SHA-256 failed");
  return to_hex(digest);
}

std::string sha256_of_file(const std::filesystem::path& file, const std::atomic<bool>& stop,
                           const std::function<void(std::uint64_t)>& progress) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) fail_errno(file.native());
  Sha256 hash;
  std::vector<std::uint8_t> buffer(256 * 1024);
  for (std::uint64_t done = 0;;) {
    if (stop) throw Stopped{};
    const auto n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno(file.native());
    if (n == 0) return hash.hex();
    hash.feed({buffer.data(), static_cast<std::size_t>(n)});
    done += static_cast<std::uint64_t>(n);
    if (progress) progress(done);
  }
}

}  // namespace starling::netboot
