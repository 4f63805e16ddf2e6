// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/marshalled_call.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <cstring>
#include <map>

namespace starling::migrate {
namespace {

using testing::HasSubstr;

constexpr CallContext kContext{.pid = 500, .tid = 500, .shared_memory = true};
constexpr std::uint64_t kBase = 0x10000;

// Some pages of memory from kBase on; nothing elsewhere.
class FakeMemory final : public MemoryReader {
 public:
  explicit FakeMemory(std::size_t pages) : bytes_(pages * kPage, 0x11) {}
  std::size_t read(RemoteAddr at, MutableBytes out) override {
    if (at.value < kBase || at.value - kBase >= bytes_.size()) return 0;
    const std::size_t from = at.value - kBase;
    const std::size_t n = std::min(out.size(), bytes_.size() - from);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(from), n, out.begin());
    return n;
  }
  bool writable(RemoteRange range) override {
    return range.begin.value >= kBase && range.end.value <= kBase + bytes_.size() &&
           range.begin >= first_writable;
  }
  template <typename T>
  std::uint64_t put(std::uint64_t offset, const T& value) {
    std::memcpy(bytes_.data() + offset, &value, sizeof value);
    return kBase + offset;
  }
  std::uint64_t text(std::uint64_t offset, std::string_view value) {
    std::memcpy(bytes_.data() + offset, value.data(), value.size());
    bytes_[offset + value.size()] = 0;
    return kBase + offset;
  }
  RemoteAddr first_writable{0};

 private:
  std::vector<std::uint8_t> bytes_;
};

MarshalledCall make(long nr, const CallArgs& args, MemoryReader& memory) {
  return marshal(static_cast<int>(nr), args, classify(AUDIT_ARCH_X86_64, nr, args, kContext),
                 kContext, memory);
}
std::string reason(long nr, const CallArgs& args, MemoryReader& memory) {
  const MarshalledCall call = make(nr, args, memory);
  EXPECT_TRUE(!call.needs_home() || (call.in.empty() && call.out.empty()));
  return call.home_reason;
}
std::size_t brought_back(const MarshalledCall& call, std::int64_t result, MemoryReader& memory) {
  std::size_t bytes = 0;
  for (const Segment& segment : outputs(call, result, memory)) bytes += segment.bytes.size();
  return bytes;
}

TEST(MarshalledCall, CallsThatAreNotForwardedNeedHome) {
  FakeMemory memory(1);
  EXPECT_EQ(reason(SYS_execve, {}, memory), "A new program starts at home.");
  EXPECT_NE(reason(SYS_getpid, {}, memory), "");
  EXPECT_EQ(reason(SYS_getppid, {}, memory), "");
}

TEST(MarshalledCall, BadAddressesNeedHome) {
  FakeMemory memory(2);
  const std::uint64_t end = kBase + 2 * kPage;
  EXPECT_EQ(reason(SYS_write, {1, end - 10, 10}, memory), "");
  EXPECT_THAT(reason(SYS_write, {1, end - 10, 11}, memory), HasSubstr("bad address"));
  EXPECT_EQ(reason(SYS_read, {1, end - 10, 10}, memory), "");
  EXPECT_THAT(reason(SYS_read, {1, end - 10, 11}, memory), HasSubstr("bad address"));
  EXPECT_THAT(reason(SYS_read, {1, ~0ULL - 4, 11}, memory), HasSubstr("bad address"));
  EXPECT_THAT(reason(SYS_read, {1, 8, 11}, memory), HasSubstr("bad address 0x8 "));
  // A string without an end before the hole.
  EXPECT_THAT(reason(SYS_chdir, {end - 5}, memory), HasSubstr("bad address"));
  memory.text(2 * kPage - 5, "abcd");
  EXPECT_EQ(reason(SYS_chdir, {end - 5}, memory), "");
  // One bad piece among good ones.
  const iovec vectors[] = {{reinterpret_cast<void*>(kBase), 4}, {reinterpret_cast<void*>(end), 1}};
  EXPECT_THAT(reason(SYS_writev, {1, memory.put(100, vectors), 2}, memory),
              HasSubstr("bad address"));
  EXPECT_THAT(reason(SYS_readv, {1, memory.put(100, vectors), 2}, memory),
              HasSubstr("bad address"));
  memory.first_writable = {kBase + kPage};
  EXPECT_THAT(reason(SYS_fstat, {1, kBase}, memory), HasSubstr("bad address"));
  EXPECT_EQ(reason(SYS_fstat, {1, kBase + kPage}, memory), "");
}

// The kernel itself says what is wrong with null pointers and counts it refuses.
TEST(MarshalledCall, HomesKernelJudgesWhatItWillRefuse) {
  FakeMemory memory(2);
  EXPECT_EQ(make(SYS_read, {1, 0, 10}, memory).out.size(), 0u);
  EXPECT_EQ(reason(SYS_read, {1, 0, 10}, memory), "");
  EXPECT_EQ(reason(SYS_bind, {1, kBase, 0x80000000}, memory), "");
  EXPECT_EQ(reason(SYS_epoll_wait, {1, kBase, 0xffffffff, 0}, memory), "");
  EXPECT_EQ(reason(SYS_select, {0xffffffff, kBase, 0, 0, 0}, memory), "");
  EXPECT_EQ(reason(SYS_readv, {1, 8, 1025}, memory), "");
  EXPECT_EQ(reason(SYS_getsockname, {1, kBase, memory.put(0, -1)}, memory), "");
}

TEST(MarshalledCall, MoreThanTheLimitNeedsHome) {
  FakeMemory memory(kMaxCallData / kPage + 2);
  EXPECT_EQ(reason(SYS_write, {1, kBase, kMaxCallData}, memory), "");
  EXPECT_THAT(reason(SYS_write, {1, kBase, kMaxCallData + 1}, memory), HasSubstr("16 MiB"));
  EXPECT_EQ(reason(SYS_read, {1, kBase, kMaxCallData}, memory), "");
  EXPECT_THAT(reason(SYS_read, {1, kBase, kMaxCallData + 1}, memory), HasSubstr("16 MiB"));
  EXPECT_THAT(reason(SYS_read, {1, kBase, ~0ULL}, memory), HasSubstr("16 MiB"));
  EXPECT_THAT(reason(SYS_epoll_wait, {1, kBase, 0x7fffffff, 0}, memory), HasSubstr("16 MiB"));
  // Together too: the same piece many times over.
  iovec vectors[17];
  for (auto& v : vectors) v = {reinterpret_cast<void*>(kBase + kPage), 1024 * 1024};
  EXPECT_THAT(reason(SYS_writev, {1, memory.put(0, vectors), 17}, memory), HasSubstr("16 MiB"));
  EXPECT_THAT(reason(SYS_readv, {1, memory.put(0, vectors), 17}, memory), HasSubstr("16 MiB"));
  EXPECT_EQ(reason(SYS_readv, {1, memory.put(0, vectors), 16}, memory), "");
  vectors[0].iov_len = ~0ULL;
  EXPECT_THAT(reason(SYS_readv, {1, memory.put(0, vectors), 2}, memory), HasSubstr("16 MiB"));
}

TEST(MarshalledCall, ThousandMessagesDoNotOverrunTheSegments) {
  FakeMemory memory(64);
  const iovec vector{reinterpret_cast<void*>(kBase + 50 * kPage), 1};
  memory.put(40 * kPage, vector);
  std::vector<iovec> many(1024, vector);
  std::memcpy(&many[0], &vector, sizeof vector);
  for (std::size_t i = 0; i < 1024; ++i) {
    mmsghdr header{};
    header.msg_hdr.msg_iov = reinterpret_cast<iovec*>(kBase + 20 * kPage);
    header.msg_hdr.msg_iovlen = 100;
    memory.put(i * sizeof header, header);
  }
  for (std::size_t i = 0; i < 100; ++i) memory.put(20 * kPage + i * sizeof vector, vector);
  EXPECT_NE(reason(SYS_recvmmsg, {1, kBase, 1024, 0, 0}, memory), "");
  EXPECT_NE(reason(SYS_sendmmsg, {1, kBase, 1024, 0}, memory), "");
}

TEST(MarshalledCall, ASignalMaskNeedsHome) {
  FakeMemory memory(1);
  const std::uint64_t mask[2] = {kBase + 100, 8};
  const std::uint64_t none[2] = {0, 8};
  EXPECT_EQ(reason(SYS_pselect6, {0, 0, 0, 0, 0, memory.put(0, none)}, memory), "");
  EXPECT_THAT(reason(SYS_pselect6, {0, 0, 0, 0, 0, memory.put(0, mask)}, memory),
              HasSubstr("mask"));
}

TEST(MarshalledCall, ATimerForOneThreadNeedsHome) {
  FakeMemory memory(1);
  struct sigevent event {};
  for (const auto& [notify, home] :
       {std::pair{SIGEV_SIGNAL, false}, {SIGEV_NONE, false}, {SIGEV_THREAD_ID, true}}) {
    event.sigev_notify = notify;
    EXPECT_EQ(reason(SYS_timer_create, {CLOCK_MONOTONIC, memory.put(0, event), kBase + 200},
                     memory) != "",
              home);
  }
  EXPECT_EQ(reason(SYS_timer_create, {CLOCK_MONOTONIC, 0, kBase + 200}, memory), "");
}

TEST(MarshalledCall, Clone3OfAThreadIsSeenByItsArguments) {
  FakeMemory memory(1);
  const clone_args thread{.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
                                   CLONE_SYSVSEM | CLONE_THREAD | CLONE_SETTLS,
                          .pidfd = 0,
                          .child_tid = 0,
                          .parent_tid = 0,
                          .exit_signal = 0,
                          .stack = kBase,
                          .stack_size = kPage,
                          .tls = 0,
                          .set_tid = 0,
                          .set_tid_size = 0,
                          .cgroup = 0};
  const auto why = [&](clone_args args, std::uint64_t size = sizeof(clone_args)) {
    return reason(SYS_clone3, {memory.put(0, args), size}, memory);
  };
  EXPECT_EQ(why(thread), "");
  EXPECT_EQ(why(thread, CLONE_ARGS_SIZE_VER0), "");
  clone_args other = thread;
  other.flags = SIGCHLD;
  EXPECT_THAT(why(other), HasSubstr("process"));
  other = thread;
  other.flags |= CLONE_INTO_CGROUP;
  EXPECT_NE(why(other), "");
  other = thread;
  other.set_tid_size = 1;
  EXPECT_NE(why(other), "");
  EXPECT_NE(why(thread, 32), "");
  EXPECT_NE(why(thread, 200), "");
  EXPECT_NE(reason(SYS_clone3, {0, sizeof(clone_args)}, memory), "");
  EXPECT_NE(reason(SYS_clone3, {kBase + kPage - 8, sizeof(clone_args)}, memory), "");
}

TEST(MarshalledCall, ItsOwnEntryInProcIsNotOpenedAway) {
  FakeMemory memory(2);
  const auto open = [&](std::string_view path) {
    return reason(SYS_openat,
                  {static_cast<std::uint64_t>(AT_FDCWD), memory.text(4090, path), O_RDONLY},
                  memory);
  };
  EXPECT_THAT(open("/proc/self/maps"), HasSubstr("/proc"));
  EXPECT_EQ(open("/proc/meminfo"), "");
  // Looking at a name is right in the deputy.
  EXPECT_EQ(reason(SYS_readlink, {memory.text(0, "/proc/self/exe"), kBase + 100, 10}, memory), "");
}

TEST(OwnProcessPath, Rules) {
  for (const char* path :
       {"/proc/self/maps", "/proc/self", "/proc/self/", "/proc/thread-self/stat",
        "/proc/500/status", "//proc//./self/mem", "/proc/1/../self/maps", "/proc/../proc/self/maps",
        "/tmp/../proc/500/maps", "/mnt/proc/self/maps", "self/maps", "./self/maps", "500/smaps",
        "../self/maps", "/proc/self/task/501/stat", "/proc/self/fd/3/self/maps", "/proc/self/cwd/x",
        "/proc/self/root/proc/self/maps"}) {
    EXPECT_TRUE(shows_own_process(path, 500)) << path;
  }
  for (const char* path :
       {"", "/", "/proc", "/proc/501/maps", "/proc/meminfo", "/proc/selfish", "/etc/passwd",
        "/home/self/x", "/home/500/x", "/proc/self/fd/0", "/proc/self/fd", "/proc/self/exe",
        "/proc/self/mountinfo", "/proc/self/../meminfo", "..", "../.."}) {
    EXPECT_FALSE(shows_own_process(path, 500)) << path;
  }
}

TEST(MarshalledCall, OutputsOfARead) {
  FakeMemory memory(2);
  const MarshalledCall call = make(SYS_read, {1, kBase, 100}, memory);
  EXPECT_EQ(brought_back(call, 0, memory), 0u);
  EXPECT_EQ(brought_back(call, 7, memory), 7u);
  EXPECT_EQ(brought_back(call, 100, memory), 100u);
  EXPECT_EQ(brought_back(call, 1'000'000, memory), 100u);
  EXPECT_EQ(brought_back(call, 1LL << 62, memory), 100u);
  EXPECT_EQ(brought_back(call, -EAGAIN, memory), 0u);
  EXPECT_EQ(brought_back(call, -512, memory), 0u);
}

TEST(MarshalledCall, AScatteredReadFillsInOrder) {
  FakeMemory memory(2);
  const iovec vectors[] = {{reinterpret_cast<void*>(kBase + 1000), 3},
                           {nullptr, 0},
                           {reinterpret_cast<void*>(kBase + 2000), 5}};
  const MarshalledCall call = make(SYS_readv, {1, memory.put(0, vectors), 3}, memory);
  const auto sizes = [&](std::int64_t result) {
    std::map<std::uint64_t, std::size_t> at;
    for (const Segment& segment : outputs(call, result, memory))
      at[segment.at.value - kBase] = segment.bytes.size();
    return at;
  };
  using Sizes = std::map<std::uint64_t, std::size_t>;
  EXPECT_EQ(sizes(0), Sizes());
  EXPECT_EQ(sizes(2), (Sizes{{1000, 2}}));
  EXPECT_EQ(sizes(3), (Sizes{{1000, 3}}));
  EXPECT_EQ(sizes(4), (Sizes{{1000, 3}, {2000, 1}}));
  EXPECT_EQ(sizes(8), (Sizes{{1000, 3}, {2000, 5}}));
}

TEST(MarshalledCall, OutputsAfterErrors) {
  FakeMemory memory(2);
  const MarshalledCall sleep = make(SYS_nanosleep, {kBase, kBase + 100}, memory);
  EXPECT_EQ(brought_back(sleep, 0, memory), 0u);
  EXPECT_EQ(brought_back(sleep, -EINVAL, memory), 0u);
  for (const int result : {-EINTR, -514, -516}) EXPECT_EQ(brought_back(sleep, result, memory), 16u);
  const MarshalledCall name =
      make(SYS_getsockname, {1, kBase + 100, memory.put(0, socklen_t{16})}, memory);
  EXPECT_EQ(brought_back(name, -ENOTSOCK, memory), 4u);
  EXPECT_EQ(brought_back(name, 0, memory), 20u);
  memory.put(0, socklen_t{9});  // as the kernel leaves it
  EXPECT_EQ(brought_back(name, 0, memory), 13u);
  memory.put(0, 0xffffffff);
  EXPECT_EQ(brought_back(name, 0, memory), 20u);
  const MarshalledCall wait = make(SYS_wait4, {1, kBase, 0, 0}, memory);
  EXPECT_EQ(brought_back(wait, 0, memory), 0u);
  EXPECT_EQ(brought_back(wait, 77, memory), 4u);
  const MarshalledCall poll = make(SYS_poll, {kBase, 2, 0}, memory);
  EXPECT_EQ(brought_back(poll, -514, memory), 16u);
  EXPECT_EQ(brought_back(poll, -EINVAL, memory), 0u);
  const MarshalledCall select = make(SYS_select, {64, kBase, 0, 0, kBase + 100}, memory);
  EXPECT_EQ(brought_back(select, -514, memory), 16u);
  EXPECT_EQ(brought_back(select, 0, memory), 24u);
}

// A timeout in read-only memory is only not written.
TEST(MarshalledCall, ATimeoutMayBeConstant) {
  FakeMemory memory(2);
  memory.first_writable = {kBase + kPage};
  const MarshalledCall call = make(SYS_select, {64, kBase + kPage, 0, 0, kBase}, memory);
  EXPECT_EQ(call.home_reason, "");
  EXPECT_EQ(call.in.size(), 2u);
  EXPECT_EQ(call.out.size(), 1u);
}

TEST(MarshalledCall, ADeputyWithoutTheMemoryIsAnError) {
  FakeMemory memory(2), empty(0);
  EXPECT_THROW(outputs(make(SYS_read, {1, kBase, 100}, memory), 5, empty), std::runtime_error);
  EXPECT_THROW(
      outputs(make(SYS_getsockname, {1, kBase + 100, memory.put(0, 16)}, memory), 0, empty),
      std::runtime_error);
}

}  // namespace
}  // namespace starling::migrate
