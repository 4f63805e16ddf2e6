// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/kernel_config.h"

#include <algorithm>
#include <map>
#include <sstream>

#include "builder/core/error.h"

namespace fs = std::filesystem;

namespace starling::builder {

namespace {

bool is_option_name(std::string_view name) {
  return name.size() > 7 && name.starts_with("CONFIG_") &&
         name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ==
             std::string_view::npos;
}

}  // namespace

std::vector<KernelOption> parse_kernel_fragment(std::string_view text, const fs::path& file) {
  constexpr std::string_view kNotSet = " is not set";
  std::vector<KernelOption> options;
  std::istringstream in{std::string(text)};
  int number = 0;
  for (std::string raw; std::getline(in, raw);) {
    ++number;
    std::string_view line = raw;
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r'))
      line.remove_suffix(1);
    if (line.empty()) continue;
    if (line[0] == '#') {
      std::string_view name = line.substr(1);
      if (name.starts_with(' ')) name.remove_prefix(1);
      if (!name.ends_with(kNotSet)) continue;
      name.remove_suffix(kNotSet.size());
      if (is_option_name(name)) options.push_back({std::string(name), "n", file, number});
      continue;
    }
    const size_t equals = line.find('=');
    const std::string_view name = line.substr(0, equals);
    if (equals == std::string_view::npos || equals + 1 == line.size() || !is_option_name(name))
      throw Error("not a kernel option: `" + std::string(line) + "'")
          .at_file(file.string() + ":" + std::to_string(number))
          .hint("write CONFIG_NAME=y, =m, =number, =\"text\" or `# CONFIG_NAME is not set'");
    options.push_back({std::string(name), std::string(line.substr(equals + 1)), file, number});
  }
  return options;
}

std::vector<KernelOption> lost_kernel_options(const std::vector<KernelOption>& asked,
                                              std::string_view dot_config) {
  std::map<std::string, std::string> has;
  for (auto& option : parse_kernel_fragment(dot_config, ".config"))
    has[option.name] = option.value;
  std::map<std::string, const KernelOption*> wanted;
  for (const auto& option : asked) wanted[option.name] = &option;

  std::vector<KernelOption> lost;
  for (const auto& option : asked) {
    if (wanted[option.name] != &option) continue;
    auto it = has.find(option.name);
    if ((it == has.end() ? "n" : it->second) != option.value) lost.push_back(option);
  }
  return lost;
}

}  // namespace starling::builder
