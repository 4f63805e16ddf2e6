// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace starling::bench {

// What a benchmark found: a value beside a yardstick that was measured in the same run, and whether
// it is within its reach.
struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
  double yardstick = 0;  // same unit
  double ratio = 0;      // that `reach` speaks of, if it speaks of one
  std::string reach;     // for people
  bool ok = false;
};

inline std::string short_number(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", number);
  return text;
}

// `value / yardstick` may be `most`.
inline Figure at_most(const std::string& name, double value, const std::string& unit,
                      double yardstick, double most) {
  const double ratio = value / yardstick;
  return {name, value, unit, yardstick, ratio, "ratio <= " + short_number(most), ratio <= most};
}

// `value / yardstick` must be `least`.
inline Figure at_least(const std::string& name, double value, const std::string& unit,
                       double yardstick, double least) {
  const double ratio = value / yardstick;
  return {name, value, unit, yardstick, ratio, "ratio >= " + short_number(least), ratio >= least};
}

// Of a copy; not empty.
inline double median(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  return samples.at(samples.size() / 2);
}

inline bool asks_for_json(int argc, char** argv) {
  return std::any_of(argv + 1, argv + argc,
                     [](const char* a) { return std::strcmp(a, "--json") == 0; });
}

// A table, or a JSON array for programs. The exit status: 1 when a figure is out of its reach.
inline int report(const std::vector<Figure>& figures, bool json) {
  if (json) {
    auto all = nlohmann::json::array();
    for (const Figure& f : figures) {
      all.push_back({{"name", f.name},
                     {"value", f.value},
                     {"unit", f.unit},
                     {"yardstick", f.yardstick},
                     {"ratio", f.ratio},
                     {"reach", f.reach},
                     {"ok", f.ok}});
    }
    std::cout << all.dump(2) << '\n';
  } else {
    std::printf("%-44s %14s %14s %8s  %s\n", "", "value", "yardstick", "ratio", "reach");
    for (const Figure& f : figures) {
      std::printf("%-44s %9.2f %-4s %9.2f %-4s %8.2f  %s%s\n", f.name.c_str(), f.value,
                  f.unit.c_str(), f.yardstick, f.unit.c_str(), f.ratio, f.reach.c_str(),
                  f.ok ? "" : "  NOT REACHED");
    }
  }
  return std::all_of(figures.begin(), figures.end(), [](const Figure& f) { return f.ok; }) ? 0 : 1;
}

}  // namespace starling::bench
