// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/json_line.h"

namespace starling {

std::optional<nlohmann::json> parse_json_line(std::string_view line) {
  // Nesting is bounded before the parser recurses into it.
  int depth = 0;
  for (const char c : line) {
    depth += c == '[' || c == '{' ? 1 : 0;
    if (depth > 64) return std::nullopt;
  }
  nlohmann::json object = nlohmann::json::parse(line, nullptr, false);
  if (object.is_discarded() || !object.is_object()) return std::nullopt;
  return object;
}

std::string json_line(const nlohmann::json& object) {
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

bool LineBuffer::append(std::string_view bytes) {
  in_.append(bytes);
  const std::size_t last = in_.rfind('\n');
  const std::size_t open = last == std::string::npos ? in_.size() : in_.size() - last - 1;
  return open <= limit_;
}

std::optional<std::string> LineBuffer::take() {
  const std::size_t end = in_.find('\n', searched_);
  if (end == std::string::npos) {
    searched_ = in_.size();
    return std::nullopt;
  }
  std::string line = in_.substr(0, end);
  in_.erase(0, end + 1);
  searched_ = 0;
  return line;
}

}  // namespace starling
