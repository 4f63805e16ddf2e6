// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/fingerprint.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "agents/common/unique_fd.h"
#include "builder/core/error.h"
#include "builder/core/stat_cache.h"

namespace starling::builder {

namespace fs = std::filesystem;

namespace {

class Sha256 {
 public:
  Sha256() : ctx_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    if (!ctx_ || EVP_DigestInit_ex(ctx_.get(), EVP_sha256(), nullptr) != 1)
      throw Error("OpenSSL has no SHA-256");
  }
  void update(const void* data, size_t size) { EVP_DigestUpdate(ctx_.get(), data, size); }
  // A length before each text: "ab"+"c" and "a"+"bc" differ.
  void field(std::string_view text) {
    const std::string size = std::to_string(text.size()) + ":";
    update(size.data(), size.size());
    update(text.data(), text.size());
  }
  std::string hex() {
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_DigestFinal_ex(ctx_.get(), out, &size);
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (unsigned i = 0; i < size; ++i) {
      text += kDigits[out[i] >> 4];
      text += kDigits[out[i] & 15];
    }
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> ctx_;
};

std::string mode_text(const struct stat& st) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(st.st_mode & 07777));
  return text;
}

}  // namespace

std::string sha256_hex(std::string_view text) {
  Sha256 sha;
  sha.update(text.data(), text.size());
  return sha.hex();
}

std::string sha256_file(const fs::path& file) {
  UniqueFd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  Sha256 sha;
  auto buffer = std::make_unique<char[]>(1 << 18);
  while (fd) {
    const ssize_t n = read(fd.get(), buffer.get(), 1 << 18);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    if (n == 0) return sha.hex();
    sha.update(buffer.get(), static_cast<size_t>(n));
  }
  throw Error(std::string("cannot read: ") + std::strerror(errno)).at_file(file);
}

void Fingerprint::put(std::string name, std::string value) {
  std::string unique = name;
  for (int n = 2; components_.contains(unique); ++n) unique = name + "#" + std::to_string(n);
  components_.emplace(std::move(unique), std::move(value));
}

std::string Fingerprint::hash_of(const fs::path& file) {
  return cache_ ? cache_->sha256(file) : sha256_file(file);
}

void Fingerprint::add(std::string name, std::string_view value) {
  const bool readable = value.size() <= 200 && std::all_of(value.begin(), value.end(), [](char c) {
                          return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f &&
                                 static_cast<unsigned char>(c) < 0x80;
                        });
  put(std::move(name), readable ? "=" + std::string(value) : "sha256:" + sha256_hex(value));
}

void Fingerprint::add_secret(std::string name, std::string_view value) {
  put(std::move(name), "sha256:" + sha256_hex(value));
}

void Fingerprint::add_file(std::string name, const fs::path& file) {
  struct stat st {};
  if (stat(file.c_str(), &st) != 0)
    throw Error(std::string("cannot read: ") + std::strerror(errno)).at_file(file);
  if (!S_ISREG(st.st_mode)) throw Error("not a regular file").at_file(file);
  put(std::move(name), "file " + mode_text(st) + " " + hash_of(file));
}

void Fingerprint::add_tree(std::string name, const fs::path& root) {
  if (!fs::exists(root)) return;
  // Not read through the error_code overloads: a directory that cannot be listed must not pass
  // for an empty one.
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator();
       ++it) {
    const fs::path& path = it->path();
    const std::string component = name + ":" + path.lexically_relative(root).string();
    struct stat st {};
    if (lstat(path.c_str(), &st) != 0)
      throw Error(std::string("cannot read: ") + std::strerror(errno)).at_file(path);
    if (S_ISREG(st.st_mode)) {
      put(component, "file " + mode_text(st) + " " + hash_of(path));
    } else if (S_ISLNK(st.st_mode)) {
      put(component, "link " + fs::read_symlink(path).string());
    } else if (S_ISDIR(st.st_mode)) {
      put(component, "dir " + mode_text(st));
    } else {
      put(component, "special " + mode_text(st) + " " + std::to_string(st.st_mode & S_IFMT) + " " +
                         std::to_string(st.st_rdev));
    }
  }
}

std::string Fingerprint::digest() const {
  return digest_of(components_);
}

std::string Fingerprint::digest_of(const std::map<std::string, std::string>& components) {
  Sha256 sha;
  for (const auto& [name, value] : components) {
    sha.field(name);
    sha.field(value);
  }
  return sha.hex();
}

}  // namespace starling::builder
