// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace starling::netboot {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

json node(int number, const char* state = "alive", const char* image = "i") {
  return {{"number", number},
          {"state", state},
          {"image", image},
          {"address", "fe80::" + std::to_string(number)},
          {"interface", "eth0"}};
}

std::vector<std::string> labels(const FlockBoard& board) {
  std::vector<std::string> out;
  for (const auto& s : board.sources) out.push_back(s.label);
  return out;
}

TEST(ReadFlockBoard, NamesLivingNodesOfOurImageTheAnswererFirst) {
  auto self = node(4);
  self["self"] = true;
  const auto board = read_flock_board({{"nodes",
                                        {node(9), node(2), node(3), self, node(5, "suspect"),
                                         node(6, "dead"), node(7, "alive", "other"), node(0)}}},
                                      8080);
  EXPECT_EQ(board.number, 4);
  EXPECT_EQ(board.image, "i");
  EXPECT_THAT(board.alive, ElementsAre(9, 2, 3, 4, 5, 7));
  EXPECT_THAT(labels(board), ElementsAre("node 2", "node 5", "node 9", "node 3"));
  EXPECT_EQ(board.sources[0].address, "fe80::2%eth0");
  EXPECT_EQ(board.sources[0].port, 8080);
}

TEST(ReadFlockBoard, NamesTheNodesBeforeUsWhateverTheyRun) {
  auto self = node(4), nowhere = node(2);
  self["self"] = true;
  nowhere["address"] = "";
  const auto board = read_flock_board(
      {{"nodes", {node(3, "suspect", "other"), nowhere, self, node(5), node(1, "dead"), node(0)}}},
      80);
  ASSERT_EQ(board.lower.size(), 2u);
  EXPECT_EQ(board.lower[0].number, 2);
  EXPECT_EQ(board.lower[0].source.address, "");
  EXPECT_EQ(board.lower[1].number, 3);
  EXPECT_EQ(board.lower[1].source.address, "fe80::3%eth0");
}

TEST(ReadFlockBoard, WithoutAnImageThereIsNobodyToAsk) {
  auto self = node(1, "alive", "");
  self["self"] = true;
  EXPECT_THAT(labels(read_flock_board({{"nodes", {self, node(2, "alive", "")}}}, 80)), IsEmpty());
}

TEST(ReadFlockBoard, TakesAnyJson) {
  EXPECT_EQ(read_flock_board(json::object(), 80).number, 0);
  EXPECT_EQ(read_flock_board({{"nodes", "x"}}, 80).number, 0);
}

}  // namespace
}  // namespace starling::netboot
