// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/package_list.h"

#include <algorithm>
#include <set>
#include <sstream>

#include "builder/core/error.h"

namespace starling::builder {

bool is_package_name(std::string_view name) {
  const auto lower_or_digit = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (name.size() < 2 || !lower_or_digit(name.front())) return false;
  return std::ranges::all_of(name, [&](char c) {
    return lower_or_digit(c) || c == '+' || c == '-' || c == '.';
  });
}

std::vector<std::string> parse_package_list(std::string_view text,
                                            const std::filesystem::path& file) {
  std::vector<std::string> names;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    line.resize(std::min(line.find('#'), line.size()));
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      const std::string_view bare = word[0] == '-' ? std::string_view(word).substr(1) : word;
      if (!is_package_name(bare))
        throw Error("\"" + word + "\" cannot be the name of a Debian package")
            .at_file(file.string() + ":" + std::to_string(number))
            .hint("names are lower case letters, digits and + - . only");
      names.push_back(word);
    }
  }
  return names;
}

std::vector<std::string> merge_packages(const std::vector<std::vector<std::string>>& lists) {
  std::set<std::string> wanted, unwanted;
  for (const auto& list : lists)
    for (const auto& name : list)
      if (!name.empty() && name[0] == '-') unwanted.insert(name.substr(1));
      else if (!name.empty()) wanted.insert(name);
  std::vector<std::string> out;
  std::ranges::set_difference(wanted, unwanted, std::back_inserter(out));
  return out;
}

std::optional<std::string> unknown_package(std::string_view line) {
  for (std::string_view start : {"E: Unable to locate package ", "E: Couldn't find any package by "
                                                                 "regex '",
                                 "E: Couldn't find these debs: "}) {
    if (const auto at = line.find(start); at != std::string_view::npos) {
      auto rest = line.substr(at + start.size());
      return std::string(rest.substr(0, rest.find_first_of(" '\r\n")));
    }
  }
  const std::string_view candidate = "' has no installation candidate";
  if (const auto end = line.find(candidate); end != std::string_view::npos) {
    const auto begin = line.rfind('\'', end - 1);
    if (begin != std::string_view::npos && begin + 1 < end)
      return std::string(line.substr(begin + 1, end - begin - 1));
  }
  return std::nullopt;
}

std::vector<std::string> missing_dependencies(std::string_view output) {
  std::set<std::string> missing;
  std::istringstream lines{std::string(output)};
  for (std::string line; std::getline(lines, line);) {
    const auto end = line.find(" is not installed.");
    const auto begin = line.find("Package ");
    if (end == std::string::npos || begin == std::string::npos || begin > end) continue;
    missing.insert(line.substr(begin + 8, end - begin - 8));
  }
  return {missing.begin(), missing.end()};
}

}  // namespace starling::builder
