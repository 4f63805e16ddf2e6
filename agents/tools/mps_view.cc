// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/tools/mps_view.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "agents/tools/table.h"

namespace starling::tools {

using nlohmann::json;

void add_call_rates(const json& before, json& after, double seconds) {
  for (json& now : after.at("moved")) {
    for (const json& then : before.at("moved")) {
      if (then.value("pid", 0) != now.value("pid", 0)) continue;
      const double calls =
          now.at("stats").value("calls", 0.0) - then.at("stats").value("calls", 0.0);
      if (seconds > 0 && calls >= 0) now["stats"]["calls_per_second"] = calls / seconds;
    }
  }
}

std::vector<MpsRow> mps_rows(const std::vector<ProcessInfo>& processes, const json& answer) {
  std::map<pid_t, const json*> moved;
  for (const json& m : answer.at("moved")) moved[m.value("pid", 0)] = &m;
  const std::vector<pid_t> locked = answer.at("locked");
  const unsigned self = answer.value("self", 0u);
  std::vector<MpsRow> rows;
  for (const ProcessInfo& p : processes) {
    MpsRow row;
    row.process = p;
    row.node = self;
    row.locked = std::count(locked.begin(), locked.end(), p.pid) > 0;
    if (const auto found = moved.find(p.pid); found != moved.end()) {
      const json& m = *found->second;
      const unsigned node = m.value("node", 0u);
      row.away = node != 0;
      if (row.away) row.node = node;
      row.moves = m.value("moves", std::uint64_t{0});
      const auto rate = m.at("stats").find("calls_per_second");
      if (rate != m.at("stats").end() && rate->is_number()) row.calls_per_second = *rate;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

static double seconds(const MpsRow& row, long ticks_per_second) {
  return static_cast<double>(row.process.cpu_ticks) / static_cast<double>(ticks_per_second);
}

json mps_json(const std::vector<MpsRow>& rows, long ticks_per_second) {
  json out = json::array();
  for (const MpsRow& r : rows) {
    out.push_back({{"pid", r.process.pid},
                   {"ppid", r.process.parent},
                   {"uid", r.process.uid},
                   {"state", std::string(1, r.process.state)},
                   {"comm", r.process.comm},
                   {"cpu_seconds", seconds(r, ticks_per_second)},
                   {"resident", r.process.resident},
                   {"node", r.node},
                   {"away", r.away},
                   {"locked", r.locked},
                   {"moves", r.moves},
                   {"calls_per_second", r.calls_per_second},
                   {"why_not", r.why_not}});
  }
  return out;
}

void print_mps(const std::vector<MpsRow>& rows, long ticks_per_second, std::ostream& out) {
  using Align = Table::Align;
  Table table;
  table.column("PID", Align::kRight);
  table.column("NODE", Align::kRight);
  table.column("MOVES", Align::kRight);
  table.column("CALLS/S", Align::kRight);
  table.column("S");
  table.column("TIME", Align::kRight);
  table.column("RSS", Align::kRight);
  table.column("COMMAND");
  table.column("STAYS BECAUSE");
  for (const MpsRow& r : rows) {
    char rate[32];
    std::snprintf(rate, sizeof rate, "%.0f", r.calls_per_second);
    table.row({std::to_string(r.process.pid), r.away ? std::to_string(r.node) : "home",
               std::to_string(r.moves), r.away ? rate : "-", std::string(1, r.process.state),
               human_seconds(seconds(r, ticks_per_second)), human_bytes(r.process.resident),
               printable(r.process.comm), printable(r.why_not)});
  }
  table.print(out);
}

}  // namespace starling::tools
