// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/cli/checksums.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "builder/core/error.h"
#include "builder/core/fingerprint.h"
#include "builder/core/interrupt.h"

namespace starling::builder {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr char kSums[] = "SHA256SUMS";
constexpr char kManifest[] = "manifest.spdx.json";

bool leads_outside(const std::string& name) {
  const fs::path p(name);
  return name.empty() || p.is_absolute() || std::find(p.begin(), p.end(), "..") != p.end();
}

// Artefacts as the manifest has them: a "files" list of SPDX 2.x with SHA256 checksums.
void check_manifest(const fs::path& dir, const std::map<std::string, std::string>& sums,
                    std::vector<Fault>& faults) {
  std::ifstream in(dir / kManifest);
  if (!in) return;  // SHA256SUMS says whether it must be there
  auto fault = [&](const std::string& message) {
    faults.push_back({Fault::Kind::manifest, kManifest, message});
  };
  const json j = json::parse(in, nullptr, false);
  if (!j.is_object() || !j.contains("spdxVersion")) return fault("is not an SPDX JSON document");
  for (const auto& file : j.value("files", json::array())) {
    if (!file.is_object() || !file.contains("fileName") || !file["fileName"].is_string()) {
      fault("has a file without a name");
      continue;
    }
    std::string name = file["fileName"];
    if (name.starts_with("./")) name.erase(0, 2);
    const auto known = sums.find(name);
    if (known == sums.end()) continue;  // a source, a patch: not one of the outputs
    for (const auto& c : file.value("checksums", json::array()))
      if (c.is_object() && c.value("algorithm", "") == "SHA256" &&
          c.value("checksumValue", "") != known->second)
        fault("has another SHA-256 for " + name + " than SHA256SUMS");
  }
}

}  // namespace

std::map<std::string, std::string> parse_sums(std::string_view text, std::vector<Fault>& faults) {
  std::map<std::string, std::string> sums;
  int number = 0;
  while (!text.empty()) {
    ++number;
    const auto end = text.find('\n');
    const std::string line(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty()) continue;
    auto bad = [&](const char* why) {
      faults.push_back(
          {Fault::Kind::malformed, kSums, "line " + std::to_string(number) + " " + why});
    };
    const bool shape = line.size() > 66 && line[64] == ' ' &&
                       (line[65] == ' ' || line[65] == '*') &&
                       line.find_first_not_of("0123456789abcdef") == 64;
    if (!shape) {
      bad("is not `<64 hex digits>  <file>'");
      continue;
    }
    std::string name = line.substr(66);
    if (name.starts_with("./")) name.erase(0, 2);
    if (leads_outside(name))
      bad("names a file outside the folder");
    else if (!sums.emplace(name, line.substr(0, 64)).second)
      bad("names a file a second time");
  }
  return sums;
}

std::vector<Fault> verify_sums(const fs::path& dir, size_t& files) {
  std::ifstream in(dir / kSums);
  if (!in)
    throw Error("there is no SHA256SUMS in this folder")
        .at_file(dir)
        .hint("give the folder that `clusterbuild build' wrote, `out' by default");
  std::ostringstream text;
  text << in.rdbuf();
  std::vector<Fault> faults;
  const auto sums = parse_sums(text.str(), faults);
  if (sums.empty() && faults.empty())
    faults.push_back({Fault::Kind::malformed, kSums, "is empty: nothing was verified"});
  files = 0;
  for (const auto& [name, expected] : sums) {
    throw_if_interrupted();
    std::error_code ec;
    // A link would let the sum of one file stand for another.
    const auto type = fs::symlink_status(dir / name, ec).type();
    if (type != fs::file_type::regular) {
      faults.push_back({Fault::Kind::missing, name,
                        type == fs::file_type::not_found ? "is missing" : "is not a regular file"});
      continue;
    }
    ++files;
    if (sha256_file(dir / name) != expected)
      faults.push_back({Fault::Kind::changed, name, "does not match its checksum"});
  }
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    if (entry.is_directory() && !entry.is_symlink()) continue;
    const std::string name = entry.path().lexically_relative(dir).string();
    if (name == "flock.key") {
      struct stat st {};
      if (lstat(entry.path().c_str(), &st) == 0 && (st.st_mode & 077) != 0)
        faults.push_back({Fault::Kind::key, name, "is readable by others (chmod 600)"});
      continue;
    }
    if (sums.contains(name) || name == kSums || name == "SHA256SUMS.sig" ||
        name == ".starling-published")
      continue;
    faults.push_back({Fault::Kind::extra, name, "is not listed in SHA256SUMS"});
  }
  check_manifest(dir, sums, faults);
  return faults;
}

}  // namespace starling::builder
