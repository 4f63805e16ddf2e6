// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/config/options.h"

#include <boost/program_options/value_semantic.hpp>
#include <limits>

namespace starling::builder {

namespace po = boost::program_options;

const std::vector<OptionSpec>& option_specs() {
  using K = OptionKind;
  static const std::vector<OptionSpec> specs = {
      {"profile", "NAME", K::text, &Config::profile,
       "what to start from: minimal, classroom, dev, or the path of a profile of your own (.ini)"},
      {"suite", "NAME", K::text, &Config::suite, "Debian release"},
      {"arch", "NAME", K::choice, &Config::arch, "architecture of the image", {"amd64"}},
      {"mirror", "URL", K::text, &Config::mirror,
       "Debian mirror; by default the one this machine's apt uses"},
      {"source-dir", "DIR", K::path, &Config::source_dir,
       "Starling's source tree; by default found from the program and the working directory"},
      {"out-dir", "DIR", K::path, &Config::out_dir, "where ISO, netboot tree and manifest go"},
      {"cache-dir", "DIR", K::path, &Config::cache_dir, "where results of stages are kept"},
      {"packages", "NAMES", K::words, &Config::packages,
       "Debian packages to install, several per line; -NAME takes one of the profile out"},
      {"overlays", "DIR", K::paths, &Config::overlays,
       "tree copied over the root file system; may be given again"},
      {"hooks", "FILE", K::paths, &Config::hooks,
       "program run inside the image's root file system; may be given again"},
      {"live-build-config", "DIR", K::path, &Config::live_build_config,
       "a live-build config/ tree of your own, used as it is"},
      {"kernel",
       "KIND",
       K::choice,
       &Config::kernel,
       "patched: Debian's source with Starling's patches; debian: the stock kernel",
       {"patched", "debian"}},
      {"kernel-config", "FILE", K::paths, &Config::kernel_config,
       "kernel config fragment merged after Starling's; may be given again"},
      {"kernel-patches", "FILE", K::paths, &Config::kernel_patches,
       "patch applied after Starling's; may be given again"},
      {"boot-parameters", "WORDS", K::words, &Config::boot_parameters,
       "added to the kernel command line"},
      {"user", "NAME", K::text, &Config::user, "login on the console; empty: none"},
      {"password",
       "HASH",
       K::text,
       &Config::password,
       "crypt(3) hash for it (openssl passwd -6); empty: no password login",
       {},
       0,
       0,
       true},
      {"ssh-keys", "KEY", K::lines, &Config::ssh_keys,
       "authorized_keys line for the user and root; may be given again"},
      {"flock", "NAME", K::text, &Config::flock, "the flock's name"},
      {"flock-key", "FILE", K::path, &Config::flock_key,
       "the flock's key (64 hex digits); by default OUT-DIR/flock.key, made when absent"},
      {"compression",
       "KIND",
       K::choice,
       &Config::compression,
       "of the squashfs",
       {"zstd", "xz", "lz4", "gzip"}},
      {"compression-level",
       "N",
       K::number,
       &Config::compression_level,
       "0: the default of the compression; zstd 1-22, gzip 1-9",
       {},
       0,
       22},
      {"volume-label", "NAME", K::text, &Config::volume_label, "the ISO's volume label"},
      {"signing-key", "FILE", K::path, &Config::signing_key,
       "PEM private key (Ed25519, RSA, EC) that signs SHA256SUMS"},
      {"hostname", "NAME", K::text, &Config::hostname, "prefix of the nodes' host names"},
      {"source-date-epoch",
       "SECONDS",
       K::number,
       &Config::source_date_epoch,
       "the date of everything in the image; 0: $SOURCE_DATE_EPOCH, else the mirror's",
       {},
       0,
       std::numeric_limits<long>::max()},
      {"cache-keep", "N", K::number, &Config::cache_keep, "results kept per stage", {}, 1, 100},
      {"parallel-stages",
       "N",
       K::number,
       &Config::parallel_stages,
       "independent stages run at the same time",
       {},
       1,
       16},
  };
  return specs;
}

const OptionSpec* find_option(const std::string& name) {
  for (const auto& spec : option_specs())
    if (name == spec.name) return &spec;
  return nullptr;
}

std::vector<std::string> option_names() {
  std::vector<std::string> names;
  for (const auto& spec : option_specs()) names.emplace_back(spec.name);
  return names;
}

po::options_description config_options() {
  po::options_description options("Options of the image (the same names work in config files)");
  for (const auto& spec : option_specs()) {
    options.add_options()(
        spec.name, po::value<std::vector<std::string>>()->composing()->value_name(spec.value_name),
        spec.help);
  }
  return options;
}

std::vector<std::string> option_text(const Config& config, const OptionSpec& spec) {
  struct Text {
    const Config& c;
    using Lines = std::vector<std::string>;
    Lines operator()(std::string Config::*f) { return {c.*f}; }
    Lines operator()(std::filesystem::path Config::*f) { return {(c.*f).string()}; }
    Lines operator()(int Config::*f) { return {std::to_string(c.*f)}; }
    Lines operator()(long Config::*f) { return {std::to_string(c.*f)}; }
    Lines operator()(KernelKind Config::*f) {
      return {c.*f == KernelKind::patched ? "patched" : "debian"};
    }
    Lines operator()(std::vector<std::string> Config::*f) { return c.*f; }
    Lines operator()(std::vector<std::filesystem::path> Config::*f) {
      return {(c.*f).begin(), (c.*f).end()};
    }
  };
  auto lines = std::visit(Text{config}, spec.field);
  if (spec.secret)
    for (auto& line : lines)
      if (!line.empty()) line = "(set)";
  return lines;
}

}  // namespace starling::builder
