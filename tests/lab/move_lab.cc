// SPDX-License-Identifier: GPL-2.0-or-later
// The daemon's part in moving processes, with helpers that only pretend to move them: who may ask,
// what is refused, what is told when a helper fails, and that nobody waits for another.
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "agents/common/control_client.h"
#include "agents/common/fail.h"
#include "agents/common/secure_stream.h"
#include "agents/common/small_file.h"
#include "tests/lab/lab.h"

namespace starling::lab {
namespace {

using nlohmann::json;

constexpr uid_t kSomebody = 4242;
constexpr uid_t kSomebodyElse = 4243;

// A program that computes nothing for as long as the test runs.
class Sleeper {
 public:
  explicit Sleeper(uid_t uid = 0) : pid_(fork()) {
    if (pid_ < 0) fail_errno("fork");
    if (pid_ == 0) {
      if (uid != 0 && setresuid(uid, uid, uid) != 0) _exit(1);
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      execlp("sleep", "sleep", "1000", nullptr);
      _exit(127);
    }
    // Its owner is known to others only once it runs the program.
    for (int i = 0; i < 500; ++i) {
      if (read_small_file("/proc/" + std::to_string(pid_) + "/comm").value_or("") == "sleep\n")
        break;
      usleep(10'000);
    }
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  ~Sleeper() { end(); }
  void end() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    pid_ = 0;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

class MoveLab : public Lab {
 protected:
  std::filesystem::path helpers(int index) { return node(index).dir() / "helpers"; }
  void set_mood(int index, const std::string& mood) {
    write_file_atomically(helpers(index) / "mood", mood, 0644);
  }
  void start(int index, const std::vector<std::string>& more = {}) {
    std::vector<std::string> options = {"--helper-dir=" + helpers(index).string()};
    options.insert(options.end(), more.begin(), more.end());
    node(index).start(options);
  }
  void flock(int count, const std::vector<std::string>& options = {}) {
    for (int i = 0; i < count; ++i) {
      add_node();
      std::filesystem::create_directories(helpers(i));
      for (const char* name : {"starling-deputy", "starling-body"}) {
        std::filesystem::copy_file(FAKE_HELPER, helpers(i) / name);
      }
      start(i, options);
    }
    ASSERT_GE(until(30 * kSecond, [&] { return all_agree(); }), 0) << "no flock";
    // Other users ask as well.
    ASSERT_EQ(chmod(node(0).dir().parent_path().c_str(), 0711), 0);
    ASSERT_EQ(chmod(node(0).dir().c_str(), 0711), 0);
  }
  json migrate(int at, pid_t pid, const json& target) {
    return node(at).ask({{"cmd", "migrate"}, {"pid", pid}, {"node", target}});
  }
  // The same from another user's process.
  json ask_as(uid_t uid, int at, const json& request) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      std::string answer = "{}";
      if (setresuid(uid, uid, uid) == 0) {
        try {
          answer = node(at).ask(request).dump();
        } catch (const std::exception& e) {
          answer = json{{"thrown", e.what()}}.dump();
        }
      }
      const ssize_t n = ::write(ends[1], answer.data(), answer.size());
      _exit(n > 0 ? 0 : 1);
    }
    ::close(ends[1]);
    std::string text;
    char buffer[4096];
    ssize_t n;
    while ((n = ::read(ends[0], buffer, sizeof buffer)) > 0) {
      text.append(buffer, static_cast<std::size_t>(n));
    }
    ::close(ends[0]);
    waitpid(child, nullptr, 0);
    return json::parse(text);
  }
  json list(int at, const std::string& what) {
    return node(at).ask({{"cmd", "processes"}}).at(what);
  }
  json totals(int at) { return node(at).ask({{"cmd", "movestats"}}).at("totals"); }
  std::string complaint(const json& answer) {
    EXPECT_FALSE(answer.value("ok", true)) << answer;
    return answer.value("error", "");
  }
  // Connected to the daemon of `to` from the machine `from`.
  UniqueFd knock(int from, int to) {
    const json self = node(to).ask({{"cmd", "whois"}, {"who", "self"}}).at("node");
    UniqueFd fd;
    node(from).net().inside([&] {
      sockaddr_in6 address{};
      address.sin6_family = AF_INET6;
      address.sin6_port = htons(7827);
      address.sin6_scope_id = if_nametoindex("lan0");
      inet_pton(AF_INET6, self.at("address").get<std::string>().c_str(), &address.sin6_addr);
      fd.reset(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        fail_errno("connect");
      }
    });
    return fd;
  }
};

TEST_F(MoveLab, OutOnAndHome) {
  flock(3, {"--guest-memory=64"});
  if (HasFatalFailure()) return;
  Sleeper sleeper;
  const int second = node(1).number();
  const int third = node(2).number();
  json answer = migrate(0, sleeper.pid(), second);
  EXPECT_EQ(answer.value("moved", false), true) << answer;
  answer = node(0).ask({{"cmd", "where"}, {"pid", sleeper.pid()}});
  EXPECT_EQ(answer.at("node"), second);
  EXPECT_EQ(answer.at("away"), true);
  ASSERT_EQ(list(1, "guests").size(), 1u);
  EXPECT_EQ(list(1, "guests")[0].at("pid"), sleeper.pid());
  EXPECT_EQ(list(1, "guests")[0].at("comm"), "sleep");
  EXPECT_EQ(migrate(0, sleeper.pid(), second).at("moved"), false);

  // By name, and from guest to guest.
  EXPECT_EQ(migrate(0, sleeper.pid(), "host3").at("node"), third);
  EXPECT_GE(until(5 * kSecond, [&] { return list(1, "guests").empty(); }), 0);
  EXPECT_EQ(list(0, "moved")[0].at("host"), "host3");
  EXPECT_EQ(list(0, "moved")[0].at("moves"), 2);
  const json stats = node(0).ask({{"cmd", "movestats"}});
  EXPECT_EQ(stats.at("moved")[0].at("stats").at("calls"), 42) << stats;

  EXPECT_EQ(migrate(0, sleeper.pid(), "home").at("moved"), true);
  EXPECT_EQ(node(0).ask({{"cmd", "where"}, {"pid", sleeper.pid()}}).at("away"), false);
  EXPECT_GE(until(5 * kSecond, [&] { return list(2, "guests").empty(); }), 0);
  EXPECT_EQ(totals(0).at("moved"), 2);
  EXPECT_EQ(totals(0).at("came_home"), 1);

  sleeper.end();
  EXPECT_GE(until(5 * kSecond, [&] { return list(0, "moved").empty(); }), 0)
      << "a deputy outlives its process";
}

TEST_F(MoveLab, MistakesAreToldInASentence) {
  flock(2);
  if (HasFatalFailure()) return;
  Sleeper sleeper;
  EXPECT_NE(complaint(migrate(0, sleeper.pid(), 99)).find("no node"), std::string::npos);
  EXPECT_NE(complaint(migrate(0, 0x3fffffff, "home")).find("no process"), std::string::npos);
  EXPECT_NE(complaint(migrate(0, 2, "host2")).find("kernel"), std::string::npos);
  EXPECT_EQ(node(0).ask({{"cmd", "migrate"}, {"pid", "x"}, {"node", 1}}).at("code"), "bad-request");
  EXPECT_EQ(node(0).ask({{"cmd", "migrate"}, {"pid", sleeper.pid()}}).at("code"), "bad-request");

  set_mood(0, "refuse");
  EXPECT_NE(complaint(migrate(0, sleeper.pid(), "host2")).find("/dev/dri/card0"),
            std::string::npos);
  const json why = node(0).ask({{"cmd", "why"}, {"pid", sleeper.pid()}});
  EXPECT_EQ(why.at("can_move"), false);
  EXPECT_EQ(why.at("why"), "it maps /dev/dri/card0");
  set_mood(0, "");
  EXPECT_EQ(node(0).ask({{"cmd", "why"}, {"pid", sleeper.pid()}}).at("can_move"), true);

  node(1).kill();
  ASSERT_GE(until(10 * kSecond, [&] { return node(0).numbers("dead").size() == 1; }), 0);
  EXPECT_NE(complaint(migrate(0, sleeper.pid(), "host2")).find("dead"), std::string::npos);

  std::filesystem::remove(helpers(0) / "starling-deputy");
  EXPECT_EQ(node(0).ask({{"cmd", "why"}, {"pid", sleeper.pid()}}).at("code"), "no-helper");
}

TEST_F(MoveLab, OnlyTheOwnerAndRootMay) {
  flock(2);
  if (HasFatalFailure()) return;
  Sleeper sleeper(kSomebody);
  for (const char* cmd : {"migrate", "where", "why", "lock", "unlock"}) {
    const json request = {{"cmd", cmd}, {"pid", sleeper.pid()}, {"node", "host2"}};
    EXPECT_EQ(ask_as(kSomebodyElse, 0, request).value("code", ""), "denied") << cmd;
  }
  for (const char* cmd : {"bring", "expel", "block"}) {
    EXPECT_EQ(ask_as(kSomebody, 0, {{"cmd", cmd}}).value("code", ""), "denied") << cmd;
  }
  const json request = {{"cmd", "migrate"}, {"pid", sleeper.pid()}, {"node", "host2"}};
  EXPECT_EQ(ask_as(kSomebody, 0, request).value("moved", false), true);
  EXPECT_EQ(ask_as(kSomebody, 0, {{"cmd", "processes"}}).at("moved").size(), 1u);
  EXPECT_EQ(ask_as(kSomebodyElse, 0, {{"cmd", "processes"}}).at("moved").size(), 0u);
  EXPECT_EQ(migrate(0, sleeper.pid(), "home").at("moved"), true);
}

TEST_F(MoveLab, LockedProcessStays) {
  flock(2);
  if (HasFatalFailure()) return;
  Sleeper sleeper;
  EXPECT_EQ(node(0).ask({{"cmd", "lock"}, {"pid", sleeper.pid()}}).at("locked"), true);
  EXPECT_NE(complaint(migrate(0, sleeper.pid(), "host2")).find("mosctl unlock"), std::string::npos);
  // A restart of the daemon does not forget.
  node(0).kill();
  start(0);
  ASSERT_GE(until(20 * kSecond, [&] { return all_agree(); }), 0);
  EXPECT_EQ(migrate(0, sleeper.pid(), "host2").value("code", ""), "locked");
  EXPECT_EQ(node(0).ask({{"cmd", "unlock"}, {"pid", sleeper.pid()}}).at("locked"), false);
  EXPECT_EQ(migrate(0, sleeper.pid(), "host2").value("moved", false), true);
}

TEST_F(MoveLab, HelpersThatDieAreNoticedAtOnce) {
  flock(2);
  if (HasFatalFailure()) return;
  Sleeper sleeper;
  set_mood(0, "crash");
  const TimeNs begin = monotonic_ns();
  EXPECT_NE(complaint(migrate(0, sleeper.pid(), "host2")).find("SIGABRT"), std::string::npos);
  EXPECT_LT(monotonic_ns() - begin, 3 * kSecond);
  EXPECT_TRUE(list(0, "moved").empty());

  // A new helper for a new try; and the guest's helper dies under it.
  set_mood(0, "");
  ASSERT_EQ(migrate(0, sleeper.pid(), "host2").value("moved", false), true);
  const pid_t body = list(1, "guests").at(0).at("helper");
  ::kill(body, SIGKILL);
  EXPECT_GE(
      until(3 * kSecond, [&] { return list(1, "guests").empty() && list(0, "moved").empty(); }), 0);
  EXPECT_EQ(totals(1).at("lost"), 1);
  EXPECT_EQ(totals(0).at("lost"), 1);
  const std::string log = read_small_file(node(1).log()).value_or("");
  EXPECT_NE(log.find("killed by SIGKILL"), std::string::npos) << log;
}

TEST_F(MoveLab, HelperThatDoesNotAnswerIsNotWaitedForElsewhere) {
  flock(2);
  if (HasFatalFailure()) return;
  Sleeper mute;
  set_mood(0, "mute");
  std::thread asker([&] {
    EXPECT_THROW(ControlClient(node(0).socket(), 1000)
                     .ask({{"cmd", "migrate"}, {"pid", mute.pid()}, {"node", "host2"}}),
                 std::runtime_error);
  });
  usleep(300'000);
  const TimeNs begin = monotonic_ns();
  EXPECT_EQ(migrate(0, mute.pid(), "host2").value("code", ""), "busy");
  EXPECT_EQ(node(0).ask({{"cmd", "status"}}).at("ok"), true);
  EXPECT_LT(monotonic_ns() - begin, kSecond);
  // Figures are given without those of the one that is silent.
  EXPECT_EQ(node(0).ask({{"cmd", "movestats"}}).at("ok"), true);
  asker.join();
}

TEST_F(MoveLab, SeveralMoveAtOnce) {
  flock(2);
  if (HasFatalFailure()) return;
  set_mood(0, "slow");
  constexpr int kMany = 12;
  std::vector<std::unique_ptr<Sleeper>> sleepers;
  for (int i = 0; i < kMany; ++i) sleepers.push_back(std::make_unique<Sleeper>());
  const TimeNs begin = monotonic_ns();
  std::vector<std::thread> askers;
  std::atomic<int> moved{0};
  for (const auto& s : sleepers) {
    askers.emplace_back([&, pid = s->pid()] {
      ControlClient client(node(0).socket(), 20'000);
      moved +=
          client.ask({{"cmd", "migrate"}, {"pid", pid}, {"node", "host2"}}).value("moved", false);
    });
  }
  for (std::thread& t : askers) t.join();
  const TimeNs took = monotonic_ns() - begin;
  std::printf("[ measured ] %d pretended moves of 2 s each, at once: %.2f s\n", kMany,
              to_seconds(took));
  EXPECT_EQ(moved, kMany);
  EXPECT_LT(took, 10 * kSecond);  // one after another: 24 s
  EXPECT_EQ(list(1, "guests").size(), static_cast<std::size_t>(kMany));

  const json brought = node(0).ask({{"cmd", "bring"}});
  EXPECT_EQ(brought.at("moved"), kMany) << brought;
  EXPECT_GE(until(5 * kSecond, [&] { return list(1, "guests").empty(); }), 0);
}

TEST_F(MoveLab, GuestIsSentHomeFromWhereItIs) {
  flock(2);
  if (HasFatalFailure()) return;
  Sleeper one, two;
  ASSERT_EQ(migrate(0, one.pid(), "host2").value("moved", false), true);
  ASSERT_EQ(migrate(0, two.pid(), "host2").value("moved", false), true);
  const json guest = list(1, "guests")[0];
  const pid_t body = guest.at("helper");
  EXPECT_EQ(migrate(1, body, 99).value("code", ""), "unknown-node");
  EXPECT_EQ(migrate(1, body, "host2").value("moved", true), false);
  EXPECT_EQ(migrate(1, body, "home").value("moved", false), true);
  EXPECT_GE(until(5 * kSecond, [&] { return list(1, "guests").size() == 1; }), 0);
  EXPECT_EQ(node(1).ask({{"cmd", "expel"}}).at("moved"), 1);
  EXPECT_GE(until(5 * kSecond,
                  [&] {
                    return list(1, "guests").empty() && list(0, "moved")[0].at("node") == 0 &&
                           list(0, "moved")[1].at("node") == 0;
                  }),
            0);
}

TEST_F(MoveLab, BlockedNodeTakesNoGuests) {
  flock(2);
  if (HasFatalFailure()) return;
  Sleeper sleeper;
  EXPECT_EQ(node(1).ask({{"cmd", "block"}, {"on", true}}).at("blocked"), true);
  EXPECT_NE(complaint(migrate(0, sleeper.pid(), "host2")), "");
  node(1).kill();
  start(1);
  ASSERT_GE(until(20 * kSecond, [&] { return all_agree(); }), 0);
  EXPECT_EQ(node(1).ask({{"cmd", "block"}}).at("blocked"), true);
  EXPECT_NE(complaint(migrate(0, sleeper.pid(), "host2")), "");
  EXPECT_GE(totals(1).at("refused_blocked"), 1);
  EXPECT_EQ(node(1).ask({{"cmd", "block"}, {"on", false}}).at("blocked"), false);
  EXPECT_EQ(migrate(0, sleeper.pid(), "host2").value("moved", false), true);
}

TEST_F(MoveLab, GuestsAreCounted) {
  flock(2, {"--max-guests=1"});
  if (HasFatalFailure()) return;
  Sleeper one, two;
  EXPECT_EQ(migrate(0, one.pid(), "host2").value("moved", false), true);
  EXPECT_NE(complaint(migrate(0, two.pid(), "host2")), "");
  EXPECT_EQ(totals(1).at("refused_full"), 1);
}

TEST_F(MoveLab, ForeignFlockIsRefused) {
  flock(2);
  if (HasFatalFailure()) return;
  LabNode& stranger = add_node("other");
  // The same key under another flock's name.
  const StreamKey foreign = KeySchedule(parse_flock_key(key_, "the test"), "other").stream_key();
  stranger.net().inside(
      [&] { EXPECT_THROW(secure_client(knock(2, 1).release(), foreign), StreamClosed); });
  {
    // And somebody who says nothing at all.
    const UniqueFd silent = knock(2, 1);
    EXPECT_GE(until(10 * kSecond, [&] { return totals(1).at("unproven") == 2; }), 0);
  }
  EXPECT_TRUE(list(1, "guests").empty());
  EXPECT_EQ(totals(1).at("guests"), 0);
  EXPECT_TRUE(std::filesystem::exists(node(1).socket()));
  // Nobody may listen on other addresses than the wire's own.
  EXPECT_THROW(node(1).net().inside([&] {
    UniqueFd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(7827);
    address.sin6_addr = in6addr_loopback;
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      fail_errno("refused");
    }
  }),
               std::system_error);
}

TEST_F(MoveLab, ToolsDoWhatTheySay) {
  flock(2);
  if (HasFatalFailure()) return;
  std::string out;
  const auto tool = [&](const std::string& words) {
    const auto bin = std::filesystem::path(FAKE_HELPER).parent_path().string();
    const std::string name = words.substr(0, words.find(' '));
    const std::string line = "exec " + bin + "/" + name + " --socket " + node(0).socket().string() +
                             words.substr(name.size()) + " 2>&1";
    FILE* pipe = popen(line.c_str(), "r");
    out.clear();
    char buffer[4096];
    std::size_t n;
    while ((n = fread(buffer, 1, sizeof buffer, pipe)) > 0) out.append(buffer, n);
    const int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  };
  // The command's own status, and its parent sees its own child: $$ is who the guest is.
  EXPECT_EQ(tool("mosrun -j host2 sh -c 'echo $$; sleep 3; exit 7'"), 7) << out;
  const std::string log = read_small_file(node(1).log()).value_or("");
  EXPECT_NE(log.find("process " + out.substr(0, out.find('\n')) + " of node"), std::string::npos)
      << out << log;
  EXPECT_EQ(tool("mosrun -j host2 sh -c 'kill -9 $$'"), 1000 + SIGKILL);
  EXPECT_EQ(tool("mosrun -h true"), 0);
  EXPECT_EQ(tool("mosrun -b true"), 0) << out;
  EXPECT_EQ(tool("mosrun -j 99 true"), 125);
  EXPECT_NE(out.find("no node"), std::string::npos) << out;
  EXPECT_EQ(tool("mosrun -j host2 /nonexistent"), 127);
  EXPECT_EQ(tool("mosrun -j host2 /etc/passwd"), 126);
  EXPECT_EQ(tool("mosrun"), 125);
  EXPECT_EQ(tool("mosrun -j 2 -h true"), 125);

  Sleeper sleeper;
  const std::string pid = std::to_string(sleeper.pid());
  EXPECT_EQ(tool("migrate " + pid + " host2"), 0) << out;
  EXPECT_EQ(tool("mosctl where " + pid), 0);
  EXPECT_NE(out.find("is on node " + std::to_string(node(1).number())), std::string::npos) << out;
  EXPECT_EQ(tool("mps -m -q --json"), 0) << out;
  const json list = json::parse(out);
  ASSERT_EQ(list.size(), 1u) << out;
  EXPECT_EQ(list[0].at("pid"), sleeper.pid());
  EXPECT_EQ(list[0].at("away"), true);
  EXPECT_EQ(tool("mps -m"), 0);
  EXPECT_NE(out.find("sleep"), std::string::npos) << out;
  EXPECT_EQ(tool("mosctl stats --json"), 0);
  EXPECT_GE(json::parse(out).at("totals").at("moved"), 1);
  EXPECT_EQ(tool("mosctl stats"), 0);
  EXPECT_EQ(tool("migrate " + pid + " home"), 0);
  EXPECT_EQ(tool("mosctl lock " + pid), 0);
  EXPECT_EQ(tool("migrate " + pid + " host2"), 1);
  EXPECT_EQ(tool("mosctl unlock " + pid), 0);
  EXPECT_EQ(tool("migrate " + pid + " 99"), 4);
  EXPECT_EQ(tool("migrate 1073741823 host2"), 5);
  EXPECT_EQ(tool("migrate x host2"), 2);
  EXPECT_EQ(tool("migrate " + pid), 2);
  EXPECT_EQ(tool("mosctl why " + pid), 0);
  set_mood(0, "refuse");
  EXPECT_EQ(tool("mosctl why " + pid), 1);
  EXPECT_NE(out.find("/dev/dri/card0"), std::string::npos) << out;
  EXPECT_EQ(tool("mosctl block on"), 0);
  EXPECT_EQ(tool("mosctl block"), 0);
  EXPECT_EQ(out, "no guests are taken\n");
  EXPECT_EQ(tool("mosctl bring"), 0);
  EXPECT_EQ(tool("mosctl expel"), 0);
  for (const char* name : {"migrate", "mosrun", "mps", "mosctl"}) {
    EXPECT_EQ(tool(std::string(name) + " --help"), 0) << name;
  }
}

TEST_F(MoveLab, HelpersOutliveTheDaemonsOnBothSides) {
  flock(2);
  if (HasFatalFailure()) return;
  Sleeper sleeper;
  ASSERT_EQ(migrate(0, sleeper.pid(), "host2").value("moved", false), true);
  const json deputy = list(0, "moved")[0].at("helper");
  const json body = list(1, "guests")[0].at("helper");
  node(0).kill();
  node(1).kill();
  sleep(1);
  start(0);
  start(1);
  const TimeNs found = until(10 * kSecond, [&] {
    return list(0, "moved").size() == 1 && list(0, "moved")[0].at("node") != 0 &&
           list(1, "guests").size() == 1;
  });
  expect_within("helpers found again by restarted daemons", found, 3 * kSecond);
  EXPECT_EQ(list(0, "moved")[0].at("helper"), deputy);
  EXPECT_EQ(list(1, "guests")[0].at("helper"), body);
  ASSERT_GE(until(20 * kSecond, [&] { return all_agree(); }), 0);
  EXPECT_EQ(migrate(0, sleeper.pid(), "home").value("moved", false), true);
  // Those adopted are no children of the daemon, and their end is noticed all the same.
  EXPECT_GE(until(5 * kSecond, [&] { return list(1, "guests").empty(); }), 0);
  sleeper.end();
  EXPECT_GE(until(5 * kSecond, [&] { return list(0, "moved").empty(); }), 0);
}

}  // namespace
}  // namespace starling::lab
