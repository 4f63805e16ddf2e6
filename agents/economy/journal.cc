// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/economy/journal.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

namespace starling::economy {

const char* describe(Cause cause) {
  switch (cause) {
    case Cause::kPlacement:
      return "placement";
    case Cause::kBalance:
      return "balance";
    case Cause::kMemory:
      return "memory is getting short";
    case Cause::kOwner:
      return "the owner is back";
    case Cause::kWish:
      return "somebody asked";
  }
  return "?";
}

const char* describe(Outcome outcome) {
  switch (outcome) {
    case Outcome::kAsked:
      return "asked for a place";
    case Outcome::kMoved:
      return "moved";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kStayed:
      return "stayed";
  }
  return "?";
}

void Journal::add(Decision decision) {
  if (most_ == 0) return;
  if (kept_.size() >= most_) kept_.pop_front();
  kept_.push_back(std::move(decision));
}

template <typename Match>
static std::vector<Decision> last(const std::deque<Decision>& kept, std::size_t most, Match match) {
  std::vector<Decision> found;
  for (auto it = kept.rbegin(); it != kept.rend() && found.size() < most; ++it) {
    if (match(*it)) found.push_back(*it);
  }
  std::ranges::reverse(found);
  return found;
}

std::vector<Decision> Journal::of_process(ProcessId process, std::size_t most) const {
  return last(kept_, most, [&](const Decision& d) { return d.process == process; });
}

std::vector<Decision> Journal::of_node(NodeId node, std::size_t most) const {
  return last(kept_, most, [&](const Decision& d) { return d.from == node || d.to == node; });
}

[[gnu::format(printf, 1, 2)]] static std::string text(const char* format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  return line;
}

static std::string cost_line(const char* what, const std::string& node, const Cost& cost) {
  if (const char* obstacle = describe(cost.obstacle)) {
    return text("  %-6s %-12s not possible: %s\n", what, node.c_str(), obstacle);
  }
  return text(
      "  %-6s %-12s cost %.3f = cpu %.3f + memory %.3f + own time %.3f + calls %.3f + drag %.3f + "
      "wishes %.3f; a second takes %.2f s\n",
      what, node.c_str(), cost.total(), cost.cpu, cost.memory, cost.own, cost.calls, cost.drag,
      cost.wishes, cost.delay);
}

std::string render(const Decision& d, Time now, const std::function<std::string(NodeId)>& name) {
  const std::string from = name(d.from);
  const std::string to = d.to == 0 ? "" : name(d.to);
  std::string out = text("%.1f s ago: process %llu on %s: ", std::max(0.0, (now - d.at).count()),
                         static_cast<unsigned long long>(d.process), from.c_str());
  out += describe(d.outcome);
  if (!to.empty() && d.outcome != Outcome::kStayed) out += " to " + to;
  out += text(" (%s)", describe(d.cause));
  if (!d.why.empty()) out += ": " + d.why;
  out += "\n" + cost_line("here", from, d.stay);
  if (!to.empty()) out += cost_line("there", to, d.there);
  out += text("  with %.0f nodes, top load %.3g; there had to be %.3f times cheaper\n",
              d.scale.nodes, d.scale.top, d.ratio);
  return out;
}

}  // namespace starling::economy
