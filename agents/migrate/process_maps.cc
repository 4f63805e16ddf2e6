// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/process_maps.h"

#include <sys/mman.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "agents/migrate/proc_file.h"

namespace starling::migrate {
namespace {

// Takes a number in `base` from the front of `text`, and the character after it.
std::uint64_t take_number(std::string_view& text, int base, char after) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  const auto used = static_cast<std::size_t>(end - text.data());
  if (error != std::errc() || used >= text.size() || text[used] != after) {
    throw std::runtime_error("cannot read the mapping \"" + std::string(text) + "\"");
  }
  text.remove_prefix(used + 1);
  return value;
}

VmaKind kind_of(std::string_view path) {
  if (path == "[stack]") return VmaKind::stack;
  if (path == "[vdso]") return VmaKind::vdso;
  if (path == "[vvar]") return VmaKind::vvar;
  if (path == "[vvar_vclock]") return VmaKind::vvar_vclock;
  if (path == "[vsyscall]") return VmaKind::vsyscall;
  return VmaKind::ordinary;
}

Mapping parse_line(std::string_view line) {
  Mapping m;
  m.range.begin.value = take_number(line, 16, '-');
  m.range.end.value = take_number(line, 16, ' ');
  if (line.size() < 5) throw std::runtime_error("a mapping without permissions");
  m.prot = (line[0] == 'r' ? PROT_READ : 0) | (line[1] == 'w' ? PROT_WRITE : 0) |
           (line[2] == 'x' ? PROT_EXEC : 0);
  m.shared = line[3] == 's';
  line.remove_prefix(5);
  m.offset = take_number(line, 16, ' ');
  take_number(line, 16, ':');  // device
  take_number(line, 16, ' ');
  const std::string rest(line);
  std::string_view tail = line;
  while (!tail.empty() && tail.front() >= '0' && tail.front() <= '9') {
    m.inode = m.inode * 10 + static_cast<std::uint64_t>(tail.front() - '0');
    tail.remove_prefix(1);
  }
  while (!tail.empty() && tail.front() == ' ') tail.remove_prefix(1);
  m.path = tail;
  m.kind = kind_of(tail);
  return m;
}

}  // namespace

std::vector<Mapping> parse_maps(std::string_view text) {
  std::vector<Mapping> mappings;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.empty()) mappings.push_back(parse_line(line));
  }
  return mappings;
}

std::vector<Mapping> read_maps(pid_t pid) {
  return parse_maps(read_proc(pid, "maps"));
}

RemoteRanges subtract(const RemoteRanges& from, const RemoteRanges& without) {
  RemoteRanges rest;
  auto cut = without.begin();
  for (RemoteRange range : from) {
    while (cut != without.end() && cut->end <= range.begin) ++cut;
    for (auto c = cut; c != without.end() && c->begin < range.end; ++c) {
      if (range.begin < c->begin) rest.push_back({range.begin, c->begin});
      range.begin = std::max(range.begin, c->end);
    }
    if (!range.empty()) rest.push_back(range);
  }
  return rest;
}

RemoteRanges normalise(RemoteRanges ranges) {
  std::sort(ranges.begin(), ranges.end());
  RemoteRanges joined;
  for (const RemoteRange& r : ranges) {
    if (r.empty()) continue;
    if (!joined.empty() && r.begin <= joined.back().end) {
      joined.back().end = std::max(joined.back().end, r.end);
    } else {
      joined.push_back(r);
    }
  }
  return joined;
}

}  // namespace starling::migrate
