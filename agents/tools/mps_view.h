// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <ostream>
#include <vector>

#include "agents/common/process_info.h"

namespace starling::tools {

// What mps shows of one process.
struct MpsRow {
  ProcessInfo process;
  unsigned node = 0;  // where it computes; 0: no node number is known
  bool away = false;
  bool locked = false;
  std::uint64_t moves = 0;
  double calls_per_second = 0;  // forwarded to its home
  std::string why_not;          // empty: it can move, or nobody asked
};

// From the calls counted in two of the daemon's answers to "movestats", `seconds` apart: puts
// "calls_per_second" into the later one's figures.
void add_call_rates(const nlohmann::json& before, nlohmann::json& after, double seconds);
// Joins the processes of this machine with the daemon's answer to "processes" or "movestats".
std::vector<MpsRow> mps_rows(const std::vector<ProcessInfo>& processes,
                             const nlohmann::json& answer);
nlohmann::json mps_json(const std::vector<MpsRow>& rows, long ticks_per_second);
void print_mps(const std::vector<MpsRow>& rows, long ticks_per_second, std::ostream& out);

}  // namespace starling::tools
