// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/identity.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/temp_dir.h"

namespace starling::daemon {
namespace {

TEST(Identity, RemembersThroughARestart) {
  TempDir dir;
  const auto state = dir.path() / "made" / "here";
  write_remembered(state, {7, 0x0123456789abcdefULL, ~0ULL});
  const Remembered r = read_remembered(state);
  EXPECT_EQ(r.number, 7);
  EXPECT_EQ(r.uid, 0x0123456789abcdefULL);
  EXPECT_EQ(r.machine, ~0ULL);
}

TEST(Identity, DamageIsNothingRemembered) {
  TempDir dir;
  EXPECT_EQ(read_remembered(dir.path()).number, 0);
  std::ofstream(dir.path() / "number") << "number 99999999\nuid xyz\nmachine 12\n";
  const Remembered r = read_remembered(dir.path());
  EXPECT_EQ(r.number, 0);
  EXPECT_EQ(r.uid, 0u);
  EXPECT_EQ(r.machine, 0u);
  std::ofstream(dir.path() / "number") << "number";
  EXPECT_EQ(read_remembered(dir.path()).number, 0);
}

Link hardware(std::uint32_t index, std::uint8_t last) {
  Link l;
  l.index = index;
  l.ethernet = true;
  l.permanent_mac = {2, 0, 0, 0, 0, last};
  return l;
}

TEST(Identity, MachineIsItsSmallestPermanentAddress) {
  const auto one = machine_identity({{2, hardware(2, 5)}});
  EXPECT_NE(one, 0u);
  EXPECT_EQ(machine_identity({{9, hardware(9, 5)}, {3, hardware(3, 8)}}), one);
  EXPECT_NE(machine_identity({{2, hardware(2, 6)}}), one);
  // A made-up address of a virtual link does not count beside hardware.
  Link veth;
  veth.ethernet = true;
  veth.kind = "veth";
  veth.mac = {0, 0, 0, 0, 0, 1};
  EXPECT_EQ(machine_identity({{1, veth}, {2, hardware(2, 5)}}), one);
  EXPECT_NE(machine_identity({{1, veth}}), machine_identity({}));
  EXPECT_NE(machine_identity({}), 0u);
}

TEST(Identity, UidsAreFresh) {
  EXPECT_NE(fresh_uid(), fresh_uid());
}

}  // namespace
}  // namespace starling::daemon
