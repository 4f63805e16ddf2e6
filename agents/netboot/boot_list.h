// SPDX-License-Identifier: GPL-2.0-or-later
// Which bytes the boot files of an image are: the list a node checks them against before it serves
// them. Sealed with a key of the flock, so that a machine that is no member cannot slip in a
// kernel.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "agents/common/key_schedule.h"

namespace starling::netboot {

// The name it is served under, and its size at most.
inline constexpr const char* kBootListName = "boot-files.list";
inline constexpr std::size_t kMaxBootList = 16 * 1024;
inline constexpr std::uint64_t kMaxBootFile = 4ull << 30;

struct ListedFile {
  std::uint64_t size = 0;  // bytes
  std::string sha256;      // 64 lower-case hexadecimal digits
  bool operator==(const ListedFile&) const = default;
};

struct BootList {
  std::string image;                        // the image's id, as on the bulletin board
  std::map<std::string, ListedFile> files;  // by the names they are served under
  bool operator==(const BootList&) const = default;
};

// Writes and reads sealed lists: lines of text, the last with an HMAC-SHA256 (RFC 2104) of those
// before it. The same list gives the same text on every node.
class BootListSeal {
 public:
  explicit BootListSeal(const SessionKey& key) : key_(key) {}
  ~BootListSeal();

  std::string seal(const BootList& list) const;
  // Nothing of the text is looked at before the HMAC has been found right. Throws
  // std::runtime_error. (Fuzzed.)
  BootList open(std::string_view text) const;

 private:
  SessionKey mac(std::string_view text) const;
  SessionKey key_;
};

// The text behind the seal. Throws std::runtime_error on anything but what seal() writes.
BootList parse_boot_list(std::string_view text);

}  // namespace starling::netboot
