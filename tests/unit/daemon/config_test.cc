// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/temp_dir.h"

namespace starling::daemon {
namespace {

using testing::HasSubstr;

class ConfigTest : public testing::Test {
 protected:
  ConfigTest() {
    sources.kernel_cmdline = dir.path() / "cmdline";
    sources.main_file = dir.path() / "starling.conf";
    sources.drop_ins = dir.path() / "starling.d";
    sources.defaults = dir.path() / "vendor.conf";
    std::filesystem::create_directory(sources.drop_ins);
  }
  static void write(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path) << text;
  }
  std::string error(const std::vector<std::string>& arguments = {}) {
    try {
      load_config(arguments, sources);
    } catch (const ConfigError& e) {
      return e.what();
    }
    return "";
  }

  TempDir dir;
  ConfigSources sources;
};

TEST_F(ConfigTest, DefaultsNeedNoFile) {
  const Config c = load_config({}, sources);
  EXPECT_EQ(c.flock, "starling");
  EXPECT_EQ(c.port, 7827);
  EXPECT_EQ(c.key_file, "/etc/starling/flock.key");
  EXPECT_EQ(c.control_socket, "/run/starling/control.sock");
  EXPECT_EQ(c.priority, 50);
  EXPECT_FALSE(c.key_parameter);
}

TEST_F(ConfigTest, EachSourceGoesBeforeTheNext) {
  write(sources.defaults, "port = 1\nnumber = 1\npriority = 1\nflock = vendor\ninterfaces = v*\n");
  write(sources.main_file, "port = 2\nnumber = 2\npriority = 2\nflock = main\n");
  write(sources.drop_ins / "10-a.conf", "port = 3\nnumber = 3\n");
  write(sources.drop_ins / "20-b.conf", "number = 4\nport = 4\n");
  write(sources.drop_ins / "README", "not a configuration");
  write(sources.kernel_cmdline, "quiet starling.flock=boot starling.key=abc\n");
  const Config c = load_config({"--port=5"}, sources);
  EXPECT_EQ(c.port, 5);
  EXPECT_EQ(c.number, 4);
  EXPECT_EQ(c.priority, 2);
  EXPECT_EQ(c.flock, "boot");
  EXPECT_EQ(c.interfaces, "v*");
  EXPECT_EQ(c.key_parameter, "abc");
  EXPECT_EQ(load_config({"--flock=mine"}, sources).flock, "mine");
}

TEST_F(ConfigTest, UnknownOptionIsToldWithFileAndLine) {
  write(sources.main_file, "# comment\nflock = a\n\nflok = b\n");
  EXPECT_THAT(error(), HasSubstr("starling.conf:4: unknown option \"flok\""));
}

TEST_F(ConfigTest, BadValueIsToldWithFileAndLineEvenIfOverridden) {
  write(sources.drop_ins / "50-x.conf", "flock = fine\nport = many\n");
  EXPECT_THAT(error({"--port=7"}), HasSubstr("50-x.conf:2"));
  write(sources.drop_ins / "50-x.conf", "priority = 100\n");
  EXPECT_THAT(error(), HasSubstr("50-x.conf:1"));
  EXPECT_THAT(error(), HasSubstr("between 0 and 99"));
  write(sources.drop_ins / "50-x.conf", "\nflock = a b\n");
  EXPECT_THAT(error(), HasSubstr("50-x.conf:2"));
  write(sources.drop_ins / "50-x.conf", "just words\n");
  EXPECT_THAT(error(), HasSubstr("50-x.conf"));
}

TEST_F(ConfigTest, GuestsGetGroupsBesideTheDaemonsOwn) {
  sources.own_cgroup = dir.path() / "cgroup";
  const auto found = [&](const std::string& own, const std::string& option) {
    write(sources.own_cgroup, own);
    return load_config({"--guest-cgroup=" + option}, sources).guest_cgroup.string();
  };
  const std::string unit = "0::/system.slice/starlingd.service/daemon\n";
  EXPECT_EQ(found(unit, "auto"), "/sys/fs/cgroup/system.slice/starlingd.service");
  EXPECT_EQ(found("4:memory:/a/daemon\n" + unit, "auto"),
            "/sys/fs/cgroup/system.slice/starlingd.service");
  EXPECT_EQ(found(unit, "none"), "");
  EXPECT_EQ(found(unit, "/sys/fs/cgroup/x"), "/sys/fs/cgroup/x");
  EXPECT_EQ(found("0::/user.slice/session-1.scope\n", "auto"), "");
  EXPECT_EQ(found("0::/\n4:memory:/a/daemon\n", "auto"), "");
  EXPECT_THAT(error({"--guest-cgroup=relative"}), HasSubstr("guest-cgroup"));
}

TEST_F(ConfigTest, CommandLineMistakes) {
  EXPECT_THAT(error({"--nonsense"}), HasSubstr("nonsense"));
  EXPECT_THAT(error({"--flo=x"}), HasSubstr("flo"));  // no abbreviations
  EXPECT_THAT(error({"stray"}), HasSubstr("positional"));
  EXPECT_THAT(error({"--port=0"}), HasSubstr("port"));
  EXPECT_THAT(error({"--port=70000"}), HasSubstr("port"));
  EXPECT_THAT(error({"--machine=12"}), HasSubstr("16 hexadecimal"));
  EXPECT_THAT(error({"--config=" + (dir.path() / "none").string()}), HasSubstr("cannot be read"));
  write(sources.kernel_cmdline, "starling.flock=a/b");
  EXPECT_THAT(error(), HasSubstr("kernel parameter starling.flock"));
}

TEST_F(ConfigTest, HelpAndVersionLookAtNothingElse) {
  write(sources.main_file, "broken");
  EXPECT_TRUE(load_config({"--help"}, sources).show_help);
  EXPECT_TRUE(load_config({"-V"}, sources).show_version);
}

}  // namespace
}  // namespace starling::daemon
