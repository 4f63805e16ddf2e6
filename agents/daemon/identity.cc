// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/identity.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <charconv>
#include <sstream>
#include <stdexcept>
#include <string>

#include "agents/common/bytes.h"
#include "agents/common/small_file.h"

namespace starling::daemon {

static std::uint64_t hash(const std::string& text) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("no SHA-256");
  }
  const std::uint64_t value = get_be64(digest.data());
  return value ? value : 1;
}

static std::string hex64(std::uint64_t value) {
  std::array<std::uint8_t, 8> bytes;
  put_be64(bytes.data(), value);
  return to_hex(bytes);
}

Remembered read_remembered(const std::filesystem::path& dir) {
  Remembered out;
  const auto text = read_small_file(dir / "number", 512);
  if (!text) return out;
  std::istringstream in(*text);
  std::string name;
  std::string value;
  while (in >> name >> value) {
    std::array<std::uint8_t, 8> bytes{};
    if (name == "number") {
      unsigned n = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), n);
      if (error == std::errc{} && n <= 65535) out.number = static_cast<std::uint16_t>(n);
    } else if (name == "uid" && from_hex(value, bytes)) {
      out.uid = get_be64(bytes.data());
    } else if (name == "machine" && from_hex(value, bytes)) {
      out.machine = get_be64(bytes.data());
    }
  }
  return out;
}

void write_remembered(const std::filesystem::path& dir, const Remembered& what) {
  std::error_code ignored;
  std::filesystem::create_directories(dir, ignored);  // the write tells better what is wrong
  write_file_atomically(dir / "number",
                        "number " + std::to_string(what.number) + "\nuid " + hex64(what.uid) +
                            "\nmachine " + hex64(what.machine) + "\n",
                        0644);
}

std::optional<std::array<std::uint8_t, 6>> machine_mac(const std::map<std::uint32_t, Link>& links) {
  const std::array<std::uint8_t, 6> none{};
  std::array<std::uint8_t, 6> smallest{};
  const auto consider = [&](const std::array<std::uint8_t, 6>& mac) {
    if (mac != none && (smallest == none || mac < smallest)) smallest = mac;
  };
  for (const auto& [index, link] : links) {
    if (link.ethernet && link.kind.empty()) consider(link.permanent_mac);
  }
  // Virtual links and drivers that tell no permanent address (virtio): the present one.
  if (smallest == none) {
    for (const auto& [index, link] : links) {
      if (link.ethernet && link.master == 0) consider(link.mac);
    }
  }
  if (smallest == none) return std::nullopt;
  return smallest;
}

std::uint64_t machine_identity(const std::map<std::uint32_t, Link>& links) {
  if (const auto mac = machine_mac(links)) return hash("mac " + to_hex(*mac));
  return hash("boot " + read_small_file("/etc/machine-id").value_or("") +
              read_small_file("/proc/sys/kernel/random/boot_id").value_or(""));
}

std::uint64_t fresh_uid() {
  std::uint64_t uid = 0;
  while (uid == 0) {
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&uid), sizeof uid) != 1) {
      throw std::runtime_error("no random bytes");
    }
  }
  return uid;
}

}  // namespace starling::daemon
