// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/signature.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <fstream>
#include <memory>

#include "builder/core/error.h"
#include "builder/stages/tree.h"

namespace starling::builder {

namespace fs = std::filesystem;

namespace {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* p) const { Free(p); }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO_free>>;

[[noreturn]] void fail(const std::string& what, const fs::path& key_file) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  throw Error(what + " " + key_file.string() + ": " + text.data())
      .at_file(key_file)
      .hint("openssl genpkey -algorithm ed25519 -out key.pem makes a key; openssl pkey -in key.pem "
            "-pubout its public half");
}

// An encrypted key would make OpenSSL ask on the terminal in the middle of a build.
int no_password(char*, int, int, void*) { return -1; }

// Ed25519 and Ed448 hash by themselves.
const EVP_MD* digest_for(const EVP_PKEY* key) {
  const int id = EVP_PKEY_get_base_id(key);
  return id == EVP_PKEY_ED25519 || id == EVP_PKEY_ED448 ? nullptr : EVP_sha256();
}

Bio memory(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

const unsigned char* bytes(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

}  // namespace

std::string sign_detached(std::string_view text, const fs::path& key_file) {
  const std::string pem = read_file(key_file);
  const Bio bio = memory(pem);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (!key) fail("cannot use the signing key", key_file);
  const Digest ctx(EVP_MD_CTX_new());
  size_t size = 0;
  if (EVP_DigestSignInit(ctx.get(), nullptr, digest_for(key.get()), nullptr, key.get()) != 1 ||
      EVP_DigestSign(ctx.get(), nullptr, &size, bytes(text), text.size()) != 1)
    fail("cannot sign with", key_file);
  std::string signature(size, '\0');
  if (EVP_DigestSign(ctx.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     bytes(text), text.size()) != 1)
    fail("cannot sign with", key_file);
  signature.resize(size);
  return signature;
}

bool verify_detached(std::string_view text, std::string_view signature, const fs::path& key_file) {
  const std::string pem = read_file(key_file);
  const Bio bio = memory(pem);
  const Key key(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_password, nullptr));
  if (!key) fail("cannot use the public key", key_file);
  const Digest ctx(EVP_MD_CTX_new());
  if (EVP_DigestVerifyInit(ctx.get(), nullptr, digest_for(key.get()), nullptr, key.get()) != 1)
    fail("cannot verify with", key_file);
  const bool good = EVP_DigestVerify(ctx.get(), bytes(signature), signature.size(), bytes(text),
                                     text.size()) == 1;
  ERR_clear_error();  // a refused signature leaves its reason behind
  return good;
}

std::string sha1_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw Error("cannot read " + file.string()).at_file(file);
  const Digest ctx(EVP_MD_CTX_new());
  EVP_DigestInit_ex(ctx.get(), EVP_sha1(), nullptr);
  std::string block(1 << 20, '\0');
  while (in.read(block.data(), static_cast<std::streamsize>(block.size())), in.gcount() > 0)
    EVP_DigestUpdate(ctx.get(), block.data(), static_cast<size_t>(in.gcount()));
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_DigestFinal_ex(ctx.get(), digest.data(), &size);
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    constexpr const char* digits = "0123456789abcdef";
    hex += digits[digest[i] >> 4];
    hex += digits[digest[i] & 15];
  }
  return hex;
}

}  // namespace starling::builder
