// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/http_request.h"

#include <algorithm>
#include <charconv>

namespace starling::netboot {
namespace {

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace

FileTable::const_iterator find_target(const FileTable& files, std::string_view target) {
  if (target.empty() || target[0] != '/' || target.size() > 256) return files.end();
  target = target.substr(0, target.find_first_of("?#"));
  std::string name;
  for (const char c : target)  // boot loaders like to join with one slash too many
    if (c != '/' || (!name.empty() && name.back() != '/')) name += c;
  return files.find(name);
}

RangeAnswer apply_range(std::string_view header, std::uint64_t size) {
  const RangeAnswer whole{false, ByteRange{0, size}};
  constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit) || header.find(',') != std::string_view::npos) return whole;
  header.remove_prefix(kUnit.size());
  const auto dash = header.find('-');
  if (dash == std::string_view::npos) return whole;
  const auto first = number(header.substr(0, dash));
  const auto last = number(header.substr(dash + 1));
  if (dash == 0) {  // the last N bytes
    if (!last) return whole;
    if (*last == 0 || size == 0) return {true, std::nullopt};
    const auto length = std::min(*last, size);
    return {true, ByteRange{size - length, length}};
  }
  if (!first || (dash + 1 < header.size() && (!last || *last < *first))) return whole;
  if (*first >= size) return {true, std::nullopt};
  const auto end = last ? std::min(*last, size - 1) : size - 1;
  return {true, ByteRange{*first, end - *first + 1}};
}

}  // namespace starling::netboot
