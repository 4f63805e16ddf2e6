// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/report_channel.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "tests/unit/temp_dir.h"

namespace starling {
namespace {

using nlohmann::json;

std::string read_text(int fd) {
  char buffer[4096];
  const ssize_t n = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
  return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : "";
}

class ReportChannelTest : public testing::Test {
 protected:
  ReportChannelTest() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    daemon.reset(ends[0]);
    helper_end = ends[1];
    rendezvous = dir.path() / "move.sock";
  }
  void listen() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, rendezvous.c_str(), rendezvous.size() + 1);
    listener.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener.get(), 4), 0);
  }
  void say(const std::string& text) {
    ASSERT_EQ(::send(daemon.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }

  TempDir dir;
  std::string rendezvous;
  UniqueFd daemon;
  UniqueFd listener;
  int helper_end;
};

TEST_F(ReportChannelTest, RequestsRepliesAndEvents) {
  ReportChannel channel(helper_end, "deputy", 12, "");
  EXPECT_FALSE(channel.next());
  say("{\"do\":\"stats\"}\nnonsense\n{\"no\":1}\n{\"do\":\"ho");
  EXPECT_EQ(channel.next()->at("do"), "stats");
  EXPECT_FALSE(channel.next());  // lines that are no requests are skipped, half a line is kept
  say("me\"}\n");
  EXPECT_EQ(channel.next()->at("do"), "home");
  channel.reply("stats", true, "", {{"calls", 3}});
  channel.reply("home", false, "it is busy");
  channel.event("where", {{"node", 2}});
  const std::string said = read_text(daemon.get());
  LineBuffer lines(1000);
  ASSERT_TRUE(lines.append(said));
  EXPECT_EQ(json::parse(*lines.take()), (json{{"reply", "stats"}, {"ok", true}, {"calls", 3}}));
  EXPECT_EQ(json::parse(*lines.take()),
            (json{{"reply", "home"}, {"ok", false}, {"error", "it is busy"}}));
  EXPECT_EQ(json::parse(*lines.take()), (json{{"event", "where"}, {"node", 2}}));
}

TEST_F(ReportChannelTest, OutlivesTheDaemonAndFindsTheNext) {
  ReportChannel channel(helper_end, "deputy", 12, rendezvous);
  channel.event("where", {{"node", 2}});
  daemon.reset();
  EXPECT_FALSE(channel.next());
  EXPECT_LT(channel.fd(), 0);
  channel.tend();  // nobody there yet
  EXPECT_LT(channel.fd(), 0);
  channel.event("where", {{"node", 3}});  // kept: the newest counts
  channel.reply("go", true);              // nobody waits for it any more
  listen();
  channel.tend();
  ASSERT_GE(channel.fd(), 0);
  daemon.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  LineBuffer lines(1000);
  ASSERT_TRUE(lines.append(read_text(daemon.get())));
  EXPECT_EQ(json::parse(*lines.take()),
            (json{{"event", "hello"}, {"role", "deputy"}, {"pid", 12}}));
  EXPECT_EQ(json::parse(*lines.take()), (json{{"event", "where"}, {"node", 3}}));
  EXPECT_FALSE(lines.take());
  say("{\"do\":\"home\"}\n");
  EXPECT_EQ(channel.next()->at("do"), "home");
}

TEST_F(ReportChannelTest, DaemonThatDoesNotReadHoldsNobodyUp) {
  ReportChannel channel(helper_end, "body", 12, "");
  const std::string long_word(60'000, 'x');
  for (int i = 0; i < 100 && channel.fd() >= 0; ++i) channel.event("stats", {{"x", long_word}});
  EXPECT_LT(channel.fd(), 0);
}

TEST_F(ReportChannelTest, LineWithoutEndIsGivenUp) {
  ReportChannel channel(helper_end, "body", 12, "");
  const std::string flood(4096, 'x');
  for (int i = 0; i < 40 && channel.fd() >= 0; ++i) {
    ::send(daemon.get(), flood.data(), flood.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    EXPECT_FALSE(channel.next());
  }
  EXPECT_LT(channel.fd(), 0);
}

}  // namespace
}  // namespace starling
