// SPDX-License-Identifier: GPL-2.0-or-later
// Small charts as SVG text, for a page that needs nothing else.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace starling::sim {

struct Bar {
  std::string label;
  double value = 0;
  bool ours = false;
};
// Horizontal bars with their values; a value below 0 is not shown as a bar but as "-". Bars longer
// than ten times the median are cut and marked.
std::string bar_chart(const std::string& title, const std::string& unit,
                      const std::vector<Bar>& bars);

struct Line {
  std::string label;
  std::vector<std::pair<double, double>> points;  // by x
  bool ours = false;
};
std::string line_chart(const std::string& title, const std::string& x, const std::string& y,
                       const std::vector<Line>& lines);

std::string escape_xml(const std::string& text);

}  // namespace starling::sim
