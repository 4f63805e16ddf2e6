// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/migrate/forwarded_trial.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "agents/migrate/call_codec.h"

namespace starling::migrate {
namespace {

struct Order {
  long nr;
  CallArgs args;
};

[[noreturn]] void execute(int in, int out) {
  Order order;
  while (::read(in, &order, sizeof order) == sizeof order) {
    long result = ::syscall(order.nr, order.args[0], order.args[1], order.args[2], order.args[3],
                            order.args[4], order.args[5]);
    if (result == -1) result = -errno;
    if (::write(out, &result, sizeof result) != sizeof result) break;
  }
  ::_exit(0);
}

void close_descriptors() {
  for (int fd = kA; fd < kA + 20; ++fd) ::close(fd);
}

CallArgs begin(const Trial& trial) {
  close_descriptors();
  std::memset(arena(), kFresh, kArena);
  trial.before();
  return trial.fill();
}

}  // namespace

std::uint8_t* arena() {
  static std::uint8_t* const memory = [] {
    void* base = ::mmap(nullptr, kArena + kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED || ::mprotect(base, kArena, PROT_READ | PROT_WRITE) != 0)
      fail_errno("mmap");
    return static_cast<std::uint8_t*>(base);
  }();
  return memory;
}

std::size_t ProcessMemory::read(RemoteAddr at, MutableBytes out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const RemoteAddr from = at + done;
    const std::size_t piece =
        std::min<std::size_t>(out.size() - done, kPage - (from - from.page()));
    iovec mine{out.data() + done, piece};
    iovec theirs{reinterpret_cast<void*>(from.value), piece};
    if (::process_vm_readv(pid_, &mine, 1, &theirs, 1, 0) != static_cast<ssize_t>(piece)) break;
    done += piece;
  }
  return done;
}

bool ProcessMemory::writable(RemoteRange range) {
  std::uint8_t byte;
  for (RemoteAddr page = range.begin.page(); page < range.end; page = page + kPage) {
    if (read(page, {&byte, 1}) != 1) return false;
  }
  return true;
}

void ProcessMemory::write(const Segment& segment) {
  const std::size_t size = segment.bytes.size();
  iovec mine{const_cast<std::uint8_t*>(segment.bytes.data()), size};
  iovec theirs{reinterpret_cast<void*>(segment.at.value), size};
  if (::process_vm_writev(pid_, &mine, 1, &theirs, 1, 0) != static_cast<ssize_t>(size)) {
    fail_errno("process_vm_writev");
  }
}

Executor::Executor(const std::function<void()>& prepare, bool stale) {
  int to[2], from[2];
  if (::pipe2(to, O_CLOEXEC) != 0 || ::pipe2(from, O_CLOEXEC) != 0) fail_errno("pipe2");
  pid_ = ::fork();
  if (pid_ < 0) fail_errno("fork");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // Out of the way of the descriptors that calls make.
    const int in = ::fcntl(to[0], F_DUPFD, 200), out = ::fcntl(from[1], F_DUPFD, 200);
    for (const int fd : {to[0], to[1], from[0], from[1]}) ::close(fd);
    prepare();
    if (stale) std::memset(arena(), kStale, kArena);
    execute(in, out);
  }
  ::close(to[0]);
  ::close(from[1]);
  to_.reset(to[1]);
  from_.reset(from[0]);
  call(SYS_getpid, {});  // answered when all is prepared
}

Executor::~Executor() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

long Executor::call(long nr, const CallArgs& args) {
  const Order order{nr, args};
  long result = 0;
  if (::write(to_.get(), &order, sizeof order) != sizeof order ||
      ::read(from_.get(), &result, sizeof result) != sizeof result) {
    throw std::runtime_error("the executor died");
  }
  return result;
}

std::ostream& operator<<(std::ostream& out, const Trial& trial) {
  return out << trial.name;
}

Outcome natively(const Trial& trial) {
  const CallArgs args = begin(trial);
  Executor process(trial.prepare, false);
  Outcome outcome;
  outcome.result = process.call(trial.nr, args);
  outcome.memory.resize(kArena);
  ProcessMemory(process.pid()).read({at(0)}, outcome.memory);
  outcome.effect = trial.after();
  return outcome;
}

Outcome forwarded(const Trial& trial) {
  const CallArgs args = begin(trial);
  const CallContext context{.pid = ::getpid(), .tid = ::getpid(), .shared_memory = true};
  ProcessMemory body(::getpid());
  const MarshalledCall made =
      marshal(static_cast<int>(trial.nr), args,
              classify(AUDIT_ARCH_X86_64, trial.nr, args, context), context, body);
  EXPECT_EQ(made.home_reason, "");
  // As it would travel.
  const MarshalledCall call = decode_call(encode(ForwardedCall{1, 2, made})).call;
  EXPECT_EQ(call, made);
  Executor process(trial.prepare, true);
  ProcessMemory deputy(process.pid());
  for (const Segment& segment : call.in) deputy.write(segment);
  Outcome outcome;
  outcome.result = process.call(call.nr, call.args);
  const CallResult back{1, 2, outcome.result, 0, outputs(call, outcome.result, deputy)};
  for (const Segment& segment : decode_result(encode(back)).out) {
    std::memcpy(reinterpret_cast<void*>(segment.at.value), segment.bytes.data(),
                segment.bytes.size());
  }
  outcome.memory.assign(arena(), arena() + kArena);
  outcome.effect = trial.after();
  return outcome;
}

TEST_P(ForwardedTrial, DoesWhatTheNativeCallDoes) {
  const Trial& trial = GetParam();
  const Outcome expected = natively(trial);
  const Outcome got = forwarded(trial);
  close_descriptors();
  EXPECT_GE(expected.result, trial.least) << std::strerror(static_cast<int>(-expected.result));
  EXPECT_EQ(got.result, expected.result);
  EXPECT_EQ(got.effect, expected.effect);
  int shown = 0;
  for (std::size_t i = 0; i < kArena && shown < 10; ++i) {
    if (got.memory[i] == expected.memory[i]) continue;
    const bool padding = i >= trial.padding.first && i < trial.padding.second &&
                         got.memory[i] == kStale && expected.memory[i] == kFresh;
    if (padding) continue;
    ADD_FAILURE() << "byte " << i << " is " << int{got.memory[i]} << ", natively "
                  << int{expected.memory[i]};
    ++shown;
  }
}

void place(int fd, int where) {
  if (fd < 0 || ::dup2(fd, where) != where) fail_errno("dup2");
  if (fd != where) ::close(fd);
}

void make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_NONBLOCK) != 0) fail_errno("pipe2");
  place(ends[0], kA);
  place(ends[1], kB);
}

void make_filled_pipe() {
  make_pipe();
  if (::write(kB, "0123456789", 10) != 10) fail_errno("write");
}

std::string drain_pipe() {
  char text[4096];
  const ssize_t n = ::read(kA, text, sizeof text);
  return n < 0 ? "nothing" : std::string(text, static_cast<std::size_t>(n));
}

const std::string& file_path() {
  struct File {
    File() {
      path = std::filesystem::temp_directory_path() /
             ("starling-forwarded-" + std::to_string(::getpid()));
      const UniqueFd fd(::open(path.c_str(), O_CREAT | O_RDWR | O_TRUNC, 0640));
      if (::write(fd.get(), "the quick brown fox", 19) != 19) fail_errno(path);
    }
    ~File() { ::unlink(path.c_str()); }
    std::string path;
  };
  static const File file;
  return file.path;
}

void open_file(int where) {
  place(::open(file_path().c_str(), O_RDWR), where);
}

std::uint64_t put_string(std::size_t offset, const std::string& text) {
  std::memcpy(arena() + offset, text.c_str(), text.size() + 1);
  return at(offset);
}

}  // namespace starling::migrate
