// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>

#include "builder/core/error.h"

namespace starling::builder {

// A flag that threads can wait on with poll(2). Set once, never cleared.
class CancelToken {
 public:
  CancelToken();
  ~CancelToken();
  CancelToken(const CancelToken&) = delete;
  CancelToken& operator=(const CancelToken&) = delete;

  void cancel() noexcept;  // async-signal-safe
  bool cancelled() const noexcept { return count_ > 0; }
  // How often cancel() was called: a second Ctrl-C means "now".
  int count() const noexcept { return count_; }
  // Readable from the first cancel() on.
  int fd() const noexcept { return fd_; }

 private:
  int fd_;
  std::atomic<int> count_{0};
};

// The person asked to stop. Exit code 130, as shells say it.
struct Interrupted : Error {
  Interrupted() : Error("interrupted") { exit_with(130); }
};

// The process-wide token: every Command ends its program when it is cancelled.
CancelToken& interrupt_token();
// SIGINT, SIGTERM and SIGHUP cancel interrupt_token() from now on; SIGPIPE is ignored.
void install_interrupt_handlers();
// Throws Interrupted when interrupt_token() is cancelled.
void throw_if_interrupted();

}  // namespace starling::builder
