// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/link.h"

#include <fnmatch.h>

#include <algorithm>
#include <stdexcept>

namespace starling {

LinkFilter::LinkFilter(const std::string& patterns) {
  std::size_t at = 0;
  while (at < patterns.size()) {
    const std::size_t begin = patterns.find_first_not_of(" ,\t", at);
    if (begin == std::string::npos) break;
    const std::size_t end = std::min(patterns.find_first_of(" ,\t", begin), patterns.size());
    const std::string word = patterns.substr(begin, end - begin);
    if (word[0] == '!') {
      exclude_.push_back(word.substr(1));
    } else {
      include_.push_back(word);
    }
    at = end;
  }
  if (include_.empty()) throw std::invalid_argument("no interface is named");
}

static bool is_hardware(const Link& link) {
  return link.ethernet && link.kind.empty() && !link.wireless;
}

static bool is_wired(const Link& link, const std::map<std::uint32_t, Link>& all) {
  if (is_hardware(link)) return true;
  if (link.kind == "bond" || link.kind == "team") return true;
  // A bridge between virtual machines or containers reaches no other machine.
  return link.kind == "bridge" && std::any_of(all.begin(), all.end(), [&](const auto& entry) {
           return entry.second.master == link.index && is_hardware(entry.second);
         });
}

bool LinkFilter::matches(const Link& link, const std::map<std::uint32_t, Link>& all) const {
  if (!link.ethernet || !link.multicast || link.master != 0 || link.mtu < 1280) return false;
  const auto hit = [&](const std::string& pattern) {
    return pattern == "wired" ? is_wired(link, all)
                              : fnmatch(pattern.c_str(), link.name.c_str(), 0) == 0;
  };
  return std::any_of(include_.begin(), include_.end(), hit) &&
         std::none_of(exclude_.begin(), exclude_.end(), hit);
}

}  // namespace starling
