// SPDX-License-Identifier: GPL-2.0-or-later
// Frames as machines would send them, on the taps of a VirtualSwitch.
#include "builder/vm/virtual_switch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "agents/common/unique_fd.h"
#include "builder/vm/process.h"

namespace starling::vm {
namespace {

using Frame = std::array<unsigned char, 60>;

// Opens a tap of the switch as QEMU does, from a thread that has moved into its network.
UniqueFd open_tap(const VirtualSwitch& network, const std::string& name) {
  int fd = -1;
  std::thread([&] {
    const UniqueFd ns(::open(network.network().c_str(), O_RDONLY | O_CLOEXEC));
    if (::setns(ns.get(), CLONE_NEWNET) != 0) return;
    const int tun = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    ifreq request{};
    std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (tun >= 0 && ::ioctl(tun, TUNSETIFF, &request) == 0) fd = tun;
  }).join();
  if (fd < 0) throw std::runtime_error("cannot open " + name);
  return UniqueFd(fd);
}

constexpr size_t kVnetHeader = 10;

Frame frame(unsigned char destination, unsigned char source, unsigned char mark) {
  Frame f{};
  f[0] = 0x02, f[5] = destination;
  f[6] = 0x02, f[11] = source;
  f[12] = 0x88, f[13] = 0xb5;  // an EtherType for experiments
  f[14] = mark;
  return f;
}

void send(const UniqueFd& tap, const Frame& f) {
  std::array<unsigned char, kVnetHeader + sizeof f> packet{};
  std::memcpy(packet.data() + kVnetHeader, f.data(), f.size());
  ASSERT_EQ(::write(tap.get(), packet.data(), packet.size()), static_cast<ssize_t>(packet.size()));
}

// Whether the frame with this mark comes out within the time; others (IPv6's own) are skipped.
bool receives(const UniqueFd& tap, unsigned char mark, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  std::array<unsigned char, 2048> packet{};
  while (std::chrono::steady_clock::now() < end) {
    pollfd p{tap.get(), POLLIN, 0};
    if (::poll(&p, 1, 20) <= 0) continue;
    const auto n = ::read(tap.get(), packet.data(), packet.size());
    if (n >= static_cast<ssize_t>(kVnetHeader + 15) && packet[kVnetHeader + 12] == 0x88 &&
        packet[kVnetHeader + 13] == 0xb5 && packet[kVnetHeader + 14] == mark)
      return true;
  }
  return false;
}

// The same for a frame that is sent until it comes out: the kernel takes a moment (linkwatch, up to
// a second) to let a port carry whose cable was just plugged in.
bool reaches(const UniqueFd& from, const Frame& f, const UniqueFd& to) {
  for (int i = 0; i < 50; ++i) {
    send(from, f);
    if (receives(to, f[14], std::chrono::milliseconds(100))) return true;
  }
  return false;
}

class VirtualSwitchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "a virtual network needs root";
  }
};

using namespace std::chrono_literals;

TEST_F(VirtualSwitchTest, FloodsEvenToAnAddressItHasSeen) {
  VirtualSwitch network;
  const auto a = open_tap(network, network.add_tap());
  const auto b = open_tap(network, network.add_tap());
  const auto c = open_tap(network, network.add_tap());
  // A switch would know from now on where 2 is.
  EXPECT_TRUE(reaches(b, frame(9, 2, 1), a));
  EXPECT_TRUE(reaches(b, frame(9, 2, 1), c));
  ASSERT_NO_FATAL_FAILURE(send(a, frame(2, 1, 2)));
  EXPECT_TRUE(receives(b, 2, 2s));
  EXPECT_TRUE(receives(c, 2, 2s)) << "the switch learns";
  EXPECT_FALSE(receives(a, 2, 100ms)) << "a frame came back to its sender";
}

TEST_F(VirtualSwitchTest, APulledCableCarriesNothing) {
  VirtualSwitch network;
  const auto port = network.add_tap();
  const auto a = open_tap(network, port);
  const auto b = open_tap(network, network.add_tap());
  network.set_link(port, false);
  // A tap that is down refuses the frame; only what arrives counts here.
  std::array<unsigned char, kVnetHeader + 60> packet{};
  std::memcpy(packet.data() + kVnetHeader, frame(9, 1, 3).data(), 60);
  (void)!::write(a.get(), packet.data(), packet.size());
  ASSERT_NO_FATAL_FAILURE(send(b, frame(9, 2, 4)));
  EXPECT_FALSE(receives(b, 3, 300ms));
  EXPECT_FALSE(receives(a, 4, 300ms));
  network.set_link(port, true);
  EXPECT_TRUE(reaches(a, frame(9, 1, 5), b));
}

TEST_F(VirtualSwitchTest, GoesWithTheObjectAndAfterAKilledRun) {
  std::filesystem::path network;
  {
    const VirtualSwitch one;
    network = one.network();
    EXPECT_TRUE(std::filesystem::exists(network));
  }
  EXPECT_FALSE(std::filesystem::exists(network));

  const pid_t child = ::fork();
  if (child == 0) {
    new VirtualSwitch();  // never destroyed: this process is "killed"
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  const auto prefix = "starling-vm-" + std::to_string(child) + "-";
  const auto left_behind = [&prefix] {
    for (const auto& entry : std::filesystem::directory_iterator("/run/netns"))
      if (entry.path().filename().string().starts_with(prefix)) return true;
    return false;
  };
  EXPECT_TRUE(left_behind());
  VirtualSwitch::remove_leftovers();
  EXPECT_FALSE(left_behind());
}

}  // namespace
}  // namespace starling::vm
