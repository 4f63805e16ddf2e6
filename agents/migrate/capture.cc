// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/capture.h"

#include <linux/rseq.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "agents/common/fail.h"
#include "agents/migrate/host.h"
#include "agents/migrate/inspect.h"
#include "agents/migrate/kernel_sizes.h"
#include "agents/migrate/proc_file.h"
#include "agents/migrate/process_maps.h"
#include "agents/migrate/restart.h"
#include "agents/migrate/wire.h"

namespace starling::migrate {
namespace {

constexpr std::uint64_t kUserCode64 = 0x33;  // cs of 64-bit user mode
constexpr std::size_t kSignals = 64;
constexpr std::size_t kMaxFirstPages = 64;

std::string task_status(pid_t pid, pid_t tid) {
  return read_proc(pid, "task/" + std::to_string(tid) + "/status");
}

struct RseqConfiguration {
  std::uint64_t pointer;
  std::uint32_t size;
  std::uint32_t signature;
  std::uint32_t flags;
  std::uint32_t pad;
};
constexpr int kGetRseqConfiguration = 0x420f;  // PTRACE_GET_RSEQ_CONFIGURATION

// A thread stopped inside a restartable sequence must not finish it on another machine: what the
// kernel does at a preemption is done here (rseq(2): continue at the abort handler).
void leave_critical_section(Tracee& tracee, pid_t tid, Registers& r, const pb::ThreadState& state) {
  if (state.rseq() == 0) return;
  const RemoteAddr at{state.rseq() + offsetof(struct rseq, rseq_cs)};
  const auto section_at = tracee.peek<std::uint64_t>(at);
  if (section_at == 0) return;
  const auto section = tracee.peek<struct rseq_cs>(RemoteAddr{section_at});
  if (r.rip - section.start_ip < section.post_commit_offset) {
    r.rip = section.abort_ip;
    tracee.set_registers(tid, r);
  }
  tracee.poke<std::uint64_t>(at, 0);
}

void capture_rseq(Tracee& tracee, pid_t tid, pb::ThreadState& thread) {
  RseqConfiguration rseq{};
  errno = 0;
  const long size = ::ptrace(static_cast<__ptrace_request>(kGetRseqConfiguration), tid,
                             reinterpret_cast<void*>(sizeof rseq), &rseq);
  if (size < 0) fail_errno("PTRACE_GET_RSEQ_CONFIGURATION");
  thread.set_rseq(rseq.pointer);
  thread.set_rseq_size(rseq.size);
  thread.set_rseq_signature(rseq.signature);
  Registers r = tracee.registers(tid);
  leave_critical_section(tracee, tid, r, thread);
}

// What only the thread itself can say.
void capture_from_inside(Tracee& tracee, Scratch& scratch, pid_t tid, pb::ProcessState& state,
                         pb::ThreadState& thread) {
  CallBatch batch(scratch);
  const RemoteAddr altstack = batch.room(sizeof(stack_t));
  const RemoteAddr tid_address = batch.room(8);
  const auto stack_call = batch.add(SYS_sigaltstack, {0, altstack.value});
  batch.add(SYS_prctl, {PR_GET_TID_ADDRESS, tid_address.value});
  batch.run(tid);
  batch.expect(stack_call, "sigaltstack");
  const auto stack = batch.data(altstack, sizeof(stack_t));
  thread.set_altstack(stack.data(), stack.size());
  thread.set_clear_child_tid(tracee.peek<std::uint64_t>(tid_address));

  // Thread-directed first, so that what is left on the process is the process's own.
  while (true) {
    const std::string status = task_status(tracee.pid(), tid);
    const std::uint64_t own = status_number(status, "SigPnd", 16);
    const std::uint64_t shared = tid == tracee.pid() ? status_number(status, "ShdPnd", 16) : 0;
    // The kernel dequeues a thread's own signals before the shared ones.
    const std::uint64_t wanted = own != 0 ? own : shared;
    if (wanted == 0) return;
    const RemoteAddr set = batch.put({reinterpret_cast<const std::uint8_t*>(&wanted), 8});
    const RemoteAddr zero = batch.room(sizeof(timespec));
    const RemoteAddr info = batch.room(kSiginfo);
    const auto taken = batch.add(SYS_rt_sigtimedwait, {set.value, info.value, zero.value, 8});
    batch.run(tid);
    if (batch.result(taken) <= 0) return;
    const auto bytes = batch.data(info, kSiginfo);
    auto* pending = own != 0 ? thread.add_pending() : state.add_pending();
    pending->set_info(bytes.data(), bytes.size());
  }
}

void capture_thread(Tracee& tracee, Scratch& scratch, pid_t tid, pb::ProcessState& state) {
  auto& thread = *state.add_threads();
  thread.set_tid(static_cast<std::uint32_t>(tid));
  capture_rseq(tracee, tid, thread);
  const Registers r = tracee.registers(tid);
  if (r.cs != kUserCode64) throw StaysHome("it runs 32-bit code");
  thread.set_regs(&r, sizeof r);
  const auto xstate = tracee.xstate(tid);
  thread.set_xstate(xstate.data(), xstate.size());
  thread.set_mask(tracee.mask(tid));
  thread.set_call_at_home(must_finish_at_home(r));
  std::uint64_t head = 0;
  std::size_t size = 0;
  if (::syscall(SYS_get_robust_list, tid, &head, &size) == 0) {
    thread.set_robust_list(head);
    thread.set_robust_size(size);
  }
  capture_from_inside(tracee, scratch, tid, state, thread);
  // Those that came while we made calls.
  for (const siginfo_t& info : tracee.take_aside(tid))
    thread.add_pending()->set_info(&info, sizeof info);
}

void capture_process(Tracee& tracee, Scratch& scratch, pb::ProcessState& state) {
  const pid_t pid = tracee.pid();
  CallBatch batch(scratch);
  const RemoteAddr actions = batch.room(kSignals * kKernelSigaction);
  const RemoteAddr timers = batch.room(2 * sizeof(itimerval));
  for (std::uint64_t n = 1; n <= kSignals; ++n)
    batch.add(SYS_rt_sigaction, {n, 0, actions.value + (n - 1) * kKernelSigaction, 8});
  batch.add(SYS_getitimer, {ITIMER_VIRTUAL, timers.value});
  batch.add(SYS_getitimer, {ITIMER_PROF, timers.value + sizeof(itimerval)});
  const auto brk = batch.add(SYS_brk, {0});
  batch.run(pid);
  for (int i = 0; i < 2; ++i) {
    const auto timer =
        tracee.peek<itimerval>(timers + static_cast<std::uint64_t>(i) * sizeof(itimerval));
    if (timer.it_value.tv_sec != 0 || timer.it_value.tv_usec != 0)
      throw StaysHome("it has a timer that counts CPU time");
  }
  const auto all = batch.data(actions, kSignals * kKernelSigaction);
  static constexpr std::uint8_t none[kKernelSigaction] = {};
  for (std::size_t n = 0; n < kSignals; ++n) {
    const std::uint8_t* one = &all[n * kKernelSigaction];
    if (std::memcmp(one, none, kKernelSigaction) == 0) continue;
    auto& action = *state.add_actions();
    action.set_number(static_cast<std::uint32_t>(n + 1));
    action.set_action(one, kKernelSigaction);
  }

  const auto stat = read_stat(pid);
  const auto field = [&](std::size_t number) {
    return number - 3 < stat.size() ? std::strtoull(stat[number - 3].c_str(), nullptr, 10) : 0;
  };
  // The order of struct prctl_mm_map, PR_SET_MM(2const).
  auto& layout = *state.mutable_layout();
  layout.add_value(field(26));
  layout.add_value(field(27));
  layout.add_value(field(45));
  layout.add_value(field(46));
  layout.add_value(field(47));
  layout.add_value(static_cast<std::uint64_t>(batch.result(brk)));
  layout.add_value(field(28));
  for (const std::size_t number : {48, 49, 50, 51}) layout.add_value(field(number));

  const std::string personality = read_proc(pid, "personality");
  state.set_personality(std::strtoull(personality.c_str(), nullptr, 16));
}

void capture_mappings(Tracee& tracee, const Scratch& scratch, pb::ProcessState& state) {
  const auto maps = read_maps(tracee.pid());
  if (auto reason = reason_in_maps(maps)) throw StaysHome(*reason);
  for (const Mapping& m : maps) {
    if (m.kind == VmaKind::vsyscall || m.range.begin == scratch.at()) continue;
    auto& vma = *state.add_vmas();
    vma.set_begin(m.range.begin.value);
    vma.set_end(m.range.end.value);
    vma.set_prot(static_cast<std::uint32_t>(m.prot));
    vma.set_kind(static_cast<std::uint32_t>(m.kind));
    vma.set_file_backed(m.file_backed());
    if (m.file_backed()) {
      vma.set_path(m.path);
      vma.set_offset(m.offset);
    }
  }
}

// The pages a thread touches before anything else would each cost a round trip while it waits.
void add_first_pages(const Tracee& tracee, pb::ProcessState& state) {
  std::set<RemoteAddr> pages;
  for (const auto& thread : state.threads()) {
    Registers r;
    std::memcpy(&r, thread.regs().data(), sizeof r);
    const std::uint64_t first[] = {r.rip,     r.rsp,         r.rsp - 128,
                                   r.fs_base, thread.rseq(), thread.robust_list()};
    for (const std::uint64_t at : first) {
      if (at != 0) pages.insert(RemoteAddr{at}.page());
    }
  }
  const auto vma_of = [&](RemoteAddr at) -> const pb::Vma* {
    for (const auto& vma : state.vmas())
      if (vma.begin() <= at.value && at.value < vma.end()) return &vma;
    return nullptr;
  };
  for (const RemoteAddr at : pages) {
    if (state.pages_size() >= static_cast<int>(kMaxFirstPages)) break;
    const auto* vma = vma_of(at);
    if (!vma || vma->prot() == 0 ||
        (vma->kind() != static_cast<std::uint32_t>(VmaKind::ordinary) &&
         vma->kind() != static_cast<std::uint32_t>(VmaKind::stack)))
      continue;
    std::vector<std::uint8_t> data(kPage);
    if (tracee.read_some(at, data) != kPage) continue;
    auto& page = *state.add_pages();
    page.set_address(at.value);
    page.set_data(data.data(), data.size());
  }
}

std::int64_t cpu_time_ns(pid_t pid, bool thread) {
  // The clock of another process or thread, clock_getcpuclockid(3).
  const clockid_t clock = (~static_cast<clockid_t>(pid) << 3) | (thread ? 6 : 2);
  timespec t{};
  if (::clock_gettime(clock, &t) != 0) return 0;
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

void queue(CallBatch& batch, const pb::PendingSignal& pending, pid_t pid, pid_t tid) {
  if (pending.info().size() != kSiginfo) return;
  const RemoteAddr info = batch.put(as_bytes(pending.info()));
  int number = 0;
  std::memcpy(&number, pending.info().data(), sizeof number);
  const auto signal = static_cast<std::uint64_t>(number);
  if (tid == 0) {
    batch.add(SYS_rt_sigqueueinfo, {static_cast<std::uint64_t>(pid), signal, info.value});
  } else {
    batch.add(SYS_rt_tgsigqueueinfo, {static_cast<std::uint64_t>(pid),
                                      static_cast<std::uint64_t>(tid), signal, info.value});
  }
}

}  // namespace

pb::Hello describe(pid_t pid, RemoteAddr scratch, std::uint32_t home_node) {
  pb::Hello hello;
  hello.set_version(kProtocolVersion);
  hello.set_home(home_node);
  hello.set_pid(static_cast<std::uint32_t>(pid));
  const std::string status = read_proc(pid, "status");
  hello.set_comm(std::string(status_field(status, "Name")));
  const auto uids = std::string(status_field(status, "Uid"));
  hello.set_uid(static_cast<std::uint32_t>(std::strtoul(uids.c_str(), nullptr, 10)));
  hello.set_scratch(scratch.value);
  hello.set_monotonic(clock_ns(CLOCK_MONOTONIC));
  hello.set_boottime(clock_ns(CLOCK_BOOTTIME));
  hello.set_xfeatures(enabled_xfeatures());
  for (const std::uint32_t word : cpu_features()) hello.add_cpuid(word);
  hello.set_vdso(vdso_hash());
  hello.set_resident(status_number(status, "VmRSS") * 1024);
  return hello;
}

pb::ProcessState capture(Tracee& tracee, Scratch& scratch) {
  pb::ProcessState state;
  const pid_t pid = tracee.pid();
  state.set_pid(static_cast<std::uint32_t>(pid));
  state.set_monotonic(clock_ns(CLOCK_MONOTONIC));
  try {
    capture_process(tracee, scratch, state);
    capture_mappings(tracee, scratch, state);
    for (const pid_t tid : tracee.threads()) {
      capture_thread(tracee, scratch, tid, state);
      state.add_thread_cpu(cpu_time_ns(tid, true));
    }
    state.set_process_cpu(cpu_time_ns(pid, false));
    add_first_pages(tracee, state);
  } catch (const StaysHome&) {
    give_back_signals(scratch, state);
    throw;
  }
  return state;
}

void give_back_signals(Scratch& scratch, const pb::ProcessState& state) {
  // What kill(2), tgkill(2) or the kernel sent may be queued again by nobody but the receiver itself:
  // the thread, or for the process its first thread (rt_sigqueueinfo(2), and kernel/signal.c for
  // the rest).
  const auto pid = static_cast<pid_t>(state.pid());
  for (const auto& thread : state.threads()) {
    CallBatch batch(scratch);
    const auto tid = static_cast<pid_t>(thread.tid());
    for (const auto& pending : thread.pending()) {
      queue(batch, pending, pid, tid);
      if (batch.full()) batch.run(tid);
    }
    if (tid == pid) {
      for (const auto& pending : state.pending()) {
        queue(batch, pending, pid, 0);
        if (batch.full()) batch.run(tid);
      }
    }
    batch.run(tid);
  }
}

}  // namespace starling::migrate
