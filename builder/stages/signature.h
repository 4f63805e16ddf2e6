// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace starling::builder {

// A detached signature of `text` with the PEM private key in `key_file`: SHA-256 for RSA and
// elliptic curves (what `openssl dgst -sha256 -verify` checks), none of its own for Ed25519
// (`openssl pkeyutl -verify -rawin`). Throws Error when the key is unusable or encrypted.
std::string sign_detached(std::string_view text, const std::filesystem::path& key_file);

// Whether `signature` is one of `text` by the PEM public key in `key_file`. Throws Error when the
// key is unusable.
bool verify_detached(std::string_view text, std::string_view signature,
                     const std::filesystem::path& key_file);

// Hex SHA-1 of a file, which SPDX demands beside SHA-256. Never used for trust.
std::string sha1_file(const std::filesystem::path& file);

}  // namespace starling::builder
