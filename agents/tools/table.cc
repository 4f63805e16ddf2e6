// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/tools/table.h"

#include <algorithm>
#include <cstdio>
#include <ostream>

namespace starling::tools {

// Characters, not bytes: a continuation byte of UTF-8 takes no room.
static std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

void Table::column(const std::string& title, Align align) {
  columns_.push_back({title, align});
}

void Table::row(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

void Table::print(std::ostream& out) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t w = width(columns_[i].title);
    for (const auto& r : rows_) w = std::max(w, width(r[i]));
    widths.push_back(w);
  }
  const auto line = [&](const auto& cell_of) {
    std::string text;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string cell = cell_of(i);
      const std::string pad(widths[i] - width(cell), ' ');
      text += (i ? "  " : "") + (columns_[i].align == Align::kRight ? pad + cell : cell + pad);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out << text << "\n";
  };
  line([&](std::size_t i) { return columns_[i].title; });
  for (const auto& r : rows_) line([&](std::size_t i) { return r[i]; });
}

std::string human_bytes(std::uint64_t bytes) {
  static constexpr char kUnits[] = "BKMGTPE";
  double value = static_cast<double>(bytes);
  int unit = 0;
  while (value >= 999.5 && unit < 6) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 || value >= 99.95 ? "%.0f%c" : "%.1f%c", value,
                kUnits[unit]);
  return text;
}

std::string human_seconds(double seconds) {
  char text[32];
  const auto s = static_cast<long long>(seconds);
  if (seconds < 9.95) {
    std::snprintf(text, sizeof text, "%.1fs", std::max(seconds, 0.0));
  } else if (s < 60) {
    std::snprintf(text, sizeof text, "%llds", s);
  } else if (s < 3600) {
    std::snprintf(text, sizeof text, "%lldm%02llds", s / 60, s % 60);
  } else if (s < 86400) {
    std::snprintf(text, sizeof text, "%lldh%02lldm", s / 3600, s / 60 % 60);
  } else {
    std::snprintf(text, sizeof text, "%lldd%02lldh", s / 86400, s / 3600 % 24);
  }
  return text;
}

std::string printable(const std::string& text) {
  std::string out = text;
  std::replace_if(
      out.begin(), out.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return out;
}

}  // namespace starling::tools
