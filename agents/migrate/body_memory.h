// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <vector>

#include "agents/common/unique_fd.h"
#include "agents/migrate/marshalled_call.h"
#include "agents/migrate/page_sink.h"

namespace starling::migrate {

// A page of the body that is needed cannot be had any more: the body cannot go on.
struct PageLost : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The memory of a body as its kernel would use it for a call: protections hold, pages that are
// still at home are pulled first (an access from outside to a missing page would wait for the
// sink's threads, and for ever if they had ended).
class BodyMemory : public MemoryReader {
 public:
  BodyMemory(pid_t pid, PageSink& sink);

  std::size_t read(RemoteAddr at, MutableBytes out) override;
  bool writable(RemoteRange range) override;
  // How much could be written from the start on.
  std::size_t write(RemoteAddr at, Bytes data);

 private:
  void ensure(RemoteAddr at, std::size_t size);
  void touch(RemoteAddr at) const;

  pid_t pid_;
  PageSink& sink_;
  UniqueFd maps_;
  UniqueFd mem_;
};

}  // namespace starling::migrate
