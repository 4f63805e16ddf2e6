// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "builder/vm/accelerator.h"
#include "builder/vm/machine.h"
#include "builder/vm/temporary_dir.h"
#include "builder/vm/virtual_switch.h"

namespace starling::vm {

// What the verbs boot and test have in common.
struct FlockOptions {
  std::filesystem::path image;          // the ISO
  int nodes = 3;
  Firmware firmware = Firmware::bios;
  bool netboot = false;                 // nodes 2.. have no medium and boot over the network
  bool usb = false;                     // the ISO is a USB stick, not a CD
  int memory_mib = 1024;
  int cpus = 1;
  std::string nic = "virtio";
  std::string accel = "auto";           // auto | kvm | tcg
  std::filesystem::path dir;            // logs; empty: a directory under /tmp
  std::filesystem::path cache = "/var/cache/starling/vm";  // the accelerator probe's answer
};

// The kernel of an ISO (live/vmlinuz), copied into `dir`. Throws builder::Error.
std::filesystem::path extract_kernel(const std::filesystem::path& iso,
                                     const std::filesystem::path& dir);

// N machines on one virtual switch. Machines are numbered from 1 and are off at first.
class Flock {
 public:
  // `say` gets one line per thing worth telling (what was chosen and why, leftovers removed).
  Flock(FlockOptions options, const std::function<void(const std::string&)>& say);

  const FlockOptions& options() const { return options_; }
  const AccelChoice& accel() const { return accel_; }
  const std::filesystem::path& dir() const { return dir_; }
  VirtualSwitch& network() { return network_; }

  // Switches machine `number` on (again); a new one may be one more than there were.
  Machine& power_on(int number);
  // The machine, which must have been switched on.
  Machine& machine(int number);
  // The numbers of all machines that have been switched on and run.
  std::vector<int> running();
  // The port of a machine on network(), for set_link().
  const std::string& port(int number) const { return taps_.at(static_cast<size_t>(number) - 1); }
  // Leaves the logs where they are after the run.
  void keep_logs() { keep_logs_ = true; }
  ~Flock();
  Flock(const Flock&) = delete;
  Flock& operator=(const Flock&) = delete;

 private:
  FlockOptions options_;
  TemporaryDir sockets_;
  std::filesystem::path dir_;
  bool own_dir_ = false;
  bool keep_logs_ = false;
  AccelChoice accel_;
  VirtualSwitch network_;
  std::vector<std::string> taps_;
  std::vector<std::unique_ptr<Machine>> machines_;
};

}  // namespace starling::vm
