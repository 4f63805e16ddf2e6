// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/accelerator.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "agents/common/unique_fd.h"
#include "builder/core/error.h"
#include "builder/core/fingerprint.h"
#include "builder/core/interrupt.h"
#include "builder/vm/machine.h"
#include "builder/vm/pause.h"
#include "builder/vm/probe_guest.h"
#include "builder/vm/serial_log.h"
#include "builder/vm/temporary_dir.h"

namespace starling::vm {
namespace {

using namespace std::chrono_literals;

std::string first_line(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

std::filesystem::path program_path(const std::string& name) {
  std::istringstream path(std::getenv("PATH") ? std::getenv("PATH") : "/usr/bin");
  for (std::string dir; std::getline(path, dir, ':');)
    if (auto file = std::filesystem::path(dir) / name; std::filesystem::exists(file)) return file;
  throw builder::Error(name + " is not installed").hint("install the package qemu-system-x86");
}

std::string seconds(std::chrono::milliseconds time) {
  std::ostringstream text;
  text.precision(1);
  text << std::fixed << static_cast<double>(time.count()) / 1000 << " s";
  return text.str();
}

AccelChoice ask_kvm(const std::filesystem::path& kernel, std::chrono::seconds limit) {
  {
    const UniqueFd kvm(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
    if (!kvm)
      return {Accel::tcg, std::string("software emulation: /dev/kvm: ") + strerror(errno)};
  }
  const TemporaryDir dir("starling-probe");
  try {
    const auto time = boot_probe_guest(Accel::kvm, kernel, dir.path(), limit);
    if (time.count() >= 0)
      return {Accel::kvm, "KVM: a test guest reached user space in " + seconds(time)};
    return {Accel::tcg, "software emulation: under KVM a test guest did not reach user space in " +
                            seconds(limit)};
  } catch (const builder::Interrupted&) {
    throw;
  } catch (const builder::Error& e) {
    const std::string why = e.what();
    return {Accel::tcg, "software emulation: KVM: " + why.substr(0, why.find('\n'))};
  }
}

}  // namespace

std::chrono::milliseconds boot_probe_guest(Accel accel, const std::filesystem::path& kernel,
                                           const std::filesystem::path& dir,
                                           std::chrono::seconds limit) {
  MachineSpec spec;
  spec.number = 0;
  spec.accel = accel;
  spec.memory_mib = 256;
  spec.medium = Medium::none;
  spec.kernel = kernel;
  spec.initrd = dir / "probe.cpio";
  spec.append = "console=ttyS0 panic=-1";
  std::ofstream(spec.initrd, std::ios::binary) << probe_initrd();
  Machine machine(spec, nullptr, dir, dir);
  for (;;) {
    if (log_contains(machine.serial_log(), kProbeMarker))
      return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() -
                                                                   machine.powered_on());
    if (!machine.runs() || Clock::now() - machine.powered_on() > limit) return -1ms;
    pause_for(50ms);
  }
}

AccelChoice probe_accelerator(const std::filesystem::path& kernel,
                              const std::filesystem::path& cache_dir,
                              std::chrono::seconds limit) {
  builder::Fingerprint key;
  key.add("boot", first_line("/proc/sys/kernel/random/boot_id"));
  key.add("limit", std::to_string(limit.count()));
  key.add_file("qemu", program_path("qemu-system-x86_64"));
  key.add_file("kernel", kernel);
  const auto cached = cache_dir / ("accelerator-" + key.digest().substr(0, 16));
  if (const auto line = first_line(cached); line.size() > 4) {
    const bool kvm = line.starts_with("kvm ");
    if (kvm || line.starts_with("tcg "))
      return {kvm ? Accel::kvm : Accel::tcg, line.substr(4) + " (probed earlier)"};
  }
  auto choice = ask_kvm(kernel, limit);
  std::error_code none;
  std::filesystem::create_directories(cache_dir, none);
  // Written under another name first: a reader beside us never sees half a line. A cache that
  // cannot be written only costs the next run a probe.
  const auto fresh = cached.native() + "." + std::to_string(::getpid());
  std::ofstream(fresh) << (choice.accel == Accel::kvm ? "kvm " : "tcg ") << choice.reason << '\n';
  std::filesystem::rename(fresh, cached, none);
  return choice;
}

}  // namespace starling::vm
