// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

// Each trial makes one call twice, in a process whose memory is an arena at the same addresses:
// natively, and marshalled from a body whose arena lies in the test. The deputy's arena is filled
// with another pattern before, so that what was not sent, and what is brought back without having
// been written, shows. Result, memory and what the call did must be the same.
#include <gtest/gtest.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "agents/common/fail.h"
#include "agents/common/unique_fd.h"
#include "agents/migrate/marshalled_call.h"

namespace starling::migrate {

inline constexpr std::size_t kArena = 256 * 1024;            // bytes; a hole follows
inline constexpr int kA = 100, kB = 101, kC = 102;           // descriptors of the trials
inline constexpr std::uint8_t kFresh = 0x5c, kStale = 0xaa;  // the patterns of body and deputy

std::uint8_t* arena();

// Memory of a process by process_vm_readv(2), a page at a time.
class ProcessMemory final : public MemoryReader {
 public:
  explicit ProcessMemory(pid_t pid) : pid_(pid) {}
  std::size_t read(RemoteAddr at, MutableBytes out) override;
  bool writable(RemoteRange range) override;
  void write(const Segment& segment);

 private:
  pid_t pid_;
};

// A process that makes the calls it is told to; it ends with this object.
class Executor {
 public:
  // `prepare` runs in it first; then its arena is made stale if asked.
  Executor(const std::function<void()>& prepare, bool stale);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  long call(long nr, const CallArgs& args);
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  UniqueFd to_, from_;
};

struct Trial {
  std::string name;
  long nr = 0;
  std::function<CallArgs()> fill{};       // puts the arguments into the arena
  std::function<void()> before = [] {};   // makes objects here, which the executor inherits
  std::function<void()> prepare = [] {};  // makes objects in the executor
  std::function<std::string()> after = [] { return std::string(); };  // what the call did
  long least = 0;  // for the result: that a call fails alike twice proves little
  // In [first, second) the kernel leaves bytes of its structures unwritten, which may be stale.
  std::pair<std::size_t, std::size_t> padding{};
};
std::ostream& operator<<(std::ostream& out, const Trial& trial);

struct Outcome {
  long result = 0;
  std::vector<std::uint8_t> memory;
  std::string effect;
};
Outcome natively(const Trial& trial);
Outcome forwarded(const Trial& trial);

class ForwardedTrial : public testing::TestWithParam<Trial> {};
inline std::string trial_name(const testing::TestParamInfo<Trial>& trial) {
  return trial.param.name;
}

// -- what trials are made of

void place(int fd, int at);  // moves a new descriptor; throws when it is none
void make_pipe();            // kA to read from, kB to write to; neither blocks
void make_filled_pipe();     // the same with ten digits in it
std::string drain_pipe();
const std::string& file_path();  // of a file of 19 bytes; removed when the test ends
void open_file(int at);

inline std::uint64_t at(std::size_t offset) {
  return reinterpret_cast<std::uint64_t>(arena() + offset);
}
template <typename T>
std::uint64_t put(std::size_t offset, const T& value) {
  std::memcpy(arena() + offset, &value, sizeof value);
  return at(offset);
}
std::uint64_t put_string(std::size_t offset, const std::string& text);
inline iovec vector_of(std::size_t offset, std::size_t size) {
  return {arena() + offset, size};
}
inline constexpr auto u64 = [](auto value) { return static_cast<std::uint64_t>(value); };

}  // namespace starling::migrate
