// SPDX-License-Identifier: GPL-2.0-or-later
// Server and client of the control socket, in one process and two threads.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "agents/common/control_client.h"
#include "agents/common/control_server.h"
#include "tests/unit/temp_dir.h"

namespace starling {
namespace {

using nlohmann::json;

class ControlTest : public testing::Test {
 protected:
  ControlTest() : path(dir.path() / "control.sock") {
    server = std::make_unique<ControlServer>(
        loop, path,
        [this](const json& request, const Peer& peer, const ControlServer::Reply& reply) {
          const std::string cmd = request.at("cmd");
          if (cmd == "echo") {
            reply({{"value", request.at("value")}, {"uid", peer.uid}});
          } else if (cmd == "later") {
            later.push_back(reply);
          } else if (cmd == "now") {
            for (const auto& r : later) r({{"late", true}});
            later.clear();
            reply(json::object());
          } else if (cmd == "big") {
            reply({{"text", std::string(1 << 20, 'x')}});
          } else {
            throw ControlError("unknown-command", "no");
          }
        });
    thread = std::thread([this] {
      while (!stop) loop.run_once(10);
    });
  }
  ~ControlTest() override {
    stop = true;
    thread.join();
  }

  // Bytes as they are, for what ControlClient would never send.
  UniqueFd raw() {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.native().size() + 1);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  static std::string exchange(int fd, const std::string& bytes, std::size_t lines) {
    EXPECT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    std::string out;
    char c;
    while (lines > 0 && ::read(fd, &c, 1) == 1) {
      out += c;
      if (c == '\n') --lines;
    }
    return out;
  }

  TempDir dir;
  std::filesystem::path path;
  EventLoop loop;
  std::vector<ControlServer::Reply> later;
  std::unique_ptr<ControlServer> server;
  std::atomic<bool> stop{false};
  std::thread thread;
};

TEST_F(ControlTest, AnswersWithThePeerKnown) {
  ControlClient client(path);
  const json a = client.ask({{"cmd", "echo"}, {"value", 5}});
  EXPECT_EQ(a, (json{{"ok", true}, {"value", 5}, {"uid", geteuid()}}));
  EXPECT_EQ(client.ask({{"cmd", "echo"}, {"value", "x"}}).at("value"), "x");
}

TEST_F(ControlTest, MistakesAreAnsweredNotFatal) {
  ControlClient client(path);
  EXPECT_EQ(client.ask({{"cmd", "nonsense"}}).at("code"), "unknown-command");
  EXPECT_EQ(client.ask({{"cmd", 5}}).at("code"), "bad-request");
  EXPECT_EQ(client.ask({{"no", 5}}).at("code"), "bad-request");
  EXPECT_EQ(client.ask({{"cmd", "echo"}}).at("code"), "bad-request");  // value is missing
  EXPECT_EQ(client.ask({{"cmd", "echo"}, {"value", 1}}).at("ok"), true);
  UniqueFd fd = raw();
  EXPECT_NE(exchange(fd.get(), "garbage\n", 1).find("bad-request"), std::string::npos);
  EXPECT_NE(exchange(fd.get(), std::string(100, '[') + "\n", 1).find("nested"), std::string::npos);
}

TEST_F(ControlTest, ManyRequestsInOneWriteAreAnsweredInOrder) {
  UniqueFd fd = raw();
  const std::string out =
      exchange(fd.get(),
               "{\"cmd\":\"echo\",\"value\":1}\n{\"cmd\":\"echo\",\"value\":2}\n"
               "{\"cmd\":\"echo\",\"value\":3}\n",
               3);
  const auto at = [&](int v) { return out.find("\"value\":" + std::to_string(v)); };
  EXPECT_LT(at(1), at(2));
  EXPECT_LT(at(2), at(3));
  EXPECT_NE(at(3), std::string::npos);
}

TEST_F(ControlTest, OverlongRequestIsTurnedAway) {
  UniqueFd fd = raw();
  const std::string out = exchange(fd.get(), std::string(ControlServer::kMaxRequest + 10, 'a'), 1);
  EXPECT_NE(out.find("too-long"), std::string::npos);
  char c;
  EXPECT_EQ(::read(fd.get(), &c, 1), 0);  // and closed
}

TEST_F(ControlTest, LateAnswersAndClientsThatLeft) {
  ControlClient waiting(path);
  std::thread asks([&] { EXPECT_EQ(waiting.ask({{"cmd", "later"}}).at("late"), true); });
  {
    UniqueFd gone = raw();
    const std::string request = "{\"cmd\":\"later\"}\n";
    ASSERT_EQ(::send(gone.get(), request.data(), request.size(), 0),
              static_cast<ssize_t>(request.size()));
  }
  ControlClient other(path);
  // Until the waiting client's request has arrived, "now" answers nobody: repeated, it does.
  std::atomic<bool> done{false};
  std::thread pokes([&] {
    while (!done) other.ask({{"cmd", "now"}});
  });
  asks.join();
  done = true;
  pokes.join();
}

TEST_F(ControlTest, LongAnswersArriveWhole) {
  ControlClient client(path);
  EXPECT_EQ(client.ask({{"cmd", "big"}}).at("text").get<std::string>().size(), 1u << 20);
}

TEST_F(ControlTest, ClientsBeyondTheLimitAreClosed) {
  std::vector<UniqueFd> crowd;
  for (std::size_t i = 0; i < ControlServer::kMaxClients; ++i) {
    crowd.push_back(raw());
    exchange(crowd.back().get(), "{\"cmd\":\"echo\",\"value\":1}\n", 1);
  }
  UniqueFd extra = raw();
  char c;
  EXPECT_LE(::read(extra.get(), &c, 1), 0);
}

TEST_F(ControlTest, SecondServerIsRefusedAndALeftoverReplaced) {
  EventLoop other;
  EXPECT_THROW(ControlServer(other, path, nullptr), std::system_error);
  EXPECT_EQ(ControlClient(path).ask({{"cmd", "echo"}, {"value", 1}}).at("ok"), true);
  const auto stale = dir.path() / "stale.sock";
  {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, stale.c_str(), stale.native().size() + 1);
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  EXPECT_NO_THROW(ControlServer(other, stale, nullptr));
}

TEST(ControlClient, NobodyThere) {
  TempDir dir;
  EXPECT_THROW(ControlClient(dir.path() / "none"), DaemonNotRunning);
}

}  // namespace
}  // namespace starling
