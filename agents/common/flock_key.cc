// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/flock_key.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <stdexcept>

#include "agents/common/unique_fd.h"

namespace starling {

FlockKey::~FlockKey() {
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

FlockKey parse_flock_key(std::string_view text, const std::string& origin) {
  const auto space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  std::array<std::uint8_t, FlockKey::kSize> bytes{};
  if (!from_hex(text, bytes)) {
    throw std::runtime_error(origin + ": a flock key is 64 hexadecimal digits, this is " +
                             (text.size() == 64 ? "something else of that length"
                                                : std::to_string(text.size()) + " characters") +
                             "; make one with: openssl rand -hex 32");
  }
  FlockKey key(bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return key;
}

FlockKey load_flock_key(const std::filesystem::path& path) {
  const std::string name = path.string();
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    const std::string hint = errno == ENOENT
                                 ? "; make one with: (umask 077; openssl rand -hex 32 > " + name +
                                       ") and copy it to every node"
                                 : "";
    throw std::runtime_error(name + ": " + std::strerror(errno) + hint);
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) throw std::runtime_error(name + ": " + std::strerror(errno));
  if (!S_ISREG(info.st_mode)) throw std::runtime_error(name + ": not a plain file");
  if ((info.st_mode & 077) != 0) {
    throw std::runtime_error(
        name + ": other users may read or change the flock key; do: chmod 600 " + name);
  }
  if (info.st_uid != 0 && info.st_uid != ::geteuid()) {
    throw std::runtime_error(name + ": belongs to user " + std::to_string(info.st_uid) +
                             ", not to root; do: chown root " + name);
  }
  char text[256];
  const ssize_t n = ::read(fd.get(), text, sizeof text);
  if (n < 0) throw std::runtime_error(name + ": " + std::strerror(errno));
  FlockKey key = parse_flock_key({text, static_cast<std::size_t>(n)}, name);
  OPENSSL_cleanse(text, sizeof text);
  return key;
}

std::optional<std::string> kernel_parameter(std::string_view cmdline, std::string_view name) {
  std::optional<std::string> found;
  while (!cmdline.empty()) {
    const std::size_t end = std::min(cmdline.find_first_of(" \t\n"), cmdline.size());
    const std::string_view word = cmdline.substr(0, end);
    if (word.size() > name.size() + 1 && word.starts_with(name) && word[name.size()] == '=') {
      found = std::string(word.substr(name.size() + 1));
    }
    cmdline.remove_prefix(std::min(end + 1, cmdline.size()));
  }
  return found;
}

void check_flock_name(const std::string& name, const std::string& origin) {
  const bool ok =
      !name.empty() && name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
      });
  if (!ok) {
    throw std::runtime_error(origin + ": \"" + name.substr(0, 64) +
                             "\" is no flock name: 1 to 32 letters, digits, '.', '_' or '-'");
  }
}

}  // namespace starling
