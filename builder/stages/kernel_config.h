// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace starling::builder {

// One option that a fragment asks for.
struct KernelOption {
  std::string name;   // "CONFIG_HPC"
  std::string value;  // "y", "m", "250", "\"-starling\""; "n" for "is not set"
  std::filesystem::path file;
  int line = 0;
};

// The options in a fragment's text, in order: "CONFIG_X=v" and "# CONFIG_X is not set". Other
// comments and empty lines are skipped. Throws Error with file:line for anything else, which
// merge_config.sh would pass over in silence.
std::vector<KernelOption> parse_kernel_fragment(std::string_view text,
                                                const std::filesystem::path& file);

// The options asked for that `dot_config`, the text of a .config, does not have. Where two
// fragments ask for one option, the later one counts. An option that is asked to be off is also
// off when it does not exist.
std::vector<KernelOption> lost_kernel_options(const std::vector<KernelOption>& asked,
                                              std::string_view dot_config);

}  // namespace starling::builder
