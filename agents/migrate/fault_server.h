// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <deque>

#include "agents/common/clock.h"
#include "agents/migrate/page_answers.h"
#include "agents/migrate/sink_core.h"

namespace starling::migrate {

// Serves the faults of a body: reads them from the userfaultfd, asks for their pages on the demand
// connection and places what comes; fulfils wishes. One thread's.
class FaultServer {
 public:
  explicit FaultServer(SinkCore& core);

  // Until the core is over. Throws SinkCore::BodyDied, SinkCore::Stopped, StreamClosed,
  // ProtocolError, std::system_error, std::runtime_error (the body did what cannot be served).
  void run();

 private:
  struct Asked {
    RemoteRange range;
    TimeNs since = 0;  // when the fault was read that it is for; 0: for none
  };
  struct Fault {
    RemoteAddr page;
    TimeNs since;
  };

  void wait_for_something();
  void read_events();
  void serve(const Fault& fault);
  void ask_around(const Fault& fault, RemoteRange window);
  void keep_ahead(RemoteAddr page);
  RemoteAddr ask(RemoteRange range, std::uint64_t part, bool contiguous, TimeNs since,
                 std::size_t limit);
  void take_answer();
  void serve_wishes();
  template <typename F>
  std::uint64_t finish(RemoteRange range, F&& step);

  SinkCore& core_;
  FrameChannel& channel_;
  PageAnswers answers_;
  std::deque<Asked> asked_;  // in the order of their answers
  std::deque<Fault> faults_;
  RemoteAddr ahead_;  // of a thread that touches page after page: all before was asked for
  bool open_ = true;
};

}  // namespace starling::migrate
