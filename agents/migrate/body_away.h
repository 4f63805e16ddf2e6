// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "agents/common/report_channel.h"
#include "agents/common/unique_fd.h"
#include "agents/migrate/body_alarm.h"
#include "agents/migrate/body_builder.h"
#include "agents/migrate/body_cgroup.h"
#include "agents/migrate/body_clocks.h"
#include "agents/migrate/body_harvest.h"
#include "agents/migrate/body_memory.h"
#include "agents/migrate/call_codec.h"
#include "agents/migrate/frame_channel.h"
#include "agents/migrate/page_sink.h"
#include "agents/migrate/pre_copy.h"
#include "agents/migrate/seccomp_listener.h"

namespace starling::migrate {

struct AwayStats {
  std::uint64_t calls = 0;     // forwarded
  std::uint64_t emulated = 0;  // prepared here, then made by the body
  std::uint64_t signals = 0;   // from home
  std::uint64_t dirty_bytes = 0;
};

// The life of a body from RUN on: answers its calls, passes its signals on and takes it home.
// One thread does it all: ptrace allows no other.
class BodyAway {
 public:
  enum class End {
    exited,  // it called exit_group; home knows
    home,    // its state and pages were sent and taken
    killed,  // it was killed here: the connection is to be closed, which ends it at home, too
  };

  struct Options {
    std::uint64_t max_memory = 0;        // bytes; 0: any
    std::int64_t clock_error = 0;        // ns by which the body's clocks may be ahead of home's
    const BodyCgroup* cgroup = nullptr;  // it is in; may be null
  };

  BodyAway(FrameChannel& control, EmptyBody& body, BodyParts parts, PageSink& sink,
           const pb::ProcessState& state, BodyAlarm& alarm, ReportChannel& report,
           const Options& options);

  // Runs the body. Throws StreamClosed, ProtocolError (home is lost), PageLost, ProcessGone,
  // std::system_error: the body must not go on then.
  End run();
  nlohmann::json statistics() const;

 private:
  // Where a thread of the program is.
  enum class At {
    running,
    call,     // in a call that home has been asked to make
    held,     // in a call that waits for the process to be at home
    signal,   // stopped; `signal` has been taken for it and was not delivered
    waiting,  // stopped since it came: its call is still being made at home
    stopped,  // for coming home
  };
  struct Thread {
    At at = At::running;
    std::uint64_t cookie = 0;  // of its notification
    std::int32_t nr = -1;
    CallArgs args{};
    siginfo_t signal{};
  };
  using Threads = std::map<pid_t, Thread>;  // by number here

  void resume_all();
  struct Ready {
    bool home;
    bool calls;
    bool children;
    bool alarm;
    bool daemon;
  };
  Ready wait_for_something();
  void hear_home(const Frame& frame);
  void hear_body();
  void hear_calls();
  void hear_daemon();
  void tick();
  void hear_alarm();
  void take_report(pid_t tid, int status);
  void take_signal(pid_t tid, Thread& thread, int number);
  void take_call(const seccomp_notif& notification);
  void forward(pid_t tid, Thread& thread, const Behaviour& behaviour, const CallContext& context);
  void emulate(Thread& thread);
  void let_move_memory(const Thread& thread);
  void let_change_futex(const Thread& thread);
  void hold(Thread& thread, const std::string& why);
  void end_thread(pid_t tid, Thread& thread);
  void end_process(pid_t tid, const seccomp_notif& notification);
  void take_result(CallResult result);
  void make_thread(pid_t maker, Thread& thread, pid_t number);
  void tell_thread_exit(pid_t number);
  void answer(pid_t tid, Thread& thread, std::int64_t result);
  void take_home_signal(const pb::Signal& signal);
  void interrupt_calls(pid_t only);
  // `onward`: a node it shall go on to from there; 0: none.
  void want_home(const std::string& why, std::uint32_t onward = 0);
  bool too_large() const;
  void expel(const nlohmann::json& order);
  void stop_all();
  void wait_all_stopped();
  bool all_stopped() const;
  void send_ahead();
  void pause_body();
  void let_run();
  void come_home();
  void let_home_clocks_catch_up() const;

  FrameChannel& control_;
  EmptyBody& body_;
  Tracee& tracee_;
  BodyParts parts_;
  PageSink& sink_;
  BodyAlarm& alarm_;
  ReportChannel& report_;
  SeccompListener listener_;
  BodyMemory memory_;
  BodyClocks clocks_;
  UniqueFd child_signals_;  // signalfd of SIGCHLD
  Threads threads_;
  Options options_;
  std::int64_t stopped_at_ = 0;  // for coming home; monotonic ns
  std::int64_t last_tick_ = 0;   // monotonic ns
  std::int64_t last_signal_ = std::numeric_limits<std::int64_t>::min();  // from home; monotonic ns
  bool threads_at_home_ = false;  // the guest has failed to make one
  bool wanted_ = false;           // kWantHome was sent
  bool stopping_ = false;         // kStop was received
  std::optional<PreCopy> ahead_;  // from kPrepareHome on
  bool told_ready_ = false;       // kReadyHome was sent
  bool paused_ = false;           // threads that stop are left so, in held_back_
  std::int64_t turn_ = 0;         // since when it is paused or runs; monotonic ns
  std::set<pid_t> held_back_;
  std::optional<End> end_;
  AwayStats stats_;
};

}  // namespace starling::migrate
