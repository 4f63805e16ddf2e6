// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace starling::builder {

// Damerau-Levenshtein distance (with adjacent transpositions), at most `limit` + 1.
int edit_distance(std::string_view a, std::string_view b, int limit);

// The known word closest to `word`, or empty when none is close enough to be meant.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

}  // namespace starling::builder
