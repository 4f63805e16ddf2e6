// SPDX-License-Identifier: GPL-2.0-or-later
// The INI parser and the merging of profile, config file and command line, on any bytes. The
// input is a profile and a config file with a line "%%" between.
#include <cstdlib>
#include <string_view>

#include "builder/config/ini.h"
#include "builder/config/load.h"
#include "builder/config/options.h"
#include "builder/config/validate.h"

using namespace starling::builder;

namespace {

void require(bool fact) {
  if (!fact) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto cut = input.find("\n%%\n");
  const std::string profile(input.substr(0, cut));
  const std::string config(cut == std::string_view::npos ? "" : input.substr(cut + 4));

  for (const auto& text : {profile, config}) {
    const IniText ini = parse_ini(text);
    int last = 0;
    for (const auto& e : ini.entries) {
      require(e.line > last && !e.key.empty());  // one entry a line, in order
      require(e.value.find('\n') == std::string::npos);
      last = e.line;
    }
    ssh_key_fault(text);
    flock_key_fault(text);
  }

  LoadRequest request;
  request.working_dir = "/conf";
  request.source_dir = "/nonexistent";
  request.config_file = "/conf/c.ini";
  // No file system: every profile is the fuzzed one, so it may also be its own base.
  request.read_file = [&](const std::filesystem::path& p) {
    return p == "/conf/c.ini" ? config : profile;
  };
  const LoadedConfig loaded = load_config(request);
  for (const auto& spec : option_specs()) {
    const auto text = option_text(loaded.config, spec);
    auto origin = loaded.origins.find(spec.name);
    if (spec.is_list())
      require(text.size() == (origin == loaded.origins.end() ? 0 : origin->second.size()));
    else
      require(text.size() == 1);
    if (spec.kind == OptionKind::path && !text[0].empty()) require(text[0][0] == '/');
    if (spec.secret) require(text[0].empty() || text[0] == "(set)");
  }
  return 0;
}
