// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "builder/core/command.h"

namespace starling::builder {

struct Config;

// Base URIs of a Debian archive and, where known, of its security archive.
struct DebianMirror {
  std::string main;
  std::string security;  // may be empty
};

// Reads lines "ORIGIN|RELEASE|URI" of `apt-get indextargets` and picks the first Debian
// repositories. Where apt has no lists yet it does not know the origin (the field is empty or
// still "$(ORIGIN)"): then the release's name decides. Empty `main`: there is none.
DebianMirror pick_debian_mirror(std::string_view indextargets);

// An apt of our own for a Debian suite that need not be the machine's: packages and versions of
// `suite` (with its updates and security archives where the mirror is the machine's own), verified
// with Debian's archive keys. Never reads or changes the machine's sources, lists or packages; its
// proxies and timeouts do hold.
//
// What the mirror has is recorded once and stays until a refresh, so that builds can be repeated
// and need no network. Safe to use from several threads and objects of one process.
class PrivateApt {
 public:
  // `mirror` empty: that of the machine's own apt configuration, looked up when first needed.
  // `state_dir` is made when absent. A suite of its own needs a directory of its own.
  // `keyring`: whose signatures count; empty: Debian's archive keys.
  PrivateApt(std::string suite, std::string mirror, std::filesystem::path state_dir,
             std::filesystem::path keyring = {});
  // The one all stages of a build share: cache_dir/persistent/apt-SUITE.
  static PrivateApt of(const Config& config);

  // Whether the mirror's state is recorded, for this suite and mirror. No network, no process.
  bool ready() const;
  // Records the mirror's state if it is not, or anew if `refresh`. A failed refresh leaves the
  // former state. Throws Error (no mirror, no network, no such suite, wrong signature).
  void update(bool refresh = false);
  // Hex SHA-256 of the recorded state (sources and signed release files). Throws Error unless
  // ready(). No network, no process.
  std::string state() const;

  // Asks the mirror whether it still is in the recorded state: a request per release file. False
  // also when it does not answer; whoever needs it then will say so.
  bool mirror_moved() const;

  // The version of `package` that would be downloaded, remembered until the next refresh.
  // Throws Error when the suite has no such package, or unless ready().
  std::string version(const std::string& package) const;
  // The packages in the Depends field, first alternatives only, without versions.
  std::vector<std::string> depends(const std::string& package) const;
  // The .deb of that version, downloaded and verified unless it is there already.
  std::filesystem::path download(const std::string& package) const;

  // A sources.list of this state, and an apt.conf that any apt command takes in APT_CONFIG.
  std::filesystem::path sources_list() const { return dir_ / "sources.list"; }
  std::filesystem::path apt_conf() const { return dir_ / "apt.conf"; }
  // The mirror in use. Throws Error unless ready().
  DebianMirror mirror() const;

 private:
  Command apt(std::vector<std::string> argv) const;
  void require_ready() const;
  std::filesystem::path answer(const std::string& question) const;
  void write_conf() const;

  std::string suite_;
  std::string mirror_;
  std::filesystem::path dir_;
  std::filesystem::path keyring_;
};

}  // namespace starling::builder
