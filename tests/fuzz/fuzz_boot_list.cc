// SPDX-License-Identifier: GPL-2.0-or-later
// A list of boot files as another node might send it: what is taken is bounded, and says the same
// when written again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>

#include "agents/netboot/boot_list.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  using namespace starling::netboot;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const BootListSeal seal(SessionKey{1});
  try {
    seal.open(text);
  } catch (const std::runtime_error&) {
  }
  BootList list;
  try {
    list = parse_boot_list(text);
  } catch (const std::runtime_error&) {
    return 0;
  }
  for (const auto& [name, file] : list.files)
    if (name.empty() || name.size() > 128 || file.size > kMaxBootFile || file.sha256.size() != 64)
      std::abort();
  if (const auto sealed = seal.seal(list);
      sealed.size() <= kMaxBootList && seal.open(sealed) != list)
    std::abort();
  return 0;
}
