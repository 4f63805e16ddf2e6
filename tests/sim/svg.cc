// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/svg.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>

namespace starling::sim {

namespace {

constexpr const char* kOurs = "#d95f02";
constexpr const char* kOthers[] = {"#1b9e77", "#7570b3", "#666666",
                                   "#a6761d", "#66a61e", "#e7298a"};

[[gnu::format(printf, 1, 2)]] std::string text(const char* format, ...) {
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  return line;
}

std::string label(double x, double y, const std::string& what, const char* anchor = "start",
                  const char* weight = "normal") {
  return text("<text x='%.1f' y='%.1f' text-anchor='%s' font-weight='%s'>", x, y, anchor, weight) +
         escape_xml(what) + "</text>\n";
}

std::string open(double width, double height) {
  return text(
      "<svg viewBox='0 0 %.0f %.0f' width='%.0f' height='%.0f' role='img' "
      "xmlns='http://www.w3.org/2000/svg' font-family='sans-serif' font-size='12'>\n",
      width, height, width, height);
}

// 1, 2 or 5 times a power of ten, so that about five of them fill the range.
double step_of(double range) {
  const double raw = std::max(range, 1e-9) / 5;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  const double mantissa = raw / power;
  return power * (mantissa <= 1 ? 1 : mantissa <= 2 ? 2 : mantissa <= 5 ? 5 : 10);
}

}  // namespace

std::string escape_xml(const std::string& in) {
  std::string out;
  for (const char c : in) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '\'':
        out += "&apos;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string bar_chart(const std::string& title, const std::string& unit,
                      const std::vector<Bar>& bars) {
  constexpr double kLeft = 110, kWidth = 480, kRow = 20, kTop = 30, kRight = 90;
  std::vector<double> values;
  for (const Bar& bar : bars) {
    if (bar.value >= 0) values.push_back(bar.value);
  }
  std::ranges::sort(values);
  const double median = values.empty() ? 1 : values[values.size() / 2];
  const double most = values.empty() ? 1 : std::max(1e-9, std::min(values.back(), 10 * median));
  const double height = kTop + kRow * static_cast<double>(bars.size()) + 8;
  const double full = kWidth - kLeft - kRight;
  std::string svg = open(kWidth, height) + label(4, 18, title + " (" + unit + ")", "start", "bold");
  double y = kTop;
  for (const Bar& bar : bars) {
    svg += label(kLeft - 6, y + 13, bar.label, "end", bar.ours ? "bold" : "normal");
    if (bar.value < 0) {
      svg += label(kLeft, y + 13, "-");
    } else {
      const bool cut = bar.value > most;
      const double length = full * std::min(bar.value, most) / most;
      svg += text("<rect x='%.1f' y='%.1f' width='%.1f' height='14' fill='%s'/>\n", kLeft, y + 2,
                  std::max(1.0, length), bar.ours ? kOurs : kOthers[2]);
      svg += label(kLeft + length + 4, y + 13, text("%.4g%s", bar.value, cut ? " (cut)" : ""));
    }
    y += kRow;
  }
  return svg + "</svg>\n";
}

std::string line_chart(const std::string& title, const std::string& x, const std::string& y,
                       const std::vector<Line>& lines) {
  constexpr double kWidth = 620, kHeight = 300, kLeft = 60, kRight = 130, kTop = 34, kBottom = 40;
  double x_most = 1e-9, y_most = 1e-9;
  for (const Line& line : lines) {
    for (const auto& [px, py] : line.points) {
      x_most = std::max(x_most, px);
      y_most = std::max(y_most, py);
    }
  }
  const auto sx = [&](double v) { return kLeft + v / x_most * (kWidth - kLeft - kRight); };
  const auto sy = [&](double v) {
    return kHeight - kBottom - v / y_most * (kHeight - kTop - kBottom);
  };
  std::string svg = open(kWidth, kHeight) + label(4, 18, title, "start", "bold");
  for (double v = 0; v <= y_most * 1.0001; v += step_of(y_most)) {
    svg += text("<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='#ddd'/>\n", kLeft,
                kWidth - kRight, sy(v), sy(v));
    svg += label(kLeft - 6, sy(v) + 4, text("%g", v), "end");
  }
  for (double v = 0; v <= x_most * 1.0001; v += step_of(x_most)) {
    svg += label(sx(v), kHeight - kBottom + 16, text("%g", v), "middle");
  }
  svg += label((kLeft + kWidth - kRight) / 2, kHeight - 8, x, "middle");
  svg += label(kLeft, kTop - 4, y);
  size_t color = 0;
  double legend = kTop + 8;
  for (const Line& line : lines) {
    const char* stroke = line.ours ? kOurs : kOthers[color++ % std::size(kOthers)];
    svg += text("<polyline fill='none' stroke='%s' stroke-width='%g' points='", stroke,
                line.ours ? 2.5 : 1.2);
    for (const auto& [px, py] : line.points) svg += text("%.1f,%.1f ", sx(px), sy(py));
    svg += "'/>\n";
    svg += text("<rect x='%.1f' y='%.1f' width='10' height='10' fill='%s'/>\n", kWidth - kRight + 8,
                legend - 9, stroke);
    svg += label(kWidth - kRight + 22, legend, line.label, "start", line.ours ? "bold" : "normal");
    legend += 16;
  }
  return svg + "</svg>\n";
}

}  // namespace starling::sim
