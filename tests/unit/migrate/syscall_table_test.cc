// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/syscall_table.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>

#include <csignal>
#include <fstream>
#include <map>
#include <sstream>

namespace starling::migrate {
namespace {

constexpr CallContext kContext{.pid = 500, .tid = 501, .shared_memory = true};

CallClass where(long nr, CallArgs args = {}, CallContext context = kContext) {
  return classify(AUDIT_ARCH_X86_64, nr, args, context).where;
}

TEST(SyscallTable, HasTheKernelsNamesAndNumbers) {
  std::ifstream header("/usr/include/x86_64-linux-gnu/asm/unistd_64.h");
  ASSERT_TRUE(header) << "the kernel's headers (linux-libc-dev) are needed to check the table";
  int checked = 0;
  for (std::string line; std::getline(header, line);) {
    std::istringstream words(line);
    std::string define, name;
    int nr = -1;
    if (!(words >> define >> name >> nr) || define != "#define" || !name.starts_with("__NR_"))
      continue;
    // A header newer than the table may have more: these go home as unknown.
    if (nr > syscall_table().back().nr) continue;
    EXPECT_EQ(syscall_rule(nr).name, name.substr(5)) << nr;
    ++checked;
  }
  EXPECT_GE(checked, 360);
}

TEST(SyscallTable, SaysWhyForEveryCallAndCase) {
  for (const SyscallRule& rule : syscall_table()) {
    EXPECT_TRUE(rule.otherwise.why.ends_with('.')) << rule.name;
    for (const Case& c : rule.cases) EXPECT_TRUE(c.then.why.ends_with('.')) << rule.name;
  }
}

// What the marshaller takes for granted.
TEST(SyscallTable, DescribesArgumentsConsistently) {
  const auto check = [](const SyscallRule& rule, const Behaviour& behaviour) {
    const bool carried =
        behaviour.where == CallClass::forwarded || behaviour.where == CallClass::both;
    for (const Arg& arg : behaviour.args) {
      if (arg.kind == ArgKind::none) continue;
      EXPECT_TRUE(carried) << rule.name;
      EXPECT_LT(arg.count, 6) << rule.name;
      const bool structured = arg.kind == ArgKind::msg_in || arg.kind == ArgKind::msg_out ||
                              arg.kind == ArgKind::mmsg_in || arg.kind == ArgKind::mmsg_out ||
                              arg.kind == ArgKind::iov_in || arg.kind == ArgKind::iov_out ||
                              arg.kind == ArgKind::fd_set || arg.kind == ArgKind::value_result;
      EXPECT_TRUE(structured || arg.size > 0) << rule.name;
      const bool needs_count = arg.kind == ArgKind::iov_in || arg.kind == ArgKind::iov_out ||
                               arg.kind == ArgKind::mmsg_in || arg.kind == ArgKind::mmsg_out ||
                               arg.kind == ArgKind::fd_set || arg.kind == ArgKind::pollfds ||
                               arg.kind == ArgKind::value_result || arg.kind == ArgKind::out_result;
      EXPECT_TRUE(!needs_count || arg.count >= 0) << rule.name;
      // The length that goes with a value_result must be carried too.
      if (arg.kind == ArgKind::value_result) {
        EXPECT_EQ(behaviour.args[static_cast<std::size_t>(arg.count)].kind, ArgKind::length)
            << rule.name;
      }
    }
  };
  for (const SyscallRule& rule : syscall_table()) {
    check(rule, rule.otherwise);
    for (const Case& c : rule.cases) check(rule, c.then);
  }
}

TEST(SyscallTable, WhatIsUnknownGoesHome) {
  EXPECT_EQ(syscall_rule(-1).name, "unknown");
  for (const long nr : {-1L, 337L, 400L, 423L, 470L, 1000L, 0x40000000L, 1L << 40}) {
    EXPECT_EQ(where(nr), CallClass::home) << nr;
  }
  EXPECT_EQ(classify(AUDIT_ARCH_I386, SYS_getpid, {}, kContext).where, CallClass::home);
  EXPECT_EQ(classify(AUDIT_ARCH_X86_64, SYS_getpid | 0x40000000, {}, kContext).where,
            CallClass::home);
}

TEST(SyscallTable, ClassesThatDoNotDependOnArguments) {
  const std::map<CallClass, std::vector<long>> expected = {
      {CallClass::local, {SYS_sched_yield,     SYS_munmap,
                          SYS_mprotect,        SYS_brk,
                          SYS_rt_sigaction,    SYS_rt_sigprocmask,
                          SYS_rt_sigreturn,    SYS_sigaltstack,
                          SYS_rt_sigpending,   SYS_rt_sigtimedwait,
                          SYS_rt_sigsuspend,   SYS_pause,
                          SYS_getpid,          SYS_gettid,
                          SYS_membarrier,      SYS_getcpu,
                          SYS_set_tid_address, SYS_set_robust_list,
                          SYS_get_robust_list, SYS_rseq,
                          SYS_getrandom,       SYS_time,
                          SYS_gettimeofday}},
      {CallClass::forwarded,
       {SYS_read,
        SYS_write,
        SYS_open,
        SYS_close,
        SYS_stat,
        SYS_poll,
        SYS_epoll_wait,
        SYS_select,
        SYS_pselect6,
        SYS_getcwd,
        SYS_chdir,
        SYS_umask,
        SYS_getuid,
        SYS_getppid,
        SYS_getpgid,
        SYS_getsid,
        SYS_uname,
        SYS_sysinfo,
        SYS_wait4,
        SYS_waitid,
        SYS_kill,
        SYS_rt_sigqueueinfo,
        SYS_alarm,
        SYS_timer_settime,
        SYS_timerfd_create,
        SYS_eventfd2,
        SYS_inotify_init1,
        SYS_nanosleep,
        SYS_sched_getaffinity,
        SYS_getrlimit,
        SYS_memfd_create,
        SYS_sendmsg,
        SYS_recvmmsg}},
      {CallClass::emulated, {SYS_mremap}},
      {CallClass::home,
       {SYS_clone,
        SYS_times,
        SYS_fork,
        SYS_vfork,
        SYS_execve,
        SYS_execveat,
        SYS_setuid,
        SYS_setgroups,
        SYS_signalfd4,
        SYS_sched_setaffinity,
        SYS_setrlimit,
        SYS_mlock,
        SYS_mlockall,
        SYS_msync,
        SYS_mincore,
        SYS_io_uring_setup,
        SYS_io_submit,
        SYS_userfaultfd,
        SYS_seccomp,
        SYS_bpf,
        SYS_perf_event_open,
        SYS_unshare,
        SYS_setns,
        SYS_ptrace,
        SYS_process_vm_readv,
        SYS_shmat,
        SYS_shmget,
        SYS_pkey_alloc,
        SYS_restart_syscall,
        SYS_mount,
        SYS_landlock_restrict_self,
        SYS_vmsplice,
        SYS_chroot}},
      {CallClass::thread_exit, {SYS_exit}},
      {CallClass::process_exit, {SYS_exit_group}},
  };
  for (const auto& [expect, numbers] : expected) {
    for (const long nr : numbers) EXPECT_EQ(where(nr), expect) << syscall_rule(nr).name;
  }
}

TEST(SyscallTable, OnlyPrivateAnonymousMemoryIsMappedAway) {
  const auto map = [](int flags) {
    return where(SYS_mmap, {0, 4096, PROT_READ, static_cast<std::uint64_t>(flags), ~0ULL, 0});
  };
  EXPECT_EQ(map(MAP_PRIVATE | MAP_ANONYMOUS), CallClass::local);
  EXPECT_EQ(map(MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE | MAP_STACK | MAP_POPULATE),
            CallClass::local);
  EXPECT_EQ(map(MAP_PRIVATE), CallClass::home);
  EXPECT_EQ(map(MAP_SHARED | MAP_ANONYMOUS), CallClass::home);
  EXPECT_EQ(map(MAP_SHARED_VALIDATE | MAP_ANONYMOUS), CallClass::home);
  EXPECT_EQ(map(MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB), CallClass::home);
  EXPECT_EQ(map(MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED), CallClass::home);
  EXPECT_EQ(map(MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN), CallClass::home);
}

TEST(SyscallTable, ThreadsAreMadeAwayAndProcessesAtHome) {
  constexpr std::uint64_t kGo =
      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_SYSVSEM | CLONE_THREAD;
  constexpr std::uint64_t kPthreads =
      kGo | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
  for (const std::uint64_t flags :
       {kGo, kPthreads, kPthreads | CLONE_DETACHED, kGo | CLONE_CHILD_SETTID})
    EXPECT_EQ(where(SYS_clone, {flags}), CallClass::both) << std::hex << flags;
  for (const std::uint64_t flags :
       {std::uint64_t{SIGCHLD}, std::uint64_t{CLONE_VM | CLONE_VFORK | SIGCHLD},
        kGo & ~std::uint64_t{CLONE_SIGHAND}, kGo & ~std::uint64_t{CLONE_FILES},
        kGo | CLONE_UNTRACED, kGo | CLONE_PTRACE, kGo | CLONE_PIDFD, kGo | CLONE_NEWNS,
        kGo | SIGCHLD, kGo | std::uint64_t{1} << 33}) {
    EXPECT_EQ(where(SYS_clone, {flags}), CallClass::home) << std::hex << flags;
  }
}

TEST(SyscallTable, AdviceThatOutlivesTheBodyGoesHome) {
  for (const int advice : {MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED,
                           MADV_FREE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_COLD,
                           MADV_PAGEOUT, MADV_POPULATE_READ, MADV_POPULATE_WRITE}) {
    EXPECT_EQ(where(SYS_madvise, {0, 0, static_cast<std::uint64_t>(advice)}), CallClass::local)
        << advice;
  }
  for (const int advice :
       {MADV_REMOVE, MADV_DONTFORK, MADV_WIPEONFORK, MADV_MERGEABLE, MADV_HWPOISON, 102, -1}) {
    EXPECT_EQ(where(SYS_madvise, {0, 0, static_cast<std::uint64_t>(advice)}), CallClass::home)
        << advice;
  }
}

TEST(SyscallTable, SharedFutexesMatterOnlyWithSharedMemory) {
  CallContext alone = kContext;
  alone.shared_memory = false;
  EXPECT_EQ(where(SYS_futex, {0, FUTEX_WAIT_PRIVATE}), CallClass::local);
  EXPECT_EQ(where(SYS_futex, {0, FUTEX_WAKE | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME}),
            CallClass::local);
  EXPECT_EQ(where(SYS_futex, {0, FUTEX_LOCK_PI_PRIVATE}), CallClass::emulated);
  EXPECT_EQ(where(SYS_futex, {0, FUTEX_LOCK_PI}), CallClass::home);
  EXPECT_EQ(where(SYS_futex, {0, FUTEX_LOCK_PI}, alone), CallClass::emulated);
  EXPECT_EQ(where(SYS_futex, {0, FUTEX_WAIT}), CallClass::home);
  EXPECT_EQ(where(SYS_futex, {0, FUTEX_WAIT}, alone), CallClass::local);
  EXPECT_EQ(where(454, {0, 0, 1, 128}), CallClass::local);
  EXPECT_EQ(where(454, {0, 0, 1, 2}), CallClass::home);
  EXPECT_EQ(where(SYS_futex_waitv), CallClass::home);
  EXPECT_EQ(where(SYS_futex_waitv, {}, alone), CallClass::local);
}

TEST(SyscallTable, ClocksOfTimeAreLocalClocksOfUseAreNot) {
  for (const clockid_t clock :
       {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
        CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI}) {
    EXPECT_EQ(where(SYS_clock_gettime, {static_cast<std::uint64_t>(clock)}), CallClass::local)
        << clock;
  }
  EXPECT_EQ(where(SYS_clock_gettime, {CLOCK_PROCESS_CPUTIME_ID}), CallClass::home);
  EXPECT_EQ(where(SYS_clock_gettime, {CLOCK_THREAD_CPUTIME_ID}), CallClass::home);
  // Clock ids are ints: what the upper half of the register holds is nothing to the kernel.
  EXPECT_EQ(where(SYS_clock_gettime, {0xdead00000000 + CLOCK_THREAD_CPUTIME_ID}), CallClass::home);
  EXPECT_EQ(where(SYS_clock_gettime, {static_cast<std::uint64_t>(-6)}), CallClass::home);
  EXPECT_EQ(where(SYS_clock_nanosleep, {CLOCK_MONOTONIC}), CallClass::forwarded);
  EXPECT_EQ(where(SYS_clock_nanosleep, {CLOCK_MONOTONIC, TIMER_ABSTIME}), CallClass::local);
  EXPECT_EQ(where(SYS_clock_nanosleep, {CLOCK_PROCESS_CPUTIME_ID}), CallClass::home);
  EXPECT_EQ(where(SYS_clock_nanosleep, {CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME}), CallClass::home);
  EXPECT_EQ(where(SYS_clock_getres, {CLOCK_PROCESS_CPUTIME_ID}), CallClass::local);
  EXPECT_EQ(where(SYS_timer_create, {CLOCK_MONOTONIC}), CallClass::forwarded);
  EXPECT_EQ(where(SYS_timer_create, {CLOCK_THREAD_CPUTIME_ID}), CallClass::home);
  EXPECT_EQ(where(SYS_setitimer, {ITIMER_REAL}), CallClass::forwarded);
  EXPECT_EQ(where(SYS_setitimer, {ITIMER_PROF}), CallClass::home);
  EXPECT_EQ(where(SYS_getrusage, {RUSAGE_SELF}), CallClass::home);
  EXPECT_EQ(where(SYS_getrusage, {RUSAGE_THREAD}), CallClass::home);
  EXPECT_EQ(where(SYS_getrusage, {static_cast<std::uint64_t>(RUSAGE_CHILDREN)}),
            CallClass::forwarded);
  EXPECT_EQ(where(SYS_getrusage, {7}), CallClass::home);
}

TEST(SyscallTable, OnlyASignalToTheCallingThreadIsLocal) {
  EXPECT_EQ(where(SYS_tgkill, {500, 501, 6}), CallClass::local);
  EXPECT_EQ(where(SYS_tgkill, {500, 502, 6}), CallClass::forwarded);
  EXPECT_EQ(where(SYS_tgkill, {499, 501, 6}), CallClass::forwarded);
  EXPECT_EQ(where(SYS_tkill, {501, 6}), CallClass::local);
  EXPECT_EQ(where(SYS_tkill, {500, 6}), CallClass::forwarded);
  EXPECT_EQ(where(SYS_kill, {500, 6}), CallClass::forwarded);
}

TEST(SyscallTable, WaitingWithASignalMaskGoesHome) {
  EXPECT_EQ(where(SYS_ppoll, {0, 0, 0, 0}), CallClass::forwarded);
  EXPECT_EQ(where(SYS_ppoll, {0, 0, 0, 0x1000}), CallClass::home);
  // A pointer may have nothing in its lower half.
  EXPECT_EQ(where(SYS_ppoll, {0, 0, 0, 0x700000000000}), CallClass::home);
  EXPECT_EQ(where(SYS_epoll_pwait, {0, 0, 1, 0, 0}), CallClass::forwarded);
  EXPECT_EQ(where(SYS_epoll_pwait, {0, 0, 1, 0, 0x1000}), CallClass::home);
  EXPECT_EQ(where(SYS_epoll_pwait2, {0, 0, 1, 0, 0x1000}), CallClass::home);
}

TEST(SyscallTable, RequestsNotKnownToBeFlatGoHome) {
  for (const std::uint64_t request :
       {FIONREAD, TCGETS, TCSETS, TCSETSW, TCSETSF, TIOCGWINSZ, TIOCSWINSZ, TIOCGPGRP, TIOCSPGRP,
        FIONBIO, FIOCLEX, FIONCLEX}) {
    EXPECT_EQ(where(SYS_ioctl, {0, request}), CallClass::forwarded) << request;
  }
  EXPECT_EQ(where(SYS_ioctl, {0, SIOCGIFCONF}), CallClass::home);
  EXPECT_EQ(where(SYS_ioctl, {0, 0xc0184908}), CallClass::home);
  for (const int command :
       {F_DUPFD, F_GETFL, F_SETFL, F_SETLKW, F_OFD_SETLK, F_GETPIPE_SZ, F_ADD_SEALS}) {
    EXPECT_EQ(where(SYS_fcntl, {0, static_cast<std::uint64_t>(command)}), CallClass::forwarded)
        << command;
  }
  EXPECT_EQ(where(SYS_fcntl, {0, 999}), CallClass::home);
  EXPECT_TRUE(classify(AUDIT_ARCH_X86_64, SYS_fcntl, {0, F_SETLKW}, kContext).may_block);
  EXPECT_FALSE(classify(AUDIT_ARCH_X86_64, SYS_fcntl, {0, F_SETLK}, kContext).may_block);
  for (const long nr : {SYS_getsockopt, SYS_setsockopt}) {
    EXPECT_EQ(where(nr, {0, SOL_SOCKET, SO_RCVBUF}), CallClass::forwarded);
    EXPECT_EQ(where(nr, {0, SOL_SOCKET, SO_ATTACH_FILTER}), CallClass::home);
    EXPECT_EQ(where(nr, {0, 0, 1}), CallClass::forwarded);
    EXPECT_EQ(where(nr, {0, 0, 64}), CallClass::home);
    EXPECT_EQ(where(nr, {0, 6, 35}), CallClass::home);
    EXPECT_EQ(where(nr, {0, 279, 1}), CallClass::home);
  }
  EXPECT_EQ(where(SYS_sendto, {0, 0, 0, MSG_ZEROCOPY}), CallClass::home);
  EXPECT_EQ(where(SYS_sendmsg, {0, 0, MSG_ZEROCOPY | MSG_DONTWAIT}), CallClass::home);
  EXPECT_EQ(where(SYS_sendmmsg, {0, 0, 0, MSG_ZEROCOPY}), CallClass::home);
}

TEST(SyscallTable, TheProcessItself) {
  EXPECT_EQ(where(SYS_prctl, {PR_SET_NAME}), CallClass::forwarded);
  EXPECT_EQ(where(SYS_prctl, {PR_GET_NAME}), CallClass::forwarded);
  EXPECT_EQ(where(SYS_prctl, {PR_SET_VMA}), CallClass::local);
  EXPECT_EQ(where(SYS_prctl, {PR_SET_SECCOMP}), CallClass::home);
  EXPECT_EQ(where(SYS_prctl, {PR_SET_NO_NEW_PRIVS}), CallClass::home);
  EXPECT_EQ(where(SYS_arch_prctl, {0x1002}), CallClass::local);
  EXPECT_EQ(where(SYS_arch_prctl, {0x5001}), CallClass::home);
  EXPECT_EQ(where(SYS_prlimit64, {0, 7, 0, 0x1000}), CallClass::forwarded);
  EXPECT_EQ(where(SYS_prlimit64, {0, 7, 0x1000, 0}), CallClass::home);
  EXPECT_EQ(where(SYS_personality, {0xffffffff}), CallClass::forwarded);
  EXPECT_EQ(where(SYS_personality, {0}), CallClass::home);
  EXPECT_EQ(where(SYS_close_range, {3, 9, 0}), CallClass::forwarded);
  EXPECT_EQ(where(SYS_close_range, {3, 9, 2}), CallClass::home);
}

}  // namespace
}  // namespace starling::migrate
