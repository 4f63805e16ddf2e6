// SPDX-License-Identifier: GPL-2.0-or-later
// What bench_migrate moves: a process that does one piece of work per line on standard input and
// answers each with the nanoseconds it took.
//   hold MIB      allocates and touches that much, and keeps it
//   spin THREADS  a fixed number of floating-point rounds on each thread; they are made once
//   threads COUNT starts and joins that many threads, one after the other
//   malloc ROUNDS allocates and frees blocks of 16 B to 64 KiB, 1000 of them alive
//   calls COUNT   getppid(2), which is always made at home
//   dirty         writes a word of every page that `hold` made
//   touch         reads a word of every page that `hold` made
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

std::int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double rounds() {
  double x = 1;
  for (int i = 0; i < 60'000'000; ++i) x = x * 1.0000001 + 1e-9;
  return x;
}

volatile double kept;

// Threads that wait for work, as a numerical program has them.
class Pool {
 public:
  void run(long threads) {
    while (static_cast<long>(threads_.size()) < threads - 1)
      threads_.emplace_back([this, seen = round_]() mutable { work(seen); });
    {
      const std::lock_guard lock(mutex_);
      ++round_;
      busy_ = threads_.size();
    }
    changed_.notify_all();
    kept = rounds();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return busy_ == 0; });
  }

 private:
  [[noreturn]] void work(long& seen) {
    while (true) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return round_ != seen; });
        ++seen;
      }
      kept = rounds();
      const std::lock_guard lock(mutex_);
      if (--busy_ == 0) changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  long round_ = 0;
  std::size_t busy_ = 0;
  std::vector<std::thread> threads_;  // they end with the process
};

void churn(long count) {
  std::vector<void*> alive(1000, nullptr);
  std::uint64_t random = 88172645463325252ULL;
  for (long i = 0; i < count; ++i) {
    random ^= random << 13, random ^= random >> 7, random ^= random << 17;
    void*& slot = alive[random % alive.size()];
    std::free(slot);
    const std::size_t size = std::size_t{16} << (random >> 32) % 13;
    slot = std::malloc(size);
    static_cast<char*>(slot)[0] = 1;
  }
  for (void* p : alive) std::free(p);
}

}  // namespace

int main() {
  char line[64];
  Pool& pool = *new Pool;  // never taken apart: its threads wait for more
  char* held = nullptr;
  std::size_t held_size = 0;
  std::setvbuf(stdout, nullptr, _IONBF, 0);
  while (std::fgets(line, sizeof line, stdin)) {
    char verb[16] = {};
    long n = 0;
    std::sscanf(line, "%15s %ld", verb, &n);
    const std::string what = verb;
    const std::int64_t begin = now();
    if (what == "hold") {
      held_size = static_cast<std::size_t>(n) << 20;
      held = static_cast<char*>(
          ::mmap(nullptr, held_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
      for (std::size_t i = 0; i < held_size; i += 8) std::memcpy(held + i, &i, sizeof i);
    } else if (what == "dirty") {
      for (std::size_t i = 0; i < held_size; i += 4096) ++held[i];
    } else if (what == "touch") {
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i < held_size; i += 4096)
        sum += static_cast<unsigned char>(held[i + 1]);
      kept = static_cast<double>(sum);
    } else if (what == "spin") {
      pool.run(n);
    } else if (what == "threads") {
      for (long i = 0; i < n; ++i) std::thread([] { kept = 1; }).join();
    } else if (what == "malloc") {
      churn(n);
    } else if (what == "calls") {
      for (long i = 0; i < n; ++i) ::syscall(SYS_getppid);
    } else {
      return 2;
    }
    std::printf("%lld\n", static_cast<long long>(now() - begin));
  }
  return 0;
}
