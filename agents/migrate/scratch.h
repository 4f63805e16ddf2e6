// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "agents/migrate/remote_addr.h"
#include "agents/migrate/tracee.h"

namespace starling::migrate {

// A few pages of our own in the traced process, at the same address in deputy and body:
//   +0        code: the loop that makes a list of calls, the trap that ends a single one
//   +kData    the list and what its calls point to
//   +kParking room for the vdso and its data while a body's layout is being made
// Nothing of the process lies there: the address is chosen where nothing is mapped, and the area
// is unmapped before the process runs at home again.
struct ScratchLayout {
  static constexpr std::uint64_t kCode = 0;
  static constexpr std::uint64_t kCodeSize = kPage;
  static constexpr std::uint64_t kData = kCodeSize;
  static constexpr std::uint64_t kDataSize = 64 * 1024;
  static constexpr std::uint64_t kMapped = kData + kDataSize;  // code and data are mapped
  static constexpr std::uint64_t kParking = kMapped;           // the rest is only kept free
  static constexpr std::uint64_t kParkingSize = 64 * 1024;
  static constexpr std::uint64_t kSize = kParking + kParkingSize;

  // Offsets in the code.
  static constexpr std::uint64_t kSyscall = 0;             // syscall; int3
  static constexpr std::uint64_t kBatch = 16;              // the loop
  static constexpr std::uint64_t kBatchEnd = kBatch + 56;  // after its int3
  static constexpr std::uint64_t kPause = 96;              // pause(2) for ever
};

// An address where kSize bytes are free in `pid` and, as far as one can know, stay so: below the
// lowest library mapping and far from the heap and the stack. Throws StaysHome when there is none.
RemoteAddr choose_scratch(pid_t pid);

// System calls made by a stopped thread itself, many for one resume and one stop.
// The thread's registers, xstate and mask are as before afterwards; its memory too, but for what
// the calls do.
class Scratch {
 public:
  // Maps the area at `at` with calls made by `tid`. Throws StaysHome when something lies there.
  Scratch(Tracee& tracee, pid_t tid, RemoteAddr at);
  // The area is already mapped (by the body's stub) and the code in place or writable through
  // /proc/PID/mem.
  static Scratch existing(Tracee& tracee, RemoteAddr at);

  RemoteAddr at() const { return at_; }
  RemoteRange range() const { return {at_, at_ + ScratchLayout::kSize}; }

  // One call. Its result, as the kernel gives it (-errno).
  std::int64_t call(pid_t tid, std::uint64_t nr, std::array<std::uint64_t, 6> args = {});

  // Unmaps the area by a call made elsewhere (in the vdso). After this the object is dead.
  void unmap(pid_t tid);

 private:
  friend class CallBatch;
  Scratch(Tracee& tracee, RemoteAddr at) : tracee_(&tracee), at_(at) {}
  void place_code();
  // Runs `tid` from `entry` until an int3 leaves it at `end`; gives its registers there.
  Registers run(pid_t tid, RemoteAddr entry, RemoteAddr end, const Registers& with);

  Tracee* tracee_;
  RemoteAddr at_;
};

// A list of calls that one thread makes in one go, and the data they point to. All are made,
// whatever the earlier ones returned.
class CallBatch {
 public:
  explicit CallBatch(Scratch& scratch) : scratch_(scratch) {}

  // Room for data in the area; where it will be. Lives until the next run(). Throws
  // std::length_error when full: run() what there is first (full() tells).
  RemoteAddr put(Bytes data, std::size_t align = 8);
  RemoteAddr room(std::size_t size, std::size_t align = 8);
  // Adds a call; its number for result().
  std::size_t add(std::uint64_t nr, std::array<std::uint64_t, 6> args = {});
  // Little room is left for more.
  bool full() const;
  bool empty() const { return calls_.empty(); }

  // Makes the calls in `tid` and empties the list; results and room stay readable until the next
  // add() or put().
  void run(pid_t tid);
  std::int64_t result(std::size_t number) const { return results_.at(number); }
  // Throws std::system_error with `what` when the call failed.
  void expect(std::size_t number, const char* what) const;
  std::vector<std::uint8_t> data(RemoteAddr from, std::size_t size) const;

 private:
  struct Call {
    std::uint64_t nr;
    std::array<std::uint64_t, 6> args;
    std::int64_t result;
  };
  static_assert(sizeof(Call) == 64);

  Scratch& scratch_;
  std::vector<Call> calls_;
  std::vector<std::int64_t> results_;
  std::vector<std::uint8_t> data_;  // at the end of the area, growing downwards in address
  bool done_ = false;
};

// Where a `syscall` instruction lies in the process's vdso. Throws StaysHome when there is none.
RemoteAddr find_syscall_instruction(const Tracee& tracee);
// One call through an instruction that is already there; for when the area is not mapped.
std::int64_t call_at(Tracee& tracee, pid_t tid, RemoteAddr instruction, std::uint64_t nr,
                     std::array<std::uint64_t, 6> args);
// The same without a SIGTRAP, which would reset the action of a process that ignores it.
std::int64_t quiet_call_at(Tracee& tracee, pid_t tid, RemoteAddr instruction, std::uint64_t nr,
                           std::array<std::uint64_t, 6> args);

}  // namespace starling::migrate
