// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace starling {

// Parses one line: one JSON object, nested no deeper than any message of ours needs. nullopt when
// it is anything else. (Fuzzed.)
std::optional<nlohmann::json> parse_json_line(std::string_view line);

// One line, with its newline; bytes that are no UTF-8 are replaced.
std::string json_line(const nlohmann::json& object);

// Cuts what arrives into lines of a bounded length.
class LineBuffer {
 public:
  explicit LineBuffer(std::size_t limit) : limit_(limit) {}

  // False once a line is longer than the limit: the stream is to be given up.
  bool append(std::string_view bytes);
  // The next whole line, without its newline.
  std::optional<std::string> take();

 private:
  std::size_t limit_;
  std::string in_;
  std::size_t searched_ = 0;
};

}  // namespace starling
