// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/body_harvest.h"

#include <algorithm>
#include <cstring>

#include "agents/migrate/body_memory.h"
#include "agents/migrate/capture.h"
#include "agents/migrate/kernel_sizes.h"
#include "agents/migrate/page_scan.h"
#include "agents/migrate/process_maps.h"
#include "agents/migrate/restart.h"
#include "agents/migrate/signal_mark.h"
#include "agents/migrate/vdso_exit.h"
#include "agents/migrate/wire.h"

namespace starling::migrate {
namespace {

constexpr std::uint64_t kPagesAtOnce = 1024 * 1024;  // bytes in a message

bool has_pages(VmaKind kind) {
  return kind == VmaKind::ordinary || kind == VmaKind::stack;
}

// The mappings of the body: those that lie where they lay when it came, and those it made.
void add_mappings(pid_t pid, const RemoteRange& scratch, const RemoteRanges& original,
                  Harvest& harvest, RemoteRanges& fresh) {
  harvest.state.clear_vmas();
  for (const Mapping& m : read_maps(pid)) {
    if (m.kind == VmaKind::vsyscall || scratch.contains(m.range.begin)) continue;
    const auto add = [&](RemoteRange range, bool is_fresh) {
      auto& vma = *harvest.state.add_vmas();
      vma.set_begin(range.begin.value);
      vma.set_end(range.end.value);
      vma.set_prot(static_cast<std::uint32_t>(m.prot));
      vma.set_kind(static_cast<std::uint32_t>(m.kind));
      vma.set_fresh(is_fresh);
    };
    if (!has_pages(m.kind)) {
      add(m.range, false);
      continue;
    }
    const RemoteRanges made = subtract({m.range}, original);
    const RemoteRanges kept = subtract({m.range}, made);
    for (const RemoteRange& range : kept) add(range, false);
    for (const RemoteRange& range : made) {
      add(range, true);
      fresh.push_back(range);
    }
  }
  std::sort(fresh.begin(), fresh.end());
}

template <typename Pending>
void unmark(Pending& pending) {
  for (auto& signal : pending) {
    siginfo_t info;
    if (signal.info().size() != sizeof info) continue;
    std::memcpy(&info, signal.info().data(), sizeof info);
    if (unmark_signal(info)) signal.set_info(&info, sizeof info);
  }
}

void rename_threads(BodyParts& parts, const BodyClocks& clocks, const HeldSignals& held,
                    pb::ProcessState& state) {
  pb::ProcessState renamed;
  for (auto& thread : *state.mutable_threads()) {
    const auto here = static_cast<pid_t>(thread.tid());
    if (here == parts.service) continue;
    const pid_t inner = parts.threads.inner(here);
    thread.set_tid(static_cast<std::uint32_t>(inner));
    unmark(*thread.mutable_pending());
    thread.set_call_at_home(false);
    Registers registers;
    std::memcpy(&registers, thread.regs().data(), sizeof registers);
    restart_interrupted_call(registers);
    thread.set_regs(&registers, sizeof registers);
    if (const auto signal = held.find(here); signal != held.end()) {
      // It was next: before all that wait.
      auto rest = thread.pending();
      thread.clear_pending();
      thread.add_pending()->set_info(&signal->second, kSiginfo);
      thread.mutable_pending()->MergeFrom(rest);
    }
    renamed.add_thread_cpu(clocks.thread_ns(here, inner));
    renamed.add_threads()->Swap(&thread);
  }
  state.mutable_threads()->Swap(renamed.mutable_threads());
  state.mutable_thread_cpu()->Swap(renamed.mutable_thread_cpu());
}

}  // namespace

void restart_interrupted_call(Registers& registers) {
  if (!in_call(registers)) return;
  switch (result_of(registers)) {
    case kRestartSys:
    case kRestartNoIntr:
    case kRestartNoHand:
      registers.rip -= 2;  // the length of `syscall`
      registers.rax = registers.orig_rax;
      break;
    default:
      break;
  }
  registers.orig_rax = ~0ULL;  // it is in no call
}

Harvest harvest(EmptyBody& body, BodyParts& parts, PageSink& sink, const BodyClocks& clocks,
                const HeldSignals& held) {
  Harvest harvest;
  Tracee& tracee = body.tracee();
  tracee.set_options(kBodyStopped);
  settle_interrupted_calls(tracee);
  leave_vdso(tracee);
  harvest.state = capture(tracee, body.scratch());
  sink.stop();
  harvest.state.set_pid(static_cast<std::uint32_t>(body.inner()));
  harvest.state.clear_pages();
  unmark(*harvest.state.mutable_pending());
  harvest.state.set_process_cpu(clocks.process_ns());
  rename_threads(parts, clocks, held, harvest.state);

  const RemoteRanges original = sink.original_ranges();
  RemoteRanges fresh;
  add_mappings(body.pid(), body.scratch().range(), original, harvest, fresh);
  harvest.dirty = written(body.pid(), original);
  const RemoteRanges made = present(body.pid(), fresh);
  harvest.dirty.insert(harvest.dirty.end(), made.begin(), made.end());
  harvest.dirty = normalise(std::move(harvest.dirty));
  for (const RemoteRange& range : harvest.dirty) {
    harvest.state.add_dirty(range.begin.value);
    harvest.state.add_dirty(range.end.value);
  }
  // What was dropped and written again is not gone, and may have been sent ahead.
  const RemoteRanges dropped = sink.gone_ranges();
  for (const RemoteRange& range : subtract(dropped, present(body.pid(), dropped))) {
    harvest.state.add_gone(range.begin.value);
    harvest.state.add_gone(range.end.value);
  }
  return harvest;
}

std::uint64_t send_pages(Tracee& tracee, const RemoteRanges& dirty, FrameChannel& control) {
  std::vector<std::uint8_t> data;
  std::uint64_t sent = 0;
  for (const RemoteRange& range : dirty) {
    for (RemoteAddr at = range.begin; at < range.end; at = at + data.size()) {
      data.resize(std::min(kPagesAtOnce, range.end - at));
      tracee.read(at, data);
      control.send(kPages, {reinterpret_cast<const std::uint8_t*>(&at.value), 8}, data);
      sent += data.size();
    }
  }
  return sent;
}

}  // namespace starling::migrate
