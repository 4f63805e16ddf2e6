// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace starling::tools {

// Columns as wide as their widest cell; numbers to the right.
class Table {
 public:
  enum class Align { kLeft, kRight };

  void column(const std::string& title, Align align = Align::kLeft);
  // As many cells as there are columns.
  void row(std::vector<std::string> cells);
  void print(std::ostream& out) const;

 private:
  struct Column {
    std::string title;
    Align align;
  };
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// "1.5G": three significant digits at most, powers of 1,024.
std::string human_bytes(std::uint64_t bytes);
// "0.2s", "12s", "3m04s", "2h05m", "4d03h".
std::string human_seconds(double seconds);
// What comes from other machines goes to a terminal without control characters.
std::string printable(const std::string& text);

}  // namespace starling::tools
