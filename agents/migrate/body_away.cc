// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/body_away.h"

#include <linux/audit.h>
#include <poll.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <chrono>
#include <cstring>
#include <limits>
#include <utility>

#include "agents/common/clock.h"
#include "agents/common/fail.h"
#include "agents/common/log.h"
#include "agents/migrate/body_threads.h"
#include "agents/migrate/fault_point.h"
#include "agents/migrate/kernel_sizes.h"
#include "agents/migrate/message.h"
#include "agents/migrate/proc_file.h"
#include "agents/migrate/restart.h"
#include "agents/migrate/signal_effect.h"
#include "agents/migrate/signal_mark.h"
#include "agents/migrate/wire.h"

namespace starling::migrate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kSignalSettles = 5 * kSecond;
// How long a body that outruns what is sent ahead is stopped and let run by turns.
constexpr std::int64_t kPausedFor = 6 * kMillisecond;
constexpr std::int64_t kRunsFor = kMillisecond / 2;
constexpr int kTickMs = 500;  // between looks at what nobody tells
// Home interrupts the calls that are under way there, which takes as long as its kernel likes.
constexpr std::chrono::seconds kStopPatience(60);
constexpr std::chrono::seconds kHomePatience(60);

void put(std::vector<std::uint8_t>& body, const void* value, std::size_t size) {
  const auto* bytes = static_cast<const std::uint8_t*>(value);
  body.insert(body.end(), bytes, bytes + size);
}

bool makes_thread(std::int32_t nr) {
  return nr == SYS_clone || nr == SYS_clone3;
}

bool is_restart(std::int64_t result) {
  return result == kRestartSys || result == kRestartNoIntr || result == kRestartNoHand;
}

UniqueFd watch_children() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  if (::pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) fail_errno("pthread_sigmask");
  UniqueFd fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) fail_errno("signalfd");
  return fd;
}

std::string task_status(pid_t pid, pid_t tid) {
  return read_proc(pid, "task/" + std::to_string(tid) + "/status");
}

}  // namespace

BodyAway::BodyAway(FrameChannel& control, EmptyBody& body, BodyParts parts, PageSink& sink,
                   const pb::ProcessState& state, BodyAlarm& alarm, ReportChannel& report,
                   const Options& options)
    : control_(control),
      body_(body),
      tracee_(body.tracee()),
      parts_(std::move(parts)),
      sink_(sink),
      alarm_(alarm),
      report_(report),
      listener_(std::move(parts_.listener)),
      memory_(body.pid(), sink),
      clocks_(body.pid(), state),
      child_signals_(watch_children()),
      options_(options) {
  for (const auto& thread : state.threads()) {
    Thread& here = threads_[parts_.threads.here(static_cast<pid_t>(thread.tid()))];
    if (!thread.call_at_home()) continue;
    here.at = At::waiting;
    Registers registers;
    std::memcpy(&registers, thread.regs().data(), sizeof registers);
    here.nr = static_cast<std::int32_t>(registers.orig_rax);
  }
}

BodyAway::End BodyAway::run() {
  resume_all();
  fault_point("guest-away", control_.fd());
  while (!end_) {
    const Ready ready = wait_for_something();
    if (ready.alarm) hear_alarm();
    while (!end_ && (ready.home || control_.buffered())) {
      const auto frame = control_.try_receive();
      if (!frame) break;
      hear_home(*frame);
      if (!control_.buffered()) break;
    }
    if (!end_ && ready.calls) hear_calls();
    if (!end_ && ready.children) hear_body();
    if (!end_ && ready.daemon) hear_daemon();
    if (!end_) send_ahead();
    if (!end_ && monotonic_ns() - last_tick_ > kTickMs * kMillisecond) tick();
  }
  return *end_;
}

void BodyAway::resume_all() {
  for (auto& [tid, thread] : threads_)
    if (thread.at == At::running) tracee_.resume(tid);
}

BodyAway::Ready BodyAway::wait_for_something() {
  pollfd fds[] = {{control_.fd(), POLLIN, 0},
                  {listener_.fd(), POLLIN, 0},
                  {child_signals_.get(), POLLIN, 0},
                  {alarm_.fd(), POLLIN, 0},
                  {report_.fd(), POLLIN, 0}};
  const bool ahead = ahead_ && !ahead_->done() && !stopping_;
  const int patience = ahead && ahead_->outrun() ? 1 : kTickMs;
  const int timeout = control_.buffered() || (ahead && ahead_->ready()) ? 0 : patience;
  const int count = ::poll(fds, std::size(fds), timeout);
  if (count < 0 && errno != EINTR) fail_errno("poll");
  const auto is = [&](std::size_t i) { return count > 0 && fds[i].revents != 0; };
  if (is(2)) {
    // Taken before waitpid() looks: what comes later makes the descriptor readable again.
    signalfd_siginfo taken;
    while (::read(child_signals_.get(), &taken, sizeof taken) > 0) {
    }
  }
  return {is(0), is(1) && (fds[1].revents & POLLIN) != 0, is(2), is(3), is(4)};
}

// -- what the body does --------------------------------------------------------------------------

void BodyAway::hear_body() {
  while (!end_) {
    const auto report = tracee_.poll();
    if (!report) return;
    take_report(report->first, report->second);
  }
}

void BodyAway::take_report(pid_t tid, int status) {
  const auto found = threads_.find(tid);
  if (!WIFSTOPPED(status)) {
    if (tid == body_.pid() || tid == parts_.service) {
      throw ProcessGone(options_.cgroup && options_.cgroup->killed()
                            ? "the body was killed on its guest for want of memory"
                            : "the body was killed on its guest");
    }
    if (found != threads_.end()) threads_.erase(found);
    parts_.threads.remove(tid);
    return;
  }
  if (found == threads_.end()) return;
  Thread& thread = found->second;
  const int event = status >> 16;
  if (event == 0) {
    take_signal(tid, thread, WSTOPSIG(status));
  } else if (stopping_ && event == PTRACE_EVENT_STOP) {
    if (thread.at == At::running) thread.at = At::stopped;
  } else if (paused_ && event == PTRACE_EVENT_STOP && thread.at == At::running) {
    held_back_.insert(tid);
  } else if (thread.at != At::waiting) {
    tracee_.resume(tid);  // an interrupt's own stop
  }
}

// The kernel would act on `number` now.
void BodyAway::take_signal(pid_t tid, Thread& thread, int number) {
  using Effect = SignalEffects::Effect;
  siginfo_t info = tracee_.signal_info(tid);
  if (unmark_signal(info)) tracee_.set_signal_info(tid, info);
  if (!stopping_) {
    const Effect effect = SignalEffects(task_status(body_.pid(), tid)).of(number);
    if (effect == Effect::handler || effect == Effect::none) {
      tracee_.resume(tid, number);
      return;
    }
    // Its parent must see the stop or the end, and a core dump is to be where its files are.
    want_home(signal_name(number) + (effect == Effect::stops ? " stops it" : " ends it"));
  }
  thread.at = At::signal;
  thread.signal = info;
}

// -- its calls -----------------------------------------------------------------------------------

void BodyAway::hear_calls() {
  if (const auto notification = listener_.receive()) take_call(*notification);
}

void BodyAway::take_call(const seccomp_notif& notification) {
  const auto tid = static_cast<pid_t>(notification.pid);
  const auto found = threads_.find(tid);
  if (found == threads_.end()) {
    listener_.answer(notification.id, -EPERM);
    return;
  }
  Thread& thread = found->second;
  thread.cookie = notification.id;
  thread.nr = notification.data.nr;
  std::copy(std::begin(notification.data.args), std::end(notification.data.args),
            thread.args.begin());
  if (stopping_) {
    thread.at = At::held;
    answer(tid, thread, kRestartNoIntr);  // it is made at home
    return;
  }
  const CallContext context{body_.inner(), parts_.threads.inner(tid), false};
  const Behaviour& behaviour =
      classify(notification.data.arch, notification.data.nr, thread.args, context);
  switch (behaviour.where) {
    case CallClass::local:
      listener_.let_run(thread.cookie);
      break;
    case CallClass::both:
      if (threads_at_home_) {
        hold(thread, std::string(syscall_rule(thread.nr).name) + ": the guest cannot make it");
        break;
      }
      [[fallthrough]];
    case CallClass::forwarded:
      forward(tid, thread, behaviour, context);
      break;
    case CallClass::emulated:
      emulate(thread);
      break;
    case CallClass::home:
      hold(thread, std::string(syscall_rule(thread.nr).name) + ": " + std::string(behaviour.why));
      break;
    case CallClass::thread_exit:
      end_thread(tid, thread);
      break;
    case CallClass::process_exit:
      end_process(tid, notification);
      break;
  }
}

void BodyAway::forward(pid_t tid, Thread& thread, const Behaviour& behaviour,
                       const CallContext& context) {
  ForwardedCall call{context.tid, thread.cookie,
                     marshal(thread.nr, thread.args, behaviour, context, memory_)};
  if (call.call.needs_home()) {
    hold(thread, std::string(syscall_rule(thread.nr).name) + ": " + call.call.home_reason);
    return;
  }
  thread.at = At::call;
  fault_point("guest-call", control_.fd());
  control_.send(kCall, encode(call));
  fault_point("guest-call-sent", control_.fd());
  ++stats_.calls;
  // A signal that was queued while the call was on its way here has woken nobody.
  if (call.call.may_block && monotonic_ns() - kSignalSettles < last_signal_) interrupt_calls(tid);
}

void BodyAway::emulate(Thread& thread) {
  ++stats_.emulated;
  switch (thread.nr) {
    case SYS_mremap:
      let_move_memory(thread);
      break;
    case SYS_futex:
      let_change_futex(thread);
      break;
    default:
      hold(thread, std::string(syscall_rule(thread.nr).name) + " is not known here");
      break;
  }
}

// Pages that are moved before they are here would leave the sink's regions behind.
void BodyAway::let_move_memory(const Thread& thread) {
  const std::uint64_t begin = thread.args[0];
  const std::uint64_t size = (thread.args[1] + kPage - 1) & ~(kPage - 1);
  if (begin % kPage == 0 && begin + size > begin && begin + size < 1ULL << 47) {
    const RemoteRange range{RemoteAddr{begin}, RemoteAddr{begin + size}};
    if (!sink_.ensure(range))
      throw PageLost("a page of the body cannot be had: " + sink_.failure());
    sink_.unregister(range);
  }
  listener_.let_run(thread.cookie);
}

// For the second futex of the calls that have one, too; what is no address there is no harm.
void BodyAway::let_change_futex(const Thread& thread) {
  for (const std::uint64_t futex : {thread.args[0], thread.args[4]}) {
    if (futex == 0 || futex >= 1ULL << 47) continue;
    const RemoteAddr page = RemoteAddr{futex}.page();
    if (!sink_.ensure({page, page + kPage}))
      throw PageLost("a page of the body cannot be had: " + sink_.failure());
  }
  listener_.let_run(thread.cookie);
}

void BodyAway::hold(Thread& thread, const std::string& why) {
  thread.at = At::held;
  want_home(why);
}

void BodyAway::end_thread(pid_t tid, Thread& thread) {
  if (tid == body_.pid()) {
    // The process lives on with a first thread that is a zombie: at home only.
    hold(thread, "its first thread ends before the others");
    return;
  }
  const std::int32_t inner = parts_.threads.inner(tid);
  listener_.let_run(thread.cookie);
  // Waits until it is gone: home must not see it end before the body's memory says so.
  const auto end = Clock::now() + kStopPatience;
  while (tracee_.has(tid) && Clock::now() < end) {
    const auto status = tracee_.wait(tid, Tracee::Milliseconds(1000));
    if (status && WIFSTOPPED(*status)) tracee_.resume(tid);  // a signal for it alone ends with it
  }
  threads_.erase(tid);
  parts_.threads.remove(tid);
  tell_thread_exit(inner);
}

void BodyAway::tell_thread_exit(pid_t number) {
  std::vector<std::uint8_t> body;
  put(body, &number, sizeof number);
  control_.send(kThreadExit, body);
}

void BodyAway::end_process(pid_t tid, const seccomp_notif& notification) {
  const std::int32_t inner = parts_.threads.inner(tid);
  const auto status = static_cast<std::int32_t>(notification.data.args[0]);
  body_.kill();
  std::vector<std::uint8_t> message;
  put(message, &inner, sizeof inner);
  put(message, &status, sizeof status);
  control_.send(kExitGroup, message);
  end_ = End::exited;
}

// -- what home says ------------------------------------------------------------------------------

void BodyAway::hear_home(const Frame& frame) {
  switch (frame.type) {
    case kResult:
      fault_point("guest-result", control_.fd());
      take_result(decode_result(frame.body));
      break;
    case kSignal: {
      take_home_signal(parse<pb::Signal>(frame, "home"));
      break;
    }
    case kPrepareHome:
      fault_point("guest-prepare", control_.fd());
      if (!ahead_) ahead_.emplace(tracee_, sink_, control_);
      break;
    case kPagesTaken: {
      std::uint32_t bytes = 0;
      if (frame.body.size() != sizeof bytes || !ahead_)
        throw ProtocolError("home took pages that were not sent");
      std::memcpy(&bytes, frame.body.data(), sizeof bytes);
      ahead_->taken(bytes);
      break;
    }
    case kStop:
      if (!stopping_) {
        fault_point("guest-stop", control_.fd());
        stop_all();
        fault_point("guest-stopped", control_.fd());
        come_home();
      }
      break;
    default:
      throw ProtocolError("home sent a message of unknown type " + std::to_string(frame.type));
  }
}

void BodyAway::take_result(CallResult result) {
  const pid_t tid = parts_.threads.here(result.tid);
  const auto found = threads_.find(tid);
  if (found == threads_.end()) return;  // it ended
  Thread& thread = found->second;
  const bool first = thread.at == At::waiting;
  if ((!first && thread.at != At::call) || result.cookie != (first ? 0 : thread.cookie))
    throw ProtocolError("home answered a call that was not made");
  if ((result.flags & CallResult::kComeHome) != 0) {
    hold(thread, std::string(syscall_rule(thread.nr).name) + ": it cannot be made from afar");
    return;
  }
  for (const Segment& out : result.out) {
    if (memory_.write(out.at, out.bytes) != out.bytes.size() && result.result >= 0)
      result.result = -EFAULT;
  }
  if (!first) {
    if (makes_thread(thread.nr) && result.result > 0) {
      make_thread(tid, thread, static_cast<pid_t>(result.result));
    } else {
      answer(tid, thread, result.result);
    }
    return;
  }
  // Its kernel looks at signals before it goes on, and restarts the call if it must.
  Registers registers = tracee_.registers(tid);
  registers.rax = static_cast<std::uint64_t>(result.result);
  tracee_.set_registers(tid, registers);
  thread.at = stopping_ ? At::stopped : At::running;
  if (!stopping_) tracee_.resume(tid);
}

// Home has made its part of a new thread, which is `number`. As if its call had been interrupted
// the maker is sent back to it, and there it makes the thread here.
void BodyAway::make_thread(pid_t maker, Thread& thread, pid_t number) {
  answer(maker, thread, kRestartNoIntr);
  const auto status = tracee_.wait(maker, kStopPatience);
  if (!status) throw std::runtime_error("a thread of the body could not be stopped");
  std::optional<pid_t> made;
  if (WIFSTOPPED(*status) && *status >> 16 == PTRACE_EVENT_STOP) {
    Registers registers = tracee_.registers(maker);
    restart_interrupted_call(registers);
    tracee_.set_registers(maker, registers);
    made = start_thread(body_, parts_, maker, number);
    threads_at_home_ = !made;
    tracee_.resume(maker);
  } else {
    take_report(maker, *status);  // it makes its call again, or never
  }
  if (made) {
    threads_[*made] = {};
    tracee_.resume(*made);
  } else {
    tell_thread_exit(number);
  }
}

void BodyAway::answer(pid_t tid, Thread& thread, std::int64_t result) {
  // A restart is the business of the kernel's signal code, which a thread passes through only when
  // it has something to do there; without, the program would see the number.
  if (is_restart(result)) tracee_.interrupt(tid);
  thread.at = At::running;
  listener_.answer(thread.cookie, result);
}

void BodyAway::take_home_signal(const pb::Signal& signal) {
  if (signal.info().size() != kSiginfo) throw ProtocolError("home sent a damaged signal");
  const pid_t only = signal.tid() == 0 ? 0 : parts_.threads.here(static_cast<pid_t>(signal.tid()));
  if (signal.tid() != 0 && only == 0) return;  // its thread has ended
  ++stats_.signals;
  last_signal_ = monotonic_ns();
  siginfo_t marked;
  std::memcpy(&marked, signal.info().data(), sizeof marked);
  const auto number = static_cast<std::uint64_t>(marked.si_signo);
  mark_signal(marked);
  const RemoteAddr info = body_.scratch().at() + ScratchLayout::kData;
  tracee_.poke(info, marked);
  const auto pid = static_cast<std::uint64_t>(body_.inner());
  std::int64_t result = 0;
  if (signal.tid() == 0) {
    result = body_.scratch().call(parts_.service, SYS_rt_sigqueueinfo, {pid, number, info.value});
  } else {
    result = body_.scratch().call(parts_.service, SYS_rt_tgsigqueueinfo,
                                  {pid, signal.tid(), number, info.value});
  }
  // A thread may have ended meanwhile; a full queue loses signals at home just as well.
  if (result != 0 && result != -ESRCH && result != -EAGAIN)
    throw std::runtime_error("a signal could not be queued to the body");
  if (!stopping_) interrupt_calls(only);
}

// Threads in a call at home cannot take a signal until home lets them. `only` 0: one of those that
// would take what waits for the process, the first thread before others, as the kernel does.
void BodyAway::interrupt_calls(pid_t only) {
  const auto interrupt = [&](pid_t tid) {
    const auto found = threads_.find(tid);
    if (found == threads_.end()) return false;
    const Thread& thread = found->second;
    if (thread.at != At::call && thread.at != At::waiting) return false;
    if (deliverable_signals(task_status(body_.pid(), tid)) == 0) return false;
    const std::int32_t inner = parts_.threads.inner(tid);
    const std::uint64_t cookie = thread.at == At::call ? thread.cookie : 0;
    std::vector<std::uint8_t> message;
    put(message, &inner, sizeof inner);
    put(message, &cookie, sizeof cookie);
    control_.send(kInterrupt, message);
    return true;
  };
  if (only != 0) {
    interrupt(only);
    return;
  }
  if (interrupt(body_.pid())) return;
  for (const auto& [tid, thread] : threads_)
    if (interrupt(tid)) return;
}

// -- coming home ---------------------------------------------------------------------------------

void BodyAway::want_home(const std::string& why, std::uint32_t onward) {
  if (wanted_ || stopping_) return;
  wanted_ = true;
  pb::HomeReason reason;
  reason.set_why(why);
  reason.set_onward(onward);
  control_.send(kWantHome, serialise(reason));
}

void BodyAway::stop_all() {
  stopping_ = true;
  for (const pid_t tid : std::exchange(held_back_, {})) {
    const auto found = threads_.find(tid);
    if (found != threads_.end() && found->second.at == At::running) found->second.at = At::stopped;
  }
  for (auto& [tid, thread] : threads_) {
    if (thread.at == At::running || thread.at == At::call || thread.at == At::held)
      tracee_.interrupt(tid);
  }
  for (auto& [tid, thread] : threads_)
    if (thread.at == At::held) answer(tid, thread, kRestartNoIntr);
  wait_all_stopped();
}

void BodyAway::wait_all_stopped() {
  const auto end = Clock::now() + kStopPatience;
  while (!all_stopped()) {
    if (Clock::now() > end) throw std::runtime_error("the body could not be stopped");
    // At the first time a stop may be there whose announcement was taken before.
    hear_body();
    if (all_stopped()) break;
    const Ready ready = wait_for_something();
    if (ready.alarm) hear_alarm();
    while (const auto frame = control_.try_receive()) hear_home(*frame);
    if (ready.calls) hear_calls();
  }
}

bool BodyAway::all_stopped() const {
  for (const auto& [tid, thread] : threads_)
    if (thread.at != At::stopped && thread.at != At::signal) return false;
  return true;
}

// While it still runs.
void BodyAway::send_ahead() {
  if (!ahead_ || stopping_ || told_ready_) return;
  if (const std::int64_t now = monotonic_ns(); paused_) {
    if (now - turn_ > kPausedFor) let_run();
  } else if (ahead_->outrun() && now - turn_ > kRunsFor) {
    pause_body();
  }
  ahead_->step();
  if (!ahead_->done()) return;
  // Until home stops it, which it does at once, such a body would write much again.
  if (ahead_->outrun() && !paused_) pause_body();
  told_ready_ = true;
  control_.send(kReadyHome, {});
}

// It writes faster than can be sent. So that it need not be stopped for long in the end, it is
// stopped for a little while again and again.
void BodyAway::pause_body() {
  paused_ = true;
  turn_ = monotonic_ns();
  for (const auto& [tid, thread] : threads_)
    if (thread.at == At::running) tracee_.interrupt(tid);
}

void BodyAway::let_run() {
  paused_ = false;
  turn_ = monotonic_ns();
  for (const pid_t tid : std::exchange(held_back_, {})) {
    const auto found = threads_.find(tid);
    if (found != threads_.end() && found->second.at == At::running) tracee_.resume(tid);
  }
}

void BodyAway::come_home() {
  stopped_at_ = monotonic_ns();
  HeldSignals held;
  for (const auto& [tid, thread] : threads_)
    if (thread.at == At::signal) held[tid] = thread.signal;
  const Harvest harvest = migrate::harvest(body_, parts_, sink_, clocks_, held);
  fault_point("guest-harvested", control_.fd());
  control_.send(kHomeState, serialise(harvest.state));
  fault_point("guest-home-state", control_.fd());
  stats_.dirty_bytes = send_pages(tracee_, harvest.dirty, control_);
  let_home_clocks_catch_up();
  fault_point("guest-pages", control_.fd());
  control_.send(kPagesEnd, {});
  fault_point("guest-pages-end", control_.fd());
  const auto end = Clock::now() + kHomePatience;
  while (Clock::now() < end) {
    if (const auto frame = control_.try_receive()) {
      if (frame->type != kHomeDone && frame->type != kSignal)
        throw ProtocolError("home said something else than that it has the process");
      if (frame->type == kSignal) continue;
      fault_point("guest-done", control_.fd());
      end_ = End::home;
      return;
    }
    pollfd p{control_.fd(), POLLIN, 0};
    ::poll(&p, 1, kTickMs);
  }
  throw StreamClosed("home did not say that it has the process");
}

// What the process last saw of its clocks may be ahead of home's by the error; a coarse clock is
// one tick behind at most. Mostly all that has passed already.
void BodyAway::let_home_clocks_catch_up() const {
  timespec tick{};
  ::clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
  const std::int64_t left = stopped_at_ + options_.clock_error + to_ns(tick) - monotonic_ns();
  if (left <= 0) return;
  const timespec pause{left / kSecond, left % kSecond};
  ::nanosleep(&pause, nullptr);
}

// -- the rest ------------------------------------------------------------------------------------

void BodyAway::hear_alarm() {
  const bool needs_home = alarm_.take_needs_home();
  if (const std::string failure = alarm_.failure(); !failure.empty()) throw PageLost(failure);
  if (needs_home) want_home("it touches a page that only home has");
}

void BodyAway::tick() {
  last_tick_ = monotonic_ns();
  report_.tend();
  if (options_.max_memory == 0 || wanted_) return;
  // What grew too large goes home rather than to be killed here.
  if (too_large()) want_home("it uses more memory than the guest has for it");
}

bool BodyAway::too_large() const {
  if (options_.cgroup) return options_.cgroup->pressed();
  const std::string statm = read_proc(body_.pid(), "statm");  // proc_pid_statm(5)
  const auto space = statm.find(' ');
  return space != std::string::npos &&
         std::strtoull(statm.c_str() + space, nullptr, 10) * kPage > options_.max_memory;
}

void BodyAway::hear_daemon() {
  while (const auto request = report_.next()) {
    const auto what = request->find("do");
    const std::string name = what != request->end() && what->is_string() ? *what : "";
    if (name == "expel") {
      expel(*request);
    } else if (name == "stats") {
      report_.reply(name, true, "", statistics());
    } else {
      report_.reply(name, false, "the order \"" + name + "\" is unknown");
    }
  }
}

// With "node": somebody here asks that it goes there; who may go where is decided at home.
void BodyAway::expel(const nlohmann::json& order) {
  const std::uint32_t onward = order.value("node", 0u);
  if (onward != 0 && (wanted_ || stopping_))
    return report_.reply("expel", false, "it is on its way home already");
  want_home(onward == 0 ? "the guest asks it to leave"
                        : "the guest was asked to let it go to node " + std::to_string(onward),
            onward);
  report_.reply("expel", true);
}

nlohmann::json BodyAway::statistics() const {
  const PageSink::Stats pages = sink_.stats();
  return {{"calls", stats_.calls},
          {"emulated", stats_.emulated},
          {"signals", stats_.signals},
          {"faults", pages.faults},
          {"pulled_pages", pages.pulled_pages},
          {"pushed_pages", pages.pushed_pages},
          {"home_pages", pages.home_pages},
          {"ahead_bytes", ahead_ ? ahead_->sent() : 0},
          {"dirty_bytes", stats_.dirty_bytes}};
}

}  // namespace starling::migrate
