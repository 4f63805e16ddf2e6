// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/host_naming.h"

#include <algorithm>
#include <cctype>
#include <sstream>

#include "agents/common/bytes.h"
#include "agents/common/flock_key.h"

namespace starling::daemon {

static constexpr std::size_t kMaxName = 64;  // __NEW_UTS_LEN
static constexpr std::size_t kMaxLabel = 63;
static constexpr const char* kOwnAddress = "127.0.1.1";

bool is_host_name(const std::string& name) {
  if (name.empty() || name.size() > kMaxName) return false;
  std::istringstream labels(name + ".");
  for (std::string label; std::getline(labels, label, '.');) {
    if (label.empty() || label.size() > kMaxLabel || label.front() == '-' || label.back() == '-' ||
        !std::ranges::all_of(
            label, [](unsigned char c) { return c < 0x80 && (std::isalnum(c) || c == '-'); })) {
      return false;
    }
  }
  return true;
}

std::optional<std::string> host_name_for(const NamingFacts& f) {
  // The names live-config(7) and systemd(1) know this parameter by.
  for (const char* parameter : {"hostname", "live-config.hostname", "systemd.hostname"}) {
    const auto name = kernel_parameter(f.cmdline, parameter);
    if (name && is_host_name(*name)) return name;
  }
  const bool ours = f.last_given.empty() ? f.current == f.configured : f.current == f.last_given;
  if (!ours || !is_host_name(f.configured)) return std::nullopt;
  std::string suffix;
  if (f.number != 0) {
    suffix = std::to_string(f.number);
  } else if (f.mac) {
    suffix = to_hex(Bytes(*f.mac).last(3));
  } else {
    return std::nullopt;
  }
  std::string base = f.configured.substr(0, f.configured.find('.'));
  base.resize(std::min(base.size(), kMaxLabel - 1 - suffix.size()));
  return base + "-" + suffix;
}

std::string with_own_name(const std::string& hosts, const std::string& name) {
  std::string out;
  bool done = false;
  std::istringstream lines(hosts);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string address;
    words >> address;
    if (address == kOwnAddress) {
      if (done) continue;
      line = std::string(kOwnAddress) + "\t" + name;
      done = true;
    }
    out += line + "\n";
  }
  return done ? out : out + kOwnAddress + "\t" + name + "\n";
}

}  // namespace starling::daemon
