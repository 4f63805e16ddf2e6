// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/config/ini.h"

namespace starling::builder {

namespace {

constexpr std::string_view kSpace = " \t\r\v\f";

std::string_view trim(std::string_view s) {
  const auto first = s.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(kSpace) - first + 1);
}

// Cuts a comment off an unquoted value.
std::string_view without_comment(std::string_view s) {
  for (size_t i = 0; i < s.size(); ++i)
    if (s[i] == '#' && (i == 0 || kSpace.find(s[i - 1]) != std::string_view::npos))
      return trim(s.substr(0, i));
  return s;
}

// `s` starts with a quote. False when it does not end, or text other than a comment follows.
bool unquote(std::string_view s, std::string& value) {
  size_t i = 1;
  for (; i < s.size() && s[i] != '"'; ++i) {
    if (s[i] == '\\' && i + 1 < s.size() && (s[i + 1] == '"' || s[i + 1] == '\\')) ++i;
    value += s[i];
  }
  if (i >= s.size()) return false;
  const auto rest = trim(s.substr(i + 1));
  return rest.empty() || rest[0] == '#' || rest[0] == ';';
}

bool is_name(std::string_view s, bool dots) {
  if (s.empty()) return false;
  for (char c : s) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && c != '-' && c != '_' && !(dots && c == '.')) return false;
  }
  return true;
}

}  // namespace

IniText parse_ini(std::string_view text) {
  IniText result;
  std::string section;
  int number = 0;
  auto problem = [&](const char* message) { result.problems.push_back({number, message}); };
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // editors on other systems
  while (!text.empty()) {
    ++number;
    const auto end = text.find('\n');
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line.find('\0') != std::string_view::npos) {
      problem("a zero byte: this is not a text file");
      continue;
    }
    if (line[0] == '[') {
      const auto heading = without_comment(line);
      const auto name =
          heading.size() < 3 ? std::string_view() : trim(heading.substr(1, heading.size() - 2));
      if (heading.back() != ']' || !is_name(name, true)) {
        problem("a section must look like [name]");
      } else {
        section = name;
      }
      continue;
    }
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) {
      problem("expected `option = value'");
      continue;
    }
    const auto key = trim(line.substr(0, equals));
    if (!is_name(key, true)) {
      problem("an option's name has letters, digits, '-' and '_' only");
      continue;
    }
    const auto raw = trim(line.substr(equals + 1));
    std::string value;
    if (raw.starts_with('"')) {
      if (!unquote(raw, value)) {
        problem("a quoted value must end with the quote");
        continue;
      }
    } else {
      value = without_comment(raw);
    }
    result.entries.push_back({section, std::string(key), std::move(value), number});
  }
  return result;
}

}  // namespace starling::builder
