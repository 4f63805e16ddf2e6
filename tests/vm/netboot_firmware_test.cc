// SPDX-License-Identifier: GPL-2.0-or-later
// Real firmware boots over the network from starling-netboot: beside a DHCP server and without
// one, BIOS and UEFI. Kernel and loaders are the built netboot tree's; the initrd is the probe
// guest's, so that a boot ends as soon as the kernel has it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "builder/core/error.h"
#include "builder/vm/machine.h"
#include "builder/vm/pause.h"
#include "builder/vm/probe_guest.h"
#include "builder/vm/serial_log.h"
#include "builder/vm/temporary_dir.h"

namespace starling::vm {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

fs::path netboot_tree() {
  const char* other = std::getenv("STARLING_NETBOOT_TREE");
  return other ? other : STARLING_OUT "/netboot";
}

struct Case {
  const char* name;
  Firmware firmware;
  const char* nic;
  bool dhcp_server;  // somebody else's is on the LAN
  // QEMU's ROMs are all iPXE: without, they stand for other makers' and load pxelinux.
  bool ipxe = true;
};

class NetbootFirmware : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "a virtual network needs root";
    if (!fs::exists(netboot_tree() / "live/vmlinuz"))
      GTEST_SKIP() << "no netboot tree in " << netboot_tree() << ": make iso";
  }

  fs::path file(const std::string& name, const std::string& text) {
    const auto path = dir_.path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  std::unique_ptr<Process> run(const std::string& name, const std::vector<std::string>& argv) {
    SpawnOptions options;
    options.log = dir_.path() / (name + ".log");
    options.network = network_.network();
    return std::make_unique<Process>(argv, options);
  }

  bool until(std::chrono::seconds limit, const std::function<bool()>& done) {
    const auto end = Clock::now() + limit;
    while (!done()) {
      if (Clock::now() > end) return false;
      pause_for(200ms);
    }
    return true;
  }

  // A node on the switch's own port: the daemon and the boot server.
  void start_node() {
    const auto medium = dir_.path() / "medium";
    fs::create_directories(medium / "netboot/grub");
    fs::create_directories(medium / "live");
    for (const char* name : {"pxelinux.0", "ldlinux.c32", "grub/grubnetx64.efi"})
      fs::copy_file(netboot_tree() / name, medium / "netboot" / name);
    fs::copy_file(netboot_tree() / "live/vmlinuz", medium / "live/vmlinuz");
    file("medium/live/initrd", probe_initrd());
    file("medium/live/filesystem.squashfs", "unused");
    fs::permissions(dir_.path(), fs::perms(0755));
    fs::permissions(file("key", std::string(64, 'a')), fs::perms(0600));
    fs::create_directories(dir_.path() / "state");
    const auto config = file(
        "starling.conf", "flock = lab\nkey-file = " + (dir_.path() / "key").native() +
                             "\ninterfaces = host0\npriority = 0\ncontrol-socket = " +
                             (dir_.path() / "control.sock").native() + "\nstate-dir = " +
                             (dir_.path() / "state").native() +
                             "\nissue-file =\nhpc-device = /nonexistent\n");
    const auto cmdline = file("cmdline", "console=ttyS0 panic=-1 boot=live");
    daemon_ = run("starlingd", {STARLINGD, "--config", config.native()});
    netboot_ = run("netboot", {STARLING_NETBOOT, "--control-socket",
                               (dir_.path() / "control.sock").native(), "--run-dir",
                               (dir_.path() / "run").native(), "--interfaces", "host0", "--medium",
                               medium.native(), "--loaders", "/nonexistent", "--cmdline",
                               cmdline.native(), "--flock", "lab", "--ipxe",
                               GetParam().ipxe ? "on" : "off"});
  }

  // Of another network than the node would use itself.
  void start_dhcp_server() {
    network_.add_host_address("192.0.2.5/24");
    run_tool({"ip", "-n", network_.name(), "link", "add", "r0", "type", "veth", "peer", "name",
              "r1"});
    run_tool({"ip", "netns", "add", router()});
    run_tool({"ip", "-n", network_.name(), "link", "set", "r1", "netns", router()});
    run_tool({"ip", "-n", network_.name(), "link", "set", "r0", "master", "br0", "up"});
    run_tool({"ip", "-n", router(), "link", "set", "r1", "up"});
    run_tool({"ip", "-n", router(), "addr", "add", "192.0.2.1/24", "dev", "r1"});
    SpawnOptions options;
    options.log = dir_.path() / "router.log";
    options.network = fs::path("/run/netns") / router();
    router_ = std::make_unique<Process>(
        std::vector<std::string>{"dnsmasq", "--keep-in-foreground", "--port=0",
                                 "--conf-file=/dev/null", "--interface=r1", "--bind-interfaces",
                                 "--log-facility=-", "--log-dhcp",
                                 "--dhcp-leasefile=" + (dir_.path() / "leases").native(),
                                 "--dhcp-range=192.0.2.100,192.0.2.200,255.255.255.0,1h"},
        options);
  }

  void TearDown() override {
    router_.reset();
    try_tool({"ip", "netns", "del", router()});
    if (HasFailure())
      for (const char* log : {"n7.serial.log", "netboot.log", "router.log", "starlingd.log"})
        std::cerr << "--- " << log << "\n" << last_lines(dir_.path() / log, 30) << "\n";
  }

  // Carries the owner's number like the switch, so that leftovers are found in the same way.
  std::string router() const { return network_.name() + "r"; }

  TemporaryDir dir_;
  VirtualSwitch network_;
  std::unique_ptr<Process> daemon_, netboot_, router_;
};

TEST_P(NetbootFirmware, ReachesItsInitrd) {
  const auto& c = GetParam();
  if (c.dhcp_server) start_dhcp_server();
  start_node();
  const auto status = [this] {
    std::ifstream in(dir_.path() / "run/status.json");
    return nlohmann::json::parse(in, nullptr, false);
  };
  ASSERT_TRUE(until(60s, [&] {
    const auto s = status();
    return s.is_object() && s.value("serving", false);
  }));
  EXPECT_EQ(status()["mode"], c.dhcp_server ? "proxy" : "full");

  MachineSpec spec;
  spec.number = 7;
  spec.firmware = c.firmware;
  spec.nic = c.nic;
  spec.memory_mib = 512;
  spec.medium = Medium::none;
  spec.tap = network_.add_tap();
  Machine machine(spec, &network_, dir_.path(), dir_.path());
  // TFTP is a round trip for each of the kernel's 8500 packets: long on a busy computer.
  EXPECT_TRUE(
      until(c.ipxe ? 240s : 480s, [&] { return log_contains(machine.serial_log(), kProbeMarker); }));
  std::cout << "power to initrd: "
            << std::chrono::duration<double>(Clock::now() - machine.powered_on()).count()
            << " s\n";
  pause_for(1500ms);
  bool recorded = false;
  const auto last = status();
  for (const auto& client : last["clients"]) recorded |= client["client"] == mac_address(7);
  EXPECT_TRUE(recorded) << last.dump();
}

INSTANTIATE_TEST_SUITE_P(
    All, NetbootFirmware,
    ::testing::Values(Case{"bios_full", Firmware::bios, "virtio", false},
                      Case{"bios_proxy", Firmware::bios, "virtio", true},
                      Case{"bios_full_pxelinux", Firmware::bios, "virtio", false, false},
                      Case{"bios_full_pxelinux_e1000", Firmware::bios, "e1000", false, false},
                      Case{"bios_proxy_pxelinux_e1000", Firmware::bios, "e1000", true, false},
                      Case{"uefi_full", Firmware::uefi, "virtio", false},
                      Case{"uefi_proxy", Firmware::uefi, "virtio", true}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace starling::vm
