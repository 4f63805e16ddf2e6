// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "agents/migrate/state.pb.h"
#include "agents/migrate/tracee.h"

namespace starling::migrate {

// Pages that the guest sends home while the body still runs there, put into the deputy. It computes
// nothing meanwhile, and the guest has these pages: nobody reads the deputy's but the calls it
// makes. What such a call is writing (the buffer of a read(2)) is not written over: the page is
// kept back until the process is at home or a newer one comes.
class ReturnedPages {
 public:
  // `written_to`: whether a call that is being made may write to a range.
  using WrittenTo = std::function<bool(RemoteRange)>;
  ReturnedPages(Tracee& tracee, WrittenTo written_to)
      : tracee_(tracee), written_to_(std::move(written_to)) {}

  // `body` as in a frame of kPages. Throws ProtocolError.
  void take(Bytes body);
  // When the deputy has the layout of `state` and is in no call: writes what was kept back and is
  // still part of the process.
  void settle(const pb::ProcessState& state);

  std::uint64_t pages() const { return pages_; }

 private:
  Tracee& tracee_;
  WrittenTo written_to_;
  std::map<RemoteAddr, std::vector<std::uint8_t>> kept_;  // pages
  std::uint64_t pages_ = 0;
};

}  // namespace starling::migrate
