// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/report.h"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace starling::daemon {

using membership::BoardEntry;
using membership::State;
using nlohmann::json;

const char* state_name(State state) {
  switch (state) {
    case State::kAlive:
      return "alive";
    case State::kSuspect:
      return "suspect";
    case State::kDead:
      return "dead";
    case State::kLeft:
      return "left";
  }
  return "unknown";
}

std::string uid_text(std::uint64_t uid) {
  std::array<std::uint8_t, 8> bytes;
  put_be64(bytes.data(), uid);
  return to_hex(bytes);
}

static double seconds(membership::Time t) {
  return static_cast<double>(t.count()) / 1e6;
}

json node_json(const BoardEntry& e, const LinkNames& links) {
  const auto link = links.find(e.address.scope);
  return {{"number", e.number},
          {"hostname", e.hostname},
          {"state", state_name(e.state)},
          {"self", e.self},
          {"cpus", e.cpus},
          {"speed", e.speed},
          {"load", e.load},
          {"memory_total", e.memory_total},
          {"memory_free", e.memory_free},
          {"memory_used", e.memory_total > e.memory_free ? e.memory_total - e.memory_free : 0},
          {"age", seconds(e.age)},
          {"in_state", seconds(e.in_state)},
          {"address", to_string(to_address6(e.address))},
          {"interface", link == links.end() ? "" : link->second},
          {"image", e.image},
          {"version", e.version},
          {"uid", uid_text(e.uid)},
          {"machine", uid_text(e.machine)}};
}

json counters_json(const Snapshot& s) {
  const auto& m = s.member;
  const auto& c = s.channel;
  const auto& t = s.transport;
  return {{"member",
           {{"datagrams_in", m.datagrams_in},
            {"datagrams_out", m.datagrams_out},
            {"bytes_in", m.bytes_in},
            {"bytes_out", m.bytes_out},
            {"multicasts_out", m.multicasts_out},
            {"malformed", m.malformed},
            {"own_echo", m.own_echo},
            {"table_full", m.table_full},
            {"probes", m.probes},
            {"probe_retries", m.probe_retries},
            {"probe_indirect", m.probe_indirect},
            {"probe_failures", m.probe_failures},
            {"suspicions_raised", m.suspicions_raised},
            {"suspicions_heard", m.suspicions_heard},
            {"refutations", m.refutations},
            {"deaths_declared", m.deaths_declared},
            {"deaths_heard", m.deaths_heard},
            {"deaths_ignored", m.deaths_ignored},
            {"deaths_doubted", m.deaths_doubted},
            {"revivals", m.revivals},
            {"syncs_started", m.syncs_started},
            {"syncs_finished", m.syncs_finished},
            {"rows_in", m.rows_in},
            {"rows_newer", m.rows_newer},
            {"late_ticks", m.late_ticks},
            {"number_conflicts", m.number_conflicts}}},
          {"channel",
           {{"sent", c.sent},
            {"delivered", c.delivered},
            {"own", c.own},
            {"foreign_flock", c.foreign_flock},
            {"malformed", c.malformed},
            {"forged", c.forged},
            {"replayed", c.replayed},
            {"stale_response", c.stale_response},
            {"unproven", c.unproven},
            {"rate_limited", c.rate_limited},
            {"challenges_sent", c.challenges_sent},
            {"responses_sent", c.responses_sent},
            {"sessions", s.proven_sessions}}},
          {"transport",
           {{"received", t.received},
            {"off_link", t.off_link},
            {"truncated", t.truncated},
            {"send_failed", t.send_failed}}}};
}

const BoardEntry* find_node(const Snapshot& snapshot, const std::string& who) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(who.data(), who.data() + who.size(), number);
  const bool is_number = error == std::errc{} && end == who.data() + who.size();
  const auto address = parse_address6(who.substr(0, who.find('%')));
  const auto matches = [&](const BoardEntry& e) {
    if (who == "self") return e.self;
    if (is_number) return number != 0 && e.number == number;
    if (address) return to_address6(e.address) == *address;
    return !who.empty() && e.hostname == who;
  };
  const BoardEntry* found = nullptr;
  for (const BoardEntry& e : snapshot.board) {
    if (!matches(e)) continue;
    if (e.state == State::kAlive || e.state == State::kSuspect) return &e;
    if (!found) found = &e;
  }
  return found;
}

std::string node_label(const BoardEntry& e) {
  if (e.number == 0) return e.hostname.empty() ? "a node without a number" : e.hostname;
  return "node " + std::to_string(e.number) + (e.hostname.empty() ? "" : " (" + e.hostname + ")");
}

}  // namespace starling::daemon
