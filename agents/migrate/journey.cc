// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/journey.h"

#include <poll.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>

#include "agents/migrate/capture.h"
#include "agents/migrate/deputy_exit.h"
#include "agents/migrate/deputy_threads.h"
#include "agents/migrate/fault_point.h"
#include "agents/migrate/host.h"
#include "agents/migrate/inspect.h"
#include "agents/migrate/message.h"
#include "agents/migrate/proc_file.h"
#include "agents/migrate/process_maps.h"
#include "agents/migrate/restart.h"
#include "agents/migrate/vdso_exit.h"
#include "agents/migrate/wire.h"

namespace starling::migrate {
namespace {

constexpr int kPatienceMs = 10'000;  // for an answer of the guest that needs no one else
constexpr int kMaxClocks = 16;       // the guest may ask for
constexpr std::int64_t kReturnPatienceNs = 30'000'000'000;
constexpr std::int64_t kPreparePatienceNs = 30'000'000'000;  // then it is stopped all the same
constexpr std::uint32_t kTellTaken = 512 * 1024;             // bytes

template <typename Message>
Message parse(const Frame& frame) {
  return migrate::parse<Message>(frame, "the guest");
}

std::uint32_t number_at(const Frame& frame, std::size_t offset) {
  if (frame.body.size() < offset + 4) throw ProtocolError("the guest sent a short message");
  std::uint32_t value;
  std::memcpy(&value, &frame.body[offset], sizeof value);
  return value;
}

bool holds_signals(const pb::ProcessState& state) {
  return state.pending_size() > 0 ||
         std::any_of(state.threads().begin(), state.threads().end(),
                     [](const auto& thread) { return thread.pending_size() > 0; });
}

std::vector<PageRegion> regions_of(const pb::ProcessState& state) {
  std::vector<PageRegion> regions;
  for (const auto& vma : state.vmas()) {
    if (vma.kind() != static_cast<std::uint32_t>(VmaKind::ordinary) &&
        vma.kind() != static_cast<std::uint32_t>(VmaKind::stack))
      continue;
    regions.push_back({{RemoteAddr{vma.begin()}, RemoteAddr{vma.end()}}, vma.file_backed()});
  }
  return regions;
}

}  // namespace

Journey::Journey(pid_t pid, std::uint32_t home_node, const Connector& connector)
    : pid_(pid), home_node_(home_node), connector_(connector) {}

Journey::~Journey() {
  // Reached in the middle of things only when something threw: nobody may run on with half a state.
  if (end_ == End::still_away && calls_ && tracee_) kill_process(*tracee_);
}

Frame Journey::await_frame(int patience_ms) {
  const std::int64_t end = clock_ns(CLOCK_MONOTONIC) + patience_ms * 1'000'000LL;
  while (true) {
    if (auto frame = channel_->try_receive()) return std::move(*frame);
    const auto left = (end - clock_ns(CLOCK_MONOTONIC)) / 1'000'000;
    pollfd p{channel_->fd(), POLLIN, 0};
    if (left <= 0 || ::poll(&p, 1, static_cast<int>(left)) == 0)
      throw StreamClosed("the guest did not answer");
  }
}

void Journey::open_connections(const NodeAddress& guest, const pb::Hello& hello) {
  channel_ = std::make_unique<FrameChannel>(connector_.connect(guest, guest.port));
  channel_->send(kHello, serialise(hello));
  fault_point("home-hello", channel_->fd());
  Frame answer = await_frame(kPatienceMs);
  for (int asked = 0; answer.type == kClock && asked < kMaxClocks; ++asked) {
    const std::int64_t clocks[] = {clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_BOOTTIME)};
    channel_->send(kClock, {reinterpret_cast<const std::uint8_t*>(clocks), sizeof clocks});
    answer = await_frame(kPatienceMs);
  }
  if (answer.type != kWelcome) throw ProtocolError("the guest did not say welcome");
  const auto welcome = parse<pb::Welcome>(answer);
  if (!welcome.ok()) throw StaysHome(welcome.error());
  fault_point("home-welcome", channel_->fd());
  for (auto [channel, purpose] : {std::pair{&demand_, 'd'}, std::pair{&bulk_, 'b'}}) {
    *channel = std::make_unique<FrameChannel>(
        connector_.connect(guest, static_cast<std::uint16_t>(welcome.port())));
    const auto mark = static_cast<std::uint8_t>(purpose);
    (*channel)->send(kPageHello, {&mark, 1}, as_bytes(welcome.token()));
  }
  fault_point("home-connected", channel_->fd());
}

void Journey::depart(const NodeAddress& guest) {
  if (auto reason = reason_to_stay(pid_)) throw StaysHome(*reason);
  scratch_at_ = choose_scratch(pid_);
  open_connections(guest, describe(pid_, scratch_at_, home_node_));
  // Again, at the last moment: the guest took its time. What is mapped between this and the stop
  // is looked at while the process is stopped, which costs the more the more memory it has.
  const std::string maps = read_proc(pid_, "maps");
  if (auto reason = reason_in_flags(pid_)) throw StaysHome(*reason);
  const std::int64_t stopped = clock_ns(CLOCK_MONOTONIC);
  try {
    tracee_.emplace(Tracee::freeze(pid_));
    fault_point("home-frozen", channel_->fd());
    if (read_proc(pid_, "maps") != maps) {
      if (auto reason = reason_in_flags(pid_)) throw StaysHome(*reason);
    }
    capture_and_send();
    commit();
  } catch (...) {
    roll_back();
    throw;
  }
  stats_.freeze_ns = clock_ns(CLOCK_MONOTONIC) - stopped;

  // The body runs. What follows belongs to being away, and fails as that does.
  try {
    fault_point("home-run", channel_->fd());
    signals_.emplace(*tracee_, *scratch_, [this](pid_t tid, const siginfo_t& info) {
      pb::Signal signal;
      signal.set_tid(static_cast<std::uint32_t>(tid));
      signal.set_info(&info, sizeof info);
      channel_->send(kSignal, serialise(signal));
    });
    signals_->start();
    calls_.emplace(*tracee_, *scratch_, *signals_, [this](const CallResult& result) {
      fault_point("home-result", channel_->fd());
      channel_->send(kResult, encode(result));
      fault_point("home-result-sent", channel_->fd());
    });
    for (const auto& thread : state_->threads()) {
      if (!thread.call_at_home()) continue;
      Registers r;
      std::memcpy(&r, thread.regs().data(), sizeof r);
      calls_->finish(static_cast<pid_t>(thread.tid()), r, pid_);
    }
    state_.reset();
  } catch (const std::exception& e) {
    loss_ = e.what();
    kill_process(*tracee_);
    end_ = End::lost;
  }
}

void Journey::capture_and_send() {
  // Should this program die while a thread runs our calls, that thread must not run on in them, nor
  // with the trap flag of a step still set, which only the next resumption clears.
  tracee_->set_options(PTRACE_O_EXITKILL);
  settle_interrupted_calls(*tracee_);
  leave_vdso(*tracee_);
  scratch_.emplace(*tracee_, pid_, scratch_at_);
  fault_point("home-scratch", channel_->fd());
  state_ = capture(*tracee_, *scratch_);
  release_if_whole();
  fault_point("home-captured", channel_->fd());
  const auto message = serialise(*state_);
  stats_.state_bytes = message.size();
  pages_.emplace(pid_, regions_of(*state_));
  pages_->serve(std::move(demand_));
  pages_->serve(std::move(bulk_));
  channel_->send(kState, message);
  fault_point("home-state", channel_->fd());
  const Frame answer = await_frame(kPatienceMs);
  if (answer.type == kRefused) throw StaysHome(parse<pb::Welcome>(answer).error());
  if (answer.type != kReady) throw ProtocolError("the guest did not say ready");
  fault_point("home-ready", channel_->fd());
}

// Between our calls a stopped thread is as it was: should this program die now, the process runs
// on, with no more than the scratch area mapped. Not when signals were taken out of its queues:
// they would be lost.
void Journey::release_if_whole() {
  if (state_ && holds_signals(*state_)) return;
  tracee_->set_options(0);
}

void Journey::commit() {
  // From here on the process must not run at home by itself, whatever becomes of this program.
  tracee_->set_options(PTRACE_O_EXITKILL);
  // A guest that gave up meanwhile has said so by closing: better nothing was tried.
  if (channel_->try_receive()) throw ProtocolError("the guest said something after ready");
  channel_->send(kRun, {});
}

void Journey::roll_back() noexcept {
  // The connection goes first: the guest's copy, which has not run, ends with it.
  channel_.reset();
  pages_.reset();
  try {
    if (tracee_) {
      tracee_->set_options(PTRACE_O_EXITKILL);
      if (scratch_) {
        if (state_) give_back_signals(*scratch_, *state_);
        scratch_->unmap(pid_);
      }
    }
  } catch (const std::exception&) {
    // It ended: there is nothing to set right.
  }
  scratch_.reset();
  tracee_.reset();
  end_ = End::home;
}

Journey::End Journey::serve(bool readable, bool reports) {
  if (end_ != End::still_away) return end_;
  try {
    // One look at the connection when it is readable: what is left makes it readable again.
    for (bool more = readable || channel_->buffered(); more && end_ == End::still_away;) {
      const auto frame = channel_->try_receive();
      if (!frame) break;
      on_frame(*frame);
      more = channel_ && channel_->buffered();
    }
    while (reports && end_ == End::still_away) {
      const auto report = tracee_->poll();
      if (!report) break;
      on_report(report->first, report->second);
    }
    const std::int64_t now = clock_ns(CLOCK_MONOTONIC);
    if (end_ == End::still_away && now - last_tick_ >= kTickMs * 1'000'000LL) {
      last_tick_ = now;
      if (returning_ && now - returning_since_ > kReturnPatienceNs)
        throw StreamClosed("the guest does not give the process back");
      if (returned_ && !returning_ && now - preparing_since_ > kPreparePatienceNs) stop_body();
      if (!returning_) calls_->collect();
    }
  } catch (const ProcessGone&) {
    // Killed at home, by somebody who may.
    finish(End::ended);
  } catch (const std::exception& e) {
    loss_ = e.what();
    finish(End::lost);
  }
  return end_;
}

// The process does not go on, neither here nor there.
void Journey::finish(End end) {
  pages_.reset();
  channel_.reset();
  if (tracee_) kill_process(*tracee_);
  end_ = end;
}

void Journey::on_report(pid_t tid, int status) {
  if (tid == signals_->sentry()) {
    signals_->on_stop(status);
    if (!WIFSTOPPED(status)) throw ProcessGone("it was killed");
  } else if (calls_->busy(tid)) {
    calls_->on_stop(tid, status);
  } else if (!WIFSTOPPED(status) && tid != 0) {
    throw ProcessGone("it was killed");
  } else {
    calls_->on_stop(tid, status);
  }
}

void Journey::on_frame(const Frame& frame) {
  switch (frame.type) {
    case kCall: {
      fault_point("home-call", channel_->fd());
      auto call = decode_call(frame.body);
      if (returning_) {
        // It crossed with our stop; nothing is done, the process will make it at home.
        channel_->send(kResult, encode(CallResult{call.tid, call.cookie, kRestartNoIntr, 0, {}}));
      } else {
        start_call(std::move(call));
      }
      break;
    }
    case kInterrupt: {
      std::uint64_t cookie = 0;
      if (frame.body.size() != 12) throw ProtocolError("the guest sent a short message");
      std::memcpy(&cookie, &frame.body[4], sizeof cookie);
      calls_->interrupt(static_cast<pid_t>(number_at(frame, 0)), cookie);
      break;
    }
    case kThreadExit: {
      const auto tid = static_cast<pid_t>(number_at(frame, 0));
      if (!tracee_->has(tid) || tid == pid_ || calls_->busy(tid) || tid == signals_->sentry())
        throw ProtocolError("the end of thread " + std::to_string(tid) + ", which cannot end");
      calls_->park(tid);
      exit_thread(*tracee_, *scratch_, tid);
      calls_->forget(tid);
      break;
    }
    case kExitGroup:
      pages_.reset();
      calls_->park_any();
      exit_process(*tracee_, *scratch_, static_cast<int>(number_at(frame, 4)));
      tracee_->forget();
      end_ = End::ended;
      break;
    case kWantHome: {
      const auto reason = parse<pb::HomeReason>(frame);
      home_reason_ = reason.why();
      onward_ = reason.onward();
      bring_home();
      break;
    }
    case kPages:
      take_ahead(frame);
      break;
    case kReadyHome:
      if (!returned_) throw ProtocolError("the guest gave the process back unasked");
      if (!returning_) stop_body();
      break;
    case kHomeState:
      come_home(frame);
      break;
    default:
      throw ProtocolError("the guest sent a message of unknown type " + std::to_string(frame.type));
  }
}

void Journey::start_call(ForwardedCall call) {
  if (call.call.nr != SYS_clone && call.call.nr != SYS_clone3) {
    calls_->start(std::move(call));
    return;
  }
  // The guest has seen that the new task is to be a thread; what it made of it there, it makes.
  if (!calls_->busy(call.tid)) calls_->park(call.tid);
  if (!tracee_->stopped(call.tid) || calls_->busy(call.tid) || call.tid == signals_->sentry())
    throw ProtocolError("thread " + std::to_string(call.tid) + " cannot make another");
  const std::int64_t made = start_thread(*tracee_, *scratch_, call.tid);
  if (made > 0) calls_->add_thread(static_cast<pid_t>(made));
  channel_->send(kResult, encode(CallResult{call.tid, call.cookie, made, 0, {}}));
}

void Journey::bring_home() {
  if (returned_ || end_ != End::still_away) return;
  returned_.emplace(*tracee_, [this](RemoteRange range) { return calls_->writes_to(range); });
  preparing_since_ = clock_ns(CLOCK_MONOTONIC);
  try {
    fault_point("home-prepare", channel_->fd());
    channel_->send(kPrepareHome, {});
  } catch (const std::exception& e) {
    loss_ = e.what();
    finish(End::lost);
  }
}

void Journey::take_ahead(const Frame& frame) {
  if (!returned_) throw ProtocolError("the guest sent pages unasked");
  returned_->take(frame.body);
  taken_ += static_cast<std::uint32_t>(frame.body.size() - sizeof(std::uint64_t));
  if (returning_ || taken_ < kTellTaken) return;
  channel_->send(kPagesTaken, {reinterpret_cast<const std::uint8_t*>(&taken_), sizeof taken_});
  taken_ = 0;
}

void Journey::stop_body() {
  returning_ = true;
  returning_since_ = clock_ns(CLOCK_MONOTONIC);
  try {
    fault_point("home-stop", channel_->fd());
    // From here on signals stay pending at home, where the process will find them.
    signals_->stop();
    channel_->send(kStop, {});
    fault_point("home-stop-sent", channel_->fd());
    calls_->interrupt_all();
  } catch (const ProcessGone&) {
    finish(End::ended);
  } catch (const std::exception& e) {
    loss_ = e.what();
    finish(End::lost);
  }
}

void Journey::come_home(const Frame& frame) {
  if (!returning_) throw ProtocolError("the guest gave the process back unasked");
  if (calls_->busy()) throw ProtocolError("the guest gave the process back within a call");
  fault_point("home-home-state", channel_->fd());
  Homecoming homecoming(*tracee_, *scratch_, parse<pb::ProcessState>(frame), calls_->to_take_up());
  homecoming.begin();
  returned_->settle(homecoming.state());
  stats_.pages_ahead = stats_.pages_returned = returned_->pages();
  fault_point("home-layout", channel_->fd());
  while (true) {
    const Frame part = await_frame(kPatienceMs);
    if (part.type == kPagesEnd) break;
    if (part.type != kPages || part.body.size() < 8) throw ProtocolError("pages were expected");
    std::uint64_t at;
    std::memcpy(&at, part.body.data(), sizeof at);
    homecoming.write_page(RemoteAddr{at}, Bytes(part.body).subspan(8));
    stats_.pages_returned += (part.body.size() - 8) / kPage;
  }
  fault_point("home-pages-end", channel_->fd());
  homecoming.finish();
  fault_point("home-restored", channel_->fd());
  stats_.return_freeze_ns = clock_ns(CLOCK_MONOTONIC) - returning_since_;
  stats_.calls = calls_->made();
  returned_.reset();
  calls_.reset();
  tracee_->set_options(0);
  tracee_.reset();  // it runs
  end_ = End::home;
  stats_.pages_served = pages_->stats().data_pages;
  pages_.reset();
  try {
    fault_point("home-released", channel_->fd());
    channel_->send(kHomeDone, {});
    fault_point("home-done", channel_->fd());
  } catch (const std::exception&) {
    // The guest's copy ends with the connection just as well.
  }
}

JourneyStats Journey::stats() const {
  JourneyStats s = stats_;
  if (calls_) s.calls = calls_->made();
  if (pages_) s.pages_served = pages_->stats().data_pages;
  return s;
}

}  // namespace starling::migrate
