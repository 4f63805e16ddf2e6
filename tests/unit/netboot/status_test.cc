// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/status.h"

#include <gtest/gtest.h>

namespace starling::netboot {
namespace {

BootFileState file(const std::string& name, BootFileState::Is is) {
  BootFileState f;
  f.name = name;
  f.is = is;
  f.size = 100;
  f.have = is == BootFileState::Is::complete ? 100 : 40;
  if (is == BootFileState::Is::fetching) f.from = "node 1";
  return f;
}

TEST(StatusJson, TellsTheRoleAndWhy) {
  Status s;
  s.problem = "starlingd does not answer";
  EXPECT_EQ(status_json(s)["role"], "off");
  EXPECT_EQ(status_json(s)["why"], "starlingd does not answer");
  s = {};
  s.board = true;
  EXPECT_EQ(status_json(s)["why"], "this node has no number yet");
  s.problem.clear();
  s.number = 2;
  EXPECT_EQ(status_json(s)["why"], "asking lower nodes whether they have all boot files");
  s.problem = "boot files are missing here: live/initrd";
  EXPECT_EQ(status_json(s)["role"], "standby");
  EXPECT_EQ(status_json(s)["why"], s.problem);
  s.answerer = 1;
  EXPECT_EQ(status_json(s)["role"], "standby");
  EXPECT_EQ(status_json(s)["why"], "node 1 is the answerer");
  s.answerer = 2;
  EXPECT_EQ(status_json(s)["why"], "about to take over");
  s.answering = true;
  s.problem = "eth0 has no IPv4 address yet";
  EXPECT_EQ(status_json(s)["role"], "standby");
  EXPECT_EQ(status_json(s)["why"], s.problem);
  s.serving = true;
  EXPECT_EQ(status_json(s)["role"], "server");
  s.switched_off = true;
  EXPECT_EQ(status_json(s)["role"], "off");
}

TEST(StatusJson, TellsWhatIsMissingAndHowFarItIs) {
  Status s;
  s.files.files = {file("a", BootFileState::Is::complete), file("b", BootFileState::Is::fetching),
                   file("c", BootFileState::Is::missing), file("d", BootFileState::Is::checking)};
  const auto json = status_json(s);
  EXPECT_EQ(json["missing"], (nlohmann::json{"b", "c", "d"}));
  EXPECT_EQ(json["files"][1]["state"], "fetching");
  EXPECT_EQ(json["files"][1]["have"], 40);
  EXPECT_EQ(json["files"][1]["size"], 100);
  EXPECT_EQ(json["files"][1]["from"], "node 1");
}

TEST(StatusJson, TellsWhomItAnswers) {
  Status s;
  EXPECT_EQ(status_json(s)["mode"], "off");
  s.lans.push_back({"eth0", "proxy", "192.0.2.5", "192.0.2.1"});
  const auto json = status_json(s);
  EXPECT_EQ(json["mode"], "proxy");
  EXPECT_EQ(json["links"][0]["interface"], "eth0");
  EXPECT_EQ(json["links"][0]["other_server"], "192.0.2.1");
}

}  // namespace
}  // namespace starling::netboot
