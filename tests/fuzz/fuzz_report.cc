// SPDX-License-Identifier: GPL-2.0-or-later
// What helpers say and what /proc says: cut into lines and parsed. A line that is taken is an
// object and can be written again; a process that is taken has a number.
#include <cstdlib>
#include <string_view>

#include "agents/common/json_line.h"
#include "agents/common/process_info.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  starling::LineBuffer lines(4096);
  // In two pieces, so that lines are cut somewhere.
  const bool begun = lines.append(text.substr(0, size / 2));
  while (const auto line = lines.take()) {
    if (line->find('\n') != std::string::npos) abort();
  }
  if (begun) lines.append(text.substr(size / 2));
  while (const auto line = lines.take()) {
    const auto object = starling::parse_json_line(*line);
    if (!object) continue;
    if (!object->is_object() || !starling::parse_json_line(starling::json_line(*object))) abort();
  }
  const std::size_t half = text.find('\0');
  if (half != std::string_view::npos) {
    const auto process = starling::parse_process(text.substr(0, half), text.substr(half + 1));
    if (process && process->state == '\0') abort();
  }
  return 0;
}
