// SPDX-License-Identifier: GPL-2.0-or-later
// Waiting, processes, timers and queues by the deputy.
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <cstring>

#include "tests/unit/migrate/forwarded_trial.h"

namespace starling::migrate {
namespace {

// A child that has ended with 42, but was not waited for.
void end_child() {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(42);
  siginfo_t info;
  ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
}

// A child that lives as long as this process: until the other end of its pipe is closed.
void keep_child() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) ::_exit(1);
  if (::fork() == 0) {
    ::close(ends[1]);
    char byte;
    while (::read(ends[0], &byte, 1) > 0) continue;
    ::_exit(0);
  }
  ::close(ends[0]);
  ::fcntl(ends[1], F_DUPFD, 200);
  ::close(ends[1]);
}

std::vector<Trial> trials() {
  std::vector<Trial> all;
  const auto add = [&](Trial trial) { all.push_back(std::move(trial)); };

  add({.name = "Poll",
       .nr = SYS_poll,
       .fill =
           [] {
             const pollfd fds[] = {
                 {kA, POLLIN, 0x55}, {kB, POLLIN | POLLOUT, 0}, {-1, POLLIN, 3}, {999, POLLIN, 0}};
             return CallArgs{put(4090, fds), 4, 0};
           },
       .before = make_filled_pipe,
       .least = 3});
  add({.name = "PpollTimesOut",
       .nr = SYS_ppoll,
       .fill =
           [] {
             return CallArgs{put(0, pollfd{kA, POLLIN, 7}), 1, put(100, timespec{0, 0}), 0, 8};
           },
       .before = make_pipe});
  const auto sets = [](bool with_mask) {
    fd_set readable, writable;
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    for (const int fd : {kA, kB}) {
      FD_SET(fd, &readable);
      FD_SET(fd, &writable);
    }
    const std::uint64_t mask[2] = {0, 8};
    return CallArgs{kB + 1, put(0, readable),         put(4090, writable),
                    0,      put(300, timespec{0, 0}), with_mask ? put(400, mask) : 0};
  };
  add({.name = "Select",
       .nr = SYS_select,
       .fill = [sets] { return sets(false); },
       .before = make_filled_pipe,
       .least = 2});
  add({.name = "Pselect",
       .nr = SYS_pselect6,
       .fill = [sets] { return sets(true); },
       .before = make_filled_pipe,
       .least = 2});
  add({.name = "SelectBadDescriptor",
       .nr = SYS_select,
       .fill = [sets] { return sets(false); },
       .least = -EBADF});
  const auto epoll = [] {
    make_filled_pipe();
    place(::epoll_create1(0), kC);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = 0x1122334455667788;
    if (::epoll_ctl(kC, EPOLL_CTL_ADD, kA, &event) != 0) fail_errno("epoll_ctl");
  };
  add({.name = "EpollWait",
       .nr = SYS_epoll_wait,
       .fill =
           [] {
             return CallArgs{kC, at(4090), 100, 0};
           },
       .before = epoll,
       .least = 1});
  add({.name = "EpollPwait2",
       .nr = SYS_epoll_pwait2,
       .fill =
           [] {
             return CallArgs{kC, at(4090), 100, put(0, timespec{0, 0}), 0};
           },
       .before = epoll,
       .least = 1});
  add({.name = "EpollCtlMod",
       .nr = SYS_epoll_ctl,
       .fill =
           [] {
             epoll_event event{};
             event.events = EPOLLIN;
             event.data.u64 = 99;
             std::memcpy(arena() + 4090, &event, sizeof event);
             return CallArgs{kC, EPOLL_CTL_MOD, kA, at(4090)};
           },
       .before = epoll,
       .after =
           [] {
             epoll_event event{};
             return std::to_string(::epoll_wait(kC, &event, 1, 0)) + " " +
                    std::to_string(event.data.u64);
           }});
  add({.name = "EpollCtlDel",
       .nr = SYS_epoll_ctl,
       .fill =
           [] {
             return CallArgs{kC, EPOLL_CTL_DEL, kA, 8};
           },
       .before = epoll});

  add({.name = "Wait4Nobody",
       .nr = SYS_wait4,
       .fill =
           [] {
             return CallArgs{u64(-1), at(0), 0, at(100)};
           },
       .least = -ECHILD});
  add({.name = "Wait4NotYet",
       .nr = SYS_wait4,
       .fill =
           [] {
             return CallArgs{u64(-1), at(0), WNOHANG, at(100)};
           },
       .prepare = keep_child});
  add({.name = "WaitidNotYet",
       .nr = SYS_waitid,
       .fill =
           [] {
             return CallArgs{P_ALL, 0, at(0), WEXITED | WNOHANG, at(300)};
           },
       .prepare = keep_child});
  add({.name = "WaitidWithoutRoom",
       .nr = SYS_waitid,
       .fill =
           [] {
             return CallArgs{P_ALL, 0, 0, WEXITED | WNOHANG, 0};
           },
       .prepare = end_child});

  add({.name = "Getgroups", .nr = SYS_getgroups, .fill = [] { return CallArgs{64, at(2)}; }});
  add({.name = "Getresuid", .nr = SYS_getresuid, .fill = [] {
         return CallArgs{at(2), at(10), at(4094)};
       }});
  add({.name = "Uname", .nr = SYS_uname, .fill = [] { return CallArgs{at(4000)}; }});
  add({.name = "Prlimit", .nr = SYS_prlimit64, .fill = [] {
         return CallArgs{0, RLIMIT_NOFILE, 0, at(4090)};
       }});
  add({.name = "SchedGetaffinity",
       .nr = SYS_sched_getaffinity,
       .fill =
           [] {
             return CallArgs{0, 1024, at(4090)};
           },
       .least = 8});
  add({.name = "SchedGetattr", .nr = SYS_sched_getattr, .fill = [] {
         return CallArgs{0, at(4090), 100, 0};
       }});
  add({.name = "PrctlName", .nr = SYS_prctl, .fill = [] {
         return CallArgs{PR_GET_NAME, at(4090)};
       }});
  add({.name = "PrctlSetName", .nr = SYS_prctl, .fill = [] {
         return CallArgs{PR_SET_NAME, put_string(4090, "a-new-name")};
       }});
  add({.name = "Getitimer", .nr = SYS_getitimer, .fill = [] {
         return CallArgs{ITIMER_REAL, at(4090)};
       }});
  add({.name = "TimerCreate", .nr = SYS_timer_create, .fill = [] {
         struct sigevent event {};
         event.sigev_notify = SIGEV_NONE;
         return CallArgs{CLOCK_MONOTONIC, put(0, event), at(200)};
       }});
  add({.name = "Nanosleep", .nr = SYS_nanosleep, .fill = [] {
         return CallArgs{put(0, timespec{0, 1000}), at(100)};
       }});
  add({.name = "NanosleepInvalid",
       .nr = SYS_nanosleep,
       .fill =
           [] {
             return CallArgs{put(0, timespec{0, -1}), at(100)};
           },
       .least = -EINVAL});

  static int queue = -1;
  const auto make_queue = [] {
    queue = ::msgget(IPC_PRIVATE, 0600);
    struct {
      long type;
      char text[5];
    } message{3, {'h', 'e', 'l', 'l', 'o'}};
    if (::msgsnd(queue, &message, 5, 0) != 0) fail_errno("msgsnd");
  };
  const auto end_queue = [] {
    struct {
      long type;
      char text[50];
    } message{};
    const ssize_t n = ::msgrcv(queue, &message, sizeof message.text, 0, IPC_NOWAIT);
    ::msgctl(queue, IPC_RMID, nullptr);
    return n < 0 ? "empty" : std::to_string(message.type) + std::string(message.text, u64(n));
  };
  add({.name = "Msgrcv",
       .nr = SYS_msgrcv,
       .fill =
           [] {
             return CallArgs{u64(queue), at(4090), 100, 0, IPC_NOWAIT};
           },
       .before = make_queue,
       .after = end_queue,
       .least = 5});
  add({.name = "Msgsnd",
       .nr = SYS_msgsnd,
       .fill =
           [] {
             struct {
               long type;
               char text[8];  // no padding, which would differ
             } message{9, {'a', 'b', 'c'}};
             return CallArgs{u64(queue), put(4090, message), 3, IPC_NOWAIT};
           },
       .before = [] { queue = ::msgget(IPC_PRIVATE, 0600); },
       .after = end_queue});
  add({.name = "Semop",
       .nr = SYS_semop,
       .fill =
           [] {
             const sembuf operations[] = {{0, 3, 0}, {1, 4, 0}};
             return CallArgs{u64(queue), put(4090, operations), 2};
           },
       .before = [] { queue = ::semget(IPC_PRIVATE, 2, 0600); },
       .after =
           [] {
             const std::string values = std::to_string(::semctl(queue, 0, GETVAL)) + " " +
                                        std::to_string(::semctl(queue, 1, GETVAL));
             ::semctl(queue, 0, IPC_RMID);
             return values;
           }});
  const auto mail = [] {
    const std::string name = "/starling-forwarded-" + std::to_string(::getpid());
    place(::mq_open(name.c_str(), O_CREAT | O_RDWR | O_NONBLOCK, 0600, nullptr), kA);
    ::mq_unlink(name.c_str());
    if (::mq_send(kA, "letter", 6, 7) != 0) fail_errno("mq_send");
  };
  if (::access("/dev/mqueue", F_OK) == 0) {
    add({.name = "MqReceive",
         .nr = SYS_mq_timedreceive,
         .fill =
             [] {
               return CallArgs{kA, at(5000), 8192, at(4094), 0};
             },
         .before = mail,
         .least = 6});
  }
  return all;
}

template <typename T>
T at_offset(const Outcome& outcome, std::size_t offset) {
  T value;
  std::memcpy(&value, outcome.memory.data() + offset, sizeof value);
  return value;
}

// The pid and the time differ between two runs.
TEST(ForwardedWaits, AChildsEndIsToldWithItsUse) {
  const Outcome outcome = forwarded({.name = "",
                                     .nr = SYS_wait4,
                                     .fill =
                                         [] {
                                           return CallArgs{u64(-1), at(0), 0, at(100)};
                                         },
                                     .prepare = end_child});
  EXPECT_GT(outcome.result, 0);
  EXPECT_EQ(at_offset<int>(outcome, 0), 42 << 8);
  EXPECT_EQ(at_offset<rusage>(outcome, 100).ru_utime.tv_sec, 0);
  EXPECT_EQ(outcome.memory[4], kFresh);
}

TEST(ForwardedWaits, AnInterruptedSleepTellsWhatWasLeft) {
  const Outcome outcome = forwarded({.name = "",
                                     .nr = SYS_nanosleep,
                                     .fill =
                                         [] {
                                           return CallArgs{put(0, timespec{1000, 0}), at(100)};
                                         },
                                     .prepare =
                                         [] {
                                           struct sigaction action {};
                                           action.sa_handler = [](int) {};
                                           action.sa_flags =
                                               SA_RESTART;  // for the executor's own reads
                                           ::sigaction(SIGALRM, &action, nullptr);
                                           const itimerval often{{0, 5000}, {0, 5000}};
                                           ::setitimer(ITIMER_REAL, &often, nullptr);
                                         }});
  EXPECT_EQ(outcome.result, -EINTR);
  EXPECT_GT(at_offset<timespec>(outcome, 100).tv_sec, 0);
  EXPECT_LT(at_offset<timespec>(outcome, 100).tv_sec, 1000);
}

TEST(ForwardedWaits, SelectTellsTheTimeLeft) {
  const Outcome outcome =
      forwarded({.name = "",
                 .nr = SYS_select,
                 .fill =
                     [] {
                       fd_set readable;
                       FD_ZERO(&readable);
                       FD_SET(kA, &readable);
                       return CallArgs{kA + 1, put(0, readable), 0, 0, put(300, timeval{1000, 0})};
                     },
                 .before = make_filled_pipe});
  EXPECT_EQ(outcome.result, 1);
  EXPECT_EQ(at_offset<timeval>(outcome, 300).tv_sec, 999);
}

INSTANTIATE_TEST_SUITE_P(Waits, ForwardedTrial, testing::ValuesIn(trials()), trial_name);

}  // namespace
}  // namespace starling::migrate
