// SPDX-License-Identifier: GPL-2.0-or-later
// A diskless machine: its network ROM asks for a DHCP server, which proves QEMU, QMP, the MAC
// address, the boot order and the switch without any image.
#include "builder/vm/machine.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <thread>

#include "agents/common/unique_fd.h"
#include "builder/core/error.h"
#include "builder/vm/serial_log.h"
#include "builder/vm/temporary_dir.h"

namespace starling::vm {
namespace {

using namespace std::chrono_literals;

// A packet socket on the switch's own port.
UniqueFd open_packet_socket(const VirtualSwitch& network) {
  int fd = -1;
  std::thread([&] {
    const UniqueFd ns(::open(network.network().c_str(), O_RDONLY | O_CLOEXEC));
    if (::setns(ns.get(), CLONE_NEWNET) != 0) return;
    fd = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_IP));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_IP);
    address.sll_ifindex = static_cast<int>(::if_nametoindex(VirtualSwitch::kHostPort));
    if (fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("bind");
  }).join();
  if (fd < 0) throw std::runtime_error("no packet socket");
  return UniqueFd(fd);
}

// Whether a DHCP request of this machine comes by within the time.
bool asks_for_dhcp(const UniqueFd& socket, int machine, std::chrono::seconds limit) {
  const auto end = Clock::now() + limit;
  std::array<unsigned char, 2048> p{};
  while (Clock::now() < end) {
    pollfd waiting{socket.get(), POLLIN, 0};
    if (::poll(&waiting, 1, 100) <= 0) continue;
    const auto n = ::recv(socket.get(), p.data(), p.size(), 0);
    if (n < 14 + 20 + 8 + 240) continue;
    const bool to_server = p[14 + 20 + 2] == 0 && p[14 + 20 + 3] == 67;
    if (p[23] == IPPROTO_UDP && to_server && p[11] == machine && p[6] == 0x52) return true;
  }
  return false;
}

class MachineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "a virtual network needs root";
  }
  MachineSpec diskless(VirtualSwitch& network) {
    MachineSpec spec;
    spec.number = 7;
    spec.memory_mib = 256;
    spec.medium = Medium::none;
    spec.tap = network.add_tap();
    return spec;
  }
  TemporaryDir dir_;
};

TEST_F(MachineTest, BootsFromTheNetworkAndEndsWithTheObject) {
  VirtualSwitch network;
  const auto socket = open_packet_socket(network);
  pid_t pid = 0;
  {
    Machine machine(diskless(network), &network, dir_.path(), dir_.path());
    pid = machine.pid();
    EXPECT_TRUE(asks_for_dhcp(socket, 7, 120s)) << last_lines(machine.serial_log(), 20);
    EXPECT_EQ(machine.qmp().run("query-status")["status"], "running");
    EXPECT_FALSE(machine.agent().answers(100ms));
    EXPECT_TRUE(machine.runs());
    EXPECT_NE(last_lines(machine.serial_log(), 50).find("iPXE"), std::string::npos)
        << "the ROM does not speak on the serial port";
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST_F(MachineTest, WithThePlugOutNobodyHearsIt) {
  VirtualSwitch network;
  const auto socket = open_packet_socket(network);
  auto spec = diskless(network);
  network.set_link(spec.tap, false);
  Machine machine(spec, &network, dir_.path(), dir_.path());
  EXPECT_FALSE(asks_for_dhcp(socket, 7, 15s));
  network.set_link(spec.tap, true);
  EXPECT_TRUE(asks_for_dhcp(socket, 7, 120s)) << last_lines(machine.serial_log(), 20);
}

TEST_F(MachineTest, SaysWhatQemuSaid) {
  MachineSpec spec;
  spec.memory_mib = 64;
  spec.medium = Medium::cdrom;
  spec.image = dir_.path() / "missing.iso";
  try {
    const Machine machine(spec, nullptr, dir_.path(), dir_.path());
    FAIL() << "started without its image";
  } catch (const builder::Error& e) {
    EXPECT_NE(std::string(e.what()).find("missing.iso"), std::string::npos) << e.what();
    EXPECT_FALSE(e.command.empty());
  }
}

}  // namespace
}  // namespace starling::vm
