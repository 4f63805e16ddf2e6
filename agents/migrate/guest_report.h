// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "agents/common/unique_fd.h"

namespace starling::migrate {

// Lines of JSON between a helper and the daemon that started it, over a socket or a pipe; see
// docs/MIGRATION.md. The guest does not depend on the daemon: when the other end is gone or does
// not read, nothing is said any more.
class GuestReport {
 public:
  // Owns `fd`; -1: there is nobody.
  explicit GuestReport(int fd);

  int fd() const { return fd_.get(); }
  void say(const nlohmann::json& what);
  // Values of "do" in the requests that are there. Call when readable.
  std::vector<std::string> requests();

 private:
  UniqueFd fd_;
  std::string in_;
};

}  // namespace starling::migrate
