// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/scratch.h"

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "agents/common/fail.h"
#include "agents/migrate/process_maps.h"

namespace starling::migrate {
namespace {

// How long a call of ours may take; none of them waits for anything.
constexpr Tracee::Milliseconds kPatience(30'000);

// At ScratchLayout::kSyscall:
//     syscall
//     int3
// At ScratchLayout::kBatch, with r12 the list and r13 its length:
//  1: test r13, r13
//     jz 2f
//     mov rax, [r12];       mov rdi, [r12 + 8];   mov rsi, [r12 + 16];  mov rdx, [r12 + 24]
//     mov r10, [r12 + 32];  mov r8, [r12 + 40];   mov r9, [r12 + 48]
//     syscall
//     mov [r12 + 56], rax
//     add r12, 64
//     dec r13
//     jmp 1b
//  2: int3
constexpr std::uint8_t
    kCode[] =
        {
            0x0f, 0x05, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
            0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0x4d, 0x85, 0xed,  // test r13, r13
            0x74, 0x32,                                            // jz end
            0x49, 0x8b, 0x04, 0x24,                                // mov rax, [r12]
            0x49, 0x8b, 0x7c, 0x24, 0x08,                          // mov rdi, [r12 + 8]
            0x49, 0x8b, 0x74, 0x24, 0x10,                          // mov rsi, [r12 + 16]
            0x49, 0x8b, 0x54, 0x24, 0x18,                          // mov rdx, [r12 + 24]
            0x4d, 0x8b, 0x54, 0x24, 0x20,                          // mov r10, [r12 + 32]
            0x4d, 0x8b, 0x44, 0x24, 0x28,                          // mov r8, [r12 + 40]
            0x4d, 0x8b, 0x4c, 0x24, 0x30,                          // mov r9, [r12 + 48]
            0x0f, 0x05,                                            // syscall
            0x49, 0x89, 0x44, 0x24, 0x38,                          // mov [r12 + 56], rax
            0x49, 0x83, 0xc4, 0x40,                                // add r12, 64
            0x49, 0xff, 0xcd,                                      // dec r13
            0xeb, 0xc9,                                            // jmp 1b
            0xcc,                                                  // end: int3
            0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
            0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
            0xcc, 0xcc, 0xcc, 0xcc, 0xb8, 0x22, 0x00, 0x00, 0x00,  // 1: mov eax, SYS_pause
            0x0f, 0x05,                                            // syscall
            0xeb, 0xf7,                                            // jmp 1b
};
static_assert(sizeof kCode == ScratchLayout::kPause + 9);

// SIGTRAP stays open: the int3 would otherwise reset its handler.
constexpr std::uint64_t kAllButTrap = ~(std::uint64_t{1} << (SIGTRAP - 1));

// Resumes `tid`, already set up, until its own SIGTRAP, which leaves it at `end`.
void run_to_trap(Tracee& tracee, pid_t tid, bool single_step, RemoteAddr end) {
  int pass_on = 0;
  while (true) {
    single_step ? tracee.step(tid, pass_on) : tracee.resume(tid, pass_on);
    pass_on = 0;
    const auto status = tracee.wait(tid, kPatience);
    if (!status) throw std::runtime_error("a call made for the process did not end");
    if (!WIFSTOPPED(*status)) throw ProcessGone("it ended while a call was made for it");
    if (*status >> 16 != 0) continue;
    const int signal = WSTOPSIG(*status);
    if (signal != SIGTRAP) {
      // Blocked, and reported all the same: with our trap in the queue the kernel takes out the
      // first synchronous signal there, a fault from before the stop (dequeue_synchronous_signal).
      // Passed on, it is queued again with all it says, because it is blocked.
      pass_on = signal;
      continue;
    }
    const auto info = tracee.signal_info(tid);
    // A SIGTRAP somebody sends has SI_USER or less; one of the process's own, from before the stop,
    // comes before ours was reached.
    if (info.si_code > 0 && tracee.registers(tid).rip == end.value) return;
    tracee.put_aside(tid, info);
  }
}

}  // namespace

RemoteAddr choose_scratch(pid_t pid) {
  // Libraries and mappings grow downwards from below the stack, the heap grows upwards from the
  // program: the middle of the largest hole between them stays free longest.
  RemoteRange best{};
  RemoteAddr end{0x10000};
  const auto maps = read_maps(pid);
  if (maps.empty()) throw ProcessGone("it ended");
  for (const Mapping& m : maps) {
    if (m.kind == VmaKind::vsyscall) continue;
    if (m.range.begin > end && m.range.begin - end > best.size()) best = {end, m.range.begin};
    end = std::max(end, m.range.end);
  }
  if (best.size() < 64 * ScratchLayout::kSize) throw StaysHome("its address space is full");
  return RemoteAddr{best.begin.value + best.size() / 2}.page();
}

RemoteAddr find_syscall_instruction(const Tracee& tracee) {
  for (const Mapping& m : read_maps(tracee.pid())) {
    if (m.kind != VmaKind::vdso) continue;
    std::vector<std::uint8_t> image(m.range.size());
    tracee.read(m.range.begin, image);
    constexpr std::uint8_t instruction[] = {0x0f, 0x05};
    const auto at =
        std::search(image.begin(), image.end(), std::begin(instruction), std::end(instruction));
    if (at != image.end()) return m.range.begin + static_cast<std::uint64_t>(at - image.begin());
  }
  throw StaysHome("it has no vdso");
}

namespace {

Registers with_call(Registers r, RemoteAddr instruction, std::uint64_t nr,
                    const std::array<std::uint64_t, 6>& args) {
  r.rax = nr;
  r.rdi = args[0];
  r.rsi = args[1];
  r.rdx = args[2];
  r.r10 = args[3];
  r.r8 = args[4];
  r.r9 = args[5];
  r.rip = instruction.value;
  r.orig_rax = ~0ULL;  // nothing is to be restarted
  return r;
}

// Waits for a stop that is not a signal's.
void await_quiet_stop(Tracee& tracee, pid_t tid, void (Tracee::*resume)(pid_t, int)) {
  while (true) {
    const auto status = tracee.wait(tid, kPatience);
    if (!status) throw std::runtime_error("a call made for the process did not end");
    if (!WIFSTOPPED(*status)) throw ProcessGone("it ended while a call was made for it");
    if (*status >> 16 == PTRACE_EVENT_STOP) return;
    if (WSTOPSIG(*status) == SIGTRAP && tracee.signal_info(tid).si_code == SIGTRAP) return;
    tracee.put_aside(tid, tracee.signal_info(tid));
    (tracee.*resume)(tid, 0);
  }
}

}  // namespace

std::int64_t call_at(Tracee& tracee, pid_t tid, RemoteAddr instruction, std::uint64_t nr,
                     std::array<std::uint64_t, 6> args) {
  const Registers saved = tracee.registers(tid);
  const std::uint64_t mask = tracee.mask(tid);
  tracee.set_mask(tid, kAllButTrap);
  tracee.set_registers(tid, with_call(saved, instruction, nr, args));
  run_to_trap(tracee, tid, true, instruction + 2);
  const auto result = static_cast<std::int64_t>(tracee.registers(tid).rax);
  tracee.set_registers(tid, saved);
  tracee.set_mask(tid, mask);
  return result;
}

std::int64_t quiet_call_at(Tracee& tracee, pid_t tid, RemoteAddr instruction, std::uint64_t nr,
                           std::array<std::uint64_t, 6> args) {
  const Registers saved = tracee.registers(tid);
  const std::uint64_t mask = tracee.mask(tid);
  tracee.set_mask(tid, ~0ULL);
  tracee.set_registers(tid, with_call(saved, instruction, nr, args));
  for (int stop = 0; stop < 2; ++stop) {  // entry, exit
    tracee.resume_to_syscall(tid);
    await_quiet_stop(tracee, tid, &Tracee::resume_to_syscall);
  }
  const auto result = static_cast<std::int64_t>(tracee.registers(tid).rax);
  // Only a stop within the kernel's handling of signals lets it restart an interrupted call.
  tracee.interrupt(tid);
  tracee.resume(tid);
  await_quiet_stop(tracee, tid, &Tracee::resume);
  tracee.set_registers(tid, saved);
  tracee.set_mask(tid, mask);
  return result;
}

Scratch::Scratch(Tracee& tracee, pid_t tid, RemoteAddr at) : tracee_(&tracee), at_(at) {
  const std::int64_t mapped =
      call_at(tracee, tid, find_syscall_instruction(tracee), SYS_mmap,
              {at.value, ScratchLayout::kMapped, PROT_READ | PROT_WRITE | PROT_EXEC,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, ~0ULL, 0});
  if (mapped != static_cast<std::int64_t>(at.value)) {
    throw StaysHome("no room for the scratch area in its address space");
  }
  place_code();
}

Scratch Scratch::existing(Tracee& tracee, RemoteAddr at) {
  Scratch scratch(tracee, at);
  scratch.place_code();
  return scratch;
}

void Scratch::place_code() {
  tracee_->write(at_, kCode);
}

Registers Scratch::run(pid_t tid, RemoteAddr entry, RemoteAddr end, const Registers& with) {
  const Registers saved = tracee_->registers(tid);
  const std::uint64_t mask = tracee_->mask(tid);
  tracee_->set_mask(tid, kAllButTrap);
  Registers r = with;
  r.rip = entry.value;
  // Nothing here uses a stack; on its signal stack a thread may not be given another (EPERM).
  r.rsp = (at_ + ScratchLayout::kMapped).value;
  r.orig_rax = ~0ULL;
  tracee_->set_registers(tid, r);
  run_to_trap(*tracee_, tid, false, end);
  const Registers after = tracee_->registers(tid);
  tracee_->set_registers(tid, saved);
  tracee_->set_mask(tid, mask);
  return after;
}

std::int64_t Scratch::call(pid_t tid, std::uint64_t nr, std::array<std::uint64_t, 6> args) {
  const RemoteAddr entry = at_ + ScratchLayout::kSyscall;
  return static_cast<std::int64_t>(
      run(tid, entry, entry + 3, with_call(tracee_->registers(tid), entry, nr, args)).rax);
}

void Scratch::unmap(pid_t tid) {
  const std::int64_t result = call_at(*tracee_, tid, find_syscall_instruction(*tracee_), SYS_munmap,
                                      {at_.value, ScratchLayout::kMapped});
  if (result != 0) throw std::runtime_error("the scratch area could not be unmapped");
}

RemoteAddr CallBatch::room(std::size_t size, std::size_t align) {
  if (done_) {
    done_ = false;
    data_.clear();
  }
  std::size_t used = data_.size() + size;
  used = (used + align - 1) / align * align;
  if (used + (calls_.size() + 1) * sizeof(Call) > ScratchLayout::kDataSize) {
    throw std::length_error("the list of calls and its data are too long");
  }
  // The front of the vector is the lowest address.
  data_.insert(data_.begin(), used - data_.size(), 0);
  return scratch_.at() + (ScratchLayout::kData + ScratchLayout::kDataSize - used);
}

RemoteAddr CallBatch::put(Bytes data, std::size_t align) {
  const RemoteAddr at = room(data.size(), align);
  std::copy(data.begin(), data.end(), data_.begin());
  return at;
}

std::size_t CallBatch::add(std::uint64_t nr, std::array<std::uint64_t, 6> args) {
  if (done_) {
    done_ = false;
    data_.clear();
  }
  if (data_.size() + (calls_.size() + 1) * sizeof(Call) > ScratchLayout::kDataSize) {
    throw std::length_error("the list of calls is too long");
  }
  calls_.push_back({nr, args, 0});
  return calls_.size() - 1;
}

bool CallBatch::full() const {
  return data_.size() + calls_.size() * sizeof(Call) > ScratchLayout::kDataSize * 3 / 4;
}

void CallBatch::run(pid_t tid) {
  results_.clear();
  if (calls_.empty()) return;
  Tracee& tracee = *scratch_.tracee_;
  const RemoteAddr list = scratch_.at() + ScratchLayout::kData;
  const std::size_t bytes = calls_.size() * sizeof(Call);
  tracee.write(list, {reinterpret_cast<const std::uint8_t*>(calls_.data()), bytes});
  if (!data_.empty()) tracee.write(list + (ScratchLayout::kDataSize - data_.size()), data_);
  Registers r = tracee.registers(tid);
  r.r12 = list.value;
  r.r13 = calls_.size();
  scratch_.run(tid, scratch_.at() + ScratchLayout::kBatch, scratch_.at() + ScratchLayout::kBatchEnd,
               r);
  tracee.read(list, {reinterpret_cast<std::uint8_t*>(calls_.data()), bytes});
  for (const Call& call : calls_) results_.push_back(call.result);
  calls_.clear();
  done_ = true;
}

void CallBatch::expect(std::size_t number, const char* what) const {
  const std::int64_t result = this->result(number);
  if (result < 0 && result > -4096)
    throw std::system_error(static_cast<int>(-result), std::generic_category(), what);
}

std::vector<std::uint8_t> CallBatch::data(RemoteAddr from, std::size_t size) const {
  std::vector<std::uint8_t> bytes(size);
  scratch_.tracee_->read(from, bytes);
  return bytes;
}

}  // namespace starling::migrate
