// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "builder/vm/qemu_command.h"

namespace starling::vm {

// The accelerator machines will use, and why, in words for the person who waits.
struct AccelChoice {
  Accel accel = Accel::tcg;
  std::string reason;
};

// Chooses by booting: the kernel `kernel` with a tiny initrd runs under KVM until user space
// speaks, or until `limit` has passed. /dev/kvm alone says nothing: where machines are nested it
// exists, opens, and then guests stand still. The answer is kept in `cache_dir` for this boot of
// this machine, this QEMU and this kernel file. Throws builder::Error only if QEMU is missing.
AccelChoice probe_accelerator(const std::filesystem::path& kernel,
                              const std::filesystem::path& cache_dir,
                              std::chrono::seconds limit = std::chrono::seconds(20));

// Boots `kernel` with the probe initrd under `accel`; the time until its marker was on the
// console, or a negative time if it did not come within `limit`. `dir` takes logs and sockets.
std::chrono::milliseconds boot_probe_guest(Accel accel, const std::filesystem::path& kernel,
                                           const std::filesystem::path& dir,
                                           std::chrono::seconds limit);

}  // namespace starling::vm
