// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/call_loop.h"

#include <fcntl.h>
#include <immintrin.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>

#include "agents/common/unique_fd.h"

namespace starling::migrate {
namespace {

// Within the scratch area: behind its own code; where a body's vdso is parked while it is made, of
// which there is none at home.
constexpr std::uint64_t kCode = 256;
constexpr std::uint64_t kSlots = ScratchLayout::kParking;
constexpr std::uint64_t kSlotsSize = ScratchLayout::kParkingSize;

// How the end of a call is to be told; the thread puts kOver in its place.
enum End : std::uint32_t { kOver = 0, kWatched = 1, kWake = 2, kTrap = 3 };

// r12 is the slot, r13d the turn last taken. Neither uses a stack; rcx, r11 are the kernel's.
constexpr std::uint8_t kLoop[] = {
    // top:
    0x41, 0x8b, 0x5c, 0x24, 0x08,  // mov ebx, [r12 + linger]
    // watch:
    0x45, 0x39, 0x2c, 0x24,  // cmp [r12 + turn], r13d
    0x75, 0x31,              // jne go
    0x85, 0xdb,              // test ebx, ebx
    0x74, 0x06,              // jz sleep
    0xf3, 0x90,              // pause
    0xff, 0xcb,              // dec ebx
    0xeb, 0xf0,              // jmp watch
    // sleep: the barrier of xchg orders the announcement before the kernel's look at the turn.
    0xb8, 0x01, 0x00, 0x00, 0x00,                          // mov eax, 1
    0x41, 0x87, 0x44, 0x24, 0x0c,                          // xchg [r12 + asleep], eax
    0x4c, 0x89, 0xe7,                                      // mov rdi, r12
    0x31, 0xf6,                                            // xor esi, esi  FUTEX_WAIT
    0x44, 0x89, 0xea,                                      // mov edx, r13d
    0x45, 0x31, 0xd2,                                      // xor r10d, r10d
    0xb8, 0xca, 0x00, 0x00, 0x00,                          // mov eax, SYS_futex
    0x0f, 0x05,                                            // syscall
    0x41, 0xc7, 0x44, 0x24, 0x0c, 0x00, 0x00, 0x00, 0x00,  // mov dword [r12 + asleep], 0
    0xeb, 0xc9,                                            // jmp watch
    // go:
    0x45, 0x8b, 0x2c, 0x24,        // mov r13d, [r12 + turn]
    0x49, 0x8b, 0x44, 0x24, 0x18,  // mov rax, [r12 + nr]
    0x49, 0x8b, 0x7c, 0x24, 0x20,  // mov rdi, [r12 + args]
    0x49, 0x8b, 0x74, 0x24, 0x28,  // mov rsi, ...
    0x49, 0x8b, 0x54, 0x24, 0x30,  // mov rdx
    0x4d, 0x8b, 0x54, 0x24, 0x38,  // mov r10
    0x4d, 0x8b, 0x44, 0x24, 0x40,  // mov r8
    0x4d, 0x8b, 0x4c, 0x24, 0x48,  // mov r9
    // call:
    0x0f, 0x05,                    // syscall
    0x49, 0x89, 0x44, 0x24, 0x10,  // mov [r12 + result], rax
    0x31, 0xc0,                    // xor eax, eax
    0x41, 0x87, 0x44, 0x24, 0x04,  // xchg [r12 + end], eax
    0x83, 0xf8, 0x02,              // cmp eax, kWake
    0x72, 0x8a,                    // jb top
    0x75, 0x1b,                    // jne trap
    0x49, 0x8d, 0x7c, 0x24, 0x04,  // lea rdi, [r12 + end]
    0xbe, 0x01, 0x00, 0x00, 0x00,  // mov esi, FUTEX_WAKE
    0xba, 0x01, 0x00, 0x00, 0x00,  // mov edx, 1
    0xb8, 0xca, 0x00, 0x00, 0x00,  // mov eax, SYS_futex
    0x0f, 0x05,                    // syscall
    0xe9, 0x6d, 0xff, 0xff, 0xff,  // jmp top
    // trap:
    0xcc,                          // int3
    0xe9, 0x67, 0xff, 0xff, 0xff,  // jmp top
};
constexpr std::uint64_t kGo = 0x3c;
constexpr std::uint64_t kCall = 0x63;
constexpr std::uint64_t kMade = kCall + 2;
static_assert(kLoop[kCall] == 0x0f && kLoop[kCall + 1] == 0x05 && kLoop[kMade] == 0x49);
static_assert(sizeof kLoop == 0x99);
static_assert(kCode + sizeof kLoop <= ScratchLayout::kCodeSize);

long futex(std::atomic<std::uint32_t>& word, int op, std::uint32_t value,
           const timespec* timeout = nullptr) {
  static_assert(sizeof word == 4);
  return ::syscall(SYS_futex, &word, op, value, timeout, nullptr, 0);
}

// The pages of a shared mapping of another process; nullptr when they cannot be had.
void* map_same(pid_t pid, RemoteAddr at, std::uint64_t size) {
  char path[96];
  std::snprintf(path, sizeof path, "/proc/%d/map_files/%llx-%llx", pid,
                static_cast<unsigned long long>(at.value),
                static_cast<unsigned long long>(at.value + size));
  const UniqueFd fd(::open(path, O_RDWR | O_CLOEXEC));
  if (!fd) return nullptr;
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

}  // namespace

// Two cache lines. The code has the offsets.
struct alignas(128) CallLoop::Slot {
  std::atomic<std::uint32_t> turn;  // another: a call is asked for
  std::atomic<std::uint32_t> end;
  std::atomic<std::uint32_t> linger;
  std::atomic<std::uint32_t> asleep;
  std::int64_t result;
  std::uint64_t nr;
  std::uint64_t args[6];
};

std::unique_ptr<CallLoop> CallLoop::make(Tracee& tracee, Scratch& scratch) {
  static_assert(offsetof(Slot, end) == 4 && offsetof(Slot, linger) == 8);
  static_assert(offsetof(Slot, asleep) == 12 && offsetof(Slot, result) == 16);
  static_assert(offsetof(Slot, nr) == 24 && offsetof(Slot, args) == 32 && sizeof(Slot) == 128);
  const RemoteAddr slots = scratch.at() + kSlots;
  const std::int64_t mapped =
      scratch.call(tracee.pid(), SYS_mmap,
                   {slots.value, kSlotsSize, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, ~0ULL, 0});
  if (mapped != static_cast<std::int64_t>(slots.value)) return nullptr;
  void* shared = map_same(tracee.pid(), slots, kSlotsSize);
  if (!shared) return nullptr;
  const RemoteAddr code = scratch.at() + kCode;
  std::unique_ptr<CallLoop> loop(new CallLoop(tracee, code, slots, shared));
  tracee.write(code, kLoop);
  return loop;
}

CallLoop::CallLoop(Tracee& tracee, RemoteAddr code, RemoteAddr slots, void* shared)
    : tracee_(tracee), code_(code), slots_(slots), shared_(static_cast<Slot*>(shared)) {}

CallLoop::~CallLoop() {
  ::munmap(shared_, kSlotsSize);
}

bool CallLoop::enter(pid_t tid) {
  auto found = threads_.find(tid);
  if (found == threads_.end()) {
    for (std::uint64_t i = 0; i < kSlotsSize / sizeof(Slot); ++i) {
      Slot* slot = shared_ + i;
      if (std::any_of(threads_.begin(), threads_.end(),
                      [&](const auto& t) { return t.second.slot == slot; }))
        continue;
      found = threads_.emplace(tid, Thread{slot, slots_ + i * sizeof(Slot)}).first;
      break;
    }
    if (found == threads_.end()) return false;
  }
  Thread& thread = found->second;
  Registers r = tracee_.registers(tid);
  r.r12 = thread.at.value;
  r.r13 = thread.turn;
  r.rip = code_.value;
  r.orig_rax = ~0ULL;
  tracee_.set_registers(tid, r);
  thread.slot->turn.store(thread.turn);
  thread.slot->asleep.store(0);
  thread.slot->linger.store(0);
  tracee_.resume(tid);
  thread.running = true;
  return true;
}

bool CallLoop::runs(pid_t tid) const {
  const auto found = threads_.find(tid);
  return found != threads_.end() && found->second.running;
}

void CallLoop::left(pid_t tid) {
  const auto found = threads_.find(tid);
  if (found != threads_.end()) found->second.running = false;
}

void CallLoop::forget(pid_t tid) {
  threads_.erase(tid);
}

void CallLoop::ask(pid_t tid, std::int32_t nr, const CallArgs& args, std::uint32_t watch,
                   std::uint32_t linger) {
  Thread& thread = threads_.at(tid);
  Slot& slot = *thread.slot;
  slot.nr = static_cast<std::uint64_t>(static_cast<std::int64_t>(nr));
  std::copy(args.begin(), args.end(), std::begin(slot.args));
  slot.linger.store(linger, std::memory_order_relaxed);
  slot.end.store(watch > 0 ? kWatched : kWake, std::memory_order_relaxed);
  // Sequentially consistent: either it sees the turn before it sleeps, or we see that it sleeps.
  slot.turn.store(++thread.turn);
  if (slot.asleep.load() != 0) futex(slot.turn, FUTEX_WAKE, 1);
}

std::optional<std::int64_t> CallLoop::await(pid_t tid, std::uint32_t watch, TimeNs patience) {
  Slot& slot = *threads_.at(tid).slot;
  const auto over = [&] { return slot.end.load(std::memory_order_acquire) == kOver; };
  for (std::uint32_t i = 0; i < watch && !over(); ++i) _mm_pause();
  if (patience > 0 && !over()) {
    std::uint32_t expected = kWatched;
    slot.end.compare_exchange_strong(expected, kWake);
    const TimeNs until = monotonic_ns() + patience;
    for (TimeNs left = patience; left > 0 && !over(); left = until - monotonic_ns()) {
      const timespec timeout{left / kSecond, left % kSecond};
      futex(slot.end, FUTEX_WAIT, kWake, &timeout);
    }
  }
  if (slot.end.exchange(kTrap) != kOver) return std::nullopt;
  slot.end.store(kOver, std::memory_order_relaxed);
  return slot.result;
}

std::optional<std::int64_t> CallLoop::look(pid_t tid, const Registers& registers) const {
  const Thread& thread = threads_.at(tid);
  if (static_cast<std::uint32_t>(registers.r13) != thread.turn) return std::nullopt;
  const std::uint64_t offset = registers.rip - code_.value;
  if (offset > kGo && offset <= kCall) return std::nullopt;
  if (offset == kMade) return static_cast<std::int64_t>(registers.rax);
  return thread.slot->result;
}

}  // namespace starling::migrate
