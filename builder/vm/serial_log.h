// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace starling::vm {

// Console output as a person would read it: terminal escape sequences, carriage returns and other
// control characters gone, empty lines dropped.
std::string plain_text(std::string_view console);

// The last `count` lines of a console log as plain text; empty when there is none.
std::string last_lines(const std::filesystem::path& log, int count);

// Whether the log's plain text contains `text`.
bool log_contains(const std::filesystem::path& log, std::string_view text);

}  // namespace starling::vm
