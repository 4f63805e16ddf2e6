// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <mutex>
#include <string>

#include "agents/common/unique_fd.h"
#include "agents/migrate/remote_addr.h"

namespace starling::migrate {

// What may be told from any thread to the one that keeps the body.
class BodyAlarm {
 public:
  BodyAlarm();
  int fd() const { return fd_.get(); }  // readable when something was told
  void page_failure(const std::string& reason);
  void needs_home(RemoteAddr page);
  // What was told since; the flag is taken.
  bool take_needs_home();
  // Empty when there is no failure.
  std::string failure() const;

 private:
  void ring();

  UniqueFd fd_;
  mutable std::mutex mutex_;
  std::string failure_;
  bool needs_home_ = false;
};

}  // namespace starling::migrate
