// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "agents/common/bytes.h"
#include "agents/common/report_channel.h"
#include "agents/migrate/body_away.h"
#include "agents/migrate/body_cgroup.h"
#include "agents/migrate/connector.h"
#include "agents/migrate/empty_body.h"
#include "agents/migrate/frame_channel.h"
#include "agents/migrate/page_door.h"
#include "agents/migrate/page_sink.h"

namespace starling::migrate {

struct GuestOptions {
  Address6 address{};            // where home's page connections are expected
  std::string interface;         // of that address, when it is link-local
  std::uint64_t max_memory = 0;  // bytes a guest may be resident with, 0: any
  std::string cgroup;            // where its BodyCgroup is made; empty: none
};

// The guest's side of one moved process, from home's first message to the end: what starling-body
// does. Needs root and to be alone in its process (EmptyBody).
// The report channel hears "guest" when the body runs, "stats" and "end".
class Guest {
 public:
  Guest(std::unique_ptr<ByteStream> control, Connector connector, ReportChannel report,
        GuestOptions options);

  // Returns when the body is gone. true: it ended or went home as it should.
  bool run();

 private:
  Frame await(std::uint8_t type, int patience_ms);
  // Throw StaysHome.
  void check(const pb::Hello& hello) const;
  // How home's clocks differ from this machine's.
  ClockOffsets compare_clocks();
  void prepare();
  void limit_memory();
  void welcome();
  void build();
  bool stay();
  void linger();

  FrameChannel control_;
  Connector connector_;
  ReportChannel report_;
  GuestOptions options_;
  pb::Hello hello_;
  pb::ProcessState state_;
  BodyAlarm alarm_;
  std::optional<PageDoor> door_;
  std::optional<BodyCgroup> cgroup_;  // ends after the body
  std::optional<EmptyBody> body_;
  std::optional<PageSink> sink_;  // ends before the body does
  BodyParts parts_;
  std::int64_t clock_error_ = 0;  // ns by which the body's clocks may be ahead of home's
};

}  // namespace starling::migrate
