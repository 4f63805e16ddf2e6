// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "agents/common/report_channel.h"
#include "agents/common/unique_fd.h"
#include "agents/migrate/connector.h"
#include "agents/migrate/journey.h"

namespace starling::migrate {

// Home's side of one process that moves: takes orders from the daemon (or a test) on the report
// channel and carries them out, one after the other, until the process ends.
//   {"do":"go","node":N,"address":A,"interface":I,"port":P}   from home or from another guest
//   {"do":"home"}
//   {"do":"stats"}
// Events: where (node, 0 for home, why, and a node "onward" to which its guest was asked to let it
// go), stats (after each journey), end.
class Deputy {
 public:
  Deputy(pid_t pid, std::uint32_t home_node, Connector connector, ReportChannel report);

  // Returns when the process has ended, or is at home and there is nobody to take orders from.
  void run();

 private:
  void take_order();
  void carry_out();
  void depart();
  void after(Journey::End end);
  void stay(const std::string& why);
  void answer(bool ok, const std::string& error = {});
  nlohmann::json statistics() const;
  struct Ready {
    bool orders;
    bool children;
    bool connection;
  };
  Ready wait();

  pid_t pid_;
  std::uint32_t home_node_;
  Connector connector_;
  ReportChannel report_;
  UniqueFd process_;   // pidfd
  UniqueFd children_;  // signalfd of SIGCHLD: a tracee has something to report
  std::unique_ptr<Journey> journey_;
  std::optional<nlohmann::json> order_;
  std::uint32_t where_ = 0;
  bool onward_ = false;  // the newest "where" says so
  bool ended_ = false;
  std::uint64_t moves_ = 0;  // departures and homecomings
  JourneyStats total_;
  JourneyStats last_;
};

}  // namespace starling::migrate
