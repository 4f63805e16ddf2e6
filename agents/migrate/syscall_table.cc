// SPDX-License-Identifier: GPL-2.0-or-later
// The system calls of x86-64 up to Linux 6.18, from arch/x86/entry/syscalls/syscall_64.tbl; the
// arguments from the man pages and, where these are silent about what is written, the kernel.
#include "agents/migrate/syscall_table.h"

#include <linux/audit.h>

#include <algorithm>

#include "agents/migrate/syscall_cases.h"

namespace starling::migrate {
namespace {

using namespace words;

// clang-format off
constexpr SyscallRule kRules[] = {
    {0, "read", waits(kFile, {kValue, counted(out_result, 2)}), {}},
    {1, "write", waits(kFile, {kValue, counted(ArgKind::in, 2)}), {}},
    {2, "open", waits(kName, {kOpenPath}), {}},
    {3, "close", forwarded(kFile), {}},
    {4, "stat", forwarded(kName, {kPath, out(144)}), {}},
    {5, "fstat", forwarded(kFile, {kValue, out(144)}), {}},
    {6, "lstat", forwarded(kName, {kPath, out(144)}), {}},
    {7, "poll", waits(kWait, {counted_int(pollfds, 1, 8)}), {}},
    {8, "lseek", forwarded(kFile), {}},
    {9, "mmap", home("Files and shared memory are mapped at home first."), cases::kMmap},
    {10, "mprotect", local(kLayout), {}},
    {11, "munmap", local(kLayout), {}},
    {12, "brk", local(kLayout), {}},
    {13, "rt_sigaction", local(kSignalState), {}},
    {14, "rt_sigprocmask", local(kSignalState), {}},
    {15, "rt_sigreturn", local(kSignalState), {}},
    {16, "ioctl", home("A request not known to be flat may hold addresses."), cases::kIoctl},
    {17, "pread64", waits(kFile, {kValue, counted(out_result, 2)}), {}},
    {18, "pwrite64", waits(kFile, {kValue, counted(ArgKind::in, 2)}), {}},
    {19, "readv", waits(kFile, {kValue, counted(iov_out, 2)}), {}},
    {20, "writev", waits(kFile, {kValue, counted(iov_in, 2)}), {}},
    {21, "access", forwarded(kName, {kPath}), {}},
    {22, "pipe", forwarded(kFile, {out(8)}), {}},
    {23, "select", waits(kWait, {kValue, fds(0), fds(0), fds(0), {time_left, 16}}), {}},
    {24, "sched_yield", local("Yields the guest's processor."), {}},
    {25, "mremap", emulated("The pages to be moved are pulled first, then the call runs in the body."), {}},
    {26, "msync", home(kMemoryState), {}},
    {27, "mincore", home(kMemoryState), {}},
    {28, "madvise", home(kMemoryState), cases::kMadvise},
    {29, "shmget", home("Shared memory stays at home."), {}},
    {30, "shmat", home("Shared memory stays at home."), {}},
    {31, "shmctl", home("Shared memory stays at home."), {}},
    {32, "dup", forwarded(kFile), {}},
    {33, "dup2", forwarded(kFile), {}},
    {34, "pause", local(kSignalState), {}},
    {35, "nanosleep", waits("A sleep is a wait like any other: home can end it.", {kTime, {remainder, 16}}), {}},
    {36, "getitimer", home("Timers of CPU time cannot follow the body."), cases::kGetitimer},
    {37, "alarm", forwarded(kTimer), {}},
    {38, "setitimer", home("Timers of CPU time cannot follow the body."), cases::kSetitimer},
    {39, "getpid", local("A pid namespace gives the body its number at home."), {}},
    {40, "sendfile", waits(kFile, {kValue, kValue, inout(8)}), {}},
    {41, "socket", forwarded(kSocket), {}},
    {42, "connect", waits(kSocket, {kValue, counted_int(ArgKind::in, 2)}), {}},
    {43, "accept", waits(kSocket, {kValue, sockaddr_out(2), kLength}), {}},
    {44, "sendto", waits(kSocket, {kValue, counted(ArgKind::in, 2), kValue, kValue, counted_int(ArgKind::in, 5)}), cases::kSendto},
    {45, "recvfrom", waits(kSocket, {kValue, counted(out_result, 2), kValue, kValue, sockaddr_out(5), kLength}), {}},
    {46, "sendmsg", waits(kSocket, {kValue, {msg_in}}), cases::kSendmsg},
    {47, "recvmsg", waits(kSocket, {kValue, {msg_out}}), {}},
    {48, "shutdown", forwarded(kSocket), {}},
    {49, "bind", forwarded(kSocket, {kValue, counted_int(ArgKind::in, 2)}), {}},
    {50, "listen", forwarded(kSocket), {}},
    {51, "getsockname", forwarded(kSocket, {kValue, sockaddr_out(2), kLength}), {}},
    {52, "getpeername", forwarded(kSocket, {kValue, sockaddr_out(2), kLength}), {}},
    {53, "socketpair", forwarded(kSocket, {kValue, kValue, kValue, out(8)}), {}},
    {54, "setsockopt", home("An option not known to be flat may hold addresses."), cases::kSetsockopt},
    {55, "getsockopt", home("An option not known to be flat may hold addresses."), cases::kGetsockopt},
    {56, "clone", home("New processes are made at home."), cases::kClone},
    {57, "fork", home("New processes are made at home."), {}},
    {58, "vfork", home("New processes are made at home."), {}},
    {59, "execve", home("A new program starts at home."), {}},
    {60, "exit", {CallClass::thread_exit, {}, false, "The thread ends on both sides."}, {}},
    {61, "wait4", waits(kProcesses, {kValue, out(4, 1), kValue, out(144, 1)}), {}},
    {62, "kill", forwarded(kProcesses), {}},
    {63, "uname", forwarded("The host's name is home's.", {out(390)}), {}},
    {64, "semget", forwarded(kQueue), {}},
    {65, "semop", waits(kQueue, {kValue, counted_int(ArgKind::in, 2, 6)}), {}},
    {66, "semctl", home(kRare), {}},
    {67, "shmdt", home("Shared memory stays at home."), {}},
    {68, "msgget", forwarded(kQueue), {}},
    {69, "msgsnd", waits(kQueue, {kValue, counted(ArgKind::in, 2, 1, 8)}), {}},
    {70, "msgrcv", waits(kQueue, {kValue, counted(out_result, 2, 1, 8)}), {}},
    {71, "msgctl", home(kRare), {}},
    {72, "fcntl", home("A command not known to be flat may hold addresses."), cases::kFcntl},
    {73, "flock", waits(kFile), {}},
    {74, "fsync", forwarded(kFile), {}},
    {75, "fdatasync", forwarded(kFile), {}},
    {76, "truncate", forwarded(kName, {kPath}), {}},
    {77, "ftruncate", forwarded(kFile), {}},
    {78, "getdents", forwarded(kFile, {kValue, counted_int(out_result, 2)}), {}},
    {79, "getcwd", forwarded(kName, {counted(out_result, 1)}), {}},
    {80, "chdir", forwarded(kName, {kOpenPath}), {}},
    {81, "fchdir", forwarded(kFile), {}},
    {82, "rename", forwarded(kName, {kPath, kPath}), {}},
    {83, "mkdir", forwarded(kName, {kPath}), {}},
    {84, "rmdir", forwarded(kName, {kPath}), {}},
    {85, "creat", waits(kName, {kOpenPath}), {}},
    {86, "link", forwarded(kName, {kPath, kPath}), {}},
    {87, "unlink", forwarded(kName, {kPath}), {}},
    {88, "symlink", forwarded(kName, {kPath, kPath}), {}},
    {89, "readlink", forwarded(kName, {kPath, counted_int(out_result, 2)}), {}},
    {90, "chmod", forwarded(kName, {kPath}), {}},
    {91, "fchmod", forwarded(kFile), {}},
    {92, "chown", forwarded(kName, {kPath}), {}},
    {93, "fchown", forwarded(kFile), {}},
    {94, "lchown", forwarded(kName, {kPath}), {}},
    {95, "umask", forwarded(kName), {}},
    {96, "gettimeofday", local(kClockLocal), {}},
    {97, "getrlimit", forwarded(kIdentity, {kValue, out(16)}), {}},
    {98, "getrusage", home(kRare), cases::kGetrusage},
    {99, "sysinfo", forwarded("The machine the process knows is home.", {out(112)}), {}},
    {100, "times", home(cases::kCpuClock), {}},
    {101, "ptrace", home(kOther), {}},
    {102, "getuid", forwarded(kIdentity), {}},
    {103, "syslog", home(kAdmin), {}},
    {104, "getgid", forwarded(kIdentity), {}},
    {105, "setuid", home(kAdmin), {}},
    {106, "setgid", home(kAdmin), {}},
    {107, "geteuid", forwarded(kIdentity), {}},
    {108, "getegid", forwarded(kIdentity), {}},
    {109, "setpgid", forwarded(kProcesses), {}},
    {110, "getppid", forwarded(kProcesses), {}},
    {111, "getpgrp", forwarded(kProcesses), {}},
    {112, "setsid", forwarded(kProcesses), {}},
    {113, "setreuid", home(kAdmin), {}},
    {114, "setregid", home(kAdmin), {}},
    {115, "getgroups", forwarded(kIdentity, {kValue, counted_int(out_result, 0, 4)}), {}},
    {116, "setgroups", home(kAdmin), {}},
    {117, "setresuid", home(kAdmin), {}},
    {118, "getresuid", forwarded(kIdentity, {out(4), out(4), out(4)}), {}},
    {119, "setresgid", home(kAdmin), {}},
    {120, "getresgid", forwarded(kIdentity, {out(4), out(4), out(4)}), {}},
    {121, "getpgid", forwarded(kProcesses), {}},
    {122, "setfsuid", home(kAdmin), {}},
    {123, "setfsgid", home(kAdmin), {}},
    {124, "getsid", forwarded(kProcesses), {}},
    {125, "capget", home(kRare), {}},
    {126, "capset", home(kAdmin), {}},
    {127, "rt_sigpending", local(kSignalState), {}},
    {128, "rt_sigtimedwait", local(kSignalState), {}},
    {129, "rt_sigqueueinfo", forwarded(kProcesses, {kValue, kValue, in(128)}), {}},
    {130, "rt_sigsuspend", local(kSignalState), {}},
    {131, "sigaltstack", local(kSignalState), {}},
    {132, "utime", forwarded(kName, {kPath, in(16)}), {}},
    {133, "mknod", forwarded(kName, {kPath}), {}},
    {134, "uselib", home(kGone), {}},
    {135, "personality", home(kAdmin), cases::kPersonality},
    {136, "ustat", home(kRare), {}},
    {137, "statfs", forwarded(kName, {kPath, out(120)}), {}},
    {138, "fstatfs", forwarded(kFile, {kValue, out(120)}), {}},
    {139, "sysfs", home(kRare), {}},
    {140, "getpriority", forwarded(kProcesses), {}},
    {141, "setpriority", home(kAdmin), {}},
    {142, "sched_setparam", home(kAdmin), {}},
    {143, "sched_getparam", forwarded(kProcesses, {kValue, out(4)}), {}},
    {144, "sched_setscheduler", home(kAdmin), {}},
    {145, "sched_getscheduler", forwarded(kProcesses), {}},
    {146, "sched_get_priority_max", local("The same on every node."), {}},
    {147, "sched_get_priority_min", local("The same on every node."), {}},
    {148, "sched_rr_get_interval", forwarded(kProcesses, {kValue, out(16)}), {}},
    {149, "mlock", home(kMemoryState), {}},
    {150, "munlock", home(kMemoryState), {}},
    {151, "mlockall", home(kMemoryState), {}},
    {152, "munlockall", home(kMemoryState), {}},
    {153, "vhangup", home(kAdmin), {}},
    {154, "modify_ldt", home(kRare), {}},
    {155, "pivot_root", home(kAdmin), {}},
    {156, "_sysctl", home(kGone), {}},
    {157, "prctl", home(kAdmin), cases::kPrctl},
    {158, "arch_prctl", home(kRare), cases::kArchPrctl},
    {159, "adjtimex", home(kAdmin), {}},
    {160, "setrlimit", home(kAdmin), {}},
    {161, "chroot", home(kAdmin), {}},
    {162, "sync", forwarded(kFile), {}},
    {163, "acct", home(kAdmin), {}},
    {164, "settimeofday", home(kAdmin), {}},
    {165, "mount", home(kAdmin), {}},
    {166, "umount2", home(kAdmin), {}},
    {167, "swapon", home(kAdmin), {}},
    {168, "swapoff", home(kAdmin), {}},
    {169, "reboot", home(kAdmin), {}},
    {170, "sethostname", home(kAdmin), {}},
    {171, "setdomainname", home(kAdmin), {}},
    {172, "iopl", home(kAdmin), {}},
    {173, "ioperm", home(kAdmin), {}},
    {174, "create_module", home(kGone), {}},
    {175, "init_module", home(kAdmin), {}},
    {176, "delete_module", home(kAdmin), {}},
    {177, "get_kernel_syms", home(kGone), {}},
    {178, "query_module", home(kGone), {}},
    {179, "quotactl", home(kAdmin), {}},
    {180, "nfsservctl", home(kGone), {}},
    {181, "getpmsg", home(kGone), {}},
    {182, "putpmsg", home(kGone), {}},
    {183, "afs_syscall", home(kGone), {}},
    {184, "tuxcall", home(kGone), {}},
    {185, "security", home(kGone), {}},
    {186, "gettid", local("A pid namespace gives the body its number at home."), {}},
    {187, "readahead", forwarded(kFile), {}},
    {188, "setxattr", forwarded(kName, {kPath, string(256), counted(ArgKind::in, 3)}), {}},
    {189, "lsetxattr", forwarded(kName, {kPath, string(256), counted(ArgKind::in, 3)}), {}},
    {190, "fsetxattr", forwarded(kFile, {kValue, string(256), counted(ArgKind::in, 3)}), {}},
    {191, "getxattr", forwarded(kName, {kPath, string(256), counted(out_result, 3)}), {}},
    {192, "lgetxattr", forwarded(kName, {kPath, string(256), counted(out_result, 3)}), {}},
    {193, "fgetxattr", forwarded(kFile, {kValue, string(256), counted(out_result, 3)}), {}},
    {194, "listxattr", forwarded(kName, {kPath, counted(out_result, 2)}), {}},
    {195, "llistxattr", forwarded(kName, {kPath, counted(out_result, 2)}), {}},
    {196, "flistxattr", forwarded(kFile, {kValue, counted(out_result, 2)}), {}},
    {197, "removexattr", forwarded(kName, {kPath, string(256)}), {}},
    {198, "lremovexattr", forwarded(kName, {kPath, string(256)}), {}},
    {199, "fremovexattr", forwarded(kFile, {kValue, string(256)}), {}},
    {200, "tkill", forwarded(kProcesses), cases::kTkill},
    {201, "time", local(kClockLocal), {}},
    {202, "futex", home("A waiter on shared memory may be another process."), cases::kFutex},
    {203, "sched_setaffinity", home(kAdmin), {}},
    {204, "sched_getaffinity", forwarded("The processors the process knows are home's.", {kValue, kValue, counted_int(out_result, 1)}), {}},
    {205, "set_thread_area", home(kRare), {}},
    {206, "io_setup", home("Completions are written to memory at any time."), {}},
    {207, "io_destroy", home("Completions are written to memory at any time."), {}},
    {208, "io_getevents", home("Completions are written to memory at any time."), {}},
    {209, "io_submit", home("Completions are written to memory at any time."), {}},
    {210, "io_cancel", home("Completions are written to memory at any time."), {}},
    {211, "get_thread_area", home(kRare), {}},
    {212, "lookup_dcookie", home(kGone), {}},
    {213, "epoll_create", forwarded(kFile), {}},
    {214, "epoll_ctl_old", home(kGone), {}},
    {215, "epoll_wait_old", home(kGone), {}},
    {216, "remap_file_pages", home(kMemoryState), {}},
    {217, "getdents64", forwarded(kFile, {kValue, counted_int(out_result, 2)}), {}},
    {218, "set_tid_address", local("The address is the body's."), {}},
    {219, "restart_syscall", home("What is to be restarted, only the kernel that was interrupted knows."), {}},
    {220, "semtimedop", waits(kQueue, {kValue, counted_int(ArgKind::in, 2, 6), kValue, kTime}), {}},
    {221, "fadvise64", forwarded(kFile), {}},
    {222, "timer_create", home("Timers of CPU time cannot follow the body."), cases::kTimerCreate},
    {223, "timer_settime", forwarded(kTimer, {kValue, kValue, in(32), out(32)}), {}},
    {224, "timer_gettime", forwarded(kTimer, {kValue, out(32)}), {}},
    {225, "timer_getoverrun", forwarded(kTimer), {}},
    {226, "timer_delete", forwarded(kTimer), {}},
    {227, "clock_settime", home(kAdmin), {}},
    {228, "clock_gettime", home("A clock of another process or of a device."), cases::kClockGettime},
    {229, "clock_getres", home("A clock of another process or of a device."), cases::kClockGetres},
    {230, "clock_nanosleep", home("CPU time and alarm clocks cannot be slept on away from home."), cases::kClockNanosleep},
    {231, "exit_group", {CallClass::process_exit, {}, false, "The process ends at home, which tells its parent."}, {}},
    {232, "epoll_wait", waits(kWait, {kValue, counted_int(out_result, 2, 12)}), {}},
    {233, "epoll_ctl", forwarded(kFile, {kValue, kValue, kValue, in(12)}), cases::kEpollCtl},
    {234, "tgkill", forwarded(kProcesses), cases::kTgkill},
    {235, "utimes", forwarded(kName, {kPath, in(32)}), {}},
    {236, "vserver", home(kGone), {}},
    {237, "mbind", home(kMemoryState), {}},
    {238, "set_mempolicy", home(kMemoryState), {}},
    {239, "get_mempolicy", home(kMemoryState), {}},
    {240, "mq_open", forwarded(kQueue, {string(4096), kValue, kValue, in(64)}), {}},
    {241, "mq_unlink", forwarded(kQueue, {string(4096)}), {}},
    {242, "mq_timedsend", waits(kQueue, {kValue, counted(ArgKind::in, 2), kValue, kValue, kTime}), {}},
    {243, "mq_timedreceive", waits(kQueue, {kValue, counted(out_result, 2), kValue, out(4), kTime}), {}},
    {244, "mq_notify", home(kRare), {}},
    {245, "mq_getsetattr", forwarded(kQueue, {kValue, in(64), out(64)}), {}},
    {246, "kexec_load", home(kAdmin), {}},
    {247, "waitid", waits(kProcesses, {kValue, kValue, inout(128), kValue, inout(144)}), {}},
    {248, "add_key", home(kRare), {}},
    {249, "request_key", home(kRare), {}},
    {250, "keyctl", home(kRare), {}},
    {251, "ioprio_set", forwarded(kProcesses), {}},
    {252, "ioprio_get", forwarded(kProcesses), {}},
    {253, "inotify_init", forwarded(kFile), {}},
    {254, "inotify_add_watch", forwarded(kName, {kValue, kPath}), {}},
    {255, "inotify_rm_watch", forwarded(kFile), {}},
    {256, "migrate_pages", home(kMemoryState), {}},
    {257, "openat", waits(kName, {kValue, kOpenPath}), {}},
    {258, "mkdirat", forwarded(kName, {kValue, kPath}), {}},
    {259, "mknodat", forwarded(kName, {kValue, kPath}), {}},
    {260, "fchownat", forwarded(kName, {kValue, kPath}), {}},
    {261, "futimesat", forwarded(kName, {kValue, kPath, in(32)}), {}},
    {262, "newfstatat", forwarded(kName, {kValue, kPath, out(144)}), {}},
    {263, "unlinkat", forwarded(kName, {kValue, kPath}), {}},
    {264, "renameat", forwarded(kName, {kValue, kPath, kValue, kPath}), {}},
    {265, "linkat", forwarded(kName, {kValue, kPath, kValue, kPath}), {}},
    {266, "symlinkat", forwarded(kName, {kPath, kValue, kPath}), {}},
    {267, "readlinkat", forwarded(kName, {kValue, kPath, counted_int(out_result, 3)}), {}},
    {268, "fchmodat", forwarded(kName, {kValue, kPath}), {}},
    {269, "faccessat", forwarded(kName, {kValue, kPath}), {}},
    {270, "pselect6", waits(kWait, {kValue, fds(0), fds(0), fds(0), {time_left, 16}, {mask_pair, 16}}), {}},
    {271, "ppoll", waits(kWait, {counted_int(pollfds, 1, 8), kValue, {time_left, 16}}), cases::kPpoll},
    {272, "unshare", home(kAdmin), {}},
    {273, "set_robust_list", local("The list is read by the kernel that the thread runs on."), {}},
    {274, "get_robust_list", local("The list is read by the kernel that the thread runs on."), {}},
    {275, "splice", waits(kFile, {kValue, inout(8), kValue, inout(8)}), {}},
    {276, "tee", waits(kFile), {}},
    {277, "sync_file_range", forwarded(kFile), {}},
    {278, "vmsplice", home("Pages of the process would become the pipe's."), {}},
    {279, "move_pages", home(kMemoryState), {}},
    {280, "utimensat", forwarded(kName, {kValue, kPath, in(32)}), {}},
    {281, "epoll_pwait", waits(kWait, {kValue, counted_int(out_result, 2, 12)}), cases::kEpollPwait},
    {282, "signalfd", home("The signals are the body's, the descriptor would be the deputy's."), {}},
    {283, "timerfd_create", forwarded(kFile), {}},
    {284, "eventfd", forwarded(kFile), {}},
    {285, "fallocate", forwarded(kFile), {}},
    {286, "timerfd_settime", forwarded(kFile, {kValue, kValue, in(32), out(32)}), {}},
    {287, "timerfd_gettime", forwarded(kFile, {kValue, out(32)}), {}},
    {288, "accept4", waits(kSocket, {kValue, sockaddr_out(2), kLength}), {}},
    {289, "signalfd4", home("The signals are the body's, the descriptor would be the deputy's."), {}},
    {290, "eventfd2", forwarded(kFile), {}},
    {291, "epoll_create1", forwarded(kFile), {}},
    {292, "dup3", forwarded(kFile), {}},
    {293, "pipe2", forwarded(kFile, {out(8)}), {}},
    {294, "inotify_init1", forwarded(kFile), {}},
    {295, "preadv", waits(kFile, {kValue, counted(iov_out, 2)}), {}},
    {296, "pwritev", waits(kFile, {kValue, counted(iov_in, 2)}), {}},
    {297, "rt_tgsigqueueinfo", forwarded(kProcesses, {kValue, kValue, kValue, in(128)}), {}},
    {298, "perf_event_open", home(kOther), {}},
    {299, "recvmmsg", waits(kSocket, {kValue, counted_int(mmsg_out, 2), kValue, kValue, inout(16, 1)}), {}},
    {300, "fanotify_init", home(kRare), {}},
    {301, "fanotify_mark", home(kRare), {}},
    {302, "prlimit64", home(kAdmin), cases::kPrlimit},
    {303, "name_to_handle_at", home(kRare), {}},
    {304, "open_by_handle_at", home(kRare), {}},
    {305, "clock_adjtime", home(kAdmin), {}},
    {306, "syncfs", forwarded(kFile), {}},
    {307, "sendmmsg", waits(kSocket, {kValue, counted_int(mmsg_in, 2)}), cases::kSendmmsg},
    {308, "setns", home(kAdmin), {}},
    {309, "getcpu", local("The processor is the guest's, as the vDSO says too."), {}},
    {310, "process_vm_readv", home(kOther), {}},
    {311, "process_vm_writev", home(kOther), {}},
    {312, "kcmp", home(kOther), {}},
    {313, "finit_module", home(kAdmin), {}},
    {314, "sched_setattr", home(kAdmin), {}},
    {315, "sched_getattr", forwarded(kProcesses, {kValue, counted_int(ArgKind::inout, 2)}), {}},
    {316, "renameat2", forwarded(kName, {kValue, kPath, kValue, kPath}), {}},
    {317, "seccomp", home(kAdmin), {}},
    {318, "getrandom", local("Random bytes are as good from any node."), {}},
    {319, "memfd_create", forwarded(kFile, {string(250)}), {}},
    {320, "kexec_file_load", home(kAdmin), {}},
    {321, "bpf", home(kAdmin), {}},
    {322, "execveat", home("A new program starts at home."), {}},
    {323, "userfaultfd", home(kMemoryState), {}},
    {324, "membarrier", local("The threads are all in the body."), {}},
    {325, "mlock2", home(kMemoryState), {}},
    {326, "copy_file_range", forwarded(kFile, {kValue, inout(8), kValue, inout(8)}), {}},
    {327, "preadv2", waits(kFile, {kValue, counted(iov_out, 2)}), {}},
    {328, "pwritev2", waits(kFile, {kValue, counted(iov_in, 2)}), {}},
    {329, "pkey_mprotect", home(kMemoryState), {}},
    {330, "pkey_alloc", home(kMemoryState), {}},
    {331, "pkey_free", home(kMemoryState), {}},
    {332, "statx", forwarded(kName, {kValue, kPath, kValue, kValue, out(256)}), {}},
    {333, "io_pgetevents", home("Completions are written to memory at any time."), {}},
    {334, "rseq", local("The area is the body's."), {}},
    {335, "uretprobe", home(kRare), {}},
    {336, "uprobe", home(kRare), {}},
    {424, "pidfd_send_signal", forwarded(kProcesses, {kValue, kValue, in(128)}), {}},
    {425, "io_uring_setup", home("Completions are written to memory at any time."), {}},
    {426, "io_uring_enter", home("Completions are written to memory at any time."), {}},
    {427, "io_uring_register", home("Completions are written to memory at any time."), {}},
    {428, "open_tree", home(kAdmin), {}},
    {429, "move_mount", home(kAdmin), {}},
    {430, "fsopen", home(kAdmin), {}},
    {431, "fsconfig", home(kAdmin), {}},
    {432, "fsmount", home(kAdmin), {}},
    {433, "fspick", home(kAdmin), {}},
    {434, "pidfd_open", forwarded(kProcesses), {}},
    {435, "clone3", both("As clone: threads on both sides, new processes at home.", {counted(thread_args, 1)}), {}},
    {436, "close_range", home("Its flags can give the deputy descriptors of its own."), cases::kCloseRange},
    {437, "openat2", waits(kName, {kValue, kOpenPath, counted(ArgKind::in, 3)}), {}},
    {438, "pidfd_getfd", forwarded(kFile), {}},
    {439, "faccessat2", forwarded(kName, {kValue, kPath}), {}},
    {440, "process_madvise", home(kOther), {}},
    {441, "epoll_pwait2", waits(kWait, {kValue, counted_int(out_result, 2, 12), kValue, kTime}), cases::kEpollPwait},
    {442, "mount_setattr", home(kAdmin), {}},
    {443, "quotactl_fd", home(kAdmin), {}},
    {444, "landlock_create_ruleset", home(kAdmin), {}},
    {445, "landlock_add_rule", home(kAdmin), {}},
    {446, "landlock_restrict_self", home(kAdmin), {}},
    {447, "memfd_secret", home(kMemoryState), {}},
    {448, "process_mrelease", home(kOther), {}},
    {449, "futex_waitv", home("A waiter on shared memory may be another process."), cases::kFutexWaitv},
    {450, "set_mempolicy_home_node", home(kMemoryState), {}},
    {451, "cachestat", forwarded(kFile, {kValue, in(16), out(40)}), {}},
    {452, "fchmodat2", forwarded(kName, {kValue, kPath}), {}},
    {453, "map_shadow_stack", home(kMemoryState), {}},
    {454, "futex_wake", home("A waiter on shared memory may be another process."), cases::kFutex2},
    {455, "futex_wait", home("A waiter on shared memory may be another process."), cases::kFutex2},
    {456, "futex_requeue", home("A waiter on shared memory may be another process."), cases::kFutexWaitv},
    {457, "statmount", home(kRare), {}},
    {458, "listmount", home(kRare), {}},
    {459, "lsm_get_self_attr", home(kRare), {}},
    {460, "lsm_set_self_attr", home(kAdmin), {}},
    {461, "lsm_list_modules", home(kRare), {}},
    {462, "mseal", home(kMemoryState), {}},
    {463, "setxattrat", home("Its arguments hold addresses."), {}},
    {464, "getxattrat", home("Its arguments hold addresses."), {}},
    {465, "listxattrat", forwarded(kName, {kValue, kPath, kValue, counted(out_result, 4)}), {}},
    {466, "removexattrat", forwarded(kName, {kValue, kPath, kValue, string(256)}), {}},
    {467, "open_tree_attr", home(kAdmin), {}},
    {468, "file_getattr", home(kRare), {}},
    {469, "file_setattr", home(kRare), {}},
};
// clang-format on

constexpr SyscallRule kUnknown{
    -1, "unknown", home("Not in the table: newer than it, or not a call of x86-64."), {}};

constexpr bool ordered() {
  for (std::size_t i = 1; i < std::size(kRules); ++i) {
    if (kRules[i - 1].nr >= kRules[i].nr) return false;
  }
  return true;
}
static_assert(ordered(), "the table is searched by number");

bool all_hold(const Case& c, const CallArgs& args, const CallContext& context) {
  return std::all_of(c.when.begin(), c.when.end(),
                     [&](const Condition& condition) { return holds(condition, args, context); });
}

}  // namespace

std::span<const SyscallRule> syscall_table() {
  return kRules;
}

const SyscallRule& syscall_rule(std::int64_t nr) {
  const auto* rule =
      std::lower_bound(std::begin(kRules), std::end(kRules), nr,
                       [](const SyscallRule& r, std::int64_t n) { return r.nr < n; });
  return rule != std::end(kRules) && rule->nr == nr ? *rule : kUnknown;
}

const Behaviour& classify(std::uint32_t arch, std::int64_t nr, const CallArgs& args,
                          const CallContext& context) {
  const SyscallRule& rule = arch == AUDIT_ARCH_X86_64 ? syscall_rule(nr) : kUnknown;
  for (const Case& c : rule.cases) {
    if (all_hold(c, args, context)) return c.then;
  }
  return rule.otherwise;
}

bool holds(const Condition& condition, const CallArgs& args, const CallContext& context) {
  using enum Condition::Test;
  const std::uint64_t arg = args[condition.arg];
  switch (condition.test) {
    case always:
      return true;
    case equal:
      return (arg & condition.mask) == condition.value;
    case differs:
      return (arg & condition.mask) != condition.value;
    case below:
      return (arg & condition.mask) < condition.value;
    case own_pid:
      return static_cast<pid_t>(arg) == context.pid;
    case own_tid:
      return static_cast<pid_t>(arg) == context.tid;
    case no_shared_memory:
      return !context.shared_memory;
  }
  return false;
}

std::string_view to_string(CallClass where) {
  switch (where) {
    case CallClass::local:
      return "local";
    case CallClass::forwarded:
      return "forwarded";
    case CallClass::emulated:
      return "emulated";
    case CallClass::both:
      return "both";
    case CallClass::home:
      return "home";
    case CallClass::thread_exit:
      return "thread exit";
    case CallClass::process_exit:
      return "process exit";
  }
  return "?";
}

}  // namespace starling::migrate
