// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <openssl/types.h>

#include <array>
#include <memory>

#include "agents/common/bytes.h"

namespace starling {

// ChaCha20-Poly1305 (RFC 8439) by OpenSSL: as quick on a PC without AES instructions, and under
// software emulation, as on the newest. Keeps its contexts, so that sealing and opening allocate
// nothing. Not for two threads at once.
class Aead {
 public:
  static constexpr std::size_t kKeySize = 32;
  static constexpr std::size_t kTagSize = 16;
  using Key = std::array<std::uint8_t, kKeySize>;

  Aead();

  // Seals `plain` into `out`, which must have plain.size() + kTagSize bytes. `counter` must never
  // be used twice under one key. `out` may be the same memory as `plain`. Throws
  // std::runtime_error when OpenSSL fails, which only a broken installation does.
  void seal(const Key& key, std::uint64_t counter, Bytes aad, Bytes plain, MutableBytes out);

  // Opens `sealed` (with its tag) into `out` of sealed.size() - kTagSize bytes. False when it does
  // not authenticate: `out` then holds nothing to be looked at.
  bool open(const Key& key, std::uint64_t counter, Bytes aad, Bytes sealed, MutableBytes out);

 private:
  struct Delete {
    void operator()(EVP_CIPHER_CTX* context) const;
  };
  std::unique_ptr<EVP_CIPHER_CTX, Delete> sealer_;
  std::unique_ptr<EVP_CIPHER_CTX, Delete> opener_;
};

}  // namespace starling
