// SPDX-License-Identifier: GPL-2.0-or-later
// A flock on machines that compute with all they have: nobody may be taken for dead.
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "tests/lab/lab.h"

namespace starling::lab {
namespace {

// Processes that spin, ended with this object.
class Hogs {
 public:
  explicit Hogs(int count) {
    for (int i = 0; i < count; ++i) {
      const pid_t pid = fork();
      if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        volatile unsigned long n = 0;
        while (true) n = n + 1;
      }
      if (pid > 0) pids_.push_back(pid);
    }
  }
  Hogs(const Hogs&) = delete;
  Hogs& operator=(const Hogs&) = delete;
  ~Hogs() {
    for (pid_t pid : pids_) {
      ::kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
  }

 private:
  std::vector<pid_t> pids_;
};

class HogsLab : public Lab {};

// Sixty seconds; STARLING_LAB_HOG_SECONDS=600 for the ten minutes of the product's promise.
TEST_F(HogsLab, SixteenPerCoreCauseNoFalseDeath) {
  const char* text = getenv("STARLING_LAB_HOG_SECONDS");
  const int duration = text ? atoi(text) : 60;
  const int per_core = 16;
  grow(8);
  if (HasFatalFailure()) return;
  if (!node(0).ask({{"cmd", "status"}}).at("realtime").get<bool>()) {
    GTEST_SKIP() << "real-time scheduling is not allowed here";
  }
  {
    const Hogs hogs(per_core * static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
    const TimeNs end = monotonic_ns() + duration * kSecond;
    while (monotonic_ns() < end) {
      sleep(5);
      for (LabNode* n : running()) {
        ASSERT_EQ(n->counter("member", "deaths_declared"), 0u) << n->name();
      }
    }
  }
  std::uint64_t suspicions = 0;
  double late = 0;
  for (LabNode* n : running()) {
    const auto status = n->ask({{"cmd", "status"}});
    const auto& member = status.at("counters").at("member");
    EXPECT_EQ(member.at("deaths_declared"), 0) << n->name();
    EXPECT_EQ(member.at("deaths_heard"), 0) << n->name();
    suspicions += member.at("suspicions_raised").get<std::uint64_t>();
    late = std::max(late, status.at("worst_late").get<double>());
  }
  EXPECT_GE(until(10 * kSecond, [&] { return all_agree(); }), 0);
  std::printf(
      "[ measured ] %d s with %d hogs per core: 0 deaths, %llu suspicions, at most %.1f ms "
      "late\n",
      duration, per_core, static_cast<unsigned long long>(suspicions), 1000 * late);
}

}  // namespace
}  // namespace starling::lab
