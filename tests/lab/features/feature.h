// SPDX-License-Identifier: GPL-2.0-or-later
// What the feature programs share. Each program uses one kernel feature for a bounded time and
// checks what it sees, while an outside tool may move it at any moment. Its output says nothing
// that differs from run to run (no times, pids or addresses). Exit status: 0 all was right, 1 with
// a line on stderr that says what was not, 77 this machine has not got the feature.
#pragma once

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FEATURE_UNUSED __attribute__((unused))

// Async-signal-safe enough: one write, no allocation, the stdio buffers untouched.
__attribute__((noreturn)) static inline void feature_fail(const char* file, int line,
                                                          const char* what, long long got,
                                                          long long want) {
  const int error = errno;
  dprintf(STDERR_FILENO, "%s:%d: %s (got %lld, want %lld, errno %d)\n", file, line, what, got, want,
          error);
  _exit(1);
}

// A condition that must hold.
#define CHECK(cond)                                             \
  do {                                                          \
    if (!(cond)) feature_fail(__FILE__, __LINE__, #cond, 0, 1); \
  } while (0)

// Two integers that must be equal.
#define CHECK_EQ(got, want)                                                              \
  do {                                                                                   \
    const long long got_ = (long long)(got), want_ = (long long)(want);                  \
    if (got_ != want_) feature_fail(__FILE__, __LINE__, #got " == " #want, got_, want_); \
  } while (0)

// The value of a call that reports failure as -1 and errno.
#define SYS(call) feature_sys((long)(call), #call, __FILE__, __LINE__)
static inline long feature_sys(long result, const char* what, const char* file, int line) {
  if (result == -1) feature_fail(file, line, what, result, 0);
  return result;
}

// A call that returns 0 or an error number (pthread_*).
#define OK(call) CHECK_EQ(call, 0)

static inline int64_t feature_clock(clockid_t clock) {
  struct timespec t;
  SYS(clock_gettime(clock, &t));
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

// Nanoseconds of CLOCK_MONOTONIC.
static inline int64_t feature_now(void) {
  return feature_clock(CLOCK_MONOTONIC);
}

// How long to go on, in nanoseconds: FEATURE_SECONDS, else 1.5 s.
static inline int64_t feature_duration(void) {
  const char* text = getenv("FEATURE_SECONDS");
  const double seconds = text ? atof(text) : 1.5;
  return (int64_t)(1e9 * (seconds > 0 ? seconds : 1.5));
}

// True until the time is over; at least for two rounds, however slow the machine.
static FEATURE_UNUSED int64_t feature_end;
static FEATURE_UNUSED int feature_rounds;
static inline bool feature_more(void) {
  if (feature_end == 0) feature_end = feature_now() + feature_duration();
  return feature_rounds++ < 2 || feature_now() < feature_end;
}

// Waits for what another task brings about, bounded at about two minutes.
#define UNTIL(cond)                                                                 \
  do {                                                                              \
    for (int spins_ = 0; !(cond); ++spins_) {                                       \
      if (spins_ > 120000) feature_fail(__FILE__, __LINE__, "never: " #cond, 0, 1); \
      const struct timespec pause_ = {0, 1000000};                                  \
      nanosleep(&pause_, NULL);                                                     \
    }                                                                               \
  } while (0)

// Milliseconds after which a poll() that should have been woken is a hang.
enum { kFeatureHang = 120000 };

// Not everywhere has it: ends the program.
__attribute__((noreturn)) static inline void feature_skip(const char* why) {
  printf("skipped: %s\n", why);
  exit(77);
}

static inline int feature_pass(void) {
  puts("as it should be");
  return 0;
}

// xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled".
static inline uint64_t feature_random(uint64_t* state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * 2685821657736338717ULL;
}

// FNV-1a over `size` bytes, going on from `hash`; start with kFeatureHash.
#define kFeatureHash 14695981039346656037ULL
static inline uint64_t feature_hash(uint64_t hash, const void* data, size_t size) {
  const unsigned char* p = (const unsigned char*)data;
  for (size_t i = 0; i < size; ++i) hash = (hash ^ p[i]) * 1099511628211ULL;
  return hash;
}

// Some work in user mode, so that there is a moment to be moved in. Gives the same every time.
static inline uint64_t feature_work(void) {
  uint64_t state = 88172645463325252ULL, sum = 0;
  for (int i = 0; i < 200000; ++i) sum += feature_random(&state);
  __asm__ volatile("" : "+r"(sum));  // work whose result nobody asks for is still done
  return sum;
}

// Reaps `pid` and gives its wait status.
static inline int feature_wait(pid_t pid) {
  int status = 0;
  pid_t got;
  do got = waitpid(pid, &status, 0);
  while (got == -1 && errno == EINTR);
  CHECK_EQ(got, pid);
  return status;
}

// A child must have ended with exit(want).
static inline void feature_wait_exit(pid_t pid, int want) {
  const int status = feature_wait(pid);
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), want);
}

// fork() that cannot fail and leaves nothing buffered for the child to print again.
static inline pid_t feature_fork(void) {
  fflush(NULL);
  return (pid_t)SYS(fork());
}

static inline void feature_handle(int signal, void (*handler)(int, siginfo_t*, void*), int flags) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | flags;
  sigemptyset(&action.sa_mask);
  SYS(sigaction(signal, &action, NULL));
}

static inline sigset_t feature_block(int signal) {
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, signal);
  SYS(sigprocmask(SIG_BLOCK, &set, &old));
  return old;
}

// Enters a fresh directory that is removed at exit.
static FEATURE_UNUSED char feature_dir[512];
static FEATURE_UNUSED pid_t feature_dir_owner;
static inline int feature_remove(const char* path, const struct stat* s, int type, struct FTW* f) {
  (void)s, (void)type, (void)f;
  return remove(path);
}
static inline void feature_leave(void) {
  if (getpid() != feature_dir_owner || chdir("/") != 0) return;
  nftw(feature_dir, feature_remove, 16, FTW_DEPTH | FTW_PHYS);
}
static inline void feature_scratch(void) {
  const char* base = getenv("TMPDIR");
  snprintf(feature_dir, sizeof feature_dir, "%s/feature.XXXXXX", base ? base : "/tmp");
  CHECK(mkdtemp(feature_dir) != NULL);
  SYS(chdir(feature_dir));
  feature_dir_owner = getpid();
  atexit(feature_leave);
}
