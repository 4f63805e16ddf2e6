// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starling::builder {

struct Config;

// The patches of a series file's text, in order and relative to `dir`: one a line, '#' begins a
// comment. Throws Error with file:line when one is not there.
std::vector<std::filesystem::path> parse_series(std::string_view text,
                                                const std::filesystem::path& series_file);

// Ours, then the user's: all patches of a build, in the order they are applied.
std::vector<std::filesystem::path> kernel_patches(const Config& config);

// Where `patch` stopped, from its output.
struct PatchFailure {
  std::string file;  // in the kernel source; empty when patch did not get that far
  std::string hunk;  // its line, e.g. "Hunk #1 FAILED at 68."
};
PatchFailure parse_patch_output(std::string_view output);

}  // namespace starling::builder
