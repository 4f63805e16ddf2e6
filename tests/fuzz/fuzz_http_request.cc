// SPDX-License-Identifier: GPL-2.0-or-later
// A request target and a Range header: no entry but those of the table, no byte behind the file.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "agents/netboot/http_request.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling::netboot;
  static const FileTable files = {{"live/vmlinuz", "/a"}, {"grub/grub.cfg", "/b"}};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto found = find_target(files, text);
  if (found != files.end() && found->second != "/a" && found->second != "/b") std::abort();
  constexpr std::uint64_t kSize = 1000;
  if (const auto a = apply_range(text, kSize); a.range)
    if (a.range->first > kSize || a.range->length > kSize - a.range->first) std::abort();
  return 0;
}
