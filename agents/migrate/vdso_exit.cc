// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/vdso_exit.h"

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>

#include "agents/common/fail.h"
#include "agents/migrate/process_maps.h"

namespace starling::migrate {
namespace {

constexpr int kMaxSteps = 20'000;
constexpr int kMaxRuns = 20;
constexpr Tracee::Milliseconds kRun(10);
constexpr Tracee::Milliseconds kPatience(1000);
constexpr std::uint64_t kAllButTrap = ~(std::uint64_t{1} << (SIGTRAP - 1));
constexpr std::uint16_t kSyscallInstruction = 0x050f;
constexpr std::size_t kFrame = 32;       // words of stack a function of the vdso uses at most
constexpr std::size_t kBreakpoints = 4;  // the processor has

struct Layout {
  RemoteRange vdso;
  RemoteRanges code;  // executable, and not the vdso
};

Layout layout_of(pid_t pid) {
  Layout layout;
  for (const Mapping& m : read_maps(pid)) {
    if (m.kind == VmaKind::vdso) {
      layout.vdso = m.range;
    } else if ((m.prot & PROT_EXEC) != 0 && m.kind == VmaKind::ordinary) {
      layout.code.push_back(m.range);
    }
  }
  return layout;
}

// What comes before and after a system call there looks at no time data.
bool may_stay(const Tracee& tracee, const Registers& r, const RemoteRange& vdso) {
  const RemoteAddr at{r.rip};
  return !vdso.contains(at) || static_cast<std::int64_t>(r.orig_rax) >= 0 ||
         tracee.peek<std::uint16_t>(at) == kSyscallInstruction;
}

// `call` in one of its forms: e8 rel32; ff /2 with a register, or memory by one or four bytes.
bool follows_a_call(const Tracee& tracee, RemoteAddr at) {
  std::array<std::uint8_t, 7> before{};
  const RemoteAddr from{at.value - before.size()};
  if (tracee.read_some(from, before) != before.size()) return false;
  const auto is_indirect = [&](std::size_t length) {
    const std::size_t i = before.size() - length;
    return before[i] == 0xff && (before[i + 1] & 0x38) == 0x10;
  };
  return before[2] == 0xe8 || is_indirect(2) || is_indirect(3) || is_indirect(4) ||
         is_indirect(6) || is_indirect(7);
}

// Where the function will return to, as far as one can tell without its unwind tables: what looks
// like a return address near the stack pointer.
std::vector<RemoteAddr> returns(const Tracee& tracee, const Registers& r, const Layout& layout) {
  std::array<std::uint64_t, kFrame> stack{};
  const std::size_t words =
      tracee.read_some(RemoteAddr{r.rsp},
                       {reinterpret_cast<std::uint8_t*>(stack.data()), sizeof stack}) /
      sizeof stack[0];
  std::vector<RemoteAddr> found;
  for (std::size_t i = 0; i < words && found.size() < kBreakpoints; ++i) {
    const RemoteAddr at{stack[i]};
    const bool code = std::any_of(layout.code.begin(), layout.code.end(),
                                  [&](const RemoteRange& range) { return range.contains(at); });
    if (code && std::find(found.begin(), found.end(), at) == found.end() &&
        follows_a_call(tracee, at)) {
      found.push_back(at);
    }
  }
  return found;
}

// The processor's own (Intel SDM vol. 3, 18.2): nothing is written to the process's code.
class Breakpoints {
 public:
  Breakpoints(pid_t tid, const std::vector<RemoteAddr>& at) : tid_(tid) {
    std::uint64_t enable = 0;
    for (std::size_t i = 0; i < at.size(); ++i) {
      if (!poke(i, at[i].value)) fail_errno("a breakpoint");
      enable |= std::uint64_t{1} << (2 * i);
    }
    if (!poke(7, enable)) fail_errno("a breakpoint");
  }
  ~Breakpoints() { poke(7, 0); }
  Breakpoints(const Breakpoints&) = delete;

 private:
  bool poke(std::size_t number, std::uint64_t value) const {
    const std::size_t offset = offsetof(user, u_debugreg) + number * sizeof(std::uint64_t);
    return ::ptrace(PTRACE_POKEUSER, tid_, reinterpret_cast<void*>(offset),
                    reinterpret_cast<void*>(value)) == 0;
  }

  pid_t tid_;
};

void take_stop(Tracee& tracee, pid_t tid, const std::optional<int>& status) {
  if (!status) throw StaysHome("a thread does not leave the kernel's clock code");
  if (!WIFSTOPPED(*status)) throw ProcessGone("it ended");
  if (*status >> 16 != 0) return;
  const siginfo_t info = tracee.signal_info(tid);
  if (info.si_signo != SIGTRAP || info.si_code <= 0) tracee.put_aside(tid, info);
}

// At full speed to one of `ends`. A thread that only reads the clock would, an instruction at a
// time, never read it twice within one of its updates, and so never come to an end.
bool run_out(Tracee& tracee, pid_t tid, const RemoteRange& vdso,
             const std::vector<RemoteAddr>& ends) {
  if (ends.empty()) return false;
  const Breakpoints breakpoints(tid, ends);
  for (int i = 0; i < kMaxRuns; ++i) {
    tracee.resume(tid);
    auto status = tracee.wait(tid, kRun);
    if (!status) {
      tracee.interrupt(tid);
      status = tracee.wait(tid, kPatience);
    }
    take_stop(tracee, tid, status);
    if (may_stay(tracee, tracee.registers(tid), vdso)) return true;
  }
  return false;
}

bool step_out(Tracee& tracee, pid_t tid, const RemoteRange& vdso) {
  for (int i = 0; i < kMaxSteps; ++i) {
    tracee.step(tid);
    take_stop(tracee, tid, tracee.wait(tid, kPatience));
    if (may_stay(tracee, tracee.registers(tid), vdso)) return true;
  }
  return false;
}

}  // namespace

void leave_vdso(Tracee& tracee) {
  std::optional<Layout> layout;
  for (const pid_t tid : tracee.threads()) {
    if (!tracee.stopped(tid)) continue;
    const Registers first = tracee.registers(tid);
    if (!layout) layout = layout_of(tracee.pid());
    if (may_stay(tracee, first, layout->vdso)) continue;
    const std::uint64_t mask = tracee.mask(tid);
    tracee.set_mask(tid, kAllButTrap);
    const bool out = run_out(tracee, tid, layout->vdso, returns(tracee, first, *layout)) ||
                     step_out(tracee, tid, layout->vdso);
    tracee.set_mask(tid, mask);
    if (!out) throw StaysHome("a thread does not leave the kernel's clock code");
  }
}

}  // namespace starling::migrate
