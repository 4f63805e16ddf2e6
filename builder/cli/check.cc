// SPDX-License-Identifier: GPL-2.0-or-later
#include <iostream>
#include <nlohmann/json.hpp>

#include "builder/cli/arguments.h"
#include "builder/cli/report.h"

namespace starling::builder {

int verb_check(const Args& args) {
  boost::program_options::options_description own("Options of this command");
  own.add_options()("json", "a JSON array of problems")("quiet,q", "only the exit code");
  const Arguments a = parse_arguments({"check", own, true, 0}, args);
  const LoadedConfig loaded = load_for(a);
  if (a.has("json")) {
    nlohmann::json all = nlohmann::json::array();
    for (const auto& p : loaded.problems)
      all.push_back({{"where", p.file.string()}, {"problem", p.what()}, {"hint", p.next_step}});
    std::cout << all.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  } else if (!a.has("quiet")) {
    for (const auto& p : loaded.problems) {
      std::cout << (p.file.empty() ? "" : p.file.string() + ": ") << p.what() << "\n";
      if (!p.next_step.empty()) std::cout << "    try: " << p.next_step << "\n";
    }
    if (loaded.problems.empty())
      std::cout << "no problems found (profile " << profile_name(loaded.config) << ")\n";
  }
  return loaded.problems.empty() ? 0 : 2;
}

}  // namespace starling::builder
