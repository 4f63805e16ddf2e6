// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/serial_log.h"

#include <fstream>
#include <sstream>

namespace starling::vm {
namespace {

std::string read_all(const std::filesystem::path& log) {
  std::ifstream in(log, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// The index behind an escape sequence that starts at `i` (the ESC).
size_t skip_escape(std::string_view s, size_t i) {
  if (++i >= s.size()) return i;
  if (s[i] == ']') {  // operating system command: ends with BEL or ESC backslash
    while (i < s.size() && s[i] != '\a' && s[i] != '\x1b') ++i;
    return i < s.size() && s[i] == '\x1b' ? i + 2 : i + 1;
  }
  if (s[i] != '[') return i + 1;
  for (++i; i < s.size() && (s[i] < '@' || s[i] > '~');) ++i;
  return i + 1;
}

}  // namespace

std::string plain_text(std::string_view console) {
  std::string out;
  for (size_t i = 0; i < console.size();) {
    const char c = console[i];
    if (c == '\x1b') {
      i = skip_escape(console, i);
      continue;
    }
    ++i;
    if (c == '\n') {
      if (!out.empty() && out.back() != '\n') out += '\n';
    } else if (c == '\t' || static_cast<unsigned char>(c) >= 0x20) {
      out += c;
    }
  }
  return out;
}

std::string last_lines(const std::filesystem::path& log, int count) {
  auto text = plain_text(read_all(log));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  size_t start = text.size();
  while (count-- > 0 && start != 0) {
    const auto end = text.rfind('\n', start - 1);
    start = end == std::string::npos ? 0 : end;
    if (start == 0) break;
  }
  return text.substr(start == 0 ? 0 : start + 1);
}

bool log_contains(const std::filesystem::path& log, std::string_view text) {
  return plain_text(read_all(log)).find(text) != std::string::npos;
}

}  // namespace starling::vm
