// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace starling::builder {

// What is wrong with a folder of outputs.
struct Fault {
  enum class Kind { malformed, missing, changed, extra, signature, manifest, key } kind;
  std::string file;  // relative to the folder
  std::string message;
};

// The lines of a SHA256SUMS file as path -> hex digest; malformed lines, and paths that lead out
// of the folder, go to `faults`. Takes what sha256sum(1) writes, in text and binary mode.
std::map<std::string, std::string> parse_sums(std::string_view text, std::vector<Fault>& faults);

// Compares every file below `dir` with its SHA256SUMS, and the manifest's checksums with both.
// flock.key is not an artefact: only its mode is looked at. Throws Error when there is no
// SHA256SUMS. `files`: how many were compared.
std::vector<Fault> verify_sums(const std::filesystem::path& dir, size_t& files);

}  // namespace starling::builder
