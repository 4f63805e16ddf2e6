// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/guest_agent.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <thread>

#include "agents/common/unique_fd.h"
#include "builder/core/error.h"
#include "builder/vm/temporary_dir.h"

namespace starling::vm {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

TEST(Base64, DecodesEveryPadding) {
  EXPECT_EQ(decode_base64(""), "");
  EXPECT_EQ(decode_base64("YQ=="), "a");
  EXPECT_EQ(decode_base64("YWI="), "ab");
  EXPECT_EQ(decode_base64("YWJj"), "abc");
  EXPECT_EQ(decode_base64("/+8A"), std::string("\xff\xef\0", 3));
}

TEST(Base64, RefusesOtherText) {
  for (const char* bad : {"YQ=", "YQ", "Y===", "Y*==", "YQ==YQ=="})
    EXPECT_THROW(decode_base64(bad), builder::Error) << bad;
}

TEST(ParseExecStatus, ReadsTheEndOfAProgram) {
  EXPECT_FALSE(parse_exec_status({{"exited", false}}));
  const auto done = parse_exec_status(
      {{"exited", true}, {"exitcode", 3}, {"out-data", "YWJj"}, {"err-data", "YQ=="}});
  ASSERT_TRUE(done);
  EXPECT_EQ(done->status, 3);
  EXPECT_EQ(done->out, "abc");
  EXPECT_EQ(done->err, "a");
  EXPECT_EQ(parse_exec_status({{"exited", true}, {"signal", 9}})->status, 137);
  EXPECT_THROW(parse_exec_status(json::array()), builder::Error);
  EXPECT_THROW(parse_exec_status({{"exitcode", 0}}), builder::Error);
}

// An agent at the other end of the socket that, like the real one, first answers what was asked
// before it was listening.
class AgentSocket : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = dir_.path() / "agent";
    listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener_.get(), 1), 0);
  }
  void TearDown() override {
    if (agent_.joinable()) agent_.join();
  }

  void serve() {
    agent_ = std::thread([this] {
      UniqueFd peer(::accept(listener_.get(), nullptr, nullptr));
      const auto say = [&](const std::string& s) {
        (void)!::send(peer.get(), s.data(), s.size(), MSG_NOSIGNAL);
      };
      say("\xff{\"return\": 4711}\n{\"error\": {\"desc\": \"stale\"}}\n");
      std::string input;
      std::array<char, 4096> chunk{};
      for (;;) {
        const auto n = ::recv(peer.get(), chunk.data(), chunk.size(), 0);
        if (n <= 0) return;
        input.append(chunk.data(), static_cast<size_t>(n));
        for (size_t end; (end = input.find('\n')) != std::string::npos; input.erase(0, end + 1)) {
          auto line = input.substr(0, end);
          if (line.starts_with('\xff')) line.erase(0, 1);
          const auto request = json::parse(line);
          const auto command = request["execute"].get<std::string>();
          if (command == "guest-sync-delimited")
            say("\xff{\"return\": " + request["arguments"]["id"].dump() + "}\n");
          else if (command == "guest-exec")
            say(R"({"return": {"pid": 17}})"
                "\n");
          else if (++polls_ < 3)
            say(R"({"return": {"exited": false}})"
                "\n");
          else
            say(R"({"return": {"exited": true, "exitcode": 0, "out-data": "b2sK"}})"
                "\n");
        }
      }
    });
  }

  TemporaryDir dir_;
  std::filesystem::path path_;
  UniqueFd listener_;
  std::thread agent_;
  int polls_ = 0;
};

TEST_F(AgentSocket, SkipsStaleRepliesAndRunsAProgram) {
  serve();
  GuestAgent agent(path_);
  EXPECT_EQ(agent.shell("echo ok", 10s).out, "ok\n");
  EXPECT_EQ(polls_, 3);
}

TEST_F(AgentSocket, SaysSoWhenNobodyAnswers) {
  GuestAgent agent(path_);
  EXPECT_FALSE(agent.answers(50ms));
  EXPECT_THROW(agent.run({"/bin/true"}, 50ms), builder::Error);
}

}  // namespace
}  // namespace starling::vm
