// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "agents/migrate/frame_channel.h"
#include "agents/migrate/marshalled_call.h"

namespace starling::migrate {

// The body of a kCall frame.
struct ForwardedCall {
  std::int32_t tid = 0;
  std::uint64_t cookie = 0;  // the guest's own: the id of the seccomp notification
  MarshalledCall call;       // home_reason is not sent: such a call is not forwarded

  bool operator==(const ForwardedCall&) const = default;
};

// The body of a kResult frame.
struct CallResult {
  enum Flags : std::uint32_t {
    kComeHome = 1,  // home could not make the call, nothing was done: bring the process home for it
  };
  std::int32_t tid = 0;
  std::uint64_t cookie = 0;
  std::int64_t result = 0;  // as the kernel returns it: -errno; -512, -513, -514: restart
  std::uint32_t flags = 0;
  std::vector<Segment> out;

  bool operator==(const CallResult&) const = default;
};

// Little endian, no padding; see call_codec.cc for the layout.
std::vector<std::uint8_t> encode(const ForwardedCall& call);
std::vector<std::uint8_t> encode(const CallResult& result);
// Throw ProtocolError for anything encode() would not have made: truncated, trailing bytes, more
// than kMaxCallData or kMaxSegments. Memory used is bounded by the size of the frame.
ForwardedCall decode_call(Bytes body);
CallResult decode_result(Bytes body);

}  // namespace starling::migrate
