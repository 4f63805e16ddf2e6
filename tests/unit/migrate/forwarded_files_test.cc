// SPDX-License-Identifier: GPL-2.0-or-later
// Files, pipes and terminals by the deputy.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <termios.h>

#include "tests/unit/migrate/forwarded_trial.h"

namespace starling::migrate {
namespace {

// Three iovecs at 0, over odd places: 3, 0 and 100 bytes.
std::uint64_t put_vectors() {
  const iovec vectors[] = {vector_of(4000, 3), vector_of(9000, 0), vector_of(8190, 100)};
  return put(0, vectors);
}

std::vector<Trial> trials() {
  std::vector<Trial> all;
  const auto add = [&](Trial trial) { all.push_back(std::move(trial)); };

  add({.name = "ReadShort",
       .nr = SYS_read,
       .fill =
           [] {
             return CallArgs{kA, at(4090), 100};
           },
       .before = make_filled_pipe,
       .after = drain_pipe,
       .least = 10});
  add({.name = "ReadNothing",
       .nr = SYS_read,
       .fill =
           [] {
             return CallArgs{kA, at(0), 100};
           },
       .before = make_pipe,
       .least = -EAGAIN});
  add({.name = "ReadToTheEndOfMemory",
       .nr = SYS_read,
       .fill =
           [] {
             return CallArgs{kA, at(kArena - 4), 4};
           },
       .before = make_filled_pipe,
       .after = drain_pipe,
       .least = 4});
  add({.name = "ReadZeroBytesAtNull",
       .nr = SYS_read,
       .fill =
           [] {
             return CallArgs{kA, 0, 0};
           },
       .before = make_filled_pipe});
  add({.name = "Write",
       .nr = SYS_write,
       .fill =
           [] {
             return CallArgs{kB, put_string(4090, "hello, world"), 12};
           },
       .before = make_pipe,
       .after = drain_pipe,
       .least = 12});
  add({.name = "Pread",
       .nr = SYS_pread64,
       .fill =
           [] {
             return CallArgs{kA, at(1), 100, 4};
           },
       .before = [] { open_file(kA); },
       .least = 15});
  add({.name = "ReadvShort",
       .nr = SYS_readv,
       .fill =
           [] {
             return CallArgs{kA, put_vectors(), 3};
           },
       .before = make_filled_pipe,
       .least = 10});
  add({.name = "Preadv2",
       .nr = SYS_preadv2,
       .fill = [] { return CallArgs{kA, put_vectors(), 3, 2, 0, 0}; },
       .before = [] { open_file(kA); },
       .least = 17});
  add({.name = "Writev",
       .nr = SYS_writev,
       .fill =
           [] {
             put_string(4000, "abc");
             put_string(8190, std::string(100, 'x'));
             return CallArgs{kB, put_vectors(), 3};
           },
       .before = make_pipe,
       .after = drain_pipe,
       .least = 103});
  add({.name = "ReadvTooMany",
       .nr = SYS_readv,
       .fill =
           [] {
             return CallArgs{kA, put_vectors(), 1025};
           },
       .before = make_filled_pipe,
       .least = -EINVAL});

  add({.name = "Stat", .nr = SYS_stat, .fill = [] {
         return CallArgs{put_string(4080, file_path()), at(100)};
       }});
  add({.name = "StatMissing",
       .nr = SYS_stat,
       .fill =
           [] {
             return CallArgs{put_string(4080, "/no/such"), at(100)};
           },
       .least = -ENOENT});
  add({.name = "NewFstatat",
       .nr = SYS_newfstatat,
       .fill =
           [] {
             return CallArgs{kA, put_string(0, ""), at(100), AT_EMPTY_PATH};
           },
       .before = [] { open_file(kA); }});
  add({.name = "Statx", .nr = SYS_statx, .fill = [] {
         return CallArgs{u64(AT_FDCWD), put_string(0, file_path()), 0, STATX_ALL, at(1000)};
       }});
  add({.name = "Statfs",
       .nr = SYS_fstatfs,
       .fill =
           [] {
             return CallArgs{kA, at(8)};
           },
       .before = [] { place(::open("/proc/version", O_RDONLY), kA); }});
  add({.name = "Openat", .nr = SYS_openat, .fill = [] {
         return CallArgs{u64(AT_FDCWD), put_string(4080, file_path()), O_RDONLY};
       }});
  add({.name = "OpenatLongName",
       .nr = SYS_openat,
       .fill =
           [] {
             return CallArgs{u64(AT_FDCWD), put_string(0, std::string(5000, 'n')), O_RDONLY};
           },
       .least = -ENAMETOOLONG});
  add({.name = "Openat2", .nr = SYS_openat2, .fill = [] {
         const std::uint64_t how[3] = {O_RDONLY, 0, 0};
         return CallArgs{u64(AT_FDCWD), put_string(0, file_path()), put(5000, how), 24};
       }});
  add({.name = "Readlink",
       .nr = SYS_readlink,
       .fill =
           [] {
             return CallArgs{put_string(0, "/proc/self/cwd"), at(4095), 100};
           },
       .least = 1});
  add({.name = "ReadlinkCutOff",
       .nr = SYS_readlink,
       .fill =
           [] {
             return CallArgs{put_string(0, "/proc/self/cwd"), at(4095), 1};
           },
       .least = 1});
  add({.name = "Getcwd",
       .nr = SYS_getcwd,
       .fill =
           [] {
             return CallArgs{at(17), 4096};
           },
       .least = 2});
  add({.name = "GetcwdTooShort",
       .nr = SYS_getcwd,
       .fill =
           [] {
             return CallArgs{at(17), 1};
           },
       .least = -ERANGE});
  add({.name = "Getdents",
       .nr = SYS_getdents64,
       .fill =
           [] {
             return CallArgs{kA, at(64), 4096};
           },
       .before = [] { place(::open("/proc/self/ns", O_RDONLY | O_DIRECTORY), kA); },
       .least = 24,
       .padding = {64, 4160}});
  add({.name = "Pipe2", .nr = SYS_pipe2, .fill = [] { return CallArgs{at(4092), O_CLOEXEC}; }});
  add({.name = "Getxattr",
       .nr = SYS_getxattr,
       .fill =
           [] {
             return CallArgs{put_string(0, file_path()), put_string(1000, "user.no-such"), at(2000),
                             100};
           },
       .least = -EOPNOTSUPP});
  add({.name = "Setxattr",
       .nr = SYS_fsetxattr,
       .fill =
           [] {
             return CallArgs{kA, put_string(1000, "trusted.starling"), put_string(2000, "value"), 5,
                             0};
           },
       .before = [] { open_file(kA); },
       .after =
           [] {
             char text[10] = {};
             const ssize_t n = ::syscall(SYS_fgetxattr, kA, "trusted.starling", text, sizeof text);
             return std::to_string(n) + text;
           },
       .least = -EOPNOTSUPP});
  add({.name = "Sendfile",
       .nr = SYS_sendfile,
       .fill =
           [] {
             return CallArgs{kB, kC, put(0, off_t{4}), 5};
           },
       .before =
           [] {
             make_pipe();
             open_file(kC);
           },
       .after = drain_pipe,
       .least = 5});
  add({.name = "Splice",
       .nr = SYS_splice,
       .fill = [] { return CallArgs{kC, put(0, off_t{10}), kB, 0, 5, 0}; },
       .before =
           [] {
             make_pipe();
             open_file(kC);
           },
       .after = drain_pipe,
       .least = 5});
  add({.name = "FcntlGetlk",
       .nr = SYS_fcntl,
       .fill =
           [] {
             struct flock lock {};
             lock.l_type = F_WRLCK;
             return CallArgs{kA, F_GETLK, put(0, lock)};
           },
       .before =
           [] {
             open_file(kA);
             struct flock lock {};
             lock.l_type = F_RDLCK;
             lock.l_start = 2;
             lock.l_len = 3;
             if (::fcntl(kA, F_SETLK, &lock) != 0) fail_errno("F_SETLK");
           }});
  add({.name = "MemfdCreate", .nr = SYS_memfd_create, .fill = [] {
         return CallArgs{put_string(0, "name"), 0};
       }});
  add({.name = "Truncate", .nr = SYS_truncate, .fill = [] {
         return CallArgs{put_string(0, file_path()), 19};
       }});
  add({.name = "InotifyAddWatch",
       .nr = SYS_inotify_add_watch,
       .fill =
           [] {
             return CallArgs{kA, put_string(0, "/tmp"), IN_CREATE};
           },
       .before = [] { place(::inotify_init1(0), kA); },
       .least = 1});
  add({.name = "EventfdRead",
       .nr = SYS_read,
       .fill =
           [] {
             return CallArgs{kA, at(8), 8};
           },
       .before = [] { place(::eventfd(5, 0), kA); },
       .least = 8});
  add({.name = "TimerfdSettime",
       .nr = SYS_timerfd_settime,
       .fill =
           [] {
             itimerspec time{};
             time.it_value.tv_sec = 100;
             return CallArgs{kA, 0, put(0, time), at(100)};
           },
       .before = [] { place(::timerfd_create(CLOCK_MONOTONIC, 0), kA); }});

  const auto terminal = [] {
    place(::posix_openpt(O_RDWR | O_NOCTTY), kA);
    const winsize size{24, 80, 1, 2};
    if (::ioctl(kA, TIOCSWINSZ, &size) != 0) fail_errno("TIOCSWINSZ");
  };
  add({.name = "WindowSize",
       .nr = SYS_ioctl,
       .fill =
           [] {
             return CallArgs{kA, TIOCGWINSZ, at(4093)};
           },
       .before = terminal});
  add({.name = "TerminalSettings",
       .nr = SYS_ioctl,
       .fill =
           [] {
             return CallArgs{kA, TCGETS, at(4093)};
           },
       .before = terminal});
  add({.name = "TerminalSettings2",
       .nr = SYS_ioctl,
       .fill =
           [] {
             return CallArgs{kA, 0x802c542a, at(4093)};
           },
       .before = terminal});
  add({.name = "Fionread",
       .nr = SYS_ioctl,
       .fill =
           [] {
             return CallArgs{kA, FIONREAD, at(4093)};
           },
       .before = make_filled_pipe});
  add({.name = "FileFlags",
       .nr = SYS_ioctl,
       .fill =
           [] {
             return CallArgs{kA, 0x80086601, at(4093)};
           },
       .before = [] { open_file(kA); },
       .least = -ENOTTY});
  add({.name = "InterfaceIndex",
       .nr = SYS_ioctl,
       .fill =
           [] {
             put_string(4080, "lo");
             return CallArgs{kA, 0x8933, at(4080)};
           },
       .before = [] { place(::socket(AF_INET, SOCK_DGRAM, 0), kA); }});

  return all;
}

INSTANTIATE_TEST_SUITE_P(Files, ForwardedTrial, testing::ValuesIn(trials()), trial_name);

}  // namespace
}  // namespace starling::migrate
