// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <thread>

#include "agents/common/fail.h"
#include "agents/common/unique_fd.h"
#include "agents/migrate/remote_addr.h"

namespace starling::migrate {

// The word at the beginning of a page, different for each page.
inline std::uint64_t page_word(std::uint64_t address, std::uint64_t seed) {
  return (address ^ seed) * 0x9e3779b97f4a7c15 | 1;
}

// A child process with two threads that do as they are told: the deputies and bodies of tests. Its
// memory is this process's, copied; fork it while this process has one thread.
class Puppet {
 public:
  enum class Op : std::uint32_t {
    fill,      // page_word(address, value) at each page of the range
    check,     // how many pages of the range do not begin with page_word(address, value)
    nonzero,   // how many words of the range are not 0
    scatter,   // `value` touches all over the range, checked as check does; seed in `extra`
    read,      // the word
    write,     // the word
    map,       // MAP_FIXED anonymous private; value: prot; extra: more flags
    map_file,  // MAP_FIXED private of file descriptor `value` from offset 0
    unmap,
    advise,   // value: advice
    protect,  // value: prot
    move,     // mremap to `value`; extra: more flags
    uffd,     // a new userfaultfd
    fork,
    sweep,  // touches each page of the range once; ns per 1000 pages
    touch,  // touches `value` pages far apart; the median time of one in ns
  };
  struct Command {
    Op op = Op::read;
    RemoteRange range;
    std::uint64_t value = 0;
    std::uint64_t extra = 0;
  };

  Puppet() {
    std::array<int, 4> theirs{};
    for (std::size_t i = 0; i < 2; ++i) {
      int ends[2];
      if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) fail_errno("pair");
      ends_[i].reset(ends[0]);
      theirs[i] = ends[1];
    }
    pid_ = ::fork();
    if (pid_ < 0) fail_errno("fork");
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ends_[0].reset();
      ends_[1].reset();
      std::thread second([&] { obey(theirs[1]); });
      obey(theirs[0]);
      ::_exit(0);
    }
    ::close(theirs[0]);
    ::close(theirs[1]);
  }
  Puppet(const Puppet&) = delete;
  Puppet& operator=(const Puppet&) = delete;
  ~Puppet() { kill(); }

  pid_t pid() const { return pid_; }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  void send(const Command& command, std::size_t thread = 0) {
    if (::send(ends_[thread].get(), &command, sizeof command, MSG_NOSIGNAL) < 0) fail_errno("send");
  }
  // Throws when the child has died instead of answering.
  std::uint64_t answer(std::size_t thread = 0) {
    std::uint64_t value = 0;
    const ssize_t n = ::recv(ends_[thread].get(), &value, sizeof value, 0);
    if (n != sizeof value) throw std::runtime_error("the puppet is dead");
    return value;
  }
  bool answered(std::size_t thread = 0) const {
    pollfd p{ends_[thread].get(), POLLIN, 0};
    return ::poll(&p, 1, 0) > 0 && (p.revents & POLLIN) != 0;
  }
  std::uint64_t run(const Command& command, std::size_t thread = 0) {
    send(command, thread);
    return answer(thread);
  }

  // A copy of the child's descriptor.
  UniqueFd fetch(std::uint64_t fd) const {
    const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    UniqueFd copy(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), fd, 0)));
    if (!copy) fail_errno("pidfd_getfd");
    return copy;
  }

 private:
  static volatile std::uint64_t& word(std::uint64_t address) {
    return *reinterpret_cast<volatile std::uint64_t*>(address);
  }

  static std::uint64_t now_ns() {
    timespec t;
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1000000000 +
           static_cast<std::uint64_t>(t.tv_nsec);
  }

  // The memory is not the sanitizers' to know.
  __attribute__((no_sanitize("address", "thread", "undefined"))) static std::uint64_t perform(
      const Command& c) {
    const std::uint64_t begin = c.range.begin.value;
    const std::uint64_t end = c.range.end.value;
    void* at = reinterpret_cast<void*>(begin);
    std::uint64_t result = 0;
    switch (c.op) {
      case Op::fill:
        for (std::uint64_t a = begin; a < end; a += kPage) word(a) = page_word(a, c.value);
        return 0;
      case Op::check:
        for (std::uint64_t a = begin; a < end; a += kPage)
          result += word(a) != page_word(a, c.value);
        return result;
      case Op::nonzero:
        for (std::uint64_t a = begin; a < end; a += 8) result += word(a) != 0;
        return result;
      case Op::scatter: {
        std::uint64_t x = c.extra | 1;
        for (std::uint64_t i = 0; i < c.value; ++i) {
          x ^= x << 13, x ^= x >> 7, x ^= x << 17;
          const std::uint64_t a = begin + x % ((end - begin) / kPage) * kPage;
          result += word(a) != page_word(a, 0);
        }
        return result;
      }
      case Op::read:
        return word(begin);
      case Op::write:
        word(begin) = c.value;
        return 0;
      case Op::map:
        return ::mmap(at, end - begin, static_cast<int>(c.value),
                      MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
                          static_cast<int>(c.extra),
                      -1, 0) == at
                   ? 0
                   : 1;
      case Op::map_file:
        return ::mmap(at, end - begin, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE,
                      static_cast<int>(c.value), 0) == at
                   ? 0
                   : 1;
      case Op::unmap:
        return ::munmap(at, end - begin) == 0 ? 0 : 1;
      case Op::advise:
        return ::madvise(at, end - begin, static_cast<int>(c.value)) == 0 ? 0 : 1;
      case Op::protect:
        return ::mprotect(at, end - begin, static_cast<int>(c.value)) == 0 ? 0 : 1;
      case Op::move:
        return ::mremap(at, end - begin, end - begin,
                        MREMAP_MAYMOVE | MREMAP_FIXED | static_cast<int>(c.extra),
                        reinterpret_cast<void*>(c.value)) != MAP_FAILED
                   ? 0
                   : 1;
      case Op::uffd:
        return static_cast<std::uint64_t>(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
      case Op::fork: {
        const long child = ::syscall(SYS_fork);
        if (child == 0) ::_exit(word(begin) == c.value ? 0 : 1);
        int status = 0;
        ::waitpid(static_cast<pid_t>(child), &status, 0);
        return static_cast<std::uint64_t>(status);
      }
      case Op::sweep: {
        const std::uint64_t from = now_ns();
        for (std::uint64_t a = begin; a < end; a += kPage) result += word(a);
        return (now_ns() - from) * 1000 / ((end - begin) / kPage);
      }
      case Op::touch: {
        std::uint32_t times[1000];
        const std::uint64_t count = c.value < 1000 ? c.value : 1000;
        const std::uint64_t pages = (end - begin) / kPage;
        for (std::uint64_t i = 0; i < count; ++i) {
          // Neighbours in time are no neighbours in memory.
          const std::uint64_t page = (i * 619 + 7) % count * (pages / count);
          const std::uint64_t from = now_ns();
          result += word(begin + page * kPage);
          const auto took = static_cast<std::uint32_t>(now_ns() - from);
          std::uint64_t slot = i;
          for (; slot > 0 && times[slot - 1] > took; --slot) times[slot] = times[slot - 1];
          times[slot] = took;
        }
        return times[count / 2];
      }
    }
    return ~std::uint64_t{0};
  }

  static void obey(int fd) {
    Command command;
    while (::recv(fd, &command, sizeof command, 0) == sizeof command) {
      const std::uint64_t result = perform(command);
      if (::send(fd, &result, sizeof result, MSG_NOSIGNAL) < 0) return;
    }
  }

  std::array<UniqueFd, 2> ends_;
  pid_t pid_ = 0;
};

// Addresses that are free in this process, and so in every puppet made while it lives.
class ReservedSpace {
 public:
  explicit ReservedSpace(std::uint64_t size) : size_(size) {
    at_ = ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at_ == MAP_FAILED) fail_errno("mmap");
  }
  ReservedSpace(const ReservedSpace&) = delete;
  ReservedSpace& operator=(const ReservedSpace&) = delete;
  ~ReservedSpace() { ::munmap(at_, size_); }
  RemoteRange pages(std::uint64_t first, std::uint64_t count) const {
    const RemoteAddr begin{reinterpret_cast<std::uint64_t>(at_) + first * kPage};
    return {begin, begin + count * kPage};
  }

 private:
  std::uint64_t size_;
  void* at_;
};

}  // namespace starling::migrate
