// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/settings.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

namespace starling::netboot {
namespace {

namespace fs = std::filesystem;

class SettingsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/netboot-settings.XXXXXX";
    ASSERT_TRUE(::mkdtemp(name.data()));
    dir_ = name;
    write("cmdline", "boot=live");
  }
  void TearDown() override { fs::remove_all(dir_); }
  void write(const char* name, const std::string& text) { std::ofstream(dir_ / name) << text; }
  Settings load(std::vector<std::string> arguments = {}) {
    arguments.push_back("--cmdline=" + (dir_ / "cmdline").native());
    return load_settings(arguments, {dir_ / "etc.conf", dir_ / "usr.conf"});
  }
  fs::path dir_;
};

TEST_F(SettingsTest, HasSafeDefaults) {
  const auto s = load();
  EXPECT_EQ(s.policy, Policy::automatic);
  EXPECT_EQ(to_string(own_address(s.network, 7)), "10.213.0.7");
  EXPECT_EQ(s.http_port, 80);
  EXPECT_TRUE(s.ipxe);
}

TEST_F(SettingsTest, KernelBeforeEtcBeforeUsr) {
  write("usr.conf", "netboot = full\nhttp-port = 81\n");
  write("etc.conf", "netboot = proxy\nipxe = off\n");
  EXPECT_FALSE(load().ipxe);
  EXPECT_EQ(load().policy, Policy::proxy);
  EXPECT_EQ(load().http_port, 81);
  write("cmdline", "quiet starling.netboot=off starling.flock=blue");
  EXPECT_EQ(load().policy, Policy::off);
  EXPECT_EQ(load().flock, "blue");
  EXPECT_EQ(load({"--netboot=full"}).policy, Policy::full);
}

TEST_F(SettingsTest, RefusesWhatItDoesNotUnderstand) {
  for (const char* bad : {"netboot = maybe\n", "network = 10.0.0.0\n", "network = 10.0.0.0/24\n",
                          "http-port = 0\n", "flock = a b\n", "nettboot = off\n",
                          "ipxe = 1\n"}) {
    write("etc.conf", bad);
    EXPECT_THROW(load(), SettingsError) << bad;
  }
}

}  // namespace
}  // namespace starling::netboot
