// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/stages/kernel_patches.h"

#include <fstream>
#include <sstream>

#include "builder/config/config.h"
#include "builder/core/error.h"

namespace fs = std::filesystem;

namespace starling::builder {

std::vector<fs::path> parse_series(std::string_view text, const fs::path& series_file) {
  std::vector<fs::path> patches;
  std::istringstream in{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    line.resize(std::min(line.find('#'), line.size()));
    const size_t from = line.find_first_not_of(" \t\r");
    if (from == std::string::npos) continue;
    const size_t to = line.find_last_not_of(" \t\r");
    const fs::path patch = series_file.parent_path() / line.substr(from, to - from + 1);
    if (!fs::is_regular_file(patch))
      throw Error("the series names a patch that is not there: " + patch.string())
          .at_file(series_file.string() + ":" + std::to_string(number));
    patches.push_back(patch);
  }
  return patches;
}

std::vector<fs::path> kernel_patches(const Config& config) {
  const fs::path series = config.source_dir / "kernel-config/patches/series";
  std::ifstream in(series, std::ios::binary);
  if (!in) throw Error("cannot read the patch series").at_file(series);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  std::vector<fs::path> patches = parse_series(text, series);
  for (const auto& patch : config.kernel_patches) {
    if (!fs::is_regular_file(patch))
      throw Error("no such kernel patch: " + patch.string()).at_file(patch).hint(
          "check the `kernel-patches' option");
    patches.push_back(patch);
  }
  return patches;
}

PatchFailure parse_patch_output(std::string_view output) {
  PatchFailure found;
  std::string file;
  std::istringstream in{std::string(output)};
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("patching file ") || line.starts_with("checking file ")) {
      file = line.substr(14);
    } else if (line.starts_with("can't find file to patch")) {
      found.hunk = line;
      file.clear();
    } else if (file.empty() && found.file.empty() && line.starts_with("|--- ")) {
      // patch quotes the header of the file it cannot find.
      std::string name = line.substr(5, line.find('\t') - 5);
      found.file = name.find('/') == std::string::npos ? name : name.substr(name.find('/') + 1);
    } else if (found.hunk.empty() &&
               (line.find(" FAILED at ") != std::string::npos || line.starts_with("patch: ****") ||
                line.find("Reversed (or previously applied) patch") != std::string::npos ||
                line.find("already exists") != std::string::npos)) {
      found = {file, line};
    }
  }
  return found;
}

}  // namespace starling::builder
