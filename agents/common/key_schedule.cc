// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/key_schedule.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <cstring>
#include <stdexcept>

namespace starling {

void KeySchedule::KdfDelete::operator()(EVP_KDF_CTX* context) const {
  EVP_KDF_CTX_free(context);
}

static OSSL_PARAM octets(const char* name, Bytes value) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(value.data()),
                                           value.size());
}

static OSSL_PARAM text(const char* name, const char* value) {
  return OSSL_PARAM_construct_utf8_string(name, const_cast<char*>(value), 0);
}

KeySchedule::KeySchedule(const FlockKey& key, const std::string& flock_name) {
  EVP_KDF* hkdf = EVP_KDF_fetch(nullptr, OSSL_KDF_NAME_HKDF, nullptr);
  if (!hkdf) throw std::runtime_error("this OpenSSL offers no HKDF");
  kdf_.reset(EVP_KDF_CTX_new(hkdf));
  EVP_KDF_free(hkdf);
  if (!kdf_) throw std::bad_alloc();

  const std::string salt = "starling flock 1 " + flock_name;
  int mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
  const OSSL_PARAM extract[] = {text(OSSL_KDF_PARAM_DIGEST, "SHA256"),
                                OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
                                octets(OSSL_KDF_PARAM_SALT, as_bytes(salt)),
                                octets(OSSL_KDF_PARAM_KEY, key.bytes()), OSSL_PARAM_END};
  if (EVP_KDF_derive(kdf_.get(), prk_.data(), prk_.size(), extract) != 1) {
    throw std::runtime_error("HKDF extraction failed");
  }
  // The context keeps key and mode: from here on only `info` changes.
  mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
  EVP_KDF_CTX_reset(kdf_.get());
  const OSSL_PARAM settle[] = {text(OSSL_KDF_PARAM_DIGEST, "SHA256"),
                               OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
                               octets(OSSL_KDF_PARAM_KEY, prk_), OSSL_PARAM_END};
  if (EVP_KDF_CTX_set_params(kdf_.get(), settle) != 1) {
    throw std::runtime_error("HKDF set-up failed");
  }
  expand(as_bytes("starling tag 1"), tag_);
}

KeySchedule::~KeySchedule() {
  OPENSSL_cleanse(prk_.data(), prk_.size());
}

void KeySchedule::expand(Bytes info, MutableBytes out) const {
  // Setting `info` replaces the previous one; digest, mode and key stay.
  const OSSL_PARAM params[] = {octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_END};
  if (EVP_KDF_derive(kdf_.get(), out.data(), out.size(), params) != 1) {
    throw std::runtime_error("HKDF expansion failed");
  }
}

SessionKey KeySchedule::session_key(const SessionId& session) const {
  static constexpr std::string_view kLabel = "starling session 1 ";
  std::array<std::uint8_t, kLabel.size() + std::tuple_size_v<SessionId>> info;
  std::memcpy(info.data(), kLabel.data(), kLabel.size());
  std::memcpy(info.data() + kLabel.size(), session.data(), session.size());
  SessionKey key;
  expand(info, key);
  return key;
}

StreamKey KeySchedule::stream_key() const {
  StreamKey key;
  expand(as_bytes("starling stream 1"), key);
  return key;
}

SessionKey KeySchedule::shared_key(std::string_view label) const {
  // Of another form than the other infos, whatever the label: no two uses share a key.
  const std::string info = "starling shared 1 " + std::string(label);
  SessionKey key;
  expand(as_bytes(info), key);
  return key;
}

}  // namespace starling
