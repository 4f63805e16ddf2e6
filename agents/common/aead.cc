// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/aead.h"

#include <openssl/evp.h>

#include <cstring>
#include <stdexcept>

namespace starling {

void Aead::Delete::operator()(EVP_CIPHER_CTX* context) const {
  EVP_CIPHER_CTX_free(context);
}

Aead::Aead() : sealer_(EVP_CIPHER_CTX_new()), opener_(EVP_CIPHER_CTX_new()) {
  if (!sealer_ || !opener_) throw std::bad_alloc();
  if (EVP_EncryptInit_ex(sealer_.get(), EVP_chacha20_poly1305(), nullptr, nullptr, nullptr) != 1 ||
      EVP_DecryptInit_ex(opener_.get(), EVP_chacha20_poly1305(), nullptr, nullptr, nullptr) != 1) {
    throw std::runtime_error("this OpenSSL offers no ChaCha20-Poly1305");
  }
}

static std::array<std::uint8_t, 12> nonce_of(std::uint64_t counter) {
  std::array<std::uint8_t, 12> nonce{};
  put_be64(nonce.data() + 4, counter);
  return nonce;
}

void Aead::seal(const Key& key, std::uint64_t counter, Bytes aad, Bytes plain, MutableBytes out) {
  const auto nonce = nonce_of(counter);
  EVP_CIPHER_CTX* c = sealer_.get();
  int n = 0;
  int last = 0;
  const bool ok =
      out.size() == plain.size() + kTagSize &&
      EVP_EncryptInit_ex(c, nullptr, nullptr, key.data(), nonce.data()) == 1 &&
      EVP_EncryptUpdate(c, nullptr, &n, aad.data(), static_cast<int>(aad.size())) == 1 &&
      EVP_EncryptUpdate(c, out.data(), &n, plain.data(), static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(c, out.data() + n, &last) == 1 &&
      EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, kTagSize, out.data() + plain.size()) == 1;
  if (!ok) throw std::runtime_error("sealing failed");
}

bool Aead::open(const Key& key, std::uint64_t counter, Bytes aad, Bytes sealed, MutableBytes out) {
  if (sealed.size() < kTagSize || out.size() != sealed.size() - kTagSize) return false;
  const auto nonce = nonce_of(counter);
  std::array<std::uint8_t, kTagSize> tag;
  std::memcpy(tag.data(), sealed.data() + out.size(), kTagSize);
  EVP_CIPHER_CTX* c = opener_.get();
  int n = 0;
  int last = 0;
  // An empty payload still needs a non-null pointer, or OpenSSL takes the update for AAD.
  std::uint8_t nothing = 0;
  std::uint8_t* to = out.empty() ? &nothing : out.data();
  return EVP_DecryptInit_ex(c, nullptr, nullptr, key.data(), nonce.data()) == 1 &&
         EVP_DecryptUpdate(c, nullptr, &n, aad.data(), static_cast<int>(aad.size())) == 1 &&
         EVP_DecryptUpdate(c, to, &n, sealed.data(), static_cast<int>(out.size())) == 1 &&
         EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) == 1 &&
         EVP_DecryptFinal_ex(c, to + n, &last) == 1;
}

}  // namespace starling
