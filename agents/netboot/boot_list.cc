// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/boot_list.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace starling::netboot {

namespace {

constexpr std::string_view kHeader = "starling boot files 1\n";
constexpr std::string_view kImage = "image ";
constexpr std::string_view kSeal = "hmac-sha256 ";
constexpr std::size_t kHexDigits = 64;

// Takes the text up to `end` off the front. Throws when there is no `end`.
std::string_view take(std::string_view& text, char end) {
  const auto at = text.find(end);
  if (at == std::string_view::npos) throw std::runtime_error("the list of boot files breaks off");
  const auto part = text.substr(0, at);
  text.remove_prefix(at + 1);
  return part;
}

bool plain(std::string_view name) {
  return !name.empty() && name.size() <= 128 &&
         std::ranges::all_of(name, [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

BootListSeal::~BootListSeal() {
  OPENSSL_cleanse(key_.data(), key_.size());
}

SessionKey BootListSeal::mac(std::string_view text) const {
  SessionKey out{};
  std::size_t size = 0;
  if (!EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key_.data(), key_.size(),
                 as_bytes(text).data(), text.size(), out.data(), out.size(), &size) ||
      size != out.size())
    throw std::runtime_error("HMAC-SHA256 failed");
  return out;
}

std::string BootListSeal::seal(const BootList& list) const {
  std::string text = std::string(kHeader) + std::string(kImage) + list.image + "\n";
  for (const auto& [name, file] : list.files)
    text += file.sha256 + " " + std::to_string(file.size) + " " + name + "\n";
  return text + std::string(kSeal) + to_hex(mac(text)) + "\n";
}

BootList BootListSeal::open(std::string_view text) const {
  constexpr std::size_t kLast = kSeal.size() + kHexDigits + 1;
  if (text.size() > kMaxBootList || text.size() <= kLast)
    throw std::runtime_error("this is no list of boot files");
  const auto body = text.substr(0, text.size() - kLast);
  auto last = text.substr(body.size());
  SessionKey theirs{};
  if (!last.starts_with(kSeal) || last.back() != '\n' ||
      !from_hex(last.substr(kSeal.size(), kHexDigits), theirs))
    throw std::runtime_error("the list of boot files has no seal");
  const auto ours = mac(body);
  if (CRYPTO_memcmp(ours.data(), theirs.data(), ours.size()) != 0)
    throw std::runtime_error("the list of boot files was not sealed by this flock");
  return parse_boot_list(body);
}

BootList parse_boot_list(std::string_view text) {
  if (!text.starts_with(kHeader)) throw std::runtime_error("a list of boot files of another kind");
  text.remove_prefix(kHeader.size());
  BootList list;
  auto image = take(text, '\n');
  if (!image.starts_with(kImage)) throw std::runtime_error("the list of boot files names no image");
  image.remove_prefix(kImage.size());
  if (!image.empty() && !plain(image)) throw std::runtime_error("a strange image id");
  list.image = image;
  while (!text.empty()) {
    auto line = take(text, '\n');
    ListedFile file;
    file.sha256 = take(line, ' ');
    SessionKey digest{};
    if (!from_hex(file.sha256, digest) || to_hex(digest) != file.sha256)
      throw std::runtime_error("a strange digest in the list of boot files");
    const auto size = take(line, ' ');
    const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), file.size);
    if (error != std::errc{} || end != size.data() + size.size() || file.size > kMaxBootFile)
      throw std::runtime_error("a strange size in the list of boot files");
    if (!plain(line)) throw std::runtime_error("a strange name in the list of boot files");
    if (!list.files.emplace(line, file).second)
      throw std::runtime_error("a boot file is listed twice");
  }
  return list;
}

}  // namespace starling::netboot
