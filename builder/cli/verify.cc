// SPDX-License-Identifier: GPL-2.0-or-later
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "builder/cli/arguments.h"
#include "builder/cli/checksums.h"
#include "builder/stages/signature.h"

namespace starling::builder {

namespace fs = std::filesystem;
namespace po = boost::program_options;

namespace {

std::string read_all(const fs::path& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw Error("cannot read").at_file(file);
  return std::move(text).str();
}

// "good", "unchecked" (there is a signature but no key to check it with), "none"; adds a fault
// when it is bad, or when a key is given and there is nothing it signed.
std::string check_signature(const fs::path& dir, const fs::path& key, std::vector<Fault>& faults) {
  const fs::path file = dir / "SHA256SUMS.sig";
  const bool there = fs::exists(file);
  if (key.empty()) return there ? "unchecked" : "none";
  if (!there) {
    faults.push_back({Fault::Kind::signature, "SHA256SUMS.sig", "is missing, and --key was given"});
    return "none";
  }
  if (verify_detached(read_all(dir / "SHA256SUMS"), read_all(file), key)) return "good";
  faults.push_back({Fault::Kind::signature, "SHA256SUMS.sig", "is not a signature by this key"});
  return "bad";
}

}  // namespace

int verb_verify(const Args& args) {
  po::options_description own("Options of this command");
  own.add_options()("key", po::value<std::string>()->value_name("FILE"),
                    "PEM public key to check SHA256SUMS.sig with")(
      "json", "the result as a JSON object")("quiet,q", "only the exit code");
  const Arguments a = parse_arguments({"verify", own, false, 1}, args);
  const fs::path dir = a.positional.empty() ? "out" : a.positional.front();
  if (!fs::is_directory(dir)) throw Error("no such folder").at_file(dir).exit_with(2);
  size_t files = 0;
  auto faults = verify_sums(dir, files);
  const std::string signature = check_signature(
      dir, a.has("key") ? a.values["key"].as<std::string>() : std::string(), faults);

  if (a.has("json")) {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& f : faults) list.push_back({{"file", f.file}, {"fault", f.message}});
    std::cout << nlohmann::json{{"files", files}, {"signature", signature}, {"faults", list}}.dump(
                     1, ' ', false, nlohmann::json::error_handler_t::replace)
              << "\n";
  } else if (!a.has("quiet")) {
    for (const auto& f : faults) std::cout << f.file << " " << f.message << "\n";
    if (faults.empty())
      std::cout << files << " files are as SHA256SUMS says; "
                << (signature == "good"        ? "the signature is good"
                    : signature == "unchecked" ? "there is a signature (--key FILE checks it)"
                                               : "they are not signed")
                << "\n";
  }
  return faults.empty() ? 0 : 1;
}

}  // namespace starling::builder
