// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/body_builder.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/membarrier.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "agents/common/fail.h"
#include "agents/migrate/body_filter.h"
#include "agents/migrate/checked_calls.h"
#include "agents/migrate/kernel_sizes.h"
#include "agents/migrate/proc_file.h"
#include "agents/migrate/process_maps.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif

namespace starling::migrate {

const unsigned long kBodyStopped =
    PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | PTRACE_O_SUSPEND_SECCOMP;
const unsigned long kBodyRuns = PTRACE_O_EXITKILL;

namespace {

constexpr std::uint64_t kAddressSpace = 0x7ffffffff000;  // TASK_SIZE of x86-64, 47 bits
constexpr std::uint64_t kNobody = 65534;
constexpr std::uint64_t kSignalSetSize = 8;
constexpr Tracee::Milliseconds kPatience(10'000);

template <typename T>
Bytes bytes_of(const T& value) {
  return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}

// prctl_mm_map of linux/prctl.h without the pointer types.
struct MemoryMap {
  std::uint64_t value[11];
  std::uint64_t auxv;
  std::uint32_t auxv_size;
  std::uint32_t exe_fd;
};
// Places in MemoryMap::value.
constexpr int kArguments = 7, kArgumentsEnd = 8, kEnvironment = 9, kEnvironmentEnd = 10;

// The filter of the service thread.
std::vector<sock_filter> service_filter() {
  return {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigqueueinfo, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_tgsigqueueinfo, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
}

// One use: the steps in the order of the members.
class Builder {
 public:
  Builder(EmptyBody& body, const std::string& comm, const pb::ProcessState& state, PageSink& sink)
      : body_(body), comm_(comm), state_(state), sink_(sink), first_(body.scratch(), body.pid()) {}

  BodyParts build() {
    check();
    body_.tracee().set_options(kBodyStopped);
    clear_address_space();
    set_layout();
    map_memory();
    place_vdso();
    set_signal_actions();
    const std::size_t service = clone(service_number(), 0);
    const std::size_t listener = add_filter(
        first_,
        body_filter(
            {.pid = body_.inner(), .shared_memory = false, .scratch = {}, .scratch_calls = {}}),
        SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
    for (const auto& thread : state_.threads()) {
      if (static_cast<pid_t>(thread.tid()) != body_.inner())
        clone(static_cast<pid_t>(thread.tid()), thread.clear_child_tid());
    }
    first_.run();

    const auto descriptor = static_cast<std::uint64_t>(first_.result(listener));
    parts_.listener = body_.fetch(static_cast<int>(descriptor));
    take_threads(static_cast<pid_t>(first_.result(service)));
    fill_memory();
    show_arguments();
    set_limits();
    finish_service();
    for (const auto& thread : state_.threads()) finish_thread(thread, descriptor);
    body_.tracee().set_options(kBodyRuns);
    return std::move(parts_);
  }

 private:
  void check() const {
    if (state_.layout().value_size() != 11) throw StaysHome("the state says no memory layout");
    const auto leads = [&](const auto& t) { return static_cast<pid_t>(t.tid()) == body_.inner(); };
    if (std::count_if(state_.threads().begin(), state_.threads().end(), leads) != 1)
      throw StaysHome("the state has no first thread");
  }

  void clear_address_space() {
    const RemoteRange scratch = body_.scratch().range();
    std::uint64_t parked = scratch.begin.value + ScratchLayout::kParking;
    for (const Mapping& m : read_maps(body_.pid())) {
      if (m.kind != VmaKind::vdso && m.kind != VmaKind::vvar && m.kind != VmaKind::vvar_vclock)
        continue;
      if (parked + m.range.size() > scratch.end.value)
        throw StaysHome("the guest's vdso is too large");
      first_.begin();
      first_.add("moving the vdso", SYS_mremap,
                 {m.range.begin.value, m.range.size(), m.range.size(),
                  MREMAP_MAYMOVE | MREMAP_FIXED, parked});
      parked_.push_back({m.kind, parked, m.range.size()});
      parked += m.range.size();
    }
    first_.add("munmap", SYS_munmap, {0, scratch.begin.value});
    first_.add("munmap", SYS_munmap, {scratch.end.value, kAddressSpace - scratch.end.value});
  }

  static bool has_pages(const pb::Vma& vma) {
    return vma.kind() == static_cast<std::uint32_t>(VmaKind::ordinary) ||
           vma.kind() == static_cast<std::uint32_t>(VmaKind::stack);
  }

  void map_memory() {
    for (const auto& vma : state_.vmas()) {
      if (!has_pages(vma)) continue;
      std::uint64_t flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE;
      if (vma.kind() == static_cast<std::uint32_t>(VmaKind::stack)) flags |= MAP_GROWSDOWN;
      first_.begin();
      first_.add("mapping its memory", SYS_mmap,
                 {vma.begin(), vma.end() - vma.begin(), vma.prot(), flags, ~0ULL, 0});
    }
  }

  void place_vdso() {
    std::size_t placed = 0;
    for (const auto& vma : state_.vmas()) {
      if (has_pages(vma)) continue;
      const auto part = std::find_if(parked_.begin(), parked_.end(), [&](const Parked& p) {
        return static_cast<std::uint32_t>(p.kind) == vma.kind() &&
               p.size == vma.end() - vma.begin();
      });
      if (part == parked_.end()) throw StaysHome("the guest's kernel has another vdso");
      first_.begin();
      first_.add("placing the vdso", SYS_mremap,
                 {part->at, part->size, part->size, MREMAP_MAYMOVE | MREMAP_FIXED, vma.begin()});
      ++placed;
    }
    if (placed != parked_.size()) throw StaysHome("the guest's kernel has another vdso");
  }

  MemoryMap layout() const {
    MemoryMap map{};
    for (int i = 0; i < 11; ++i) map.value[i] = state_.layout().value(i);
    map.exe_fd = ~0U;
    return map;
  }

  // Whoever reads /proc/PID/cmdline or environ touches the arguments' pages. Before they belong to
  // the page service such a touch, by any ps(1) on this machine, would make them zeros for good:
  // so there are no arguments, from before the memory is mapped until it is served.
  void set_layout() {
    MemoryMap map = layout();
    map.value[kArgumentsEnd] = map.value[kArguments];
    map.value[kEnvironmentEnd] = map.value[kEnvironment];
    first_.begin();
    first_.add("PR_SET_MM_MAP", SYS_prctl,
               {PR_SET_MM, PR_SET_MM_MAP, first_.put_value(map).value, sizeof map, 0});
    first_.add("personality", SYS_personality, {state_.personality()});
    char name[16] = {};
    std::strncpy(name, comm_.c_str(), sizeof name - 1);
    first_.try_to(SYS_prctl, {PR_SET_NAME, first_.put_value(name).value});
    // What it registered for is not known; membarrier(2) fails without, and with it does no harm.
    // Quick only as long as there is one thread.
    for (const std::uint64_t command :
         {MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
          MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
          MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ}) {
      first_.try_to(SYS_membarrier, {command, 0, 0});
    }
  }

  void set_signal_actions() {
    for (const auto& action : state_.actions()) {
      first_.begin();
      const RemoteAddr at = first_.put(as_bytes(action.action()));
      first_.add("rt_sigaction", SYS_rt_sigaction, {action.number(), at.value, 0, kSignalSetSize});
    }
  }

  // A number that no thread of the process has.
  pid_t service_number() const {
    std::set<std::uint32_t> taken{static_cast<std::uint32_t>(body_.inner())};
    for (const auto& thread : state_.threads()) taken.insert(thread.tid());
    pid_t number = 2;  // 1 is the namespace's init
    while (taken.contains(static_cast<std::uint32_t>(number))) ++number;
    return number;
  }

  // The new thread stops before its first instruction (PTRACE_O_TRACECLONE).
  std::size_t clone(pid_t number, std::uint64_t clear_child_tid) {
    first_.begin();
    const RemoteAddr set_tid = first_.put_value(number);
    clone_args args{};
    args.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                 CLONE_CHILD_CLEARTID;
    args.child_tid = clear_child_tid;
    args.set_tid = set_tid.value;
    args.set_tid_size = 1;
    return first_.add("making a thread", SYS_clone3, {first_.put_value(args).value, sizeof args});
  }

  static std::size_t add_filter(CheckedCalls& calls, const std::vector<sock_filter>& filter,
                                std::uint64_t flags) {
    calls.begin();
    const RemoteAddr code = calls.put({reinterpret_cast<const std::uint8_t*>(filter.data()),
                                       filter.size() * sizeof(sock_filter)});
    struct {
      std::uint16_t length;
      std::uint64_t code;
    } const program{static_cast<std::uint16_t>(filter.size()), code.value};
    static_assert(sizeof program == sizeof(sock_fprog));
    return calls.add("seccomp", SYS_seccomp,
                     {SECCOMP_SET_MODE_FILTER, flags, calls.put_value(program).value});
  }

  void take_threads(pid_t service) {
    Tracee& tracee = body_.tracee();
    for (const pid_t tid : read_tasks(body_.pid())) {
      const pid_t inner = number_inside(body_.pid(), tid);
      parts_.threads.add(tid, inner);
      if (inner == service) parts_.service = tid;
      if (tid == body_.pid()) continue;
      tracee.add(tid);
      if (!tracee.wait(tid, kPatience)) throw StaysHome("a thread of the body did not start");
    }
    for (const auto& thread : state_.threads()) {
      if (parts_.threads.here(static_cast<pid_t>(thread.tid())) == 0)
        throw StaysHome("a thread of the body is missing");
    }
  }

  void fill_memory() {
    for (const auto& vma : state_.vmas()) {
      if (has_pages(vma))
        sink_.add_region({RemoteAddr{vma.begin()}, RemoteAddr{vma.end()}}, vma.file_backed());
    }
    for (const auto& page : state_.pages())
      sink_.install(RemoteAddr{page.address()}, as_bytes(page.data()));
    sink_.start();
  }

  // By the thread that has no filter yet.
  void show_arguments() {
    CheckedCalls calls(body_.scratch(), parts_.service);
    calls.begin();
    calls.add("PR_SET_MM_MAP", SYS_prctl,
              {PR_SET_MM, PR_SET_MM_MAP, calls.put_value(layout()).value, sizeof(MemoryMap), 0});
    calls.run();
  }

  // Those that a process feels without asking for them; it asks home for their values.
  void set_limits() {
    for (const auto& limit : state_.limits()) {
      if (limit.resource() != RLIMIT_STACK && limit.resource() != RLIMIT_AS &&
          limit.resource() != RLIMIT_DATA) {
        continue;
      }
      const rlimit value{limit.soft(), limit.hard()};
      ::prlimit(body_.pid(), static_cast<__rlimit_resource>(limit.resource()), &value, nullptr);
    }
    // What is fatal happens at home; here is nothing to be dumped.
    const rlimit none{0, 0};
    ::prlimit(body_.pid(), RLIMIT_CORE, &none, nullptr);
  }

  static void drop_credentials(CheckedCalls& calls) {
    calls.begin();
    calls.add("setgroups", SYS_setgroups, {0, 0});
    calls.add("setresgid", SYS_setresgid, {kNobody, kNobody, kNobody});
    calls.add("setresuid", SYS_setresuid, {kNobody, kNobody, kNobody});
    const __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
    const __user_cap_data_struct none[2] = {};
    const RemoteAddr head_at = calls.put_value(head);
    calls.add("capset", SYS_capset, {head_at.value, calls.put_value(none).value});
    calls.add("PR_SET_NO_NEW_PRIVS", SYS_prctl, {PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0});
  }

  void finish_service() {
    CheckedCalls calls(body_.scratch(), parts_.service);
    add_filter(calls, service_filter(), 0);
    drop_credentials(calls);
    calls.run();
    body_.tracee().set_mask(parts_.service, ~0ULL);
  }

  void queue(CheckedCalls& calls, const pb::PendingSignal& pending, pid_t tid) {
    if (pending.info().size() != kSiginfo) throw StaysHome("the state has a damaged signal");
    calls.begin();
    const RemoteAddr info = calls.put(as_bytes(pending.info()));
    int number = 0;
    std::memcpy(&number, pending.info().data(), sizeof number);
    const auto pid = static_cast<std::uint64_t>(body_.inner());
    const auto signal = static_cast<std::uint64_t>(number);
    if (tid == 0) {
      calls.add("rt_sigqueueinfo", SYS_rt_sigqueueinfo, {pid, signal, info.value});
    } else {
      calls.add("rt_tgsigqueueinfo", SYS_rt_tgsigqueueinfo,
                {pid, static_cast<std::uint64_t>(tid), signal, info.value});
    }
  }

  void finish_thread(const pb::ThreadState& thread, std::uint64_t listener) {
    const auto inner = static_cast<pid_t>(thread.tid());
    const pid_t tid = parts_.threads.here(inner);
    Tracee& tracee = body_.tracee();
    CheckedCalls calls(body_.scratch(), tid);
    if (inner == body_.inner()) {
      // Only this process answers the notifications.
      calls.add("close", SYS_close, {listener});
      calls.add("set_tid_address", SYS_set_tid_address, {thread.clear_child_tid()});
      for (const auto& pending : state_.pending()) queue(calls, pending, 0);
    }
    // By the receiver: the kernel takes what tgkill(2) or it itself sent from no other.
    for (const auto& pending : thread.pending()) queue(calls, pending, inner);
    if (thread.robust_list() != 0) {
      calls.add("set_robust_list", SYS_set_robust_list,
                {thread.robust_list(), thread.robust_size()});
    }
    if (thread.altstack().size() == sizeof(stack_t)) {
      stack_t stack;
      std::memcpy(&stack, thread.altstack().data(), sizeof stack);
      stack.ss_flags &= ~SS_ONSTACK;  // follows from the stack pointer
      calls.begin();
      calls.add("sigaltstack", SYS_sigaltstack, {calls.put_value(stack).value, 0});
    }
    if (thread.rseq() != 0) {
      calls.add("rseq", SYS_rseq, {thread.rseq(), thread.rseq_size(), 0, thread.rseq_signature()});
    }
    drop_credentials(calls);
    calls.run();

    tracee.set_mask(tid, thread.mask());
    set_xstate(tid, thread.xstate());
    Registers registers;
    if (thread.regs().size() != sizeof registers)
      throw StaysHome("the state has registers of another kind");
    std::memcpy(&registers, thread.regs().data(), sizeof registers);
    tracee.set_registers(tid, registers);
  }

  // Sets of registers that only the guest has are in their initial state: left out of XSTATE_BV.
  void set_xstate(pid_t tid, const std::string& from) {
    Tracee& tracee = body_.tracee();
    std::vector<std::uint8_t> xstate(from.begin(), from.end());
    const std::size_t size = tracee.xstate(tid).size();
    if (xstate.size() > size) throw StaysHome("the guest saves fewer registers");
    xstate.resize(size);
    tracee.set_xstate(tid, xstate);
  }

  struct Parked {
    VmaKind kind;
    std::uint64_t at;
    std::uint64_t size;
  };

  EmptyBody& body_;
  const std::string& comm_;
  const pb::ProcessState& state_;
  PageSink& sink_;
  CheckedCalls first_;  // of the first thread, until all threads are there
  std::vector<Parked> parked_;
  BodyParts parts_;
};

}  // namespace

pid_t number_inside(pid_t pid, pid_t tid) {
  const std::string status = read_proc(pid, "task/" + std::to_string(tid) + "/status");
  const std::string numbers(status_field(status, "NSpid"));  // ours, its own
  return static_cast<pid_t>(
      std::strtol(numbers.c_str() + std::min(numbers.size(), numbers.find('\t') + 1), nullptr, 10));
}

void ThreadNumbers::add(pid_t here, pid_t inner) {
  inner_[here] = inner;
  here_[inner] = here;
}

pid_t ThreadNumbers::inner(pid_t here) const {
  const auto found = inner_.find(here);
  return found == inner_.end() ? 0 : found->second;
}

pid_t ThreadNumbers::here(pid_t inner) const {
  const auto found = here_.find(inner);
  return found == here_.end() ? 0 : found->second;
}

void ThreadNumbers::remove(pid_t here) {
  here_.erase(inner(here));
  inner_.erase(here);
}

BodyParts build_body(EmptyBody& body, const std::string& comm, const pb::ProcessState& state,
                     PageSink& sink) {
  try {
    return Builder(body, comm, state, sink).build();
  } catch (const std::system_error& e) {
    throw StaysHome(std::string("the guest cannot build its body: ") + e.what());
  } catch (const std::invalid_argument& e) {
    throw StaysHome(std::string("the state makes no process: ") + e.what());
  }
}

}  // namespace starling::migrate
