// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/vdso_exit.h"

#include <sys/wait.h>

#include <csignal>

#include "agents/migrate/process_maps.h"

namespace starling::migrate {
namespace {

// The longest function, waiting for the kernel's update of the clock included, is far below.
constexpr int kMaxSteps = 20'000;
constexpr Tracee::Milliseconds kPatience(1000);
constexpr std::uint64_t kAllButTrap = ~(std::uint64_t{1} << (SIGTRAP - 1));
constexpr std::uint16_t kSyscallInstruction = 0x050f;

RemoteRange vdso_of(pid_t pid) {
  for (const Mapping& m : read_maps(pid))
    if (m.kind == VmaKind::vdso) return m.range;
  return {};
}

// What comes before and after a system call there looks at no time data.
bool may_stay(const Tracee& tracee, const Registers& r, const RemoteRange& vdso) {
  const RemoteAddr at{r.rip};
  return !vdso.contains(at) || static_cast<std::int64_t>(r.orig_rax) >= 0 ||
         tracee.peek<std::uint16_t>(at) == kSyscallInstruction;
}

}  // namespace

void leave_vdso(Tracee& tracee) {
  std::optional<RemoteRange> vdso;
  for (const pid_t tid : tracee.threads()) {
    if (!tracee.stopped(tid)) continue;
    const Registers first = tracee.registers(tid);
    if (!vdso) vdso = vdso_of(tracee.pid());
    if (may_stay(tracee, first, *vdso)) continue;
    const std::uint64_t mask = tracee.mask(tid);
    tracee.set_mask(tid, kAllButTrap);
    for (int i = 0; i < kMaxSteps; ++i) {
      tracee.step(tid);
      const auto status = tracee.wait(tid, kPatience);
      if (!status) throw StaysHome("a thread does not leave the kernel's clock code");
      if (!WIFSTOPPED(*status)) throw ProcessGone("it ended");
      if (*status >> 16 == 0) {
        const siginfo_t info = tracee.signal_info(tid);
        if (info.si_signo != SIGTRAP || info.si_code <= 0) tracee.put_aside(tid, info);
      }
      if (may_stay(tracee, tracee.registers(tid), *vdso)) break;
    }
    tracee.set_mask(tid, mask);
  }
}

}  // namespace starling::migrate
