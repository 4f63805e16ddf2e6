// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agents/common/bytes.h"
#include "agents/migrate/remote_addr.h"
#include "agents/migrate/syscall_table.h"

namespace starling::migrate {

// The memory of the body or of the deputy, as the process itself may use it.
class MemoryReader {
 public:
  virtual ~MemoryReader() = default;
  // Fills `out` from `at` on; how many bytes were readable before the first page that is not
  // (out.size() when all was). Throws when the process is gone.
  virtual std::size_t read(RemoteAddr at, MutableBytes out) = 0;
  // Whether the process may write all of it. Asked for before a call's outputs are promised, so
  // that no data are taken from a pipe which cannot be delivered. A reader that cannot tell
  // without pulling pages says true.
  virtual bool writable(RemoteRange range) = 0;
};

struct Segment {
  RemoteAddr at;
  std::vector<std::uint8_t> bytes;

  bool operator==(const Segment&) const = default;
};

// Memory that the kernel may write during the call, and how much of it given the result.
struct OutSegment {
  enum class When : std::uint8_t {
    success,      // result >= min_result
    interrupted,  // -EINTR or a restart (-512 to -516)
    not_failed,   // success or interrupted
    always,
  };
  enum class Length : std::uint8_t {
    whole,   // the capacity
    result,  // result * unit + extra
    u32,     // the number that stands at length_at after the call
    u64,
  };
  RemoteAddr at;
  std::uint32_t capacity = 0;
  When when = When::success;
  Length length = Length::whole;
  std::int32_t min_result = 0;
  std::uint16_t unit = 1;
  std::uint8_t extra = 0;
  // Bytes of the length that lie in earlier segments: the parts of a scattered read.
  std::uint32_t skip = 0;
  RemoteAddr length_at{};

  bool operator==(const OutSegment&) const = default;
};

// A call with all that home's kernel will read, ready to be made in the deputy.
struct MarshalledCall {
  std::int32_t nr = -1;
  CallArgs args{};
  std::vector<Segment> in;      // to be written to the deputy, in this order
  std::vector<OutSegment> out;  // must be mapped in the deputy
  bool may_block = false;
  // Not empty: it cannot be forwarded and the process must come home; the text says why. The
  // segments mean nothing then.
  std::string home_reason;

  bool needs_home() const { return !home_reason.empty(); }
  bool operator==(const MarshalledCall&) const = default;
};

// Neither what is sent nor the room for what comes back may be more than this, bytes.
inline constexpr std::uint64_t kMaxCallData = 16 * 1024 * 1024;
// More pieces than any one call has: recvmmsg of 1024 messages would go home before.
inline constexpr std::size_t kMaxSegments = 8192;

// Copies the arguments of a call whose behaviour (classify) is forwarded or both out of the body.
// Never throws for what the program passed: whatever cannot be sent needs home.
MarshalledCall marshal(std::int32_t nr, const CallArgs& args, const Behaviour& behaviour,
                       const CallContext& context, MemoryReader& body);

// What the call wrote, read from the deputy after it returned `result` (negative: -errno, or
// -512 to -516 for a restart). Only bytes that the kernel may have written; what it leaves
// unwritten between them (the padding of directory entries and control messages) is the deputy's.
// Throws std::runtime_error when the deputy's memory cannot be read.
std::vector<Segment> outputs(const MarshalledCall& call, std::int64_t result, MemoryReader& deputy);

// Opening `path` would show the deputy's own state instead of the body's: maps, stat, status ...
// of the process in /proc.
bool shows_own_process(std::string_view path, pid_t pid);

}  // namespace starling::migrate
