// SPDX-License-Identifier: GPL-2.0-or-later
// What an HTTP request to the boot file server is answered with; no I/O. Requests come from
// whoever is on the wire. (Fuzzed.)
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace starling::netboot {

// Names as clients write them ("live/vmlinuz") and the files behind them. Nothing else is ever
// opened: a request names an entry of this table or it fails.
using FileTable = std::map<std::string, std::filesystem::path, std::less<>>;

// The table's entry for a request target ("/live/vmlinuz", also with doubled slashes or a query).
FileTable::const_iterator find_target(const FileTable& files, std::string_view target);

// Bytes first..first+length-1 of a file.
struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t length = 0;
};

// How a Range header applies to a file of `size` bytes: the whole file (no or several ranges,
// other units, nonsense: a server may ignore it), one part, or unsatisfiable (nullopt).
struct RangeAnswer {
  bool partial = false;
  std::optional<ByteRange> range;
};
RangeAnswer apply_range(std::string_view header, std::uint64_t size);

}  // namespace starling::netboot
