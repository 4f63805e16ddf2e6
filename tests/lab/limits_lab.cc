// SPDX-License-Identifier: GPL-2.0-or-later
// What runs out: memory and disk on the guest, disk at home; and keys that are not right.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <optional>

#include "agents/common/small_file.h"
#include "tests/lab/fault_trial.h"
#include "tests/unit/temp_dir.h"

namespace starling::lab {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

const fs::path kBin = STARLING_BIN_DIR;
constexpr milliseconds kPatience(40'000);

class Limits : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: it traces processes";
  }
  // A command whose standard input is `in_`, read by a line, and standard output the file "out".
  void start(const std::string& script, MoveGuest::Options guest = {}) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const UniqueFd read_end(ends[0]);
    in_ = UniqueFd(ends[1]);
    const UniqueFd out(
        ::open((dir_ / "out").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
    driver_.emplace(std::vector{guest});
    driver_->start({"perl", "-e", "$| = 1; " + script}, read_end.get(), out.get());
  }
  void say() { ASSERT_EQ(::write(in_.get(), "\n", 1), 1); }
  std::string output() { return read_small_file(dir_ / "out", 1 << 20).value_or(""); }
  bool wait_for(const std::string& text) {
    for (int i = 0; i < 2000 && output().find(text) == std::string::npos && !driver_->ended(); ++i)
      driver_->pump(milliseconds(20));
    return output().find(text) != std::string::npos;
  }
  // Moves it to the guest; why it comes home, if it does, will be in why_.
  void move_once_begun() {
    ASSERT_TRUE(wait_for("begun"));
    driver_->on_report = [this](const nlohmann::json& report) {
      if (report.value("event", "") == "where" && report.value("node", -1) == 0)
        why_ = report.value("why", "");
    };
    const auto reply = driver_->move(2);
    ASSERT_TRUE(reply.value("ok", false)) << reply;
  }
  void expect_nothing_left(pid_t pid) {
    EXPECT_EQ(driver_->finish(milliseconds(15'000)), 0u);
    EXPECT_EQ(copies_of(pid), 0);
  }

  TempDir dir_;
  UniqueFd in_;
  std::optional<MoveDriver> driver_;
  std::string why_;
};

// A file system of 64 KiB at home.
class FullDisk : public Limits {
 protected:
  void SetUp() override {
    Limits::SetUp();
    if (IsSkipped()) return;
    disk_ = dir_ / "disk";
    fs::create_directory(disk_);
    if (::mount("none", disk_.c_str(), "tmpfs", 0, "size=64k") != 0)
      GTEST_SKIP() << "no tmpfs can be mounted here";
    mounted_ = true;
  }
  ~FullDisk() override {
    driver_.reset();
    if (mounted_) ::umount2(disk_.c_str(), MNT_DETACH);
  }
  // Fills the disk by write, pwrite, writev's cousin print, and a hole; tells every result.
  std::string script() const {
    const std::string f = "'" + disk_.string() + "/";
    return "print \"begun\\n\"; <STDIN>; open(F, '>', " + f +
           "a') or die; my $all = 0; my $n;"
           "while (defined($n = syswrite(F, 'x' x 5000))) { $all += $n; last if $n < 5000 }"
           "print \"short: \", $n // 'none', \" all: $all\\n\";"
           "$n = syswrite(F, 'y' x 10); print 'then: ', defined $n ? $n : $!, \"\\n\";"
           "print 'mkdir: ', mkdir(" +
           f +
           "d') ? 'made' : $!, \"\\n\";"
           "open(G, '>', " +
           f +
           "b'); $n = syswrite(G, 'z'); print 'other: ', $n // $!, \"\\n\";"
           "unlink(" +
           f +
           "b'); truncate(F, 100); sysseek(F, 0, 2);"
           "$n = syswrite(F, 'w' x 4000); print 'room again: ', $n // $!, ' size ', -s F, \"\\n\";"
           "print \"done\\n\"; exit 17";
  }
  std::string run(bool moved) {
    for (const auto& e : fs::directory_iterator(disk_)) fs::remove_all(e.path());
    start(script());
    EXPECT_TRUE(wait_for("begun"));
    if (moved) {
      const auto reply = driver_->move(2);
      EXPECT_TRUE(reply.value("ok", false)) << reply;
    }
    say();
    EXPECT_EQ(driver_->wait(kPatience), 17) << output();
    expect_nothing_left(driver_->pid());
    return output();
  }

  fs::path disk_;
  bool mounted_ = false;
};

TEST_F(FullDisk, AtHomeIsSeenAsWithoutMoving) {
  const std::string native = run(false);
  ASSERT_THAT(native, testing::HasSubstr("No space left on device"));
  EXPECT_EQ(run(true), native);
}

// The guest's helper in a copy of this machine where nothing can be written but /proc and /sys: a
// full disk stops it no more than that.
TEST_F(Limits, TheGuestNeedsNoDisk) {
  const fs::path helpers = dir_ / "helpers";
  fs::create_directory(helpers);
  dir_.write("helpers/starling-body",
             "#!/bin/sh\n"
             "exec unshare -m --propagation private sh -c '\n"
             "for m in $(findmnt -rno TARGET | grep -Ev \"^/(proc|sys)(/|$)\"); do\n"
             "  mount -o remount,bind,ro \"$m\" 2>/dev/null\n"
             "done\n"
             "for d in / /tmp /var/tmp /run /dev/shm " +
                 dir_.path().string() +
                 "; do\n"
                 "  [ -d \"$d\" ] && touch \"$d/starling-can-write\" 2>/dev/null && exit 9\n"
                 "done\n"
                 "exec " +
                 (kBin / "starling-body").string() + " \"$@\"' body \"$@\"\n");
  fs::permissions(helpers / "starling-body", fs::perms(0755));
  MoveGuest::Options guest;
  guest.helpers = helpers;
  FaultTrial trial;
  MoveDriver driver({guest}, random_stream_key());
  trial.start(driver, kBin / "fault_worker");
  ASSERT_TRUE(trial.goes_on(3, kPatience));
  for (const int place : {2, 1, 2, 1}) {
    const auto reply = trial.move(place, kPatience);
    ASSERT_TRUE(reply.value("ok", false)) << reply;
    EXPECT_TRUE(trial.goes_on(5, kPatience));
  }
  EXPECT_EQ(trial.end(kPatience), 17);
  EXPECT_EQ(trial.wrong_output(true), "");
  EXPECT_EQ(driver.finish(), 0u);
}

// -- memory --------------------------------------------------------------------------------------

// Grows by 1 MiB each step, checks all it has now and then.
std::string growing(int mebibytes, double pause) {
  return "my @m; print \"begun\\n\"; <STDIN>; for my $i (1.." + std::to_string(mebibytes) +
         ") { push @m, chr(65 + $i % 26) x 1048576; print \"$i\\n\"; select(undef, undef, undef, " +
         std::to_string(pause) +
         "); } my $n = 0; for my $i (1..@m) { my $c = chr(65 + $i % 26); die \"wrong $i\\n\" if "
         "$m[$i - 1] =~ /[^$c]/ or length($m[$i - 1]) != 1048576; $n++ } print \"whole $n\\n\"; "
         "exit 17";
}

TEST_F(Limits, WhatGrowsTooLargeForItsGuestGoesHomeWhole) {
  MoveGuest::Options guest;
  guest.more = {"--max-memory", std::to_string(64 << 20)};
  start(growing(96, 0.03), guest);
  ASSERT_NO_FATAL_FAILURE(move_once_begun());
  say();
  EXPECT_EQ(driver_->wait(kPatience), 17) << output();
  EXPECT_THAT(why_, testing::HasSubstr("more memory"));
  EXPECT_THAT(output(), testing::HasSubstr("whole 96"));
  expect_nothing_left(driver_->pid());
}

// A control group of the test with this process number in it; none where there is no memory
// controller, of either version.
class MemoryGroup {
 public:
  explicit MemoryGroup(std::uint64_t limit) {
    const std::string name = "starling-test-" + std::to_string(::getpid());
    for (const auto& [root, file] : {std::pair{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
                                     std::pair{"/sys/fs/cgroup", "memory.max"}}) {
      const fs::path dir = fs::path(root) / name;
      if (::mkdir(dir.c_str(), 0755) != 0) continue;
      std::ofstream out(dir / file);
      if (fs::exists(dir / file) && (out << limit << std::flush)) {
        dir_ = dir;
        return;
      }
      ::rmdir(dir.c_str());
    }
  }
  ~MemoryGroup() {
    for (int i = 0; i < 100 && !dir_.empty() && ::rmdir(dir_.c_str()) != 0; ++i) ::usleep(20'000);
  }
  bool exists() const { return !dir_.empty(); }
  bool add(pid_t pid) const {
    return bool(std::ofstream(dir_ / "cgroup.procs") << pid << std::flush);
  }

 private:
  fs::path dir_;
};

TEST_F(Limits, AGuestWithoutMemoryEndsItAsIfKilled) {
  const MemoryGroup group(48 << 20);
  if (!group.exists()) GTEST_SKIP() << "no memory controller here";
  start(growing(400, 0));
  ASSERT_TRUE(wait_for("begun"));
  const pid_t pid = driver_->pid();
  const auto reply = driver_->move(2);
  ASSERT_TRUE(reply.value("ok", false)) << reply;
  const auto bodies = processes_numbered(pid);
  ASSERT_EQ(bodies.size(), 1u);
  ASSERT_TRUE(group.add(bodies[0]));
  say();
  EXPECT_EQ(driver_->wait(kPatience), 128 + SIGKILL) << output();
  EXPECT_EQ(output().find("whole"), std::string::npos);
  expect_nothing_left(pid);
  EXPECT_EQ(driver_->deputy_ended().value_or(-1), 0);
}

// The same limit held by the kernel, which slows the body down so that it can be taken home in
// time.
TEST_F(Limits, TheKernelHoldsAGuestToItsMemory) {
  const fs::path root = "/sys/fs/cgroup";
  const fs::path base = root / ("starling-test-" + std::to_string(::getpid()));
  if (read_small_file(root / "cgroup.controllers").value_or("").find("memory") ==
          std::string::npos ||
      ::mkdir(base.c_str(), 0755) != 0) {
    GTEST_SKIP() << "needs cgroup version 2 with the memory controller";
  }
  std::ofstream(root / "cgroup.subtree_control") << "+memory" << std::flush;
  MoveGuest::Options guest;
  guest.more = {"--max-memory", std::to_string(64 << 20), "--cgroup", base.string()};
  start(growing(200, 0), guest);
  ASSERT_NO_FATAL_FAILURE(move_once_begun());
  const auto groups = [&] {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(base))
      if (entry.is_directory()) found.push_back(entry.path());
    return found;
  };
  ASSERT_EQ(groups().size(), 1u);
  EXPECT_EQ(read_small_file(groups()[0] / "memory.max"), std::to_string(64 << 20) + "\n");
  say();
  EXPECT_EQ(driver_->wait(kPatience), 17) << output();
  EXPECT_THAT(why_, testing::HasSubstr("more memory"));
  EXPECT_THAT(output(), testing::HasSubstr("whole 200"));
  expect_nothing_left(driver_->pid());
  EXPECT_TRUE(groups().empty());
  ::rmdir(base.c_str());
}

// ps(1) on the guest reads the arguments of a body that is being built.
TEST_F(Limits, WhoLooksAtABodyDoesNotMakeItsPagesZero) {
  const pid_t nosy = ::fork();
  ASSERT_GE(nosy, 0);
  if (nosy == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (true) {
      for (const auto& entry : fs::directory_iterator("/proc")) {
        if (!std::isdigit(entry.path().filename().c_str()[0])) continue;
        for (const char* file : {"cmdline", "environ"}) read_small_file(entry.path() / file);
      }
    }
  }
  FaultTrial trial;
  MoveDriver driver({{}}, {});
  trial.start(driver, kBin / "fault_worker");
  ASSERT_TRUE(trial.goes_on(3, kPatience));
  for (int i = 0; i < 20 && !driver.ended(); ++i) {
    const auto reply = trial.move(i % 2 == 0 ? 2 : 1, kPatience);
    EXPECT_TRUE(reply.value("ok", false)) << reply;
    EXPECT_TRUE(trial.goes_on(2, kPatience));
  }
  EXPECT_EQ(trial.end(kPatience), 17);
  EXPECT_EQ(trial.wrong_output(true), "");
  EXPECT_EQ(driver.finish(), 0u);
  ::kill(nosy, SIGKILL);
  ::waitpid(nosy, nullptr, 0);
}

// -- keys ----------------------------------------------------------------------------------------

std::string said_by(const std::string& command, int& status) {
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::string text;
  char buffer[1024];
  std::size_t n;
  while (pipe && (n = ::fread(buffer, 1, sizeof buffer, pipe)) > 0) text.append(buffer, n);
  status = pipe ? ::pclose(pipe) : -1;
  return text;
}

TEST_F(Limits, AKeyThatIsNotWholeIsRefused) {
  for (const std::string& helper :
       {(kBin / "starling-deputy").string() + " --pid 1 --report-fd 1",
        (kBin / "starling-body").string() + " --connection-fd 1 --address ::1"}) {
    int status = 0;
    const std::string said = said_by("printf 12345 | " + helper + " --key-fd 0", status);
    EXPECT_EQ(WEXITSTATUS(status), 3) << said;
    EXPECT_THAT(said, testing::HasSubstr("descriptor 0 gave 5 of the 32 bytes of a stream key"));
    const std::string both = said_by(helper + " --key-fd 0 --plain", status);
    EXPECT_EQ(WEXITSTATUS(status), 2) << both;
    EXPECT_THAT(both, testing::HasSubstr("one of --key-fd and --plain is needed"));
  }
}

TEST_F(Limits, AGuestWithAnotherKeyGetsNothing) {
  MoveGuest::Options stranger;
  stranger.key = random_stream_key();
  FaultTrial trial;
  MoveDriver driver({stranger, {}}, random_stream_key());
  trial.start(driver, kBin / "fault_worker");
  ASSERT_TRUE(trial.goes_on(3, kPatience));
  const auto reply = trial.move(2, kPatience);
  EXPECT_FALSE(reply.value("ok", true)) << reply;
  EXPECT_TRUE(trial.goes_on(3, kPatience));
  EXPECT_TRUE(trial.move(3, kPatience).value("ok", false));
  EXPECT_TRUE(trial.goes_on(3, kPatience));
  EXPECT_EQ(trial.end(kPatience), 17);
  EXPECT_EQ(trial.wrong_output(true), "");
  EXPECT_EQ(driver.finish(milliseconds(15'000)), 0u);
}

}  // namespace
}  // namespace starling::lab
