// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <openssl/types.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "agents/common/bytes.h"
#include "agents/common/flock_key.h"

namespace starling {

using SessionId = std::array<std::uint8_t, 16>;
using FlockTag = std::array<std::uint8_t, 8>;
using SessionKey = std::array<std::uint8_t, 32>;
using StreamKey = std::array<std::uint8_t, 32>;

// Everything derived from the flock key, by HKDF-SHA256 (RFC 5869): the extraction once, salted
// with the flock's name so that two flocks of one key are still two; an expansion per use. Not for
// two threads at once.
class KeySchedule {
 public:
  KeySchedule(const FlockKey& key, const std::string& flock_name);
  ~KeySchedule();
  KeySchedule(const KeySchedule&) = delete;
  KeySchedule& operator=(const KeySchedule&) = delete;

  // Tells flocks apart on the wire without opening anything; no secret.
  const FlockTag& tag() const { return tag_; }
  // The key under which the sender of this session seals.
  SessionKey session_key(const SessionId& session) const;
  // The pre-shared key of the flock's streams (secure_stream.h). Tells nothing about the flock key
  // or any session's key, so that a process that only needs streams holds only this one.
  StreamKey stream_key() const;
  // The key for one use that the whole flock shares; each label gives another. Whoever is handed
  // it learns nothing of the flock key.
  SessionKey shared_key(std::string_view label) const;

 private:
  struct KdfDelete {
    void operator()(EVP_KDF_CTX* context) const;
  };

  void expand(Bytes info, MutableBytes out) const;

  std::unique_ptr<EVP_KDF_CTX, KdfDelete> kdf_;
  std::array<std::uint8_t, 32> prk_{};
  FlockTag tag_{};
};

}  // namespace starling
