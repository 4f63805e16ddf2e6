// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/flock.h"

#include <stdlib.h>

#include "builder/core/error.h"
#include "builder/vm/process.h"

namespace starling::vm {

using builder::Error;

std::filesystem::path extract_kernel(const std::filesystem::path& iso,
                                     const std::filesystem::path& dir) {
  auto kernel = dir / "vmlinuz";
  try {
    run_tool({"xorriso", "-osirrox", "on", "-indev", iso.native(), "-extract", "/live/vmlinuz",
              kernel.native()});
  } catch (Error& e) {
    throw Error("cannot read the kernel of the image").at_file(iso).replay(e.command).hint(e.what());
  }
  return kernel;
}

Flock::Flock(FlockOptions options, const std::function<void(const std::string&)>& say)
    : options_(std::move(options)) {
  if (!std::filesystem::is_regular_file(options_.image))
    throw Error("there is no such image").at_file(options_.image).hint("make one: make iso");
  options_.image = std::filesystem::canonical(options_.image);
  if (options_.firmware == Firmware::uefi) find_uefi();
  if (options_.dir.empty()) {
    std::string name = "/tmp/starling-run.XXXXXX";
    if (!::mkdtemp(name.data())) throw Error("cannot make a directory").at_file(name);
    dir_ = name;
    own_dir_ = true;
  } else {
    std::filesystem::create_directories(options_.dir);
    dir_ = std::filesystem::canonical(options_.dir);
  }
  for (const auto& name : VirtualSwitch::remove_leftovers())
    say("removed the network " + name + " of a run that died");
  if (options_.accel == "auto")
    accel_ = probe_accelerator(extract_kernel(options_.image, sockets_.path()), options_.cache);
  else if (options_.accel == "kvm" || options_.accel == "tcg")
    accel_ = {options_.accel == "kvm" ? Accel::kvm : Accel::tcg, options_.accel + ": as asked for"};
  else
    throw Error("unknown accelerator '" + options_.accel + "'").hint("one of auto, kvm, tcg");
  say(accel_.reason);
}

Flock::~Flock() {
  machines_.clear();
  std::error_code none;
  if (own_dir_ && !keep_logs_) std::filesystem::remove_all(dir_, none);
}

Machine& Flock::power_on(int number) {
  const auto index = static_cast<size_t>(number) - 1;
  while (taps_.size() <= index) taps_.push_back(network_.add_tap());
  if (machines_.size() <= index) machines_.resize(index + 1);
  machines_[index].reset();
  MachineSpec spec;
  spec.number = number;
  spec.accel = accel_.accel;
  spec.firmware = options_.firmware;
  spec.memory_mib = options_.memory_mib;
  spec.cpus = options_.cpus;
  spec.nic = options_.nic;
  spec.tap = taps_[index];
  spec.image = options_.image;
  spec.medium = options_.netboot && number > 1 ? Medium::none
                : options_.usb                 ? Medium::usb
                                               : Medium::cdrom;
  machines_[index] = std::make_unique<Machine>(spec, &network_, dir_, sockets_.path());
  return *machines_[index];
}

Machine& Flock::machine(int number) {
  const auto index = static_cast<size_t>(number) - 1;
  if (index >= machines_.size() || !machines_[index])
    throw Error("machine " + std::to_string(number) + " is off");
  return *machines_[index];
}

std::vector<int> Flock::running() {
  std::vector<int> numbers;
  for (const auto& m : machines_)
    if (m && m->runs()) numbers.push_back(m->number());
  return numbers;
}

}  // namespace starling::vm
