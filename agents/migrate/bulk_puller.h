// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "agents/migrate/bulk_plan.h"
#include "agents/migrate/page_answers.h"
#include "agents/migrate/sink_core.h"

namespace starling::migrate {

// The background of a page sink: pulls what nobody asked for over the bulk connection, until
// nothing is left at the source. One thread's.
class BulkPuller {
 public:
  explicit BulkPuller(SinkCore& core);

  // Throws SinkCore::BodyDied, SinkCore::Stopped, StreamClosed, ProtocolError, std::system_error.
  void run();

 private:
  void ask();
  void take(const PageAnswer& answer);

  SinkCore& core_;
  FrameChannel& channel_;
  PageAnswers answers_;
  BulkPlan plan_;
};

}  // namespace starling::migrate
