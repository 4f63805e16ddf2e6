// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace starling::vm {

enum class Firmware { bios, uefi };
enum class Accel { tcg, kvm };
enum class Medium { cdrom, usb, none };  // none: the machine has only its network card

// All that makes one virtual machine. Paths are absolute.
struct MachineSpec {
  int number = 1;                  // 1, 2, 3 ...: name, MAC address
  Accel accel = Accel::tcg;
  Firmware firmware = Firmware::bios;
  int memory_mib = 1024;
  int cpus = 1;
  std::string nic = "virtio";      // virtio | e1000 | e1000e | rtl8139
  std::string tap;                 // its port of the VirtualSwitch; empty: no network card
  Medium medium = Medium::cdrom;
  std::filesystem::path image;     // the ISO, unless medium is none
  std::filesystem::path kernel;    // boots this kernel directly instead; empty: the firmware's way
  std::filesystem::path initrd;
  std::string append;              // kernel command line, with `kernel` only
  std::filesystem::path uefi_code; // with firmware uefi: see find_uefi()
  std::filesystem::path uefi_vars; // this machine's own writable copy
  std::filesystem::path serial_log;
  std::filesystem::path qmp_socket;
  std::filesystem::path agent_socket;
};

// 52:54:00:53:54:NN for machine NN; from 256 on the fifth byte counts too.
std::string mac_address(int number);

// The QEMU command line of a machine.
std::vector<std::string> qemu_command(const MachineSpec& spec);

struct UefiFiles {
  std::filesystem::path code, vars;
};
// Debian's OVMF without Secure Boot (package ovmf; the names differ between releases). Throws
// builder::Error when it is not installed.
UefiFiles find_uefi(const std::filesystem::path& root = "/usr/share/OVMF");

}  // namespace starling::vm
