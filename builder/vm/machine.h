// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "builder/vm/guest_agent.h"
#include "builder/vm/process.h"
#include "builder/vm/qemu_command.h"
#include "builder/vm/qmp.h"
#include "builder/vm/virtual_switch.h"

namespace starling::vm {

// One running virtual machine. It is switched off with this object.
class Machine {
 public:
  // Starts QEMU in the switch's network (nullptr: without network) and waits for its control
  // socket. `dir` (exists, absolute) gets nN.serial.log and nN.qemu.log; `sockets` (exists,
  // absolute, short) the sockets. Fills the paths of `spec` that are empty. Throws builder::Error.
  Machine(MachineSpec spec, const VirtualSwitch* network, const std::filesystem::path& dir,
          const std::filesystem::path& sockets);

  int number() const { return spec_.number; }
  const MachineSpec& spec() const { return spec_; }
  const std::filesystem::path& serial_log() const { return spec_.serial_log; }
  const std::filesystem::path& qemu_log() const { return qemu_log_; }
  pid_t pid() const { return process_->pid(); }
  Clock::time_point powered_on() const { return powered_on_; }
  bool runs() { return !process_->ended(); }
  bool wait(std::chrono::milliseconds limit) { return process_->wait(limit); }

  Qmp& qmp() { return *qmp_; }
  GuestAgent& agent() { return *agent_; }
  // Pulls the plug: SIGKILL, nothing is told to the guest.
  void kill() { process_->kill(); }

 private:
  MachineSpec spec_;
  std::filesystem::path qemu_log_;
  Clock::time_point powered_on_;
  std::unique_ptr<Process> process_;
  std::optional<Qmp> qmp_;
  std::optional<GuestAgent> agent_;
};

}  // namespace starling::vm
