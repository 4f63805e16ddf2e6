// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/rivals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "agents/netboot/http_server.h"
#include "tests/unit/netboot/file_servers.h"
#include "tests/unit/temp_dir.h"

namespace starling::netboot {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using enum Readiness;
constexpr Rivals::Time at(std::chrono::milliseconds t) {
  return Rivals::Time{} + t;
}

class RivalsTest : public ::testing::Test {
 protected:
  static std::vector<Rival> of(const std::vector<int>& numbers) {
    std::vector<Rival> out;
    for (const int n : numbers) out.push_back({n, {"fe80::1%eth0", 80, ""}});
    return out;
  }
  // Who was asked since the last call.
  std::vector<int> asked() { return std::exchange(asked_, {}); }

  std::vector<int> asked_;
  Rivals rivals_{[this](const Rival& r) { asked_.push_back(r.number); }};
};

TEST_F(RivalsTest, AsksEachAndAgainWhenItHasAnswered) {
  rivals_.look(at(0s), of({1, 2}));
  EXPECT_THAT(asked(), ElementsAre(1, 2));
  rivals_.look(at(1s), of({1, 2}));
  EXPECT_THAT(asked(), IsEmpty()) << "one question at a time";
  EXPECT_THAT(rivals_.readiness(at(1s)), ElementsAre(unknown, unknown));
  rivals_.heard(at(1s), 1, not_ready);
  rivals_.heard(at(1s), 2, not_ready);
  EXPECT_THAT(rivals_.readiness(at(1s)), ElementsAre(not_ready, not_ready));
  rivals_.look(at(2s), of({1, 2}));
  EXPECT_THAT(asked(), ElementsAre(1, 2));
}

TEST_F(RivalsTest, WhoStandsBehindAReadyOneDoesNotMatter) {
  rivals_.look(at(0s), of({1, 2}));
  rivals_.heard(at(0s), 1, ready);
  rivals_.heard(at(0s), 2, not_ready);
  asked();
  EXPECT_EQ(rivals_.lowest_ready(), 1);
  EXPECT_THAT(rivals_.readiness(at(1s)), ElementsAre(ready));
  rivals_.look(at(4s), of({1, 2}));
  EXPECT_THAT(asked(), IsEmpty());
  rivals_.look(at(5s), of({1, 2}));
  EXPECT_THAT(asked(), ElementsAre(1));
  rivals_.look(at(6s), of({2}));  // 1 has died
  EXPECT_THAT(asked(), ElementsAre(2));
  EXPECT_THAT(rivals_.readiness(at(6s)), ElementsAre(not_ready));
}

TEST_F(RivalsTest, WhoIsSilentForLongIsNotReady) {
  rivals_.look(at(0s), of({1}));
  rivals_.heard(at(0s), 1, ready);
  rivals_.heard(at(9s), 1, unknown);
  EXPECT_THAT(rivals_.readiness(at(9s)), ElementsAre(ready)) << "it may only be busy";
  rivals_.heard(at(10s), 1, unknown);
  EXPECT_THAT(rivals_.readiness(at(10s)), ElementsAre(not_ready));
  rivals_.heard(at(11s), 1, ready);
  EXPECT_THAT(rivals_.readiness(at(11s)), ElementsAre(ready));
}

TEST_F(RivalsTest, WhoCannotBeAskedCountsForAWhile) {
  rivals_.look(at(0s), {{1, {}}});
  EXPECT_THAT(asked(), IsEmpty());
  EXPECT_THAT(rivals_.readiness(at(9s)), ElementsAre(unknown));
  EXPECT_THAT(rivals_.readiness(at(10s)), ElementsAre(not_ready));
}

TEST_F(RivalsTest, ForgetsWhoIsGone) {
  rivals_.look(at(0s), of({1}));
  rivals_.heard(at(0s), 1, ready);
  rivals_.look(at(1s), {});
  EXPECT_THAT(rivals_.readiness(at(1s)), IsEmpty());
  EXPECT_EQ(rivals_.lowest_ready(), 0);
  rivals_.heard(at(1s), 1, ready);
  EXPECT_EQ(rivals_.lowest_ready(), 0) << "an answer that came too late";
}

class AskReadiness : public ::testing::Test {
 protected:
  Readiness ask(const Source& source, std::chrono::milliseconds limit = 10s) {
    boost::asio::io_context io;
    std::optional<Readiness> answer;
    ask_readiness(io, source, limit, [&](Readiness r) { answer = r; });
    EXPECT_FALSE(answer) << "not from inside the call";
    io.run();
    EXPECT_TRUE(answer);
    return answer.value_or(unknown);
  }
  TempDir dir_;
  IoThread server_;
};

TEST_F(AskReadiness, AsksTheHttpServerOfANode) {
  FileTable table;
  HttpServer server(
      server_.io(), loopback(), [&]() -> const FileTable& { return table; }, nullptr);
  const Source source{"127.0.0.1", server.endpoint().port(), "node 1"};
  EXPECT_EQ(ask(source), not_ready);
  write_to(dir_.path() / kReadyName, "ready\n");
  table[kReadyName] = dir_.path() / kReadyName;
  EXPECT_EQ(ask(source), ready);
  server_.stop();
}

TEST_F(AskReadiness, ARefusedConnectionIsNo) {
  boost::asio::ip::tcp::acceptor closed(server_.io(), loopback());
  const auto port = closed.local_endpoint().port();
  closed.close();
  EXPECT_EQ(ask({"127.0.0.1", port, "node 1"}), not_ready);
}

TEST_F(AskReadiness, SilenceAndNonsenseAreNoAnswer) {
  boost::asio::ip::tcp::acceptor silent(server_.io(), loopback());
  EXPECT_EQ(ask({"127.0.0.1", silent.local_endpoint().port(), "node 1"}, 50ms), unknown);
  EXPECT_EQ(ask({"no address", 80, "node 1"}), unknown);
}

}  // namespace
}  // namespace starling::netboot
