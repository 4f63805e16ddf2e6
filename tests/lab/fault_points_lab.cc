// SPDX-License-Identifier: GPL-2.0-or-later
// Every step of the protocol fails in every way there is: exactly one copy of the process goes on,
// or it ends with a status its parent understands; what fails before the commit point leaves it at
// home as if nothing had been tried.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "agents/common/fail.h"
#include "agents/migrate/fault_point.h"
#include "tests/lab/fault_trial.h"

namespace starling::lab {
namespace {

using migrate::Fate;
using migrate::FaultStep;
using std::chrono::milliseconds;

const std::filesystem::path kBin = STARLING_BIN_DIR;
constexpr milliseconds kPatience(40'000);
// Longer than either side waits for an answer of the other's program.
constexpr const char* kTooLong = "hang=12000";
constexpr const char* kAWhile = "hang=700";
// More of those that wait than of those that compute.
constexpr std::size_t kAtOnce = 13, kWaitingAtOnce = std::size(migrate::kFaultSteps);

bool of_home(const FaultStep& step) {
  return std::string(step.name).starts_with("home-");
}

bool must_go_on(const FaultStep& step, const std::string& kind) {
  return step.fate == Fate::stays || kind == kAWhile || (step.fate == Fate::held && kind != "die");
}

// What a case tells: "ended" or "went on", then what is wrong with it.
struct Verdict {
  bool ended = false;
  std::string wrong;
};

Verdict try_step(const FaultStep& step, const std::string& kind) {
  FaultTrial trial;
  const std::string mark = trial.dir() / "mark";
  const std::vector<std::string> fault = {"STARLING_FAULT=" + std::string(step.name) + ":" + kind,
                                          "STARLING_FAULT_MARK=" + mark};
  MoveGuest::Options faulty, sound;
  if (!of_home(step)) {
    faulty.helpers = kBin / "faulty";
    faulty.environment = fault;
  }
  MoveDriver driver({faulty, sound}, random_stream_key());
  if (of_home(step)) driver.use_deputy(kBin / "faulty", fault);
  trial.start(driver, kBin / "fault_worker");
  const pid_t pid = driver.pid();
  std::ostringstream wrong;
  if (!trial.goes_on(3, kPatience)) wrong << "it did not begin; ";

  const auto out = trial.move(2, kPatience);
  trial.goes_on(8, kind == kTooLong ? milliseconds(15'000) : milliseconds(1'500));
  if (!driver.ended()) trial.move(1, kPatience);
  trial.run(milliseconds(20));
  if (!std::filesystem::exists(mark)) wrong << "the step was never reached; ";
  if (!driver.ended()) {
    if (!trial.goes_on(3, kPatience)) wrong << "it does not go on; ";
    // Nothing is left that would be in the way of another move.
    if (driver.deputy_ended()) {
      driver.use_deputy("", {});
      driver.restart_deputy();
    }
    for (const int place : {3, 1}) {
      const auto again = trial.move(place, kPatience);
      if (!again.value("ok", false)) wrong << "to " << place << " afterwards: " << again << "; ";
      trial.goes_on(3, milliseconds(5'000));
    }
  }
  const int status = trial.end(kPatience);
  const bool whole = status == 17;
  if (!whole && status != 128 + SIGKILL) wrong << "it ended with status " << status << "; ";
  if (!whole && must_go_on(step, kind))
    wrong << "it ended with status " << status << " and was to go on; ";
  wrong << trial.wrong_output(whole);
  // A helper that hangs ends when it goes on; a guest waits a little to be heard.
  const std::size_t left = driver.finish(milliseconds(25'000));
  if (left != 0) wrong << left << " helpers did not end; ";
  for (int i = 0; i < 100 && copies_of(pid) > 0; ++i) ::usleep(20'000);
  if (const int copies = copies_of(pid); copies > 0) wrong << copies << " copies are left; ";
  // The first of home's died, or none did; what a step throws is caught.
  if (const int helper = driver.deputy_ended().value_or(0);
      helper != 0 && !(of_home(step) && kind == "die" && helper == 128 + SIGKILL))
    wrong << "home's helper ended with status " << helper << "; ";
  if (!wrong.str().empty()) wrong << "(the first move: " << out << ")";
  return {!whole, wrong.str()};
}

class FaultPoints : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: it traces processes";
  }

  // Each in a process of its own, some at the same time: mostly they wait.
  void try_all(const std::string& kind) {
    std::map<pid_t, std::pair<const FaultStep*, UniqueFd>> running;
    int ended = 0, tried = 0;
    const auto take_one = [&] {
      int status = 0;
      const pid_t pid = ::waitpid(-1, &status, 0);
      const auto found = running.find(pid);
      if (found == running.end()) return;
      char text[4096];
      const ssize_t n = ::read(found->second.second.get(), text, sizeof text);
      const std::string verdict(text, n > 0 ? static_cast<std::size_t>(n) : 0);
      ++tried;
      if (verdict.starts_with("E")) ++ended;
      EXPECT_TRUE(verdict == "E" || verdict == "W")
          << found->second.first->name << ":" << kind << ": "
          << (verdict.empty() ? "the case itself ended, status " + std::to_string(status)
                              : verdict.substr(1));
      running.erase(found);
    };
    for (const FaultStep& step : migrate::kFaultSteps) {
      while (running.size() >= (kind.starts_with("hang") ? kWaitingAtOnce : kAtOnce)) take_one();
      int ends[2];
      ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
      UniqueFd in(ends[0]);
      const UniqueFd out(ends[1]);
      const pid_t pid = ::fork();
      ASSERT_GE(pid, 0);
      if (pid == 0) {
        std::string text;
        try {
          const Verdict verdict = try_step(step, kind);
          text = (verdict.ended ? "E" : "W") + verdict.wrong;
        } catch (const std::exception& e) {
          text = std::string("X") + e.what();
        }
        (void)!::write(out.get(), text.data(), std::min<std::size_t>(text.size(), 4096));
        ::_exit(0);
      }
      running[pid] = {&step, std::move(in)};
    }
    while (!running.empty()) take_one();
    std::cout << "[ measured ] " << tried << " steps, " << kind << ": " << tried - ended
              << " went on, " << ended << " ended as if killed\n";
  }
};

TEST_F(FaultPoints, AHelperDies) {
  try_all("die");
}
TEST_F(FaultPoints, AStepFails) {
  try_all("fail");
}
TEST_F(FaultPoints, TheConnectionBreaks) {
  try_all("drop");
}
TEST_F(FaultPoints, AHelperHangsForAWhile) {
  try_all(kAWhile);
}
TEST_F(FaultPoints, AHelperHangsTooLong) {
  try_all(kTooLong);
}

std::string contents(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// What is shipped has none of it.
TEST(FaultPointsBuild, OnlyTestHelpersHaveThem) {
  for (const char* name : {"starling-deputy", "starling-body"}) {
    const std::string shipped = contents(kBin / name), faulty = contents(kBin / "faulty" / name);
    ASSERT_FALSE(shipped.empty()) << name;
    EXPECT_NE(faulty.find("STARLING_FAULT"), std::string::npos) << name;
    EXPECT_EQ(shipped.find("STARLING_FAULT"), std::string::npos) << name;
    for (const FaultStep& step : migrate::kFaultSteps) {
      EXPECT_EQ(shipped.find(step.name), std::string::npos) << name << ": " << step.name;
    }
  }
}

}  // namespace
}  // namespace starling::lab
