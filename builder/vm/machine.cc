// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/machine.h"

#include "builder/core/error.h"
#include "builder/core/interrupt.h"
#include "builder/vm/pause.h"
#include "builder/vm/serial_log.h"

namespace starling::vm {

using namespace std::chrono_literals;

Machine::Machine(MachineSpec spec, const VirtualSwitch* network, const std::filesystem::path& dir,
                 const std::filesystem::path& sockets)
    : spec_(std::move(spec)) {
  const auto name = "n" + std::to_string(spec_.number);
  spec_.serial_log = dir / (name + ".serial.log");
  spec_.qmp_socket = sockets / (name + ".qmp");
  spec_.agent_socket = sockets / (name + ".agent");
  qemu_log_ = dir / (name + ".qemu.log");
  if (spec_.firmware == Firmware::uefi) {
    const auto files = find_uefi();
    spec_.uefi_code = files.code;
    spec_.uefi_vars = dir / (name + ".uefi-vars.fd");
    std::filesystem::copy_file(files.vars, spec_.uefi_vars,
                               std::filesystem::copy_options::overwrite_existing);
  }
  std::error_code none;
  for (const auto& stale : {spec_.serial_log, qemu_log_, spec_.qmp_socket, spec_.agent_socket})
    std::filesystem::remove(stale, none);

  const auto command = qemu_command(spec_);
  SpawnOptions options;
  options.log = qemu_log_;
  if (network) options.network = network->network();
  process_ = std::make_unique<Process>(command, options);
  powered_on_ = Clock::now();
  const auto patience = Clock::now() + 15s;
  while (runs() && !std::filesystem::exists(spec_.qmp_socket) && Clock::now() < patience)
    pause_for(10ms);
  try {
    if (!runs()) throw builder::Error("it ended");
    qmp_.emplace(spec_.qmp_socket, 15s);
  } catch (const builder::Interrupted&) {
    throw;
  } catch (const builder::Error&) {
    throw builder::Error("QEMU did not start: " + last_lines(qemu_log_, 3))
        .see_log(qemu_log_)
        .replay(shell_line(command));
  }
  agent_.emplace(spec_.agent_socket);
}

}  // namespace starling::vm
