// SPDX-License-Identifier: GPL-2.0-or-later
// The way of a boot server's status: its files, the daemon's answer, what mosctl prints.
#include "agents/tools/netboot.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "agents/common/control_server.h"
#include "agents/common/status_lock.h"
#include "agents/daemon/netboot_view.h"
#include "tests/unit/temp_dir.h"

namespace starling {
namespace {

using daemon::netboot_view;
using nlohmann::json;

TEST(NetbootView, CountsOnlyAsLongAsTheServerLives) {
  TempDir dir;
  std::ofstream(dir.path() / "status.json") << R"({"role":"server","why":"w"})"
                                            << "\n";
  EXPECT_EQ(netboot_view(dir.path())["why"], "starling-netboot is not running");
  {
    const auto lock = hold_status_lock(dir.path() / "lock");
    EXPECT_EQ(netboot_view(dir.path())["role"], "server");
    EXPECT_THROW(hold_status_lock(dir.path() / "lock"), std::runtime_error);
    EXPECT_EQ(netboot_view(dir.path())["role"], "server") << "asking took the lock";
  }
  EXPECT_EQ(netboot_view(dir.path())["role"], "off");
}

TEST(NetbootView, WithoutOrWithADamagedFile) {
  TempDir dir;
  EXPECT_EQ(netboot_view(dir.path() / "none")["role"], "off");
  const auto lock = hold_status_lock(dir.path() / "lock");
  EXPECT_EQ(netboot_view(dir.path())["why"], "starling-netboot is starting");
  for (const char* bad : {"", "[]", "{\"role", "{}"}) {
    std::ofstream(dir.path() / "status.json") << bad;
    EXPECT_THROW(netboot_view(dir.path()), ControlError) << bad;
  }
}

std::string printed(const json& status) {
  std::ostringstream out;
  tools::print_netboot(status, 1000, out);
  return out.str();
}

TEST(PrintNetboot, AServer) {
  const json status = {
      {"role", "server"},
      {"why", "the living node with the lowest number"},
      {"links",
       {{{"interface", "eth0"}, {"mode", "full"}, {"address", "10.213.0.1"}, {"other_server", ""}},
        {{"interface", "eth1"},
         {"mode", "proxy"},
         {"address", "192.0.2.5"},
         {"other_server", "192.0.2.1"}}}},
      {"files", {{{"name", "live/initrd"}, {"state", "complete"}, {"size", 10}, {"have", 10}}}},
      {"clients",
       {{{"client", "52:54:00:53:54:02"},
         {"last",
          {{"time", 988}, {"stage", "http"}, {"file", "/live/initrd"}, {"result", "sent 10"}}}},
        {{"client", "52:54:00:53:54:03"},
         {"last", {{"time", 2000}, {"stage", "dhcp"}, {"file", ""}, {"result", "asked"}}}}}}};
  EXPECT_EQ(printed(status),
            "role      server: the living node with the lowest number\n"
            "answers   machines on eth0 from 10.213.0.1, giving addresses\n"
            "          machines on eth1 from 192.0.2.5, beside DHCP server 192.0.2.1\n"
            "files     1 of 1 complete\n"
            "served    52:54:00:53:54:02: http /live/initrd sent 10, 12s ago\n"
            "          52:54:00:53:54:03: dhcp asked, 0.0s ago\n");
}

TEST(PrintNetboot, ANodeThatStillFetches) {
  const json status = {{"role", "standby"},
                       {"why", "node 1 is the answerer"},
                       {"files_problem", "live/initrd: node 1: it broke off"},
                       {"files",
                        {{{"name", "ldlinux.c32"}, {"state", "complete"}},
                         {{"name", "live/vmlinuz"},
                          {"state", "fetching"},
                          {"size", 8388608},
                          {"have", 1048576},
                          {"from", "node 1"}},
                         {{"name", "live/initrd"}, {"state", "missing"}, {"size", 0}}}}};
  EXPECT_EQ(printed(status),
            "role      standby: node 1 is the answerer\n"
            "files     1 of 3 complete; live/initrd: node 1: it broke off\n"
            "          live/vmlinuz: fetching, 1.0M of 8.0M from node 1\n"
            "          live/initrd: missing\n");
}

TEST(PrintNetboot, OffAndHostileNames) {
  EXPECT_EQ(printed({{"role", "off"}, {"why", "starling-netboot is not running"}}),
            "role      off: starling-netboot is not running\n");
  const auto text = printed({{"role", "off"}, {"why", "\x1b[2J"}});
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace starling
