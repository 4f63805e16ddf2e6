// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace starling::builder {

enum class KernelKind { patched, debian };

// The effective configuration of one build: profile, config file and command line merged by
// Boost.Program_options (load_config() in options.h). Every path is absolute. Each field is one
// option of the same name with '-' for '_' (a dotted INI section becomes a prefix).
struct Config {
  std::string profile;  // "minimal", "classroom", "dev", or a path to a .ini
  std::string suite = "trixie";
  std::string arch = "amd64";
  std::string mirror;                // empty: the machine's own apt configuration
  std::filesystem::path source_dir;  // this checkout: kernel-config/, overlay/, iso/, agents/
  std::filesystem::path out_dir;     // ISO, netboot/, manifest, checksums
  std::filesystem::path cache_dir;   // /var/cache/starling

  std::vector<std::string> packages;            // Debian packages beyond the profile's
  std::vector<std::filesystem::path> overlays;  // trees laid over the root file system in order
  std::vector<std::filesystem::path> hooks;     // programs run inside the chroot, in order
  std::filesystem::path live_build_config;      // a user's own live-build config/ tree, or empty

  KernelKind kernel = KernelKind::patched;
  std::vector<std::filesystem::path> kernel_config;   // fragments merged after ours
  std::vector<std::filesystem::path> kernel_patches;  // applied after kernel-config/patches/series

  std::vector<std::string> boot_parameters;  // appended to the kernel command line
  std::string user = "starling";             // login on the console; empty: none
  std::string password;                      // crypt(3) hash; empty: password login is off
  std::vector<std::string> ssh_keys;         // authorized_keys lines, for `user` and root

  std::string flock = "starling";    // the flock's name, people's word for it
  std::filesystem::path flock_key;   // empty: out_dir/flock.key, made when absent
  std::string compression = "zstd";  // of the squashfs: zstd | xz | lz4 | gzip
  int compression_level = 0;         // 0: the tool's sensible default for it
  std::string volume_label = "STARLING";
  std::filesystem::path signing_key;  // PEM private key for SHA256SUMS.sig, or empty
  std::string hostname = "starling";  // prefix of node host names until a number is known

  long source_date_epoch = 0;  // seconds; 0: $SOURCE_DATE_EPOCH, else the mirror's Release date
  int cache_keep = 3;          // results kept per stage
  int parallel_stages = 2;     // independent stages run at the same time, 1..16
};

// The profile's short name ("minimal"; the stem of a path): what artefact names are made of.
std::string profile_name(const Config& config);
// The flock key file this build uses: flock_key, or out_dir/flock.key. `build` makes the latter
// before any stage is fingerprinted.
std::filesystem::path flock_key_file(const Config& config);

}  // namespace starling::builder
