// SPDX-License-Identifier: GPL-2.0-or-later
#include <iostream>
#include <nlohmann/json.hpp>

#include "builder/cli/arguments.h"
#include "builder/config/options.h"

namespace starling::builder {

namespace {

using nlohmann::json;

std::string origin(const LoadedConfig& loaded, const OptionSpec& spec, size_t i) {
  auto it = loaded.origins.find(spec.name);
  if (it == loaded.origins.end() || it->second.empty()) return "built in";
  return it->second[std::min(i, it->second.size() - 1)];
}

json to_json(const LoadedConfig& loaded, const OptionSpec& spec) {
  const auto values = option_text(loaded.config, spec);
  if (!spec.is_list()) return {{"value", values.at(0)}, {"from", origin(loaded, spec, 0)}};
  json list = json::array();
  for (size_t i = 0; i < values.size(); ++i)
    list.push_back({{"value", values[i]}, {"from", origin(loaded, spec, i)}});
  return list;
}

}  // namespace

int verb_show(const Args& args) {
  boost::program_options::options_description own("Options of this command");
  own.add_options()("json", "a JSON object of option, value and origin");
  const Arguments a = parse_arguments({"show", own, true, 0}, args);
  const LoadedConfig loaded = load_for(a);
  if (a.has("json")) {
    json all = json::object();
    for (const auto& spec : option_specs()) all[spec.name] = to_json(loaded, spec);
    std::cout << all.dump(1, ' ', false, json::error_handler_t::replace) << "\n";
  } else {
    // Valid INI again: what follows the '#' is a comment.
    for (const auto& spec : option_specs()) {
      const auto values = option_text(loaded.config, spec);
      if (values.empty()) std::cout << spec.name << " =\n";
      for (size_t i = 0; i < values.size(); ++i) {
        std::string line = std::string(spec.name) + " = " + values[i];
        if (line.size() < 40) line.resize(40, ' ');
        std::cout << line << "  # " << origin(loaded, spec, i) << "\n";
      }
    }
  }
  for (const auto& p : loaded.problems)
    std::cerr << "clusterbuild: " << (p.file.empty() ? "" : p.file.string() + ": ") << p.what()
              << "\n";
  return loaded.problems.empty() ? 0 : 2;
}

}  // namespace starling::builder
