// SPDX-License-Identifier: GPL-2.0-or-later
// Real daemons, real helpers, real processes: a flock of three moves programs around by what users
// type, and their output is what it would be without.
#include <unistd.h>

#include <csignal>

#include "tests/lab/flock_move.h"

namespace starling::lab {
namespace {

using nlohmann::json;

TEST_F(FlockMove, AProgramGoesRoundTheFlockAndHome) {
  grow(3);
  const int home = node(0).number(), second = node(1).number(), third = node(2).number();
  ASSERT_TRUE(home > 0 && second > 0 && third > 0);
  const pid_t native = start_program(program(kLong), "native");
  ASSERT_EQ(end_of(native), 0);

  const pid_t pid = start_program(program(kLong), "moved");
  ::usleep(50'000);
  int moves = 0;
  for (const json& target : {json(second), json(third), json("home"), json(third)}) {
    const json answer = migrate(pid, target);
    if (::kill(pid, 0) != 0) break;
    EXPECT_TRUE(answer.value("ok", false)) << answer;
    if (answer.value("ok", false)) ++moves;
    EXPECT_EQ(where(pid), target.is_number() ? target.get<int>() : home);
    ::usleep(50'000);
  }
  EXPECT_GE(moves, 2);
  EXPECT_EQ(end_of(pid), 0);
  EXPECT_EQ(output("moved"), output("native"));
}

TEST_F(FlockMove, ManyAtOnceAllEndWell) {
  grow(3);
  const pid_t native = start_program(program(kShort), "native");
  ASSERT_EQ(end_of(native), 0);
  std::vector<pid_t> pids;
  for (int i = 0; i < 6; ++i)
    pids.push_back(start_program(program(kShort), "moved" + std::to_string(i)));
  ::usleep(100'000);
  for (std::size_t i = 0; i < pids.size(); ++i)
    migrate(pids[i], i % 2 ? node(1).number() : node(2).number());
  for (std::size_t i = 0; i < pids.size(); ++i) {
    EXPECT_EQ(end_of(pids[i]), 0);
    EXPECT_EQ(output("moved" + std::to_string(i)), output("native"));
  }
}

TEST_F(FlockMove, TheEndOfAGuestsDaemonDoesNotEndItsGuests) {
  grow(2);
  const pid_t pid = start_program(program(kShort), "moved");
  ::usleep(50'000);
  const json answer = migrate(pid, node(1).number());
  ASSERT_TRUE(answer.value("ok", false)) << answer;
  node(1).kill();
  EXPECT_EQ(end_of(pid), 0);
}

}  // namespace
}  // namespace starling::lab
