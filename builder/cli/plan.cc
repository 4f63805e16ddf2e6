// SPDX-License-Identifier: GPL-2.0-or-later
#include <iostream>
#include <nlohmann/json.hpp>

#include "builder/cli/arguments.h"
#include "builder/core/engine.h"
#include "builder/stages/stages.h"

namespace starling::builder {

namespace {

using nlohmann::json;

json to_json(const PlannedStage& s) {
  return {{"stage", s.name},    {"purpose", s.purpose},
          {"digest", s.digest}, {"cached", s.cached},
          {"wanted", s.wanted}, {"reasons", s.reasons},
          {"needs", s.needs},   {"estimate", s.estimate < 0 ? json(nullptr) : json(s.estimate)}};
}

void print(const PlannedStage& s, bool explain) {
  const bool runs = !s.cached && s.wanted;
  std::cout << (s.cached ? "cached  "
                : runs   ? "run     "
                         : "-       ")
            << s.name << ": " << s.purpose;
  if (runs && s.estimate >= 0) std::cout << " (about " << clock_text(s.estimate) << ")";
  std::cout << "\n";
  const size_t most = explain ? s.reasons.size() : 3;
  for (size_t i = 0; i < s.reasons.size() && i < most; ++i)
    std::cout << "          " << s.reasons[i] << "\n";
  if (!runs && !s.cached) std::cout << "          no stage that would run reads its result\n";
  if (s.reasons.size() > most)
    std::cout << "          and " << s.reasons.size() - most << " more (--explain lists all)\n";
}

}  // namespace

int verb_plan(const Args& args) {
  const Arguments a = parse_arguments({"plan", status_options(), true, 0}, args);
  const Config config = load_checked(a);
  Status silent;
  Cache cache(config.cache_dir);
  cache.require_readable();
  const auto stages = all_stages();
  Engine engine(config, stages, cache, silent);
  const auto plan = engine.plan();
  int to_run = 0;
  json all = json::array();
  for (const auto& s : plan) {
    to_run += !s.cached && s.wanted;
    if (a.has("json"))
      all.push_back(to_json(s));
    else if (!a.has("quiet"))
      print(s, a.has("explain"));
  }
  if (a.has("json")) {
    std::cout << all.dump(1, ' ', false, json::error_handler_t::replace) << "\n";
  } else if (to_run == 0) {
    std::cout << "nothing to do\n";
  } else {
    std::cout << to_run << " of " << plan.size() << " stages would run\n";
  }
  return 0;
}

}  // namespace starling::builder
