// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

// The calls whose class or arguments depend on their arguments. Numbers are the kernel's ABI; many
// are too new or too awkward to include their headers here, so they are written out with their
// names beside them.
#include "agents/migrate/syscall_words.h"

namespace starling::migrate::cases {

using namespace words;

// -- memory ------------------------------------------------------------------------------------

// MAP_TYPE = MAP_PRIVATE, MAP_ANONYMOUS, none of MAP_GROWSDOWN, MAP_LOCKED, MAP_HUGETLB.
inline constexpr Case kMmap[] = {{{masked(3, 0x4212f, 0x22)}, local(kLayout)}};

inline constexpr std::string_view kHint = "Tells the kernel how private memory is used.";
inline constexpr Case kMadvise[] = {
    {{is(2, 4)}, local(kLayout)},   // MADV_DONTNEED
    {{is(2, 8)}, local(kLayout)},   // MADV_FREE
    {{below(2, 4)}, local(kHint)},  // NORMAL, RANDOM, SEQUENTIAL, WILLNEED
    {{is(2, 14)}, local(kHint)},    // HUGEPAGE
    {{is(2, 15)}, local(kHint)},    // NOHUGEPAGE
    {{is(2, 16)}, local(kHint)},    // DONTDUMP
    {{is(2, 17)}, local(kHint)},    // DODUMP
    {{is(2, 20)}, local(kHint)},    // COLD
    {{is(2, 21)}, local(kHint)},    // PAGEOUT
    {{is(2, 22)}, local(kHint)},    // POPULATE_READ
    {{is(2, 23)}, local(kHint)},    // POPULATE_WRITE
    {{is(2, 25)}, local(kHint)},    // COLLAPSE
};

inline constexpr std::string_view kFutexLocal =
    "Waiters on private memory are threads of the body.";
// The kernel changes the futex itself, with page faults off; when the page is missing it does not
// wait for userfaultfd but says EFAULT (fault_in_user_writeable in kernel/futex).
inline constexpr Behaviour kFutexChanges =
    emulated("The page with the futex is pulled first, then the call runs in the body.");
#define STARLING_CHANGING_FUTEX(op)                       \
  {{masked(1, 0xff, 0x80 | (op))}, kFutexChanges}, {      \
    {kNoSharedMemory, masked(1, 0xff, op)}, kFutexChanges \
  }
inline constexpr Case kFutex[] = {
    {{masked(1, 0xff, 0x80)}, local(kFutexLocal)},  // FUTEX_WAIT_PRIVATE
    {{masked(1, 0xff, 0x81)}, local(kFutexLocal)},  // FUTEX_WAKE_PRIVATE
    {{masked(1, 0xff, 0x89)}, local(kFutexLocal)},  // FUTEX_WAIT_BITSET_PRIVATE
    STARLING_CHANGING_FUTEX(5),                     // FUTEX_WAKE_OP
    STARLING_CHANGING_FUTEX(6),                     // FUTEX_LOCK_PI
    STARLING_CHANGING_FUTEX(7),                     // FUTEX_UNLOCK_PI
    STARLING_CHANGING_FUTEX(8),                     // FUTEX_TRYLOCK_PI
    STARLING_CHANGING_FUTEX(11),                    // FUTEX_WAIT_REQUEUE_PI
    STARLING_CHANGING_FUTEX(12),                    // FUTEX_CMP_REQUEUE_PI
    STARLING_CHANGING_FUTEX(13),                    // FUTEX_LOCK_PI2
    {{has(1, 128)}, local(kFutexLocal)},            // FUTEX_PRIVATE_FLAG
    {{kNoSharedMemory}, local(kFutexLocal)},        // pthread_join waits so
};
#undef STARLING_CHANGING_FUTEX
inline constexpr Case kFutex2[] = {
    {{has(3, 128)}, local(kFutexLocal)},  // FUTEX2_PRIVATE
    {{kNoSharedMemory}, local(kFutexLocal)},
};

// Each waiter says for itself whether its word is private.
inline constexpr Case kFutexWaitv[] = {{{kNoSharedMemory}, local(kFutexLocal)}};

// -- threads -------------------------------------------------------------------------------------

// What shares all that threads of a process share, as pthreads and the runtimes of languages make
// it: CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM and of the others none but CLONE_SETTLS,
// PARENT_SETTID, CHILD_CLEARTID, DETACHED (which means nothing) and CHILD_SETTID.
inline constexpr std::uint64_t kThreadFlags = 0x50f00;
inline constexpr std::uint64_t kThreadFlagsMask = ~std::uint64_t{0x1780000};
inline constexpr Behaviour kNewThread =
    both("A thread of the deputy is made first and has the number; then the body's is made.");
inline constexpr Case kClone[] = {
    {{Condition{Condition::Test::equal, 0, kThreadFlagsMask, kThreadFlags}}, kNewThread}};

// -- clocks and timers -------------------------------------------------------------------------

inline constexpr std::string_view kCpuClock =
    "CPU time is counted by home's kernel: a clock that also knew what was used away would jump "
    "back "
    "there.";
inline constexpr Case kClockGettime[] = {
    {{is(0, 1)}, local(kClockLocal)},   // CLOCK_MONOTONIC
    {{is(0, 0)}, local(kClockLocal)},   // CLOCK_REALTIME
    {{is(0, 4)}, local(kClockLocal)},   // CLOCK_MONOTONIC_RAW
    {{is(0, 5)}, local(kClockLocal)},   // CLOCK_REALTIME_COARSE
    {{is(0, 6)}, local(kClockLocal)},   // CLOCK_MONOTONIC_COARSE
    {{is(0, 7)}, local(kClockLocal)},   // CLOCK_BOOTTIME
    {{is(0, 11)}, local(kClockLocal)},  // CLOCK_TAI
    {{is(0, 2)}, home(kCpuClock)},      // CLOCK_PROCESS_CPUTIME_ID
    {{is(0, 3)}, home(kCpuClock)},      // CLOCK_THREAD_CPUTIME_ID
};
// The resolution of a clock is the same on every node.
inline constexpr Case kClockGetres[] = {{{below(0, 8)}, local(kClockLocal)},
                                        {{is(0, 11)}, local(kClockLocal)}};
inline constexpr Behaviour kSleep = waits("A sleep is a wait like any other: home can end it.",
                                          {kValue, kValue, kTime, {remainder, 16}});
// On the body's own clock, which is a little behind home's, it must not end too early; and it may
// be taken up anywhere.
inline constexpr Behaviour kAbsoluteSleep = local("A sleep until a time is the same everywhere.");
inline constexpr Case kClockNanosleep[] = {
    {{is(0, 0), has(1, 1)}, kAbsoluteSleep},  // TIMER_ABSTIME
    {{is(0, 1), has(1, 1)}, kAbsoluteSleep},
    {{is(0, 7), has(1, 1)}, kAbsoluteSleep},
    {{is(0, 11), has(1, 1)}, kAbsoluteSleep},
    {{is(0, 0)}, kSleep},
    {{is(0, 1)}, kSleep},
    {{is(0, 7)}, kSleep},
    {{is(0, 11)}, kSleep}};
inline constexpr Behaviour kTimerCreateArgs = forwarded(kTimer, {kValue, {sigevent, 64}, out(4)});
inline constexpr Case kTimerCreate[] = {{{is(0, 0)}, kTimerCreateArgs},
                                        {{is(0, 1)}, kTimerCreateArgs},
                                        {{is(0, 7)}, kTimerCreateArgs},
                                        {{is(0, 11)}, kTimerCreateArgs}};
inline constexpr Case kGetitimer[] = {{{is(0, 0)}, forwarded(kTimer, {kValue, out(32)})}};
inline constexpr Case kSetitimer[] = {{{is(0, 0)}, forwarded(kTimer, {kValue, in(32), out(32)})}};
inline constexpr Case kGetrusage[] = {
    {{is(0, 0)}, home(kCpuClock)},  // RUSAGE_SELF
    {{is(0, 1)}, home(kCpuClock)},  // RUSAGE_THREAD
    {{is(0, 0xffffffff)}, forwarded("The children are at home.", {kValue, out(144)})},
};

// -- signals -----------------------------------------------------------------------------------

inline constexpr std::string_view kRaise =
    "A thread that signals itself sees the signal before the call returns.";
inline constexpr Case kTkill[] = {{{own_tid(0)}, local(kRaise)}};
inline constexpr Case kTgkill[] = {{{own_pid(0), own_tid(1)}, local(kRaise)}};

// -- waiting with a signal mask ----------------------------------------------------------------

inline constexpr std::string_view kMask = "The deputy cannot wait with the body's signal mask.";
inline constexpr Case kPpoll[] = {{{not_null(3)}, home(kMask)}};
inline constexpr Case kEpollPwait[] = {{{not_null(4)}, home(kMask)}};

inline constexpr Case kEpollCtl[] = {{{is(1, 2)}, forwarded(kFile)}};  // EPOLL_CTL_DEL: no event

// -- sockets -----------------------------------------------------------------------------------

inline constexpr std::string_view kZeroCopy =
    "MSG_ZEROCOPY lets the kernel read the buffer after the call returned.";
constexpr Case zero_copy(std::uint8_t flags) {
  return {{has(flags, 0x4000000)}, home(kZeroCopy)};
}
inline constexpr Case kSendto[] = {zero_copy(3)};
inline constexpr Case kSendmsg[] = {zero_copy(2)};
inline constexpr Case kSendmmsg[] = {zero_copy(3)};

inline constexpr std::string_view kOptionPointer = "The option's value holds addresses.";
inline constexpr Behaviour kSetOption =
    forwarded(kSocket, {kValue, kValue, kValue, counted_int(ArgKind::in, 4)});
inline constexpr Behaviour kGetOption =
    forwarded(kSocket, {kValue, kValue, kValue, {value_result, 0, 4}, kLength});
// Flat options go home's way with `flat`; what is not listed may hold addresses.
constexpr auto socket_options(const Behaviour& flat) {
  return std::to_array<Case>({
      {{is(1, 1), is(2, 26)}, home(kOptionPointer)},  // SOL_SOCKET: SO_ATTACH_FILTER
      {{is(1, 1), is(2, 51)}, home(kOptionPointer)},  // SO_ATTACH_REUSEPORT_CBPF
      {{is(1, 1), is(2, 60)}, home(kZeroCopy)},       // SO_ZEROCOPY
      {{is(1, 1)}, flat},
      {{is(1, 0), below(2, 64)}, flat},               // IP; the firewall's begin at 64
      {{is(1, 6), is(2, 35)}, home(kOptionPointer)},  // TCP: TCP_ZEROCOPY_RECEIVE
      {{is(1, 6)}, flat},
      {{is(1, 17)}, flat},                             // UDP
      {{is(1, 41), is(2, 64)}, home(kOptionPointer)},  // IPv6: IP6T_SO_SET_REPLACE, _GET_INFO
      {{is(1, 41), is(2, 65)}, home(kOptionPointer)},  // IP6T_SO_SET_ADD_COUNTERS, _GET_ENTRIES
      {{is(1, 41)}, flat},
      {{is(1, 58)}, flat},   // ICMPv6
      {{is(1, 255)}, flat},  // raw
      {{is(1, 270)}, flat},  // netlink
  });
}
inline constexpr auto kSetsockopt = socket_options(kSetOption);
inline constexpr auto kGetsockopt = socket_options(kGetOption);

// -- ioctl: what is known by number to be flat ---------------------------------------------------

inline constexpr std::string_view kDevice = "The descriptor is at home and the request is known.";
constexpr Case request(std::uint32_t nr, Arg arg = kValue) {
  return {{is(1, nr)}, forwarded(kDevice, {kValue, kValue, arg})};
}
inline constexpr Case kIoctl[] = {
    request(0x5401, out(36)),                                         // TCGETS
    request(0x541b, out(4)),                                          // FIONREAD, TIOCINQ
    request(0x5413, out(8)),                                          // TIOCGWINSZ
    request(0x5402, in(36)),                                          // TCSETS
    {{is(1, 0x5403)}, waits(kDevice, {kValue, kValue, in(36)})},      // TCSETSW
    {{is(1, 0x5404)}, waits(kDevice, {kValue, kValue, in(36)})},      // TCSETSF
    {{is(1, 0x5409)}, waits(kDevice)},                                // TCSBRK, also tcdrain
    request(0x540a),                                                  // TCXONC
    request(0x540b),                                                  // TCFLSH
    request(0x540e),                                                  // TIOCSCTTY
    request(0x540f, out(4)),                                          // TIOCGPGRP
    request(0x5410, in(4)),                                           // TIOCSPGRP
    request(0x5411, out(4)),                                          // TIOCOUTQ, SIOCOUTQ
    request(0x5414, in(8)),                                           // TIOCSWINSZ
    request(0x5421, in(4)),                                           // FIONBIO
    request(0x5422),                                                  // TIOCNOTTY
    {{is(1, 0x5425)}, waits(kDevice)},                                // TCSBRKP
    request(0x5429, out(4)),                                          // TIOCGSID
    request(0x5441),                                                  // TIOCGPTPEER
    request(0x5450),                                                  // FIONCLEX
    request(0x5451),                                                  // FIOCLEX
    request(0x5452, in(4)),                                           // FIOASYNC
    request(0x5460, out(8)),                                          // FIOQSIZE
    request(0x802c542a, out(44)),                                     // TCGETS2
    request(0x402c542b, in(44)),                                      // TCSETS2
    {{is(1, 0x402c542c)}, waits(kDevice, {kValue, kValue, in(44)})},  // TCSETSW2
    {{is(1, 0x402c542d)}, waits(kDevice, {kValue, kValue, in(44)})},  // TCSETSF2
    request(0x80045430, out(4)),                                      // TIOCGPTN
    request(0x40045431, in(4)),                                       // TIOCSPTLCK
    request(0x8905, out(4)),                                          // SIOCATMARK
    request(0x8910, inout(40)),   // SIOCGIFNAME; struct ifreq from here on
    request(0x8913, inout(40)),   // SIOCGIFFLAGS
    request(0x8915, inout(40)),   // SIOCGIFADDR
    request(0x8917, inout(40)),   // SIOCGIFDSTADDR
    request(0x8919, inout(40)),   // SIOCGIFBRDADDR
    request(0x891b, inout(40)),   // SIOCGIFNETMASK
    request(0x8921, inout(40)),   // SIOCGIFMTU
    request(0x8927, inout(40)),   // SIOCGIFHWADDR
    request(0x8933, inout(40)),   // SIOCGIFINDEX
    request(0x2, out(4)),         // FIGETBSZ
    request(0x40049409),          // FICLONE
    request(0x80081272, out(8)),  // BLKGETSIZE64
    request(0x80086601, out(4)),  // FS_IOC_GETFLAGS: an int, whatever its number says
};

// -- fcntl ---------------------------------------------------------------------------------------

constexpr Case command(std::uint32_t nr, Arg arg = kValue) {
  return {{is(1, nr)}, forwarded(kFile, {kValue, kValue, arg})};
}
inline constexpr Case kFcntl[] = {
    command(0),                                             // F_DUPFD
    command(1),                                             // F_GETFD
    command(2),                                             // F_SETFD
    command(3),                                             // F_GETFL
    command(4),                                             // F_SETFL
    command(5, inout(32)),                                  // F_GETLK; struct flock
    command(6, in(32)),                                     // F_SETLK
    {{is(1, 7)}, waits(kFile, {kValue, kValue, in(32)})},   // F_SETLKW
    command(8),                                             // F_SETOWN
    command(9),                                             // F_GETOWN
    command(10),                                            // F_SETSIG
    command(11),                                            // F_GETSIG
    command(15, in(8)),                                     // F_SETOWN_EX
    command(16, out(8)),                                    // F_GETOWN_EX
    command(36, inout(32)),                                 // F_OFD_GETLK
    command(37, in(32)),                                    // F_OFD_SETLK
    {{is(1, 38)}, waits(kFile, {kValue, kValue, in(32)})},  // F_OFD_SETLKW
    command(1024),                                          // F_SETLEASE
    command(1025),                                          // F_GETLEASE
    command(1026),                                          // F_NOTIFY
    command(1027),                                          // F_DUPFD_QUERY
    command(1028),                                          // F_CREATED_QUERY
    command(1030),                                          // F_DUPFD_CLOEXEC
    command(1031),                                          // F_SETPIPE_SZ
    command(1032),                                          // F_GETPIPE_SZ
    command(1033),                                          // F_ADD_SEALS
    command(1034),                                          // F_GET_SEALS
    command(1035, out(8)),                                  // F_GET_RW_HINT
    command(1036, in(8)),                                   // F_SET_RW_HINT
    command(1037, out(8)),                                  // F_GET_FILE_RW_HINT
    command(1038, in(8)),                                   // F_SET_FILE_RW_HINT
};

// Without CLOSE_RANGE_UNSHARE.
inline constexpr Case kCloseRange[] = {{{masked(2, 2, 0)}, forwarded(kFile)}};

// -- the process itself --------------------------------------------------------------------------

constexpr Case option(std::uint32_t nr, Arg arg = kValue) {
  return {{is(0, nr)}, forwarded(kIdentity, {kValue, arg})};
}
inline constexpr Case kPrctl[] = {
    option(1),               // PR_SET_PDEATHSIG
    option(2, out(4)),       // PR_GET_PDEATHSIG
    option(3),               // PR_GET_DUMPABLE
    option(7),               // PR_GET_KEEPCAPS
    option(15, string(16)),  // PR_SET_NAME: people look for it at home
    option(16, out(16)),     // PR_GET_NAME
    option(21),              // PR_GET_SECCOMP: the process's own state, not the body's filter
    option(23),              // PR_CAPBSET_READ
    option(27),              // PR_GET_SECUREBITS
    option(30),              // PR_GET_TIMERSLACK
    option(36),              // PR_SET_CHILD_SUBREAPER
    option(37, out(4)),      // PR_GET_CHILD_SUBREAPER
    option(39),              // PR_GET_NO_NEW_PRIVS
    option(42),              // PR_GET_THP_DISABLE
    {{is(0, 0x53564d41)}, local("Names a range of memory for people to see.")},  // PR_SET_VMA
};
inline constexpr std::string_view kThreadPointer = "The thread pointer is a register of the body.";
inline constexpr Case kArchPrctl[] = {
    {{is(0, 0x1001)}, local(kThreadPointer)},  // ARCH_SET_GS
    {{is(0, 0x1002)}, local(kThreadPointer)},  // ARCH_SET_FS
    {{is(0, 0x1003)}, local(kThreadPointer)},  // ARCH_GET_FS
    {{is(0, 0x1004)}, local(kThreadPointer)},  // ARCH_GET_GS
};
inline constexpr Case kPrlimit[] = {
    {{null(2)}, forwarded(kIdentity, {kValue, kValue, kValue, out(16)})}};
inline constexpr Case kPersonality[] = {{{is(0, 0xffffffff)}, forwarded(kIdentity)}};

}  // namespace starling::migrate::cases
