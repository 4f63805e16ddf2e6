// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/homecoming.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <stdexcept>

#include "agents/migrate/capture.h"
#include "agents/migrate/kernel_sizes.h"
#include "agents/migrate/process_maps.h"
#include "agents/migrate/restart.h"

namespace starling::migrate {
namespace {

constexpr std::size_t kBrk = 5;  // its place in MemoryLayout
constexpr int kSignals = 64;

RemoteRange range_of(const pb::Vma& vma) {
  return {RemoteAddr{vma.begin()}, RemoteAddr{vma.end()}};
}

std::string hex(std::uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "%#llx", static_cast<unsigned long long>(value));
  return text;
}

bool is_kernels(std::uint32_t kind) {
  return kind != static_cast<std::uint32_t>(VmaKind::ordinary) &&
         kind != static_cast<std::uint32_t>(VmaKind::stack);
}

// Adds a call and makes all when there is no room for more; each must succeed.
class StrictBatch {
 public:
  StrictBatch(Scratch& scratch, pid_t tid) : batch_(scratch), tid_(tid) {}
  void add(const char* what, std::uint64_t nr, std::array<std::uint64_t, 6> args) {
    names_.push_back(what);
    expected_.push_back(nr == SYS_mmap ? static_cast<std::int64_t>(args[0]) : 0);
    batch_.add(nr, args);
    if (batch_.full()) run();
  }
  RemoteAddr put(Bytes data) { return batch_.put(data); }
  void run() {
    batch_.run(tid_);
    for (std::size_t i = 0; i < names_.size(); ++i) {
      batch_.expect(i, names_[i]);
      if (batch_.result(i) != expected_[i]) throw std::runtime_error(names_[i]);
    }
    names_.clear();
    expected_.clear();
  }

 private:
  CallBatch batch_;
  pid_t tid_;
  std::vector<const char*> names_;
  std::vector<std::int64_t> expected_;
};

}  // namespace

Homecoming::Homecoming(Tracee& tracee, Scratch& scratch, pb::ProcessState state,
                       std::set<pid_t> take_up)
    : tracee_(tracee), scratch_(scratch), state_(std::move(state)), take_up_(std::move(take_up)) {}

void Homecoming::begin() {
  std::set<pid_t> told;
  for (const auto& thread : state_.threads()) told.insert(static_cast<pid_t>(thread.tid()));
  const auto here = tracee_.threads();
  if (told != std::set<pid_t>(here.begin(), here.end()))
    throw std::runtime_error("the threads that came home are not those that left");
  const std::uint64_t heap_end = heap_end_away();
  // The kernel shrinks a heap only while its end is mapped, and lets it grow only where nothing is.
  if (heap_end < brk(0)) set_heap_end(heap_end);
  unmap_what_is_gone();
  if (heap_end > brk(0)) set_heap_end(heap_end);
  map_what_is_new();
  protect();
}

std::uint64_t Homecoming::heap_end_away() const {
  if (state_.layout().value_size() <= static_cast<int>(kBrk))
    throw std::runtime_error("the state says no memory layout");
  return state_.layout().value(kBrk);
}

std::uint64_t Homecoming::brk(std::uint64_t to) {
  return static_cast<std::uint64_t>(scratch_.call(tracee_.pid(), SYS_brk, {to}));
}

void Homecoming::set_heap_end(std::uint64_t wanted) {
  if (const std::uint64_t is = brk(wanted); is != wanted) {
    throw std::runtime_error("the end of the heap, " + hex(is) + ", could not be set to " +
                             hex(wanted) + " as it was away");
  }
}

void Homecoming::unmap_what_is_gone() {
  // Of the scratch area what is needed to come home; the pages of the call loop go.
  RemoteRanges stays{{scratch_.at(), scratch_.at() + ScratchLayout::kMapped}};
  for (const auto& vma : state_.vmas())
    if (!vma.fresh()) stays.push_back(range_of(vma));
  RemoteRanges mapped;
  for (const Mapping& m : read_maps(tracee_.pid())) {
    if (is_kernels(static_cast<std::uint32_t>(m.kind))) continue;
    mapped.push_back(m.range);
  }
  StrictBatch batch(scratch_, tracee_.pid());
  for (const RemoteRange& gone : subtract(normalise(mapped), normalise(stays)))
    batch.add("munmap", SYS_munmap, {gone.begin.value, gone.size()});
  batch.run();
}

void Homecoming::map_what_is_new() {
  StrictBatch batch(scratch_, tracee_.pid());
  for (const auto& vma : state_.vmas()) {
    if (!vma.fresh()) continue;
    if (vma.kind() == static_cast<std::uint32_t>(VmaKind::stack)) {
      // A touch of its lowest page lets the stack grow to it.
      std::uint8_t byte;
      tracee_.read(RemoteAddr{vma.begin()}, {&byte, 1});
      continue;
    }
    batch.add("mmap", SYS_mmap,
              {vma.begin(), vma.end() - vma.begin(), vma.prot(),
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, ~0ULL, 0});
  }
  for (int i = 0; i + 1 < state_.gone_size(); i += 2) {
    batch.add("madvise", SYS_madvise,
              {state_.gone(i), state_.gone(i + 1) - state_.gone(i), MADV_DONTNEED});
  }
  batch.run();
}

void Homecoming::protect() {
  const auto maps = read_maps(tracee_.pid());
  StrictBatch batch(scratch_, tracee_.pid());
  for (const auto& vma : state_.vmas()) {
    if (vma.fresh() || is_kernels(vma.kind())) continue;
    for (const Mapping& m : maps) {
      const RemoteAddr begin = std::max(m.range.begin, RemoteAddr{vma.begin()});
      const RemoteAddr end = std::min(m.range.end, RemoteAddr{vma.end()});
      if (begin < end && m.prot != static_cast<int>(vma.prot()))
        batch.add("mprotect", SYS_mprotect, {begin.value, end - begin, vma.prot()});
    }
  }
  batch.run();
}

void Homecoming::write_page(RemoteAddr at, Bytes data) {
  tracee_.write(at, data);
}

void Homecoming::restore_actions() {
  std::map<int, std::string> actions;
  for (const auto& action : state_.actions())
    if (action.action().size() == kKernelSigaction)
      actions[static_cast<int>(action.number())] = action.action();
  StrictBatch batch(scratch_, tracee_.pid());
  const std::string none(kKernelSigaction, '\0');
  for (int n = 1; n <= kSignals; ++n) {
    if (n == SIGKILL || n == SIGSTOP || n == SIGTRAP) continue;
    const auto found = actions.find(n);
    const RemoteAddr at = batch.put(as_bytes(found == actions.end() ? none : found->second));
    batch.add("rt_sigaction", SYS_rt_sigaction, {static_cast<std::uint64_t>(n), at.value, 0, 8});
  }
  batch.run();
}

void Homecoming::restore_thread(const pb::ThreadState& thread) {
  const auto tid = static_cast<pid_t>(thread.tid());
  if (thread.regs().size() != sizeof(Registers) || thread.altstack().size() != sizeof(stack_t))
    throw std::runtime_error("the state of a thread is not whole");
  StrictBatch batch(scratch_, tid);
  stack_t stack;
  std::memcpy(&stack, thread.altstack().data(), sizeof stack);
  stack.ss_flags &= ~SS_ONSTACK;  // follows from the stack pointer
  batch.add("sigaltstack", SYS_sigaltstack,
            {batch.put({reinterpret_cast<const std::uint8_t*>(&stack), sizeof stack}).value});
  batch.add("set_robust_list", SYS_set_robust_list, {thread.robust_list(), 24});
  batch.run();
  scratch_.call(tid, SYS_set_tid_address, {thread.clear_child_tid()});
  // A thread that left has registered already, EBUSY; one that was made away has not.
  if (thread.rseq() != 0) {
    const auto registered = scratch_.call(
        tid, SYS_rseq, {thread.rseq(), thread.rseq_size(), 0, thread.rseq_signature()});
    if (registered != 0 && registered != -EBUSY) throw std::runtime_error("rseq");
  }
}

void Homecoming::finish() {
  restore_actions();
  for (const auto& thread : state_.threads()) restore_thread(thread);
  give_back_signals(scratch_, state_);

  // The action of SIGTRAP comes last: our traps would reset one that ignores it.
  const pid_t pid = tracee_.pid();
  std::string trap(kKernelSigaction, '\0');
  for (const auto& action : state_.actions())
    if (action.number() == SIGTRAP && action.action().size() == kKernelSigaction)
      trap = action.action();
  tracee_.write(scratch_.at() + ScratchLayout::kData, as_bytes(trap));
  const RemoteAddr instruction = find_syscall_instruction(tracee_);
  quiet_call_at(tracee_, pid, instruction, SYS_rt_sigaction,
                {SIGTRAP, (scratch_.at() + ScratchLayout::kData).value, 0, 8});
  quiet_call_at(tracee_, pid, instruction, SYS_munmap,
                {scratch_.at().value, ScratchLayout::kMapped});

  for (const auto& thread : state_.threads()) {
    const auto tid = static_cast<pid_t>(thread.tid());
    Registers r;
    std::memcpy(&r, thread.regs().data(), sizeof r);
    if (take_up_.contains(tid) && !in_call(r)) {
      // The guest set it back to the call instruction; its own kernel knows how much of it is left.
      r.rip += 2;
      r.orig_rax = r.rax;
      r.rax = static_cast<std::uint64_t>(std::int64_t{kRestartBlock});
    }
    tracee_.set_xstate(tid, as_bytes(thread.xstate()));
    tracee_.set_mask(tid, thread.mask());
    tracee_.set_registers(tid, r);
  }
}

}  // namespace starling::migrate
