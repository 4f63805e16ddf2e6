// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/host_naming.h"

#include <gtest/gtest.h>

namespace starling::daemon {
namespace {

NamingFacts fresh() {
  NamingFacts f;
  f.cmdline = "boot=live quiet";
  f.configured = f.current = "starling";
  f.mac = {{0x52, 0x54, 0, 0x53, 0x0a, 0xf1}};
  return f;
}

TEST(HostNameFor, TheMacUntilThereIsANumber) {
  auto f = fresh();
  EXPECT_EQ(host_name_for(f), "starling-530af1");
  f.current = f.last_given = "starling-530af1";
  f.number = 3;
  EXPECT_EQ(host_name_for(f), "starling-3");
  f.current = f.last_given = "starling-3";
  f.number = 12;
  EXPECT_EQ(host_name_for(f), "starling-12");
  f.number = 0;
  f.mac.reset();
  EXPECT_FALSE(host_name_for(f));
}

TEST(HostNameFor, TheParameterWins) {
  auto f = fresh();
  f.number = 3;
  f.cmdline = "boot=live hostname=west.example.org";
  EXPECT_EQ(host_name_for(f), "west.example.org");
  f.cmdline = "boot=live systemd.hostname=east";
  EXPECT_EQ(host_name_for(f), "east");
  for (const char* bad :
       {"hostname=", "hostname=-x", "hostname=a_b", "hostname=a..b", "hostname=a;b"}) {
    f.cmdline = bad;
    EXPECT_EQ(host_name_for(f), "starling-3") << bad;
  }
}

TEST(HostNameFor, WhatSomebodyNamedStaysNamed) {
  auto f = fresh();
  f.number = 3;
  f.current = "mine";  // before we ran
  EXPECT_FALSE(host_name_for(f));
  f = fresh();
  f.number = 3;
  f.last_given = "starling-530af1";
  f.configured = f.current = "mine";  // hostnamectl, after
  EXPECT_FALSE(host_name_for(f));
  f = fresh();
  f.configured = f.current = "";
  EXPECT_FALSE(host_name_for(f));
}

TEST(HostNameFor, FitsALabel) {
  auto f = fresh();
  f.configured = f.current = std::string(60, 'x');
  f.number = 65535;
  const auto name = host_name_for(f);
  ASSERT_TRUE(name);
  EXPECT_TRUE(is_host_name(*name)) << *name;
  EXPECT_TRUE(name->ends_with("-65535"));
  f.configured = f.current = "room.example.org";
  EXPECT_EQ(host_name_for(f), "room-65535");
}

TEST(WithOwnName, ReplacesOnlyThatLine) {
  EXPECT_EQ(with_own_name("127.0.0.1 localhost\n127.0.1.1\tstarling\n::1 localhost\n", "n-3"),
            "127.0.0.1 localhost\n127.0.1.1\tn-3\n::1 localhost\n");
  EXPECT_EQ(with_own_name("127.0.0.1 localhost\n", "n-3"), "127.0.0.1 localhost\n127.0.1.1\tn-3\n");
  EXPECT_EQ(with_own_name("", "n-3"), "127.0.1.1\tn-3\n");
}

}  // namespace
}  // namespace starling::daemon
