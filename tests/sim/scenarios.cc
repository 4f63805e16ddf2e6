// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/scenarios.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <set>
#include <unordered_map>

#include "agents/membership/age_model.h"

namespace starling::sim {

namespace {

using membership::BoardEntry;
using membership::Counters;
using std::chrono::duration_cast;

constexpr double kPeriodSeconds = 0.2;

Time seconds(double s) {
  return Time{static_cast<int64_t>(s * 1e6)};
}
double in_seconds(Time t) {
  return static_cast<double>(t.count()) / 1e6;
}
double cpu_now() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

struct Flock {
  explicit Flock(const Setting& setting)
      : net(NetworkOptions{.seed = setting.seed, .loss = setting.loss, .drift = setting.drift}) {
    for (uint32_t i = 0; i < setting.nodes; ++i) net.add_node();
    net.on_event = [this](uint32_t node, const Event& event) {
      ++events[static_cast<size_t>(event.kind)];
      if (event.kind == EventKind::kDead || event.kind == EventKind::kReplaced) {
        const auto it = by_uid.find(event.uid);
        if (it != by_uid.end() && net.up(it->second) && net.uid(it->second) == event.uid &&
            count_false && (!excused || !excused(node, it->second))) {
          ++false_deaths;
        }
      }
      if (watch) watch(node, event);
    };
  }

  // Everybody up and known to everybody, numbers claimed, young no longer.
  void warm(double settle = 6) {
    // The beacons of 10,000 starting at once would be 10^8 datagrams.
    net.reaches = [](uint32_t, uint32_t) { return false; };
    for (uint32_t i = 0; i < net.size(); ++i) start(i, static_cast<uint16_t>(i + 1));
    net.preload_all();
    net.reaches = nullptr;
    net.run_for(seconds(settle));
  }
  void start(uint32_t node, uint16_t number = 0, bool remember = false) {
    net.start(node, number, remember);
    by_uid[net.uid(node)] = node;
  }

  size_t up_count() {
    size_t up = 0;
    for (uint32_t i = 0; i < net.size(); ++i) up += net.up(i);
    return up;
  }
  bool complete() {
    const size_t up = up_count();
    for (uint32_t i = 0; i < net.size(); ++i) {
      if (net.up(i) && net.member(i).alive() != up) return false;
    }
    return true;
  }
  // complete(), and really the right ones; on at most `sample` nodes.
  size_t wrong_views(uint32_t sample = 64) {
    std::set<uint64_t> truth;
    for (uint32_t i = 0; i < net.size(); ++i) {
      if (net.up(i)) truth.insert(net.uid(i));
    }
    size_t wrong = 0;
    const uint32_t step = std::max<uint32_t>(1, static_cast<uint32_t>(net.size()) / sample);
    for (uint32_t i = 0; i < net.size(); i += step) {
      if (!net.up(i)) continue;
      std::set<uint64_t> seen;
      for (const BoardEntry& entry : net.member(i).board()) seen.insert(entry.uid);
      wrong += seen != truth;
    }
    return wrong;
  }
  bool numbers_unique() {
    std::set<uint16_t> numbers;
    for (uint32_t i = 0; i < net.size(); ++i) {
      if (!net.up(i)) continue;
      const uint16_t number = net.member(i).number();
      if (number == 0 || !numbers.insert(number).second) return false;
    }
    return true;
  }
  uint16_t highest_number() {
    uint16_t highest = 0;
    for (uint32_t i = 0; i < net.size(); ++i) {
      if (net.up(i)) highest = std::max(highest, net.member(i).number());
    }
    return highest;
  }
  Counters total() {
    Counters sum;
    for (uint32_t i = 0; i < net.size(); ++i) {
      if (!net.up(i)) continue;
      const Counters& c = net.member(i).counters();
      sum.bytes_out += c.bytes_out;
      sum.datagrams_out += c.datagrams_out;
      sum.suspicions_raised += c.suspicions_raised;
      sum.deaths_declared += c.deaths_declared;
      sum.deaths_heard += c.deaths_heard;
      sum.deaths_doubted += c.deaths_doubted;
      sum.suspicions_heard += c.suspicions_heard;
      sum.revivals += c.revivals;
      sum.syncs_finished += c.syncs_finished;
      sum.syncs_started += c.syncs_started;
      sum.sync_pages_in += c.sync_pages_in;
      sum.malformed += c.malformed;
      sum.refutations += c.refutations;
    }
    return sum;
  }
  double memory_per_node() {
    size_t bytes = 0, up = 0;
    for (uint32_t i = 0; i < net.size(); ++i) {
      if (net.up(i)) bytes += net.member(i).memory_use(), ++up;
    }
    return static_cast<double>(bytes) / static_cast<double>(up);
  }
  // In periods, over at most `sample` nodes' boards.
  std::pair<double, double> ages(uint32_t sample = 64) {
    double sum = 0, most = 0;
    size_t count = 0;
    const uint32_t step = std::max<uint32_t>(1, static_cast<uint32_t>(net.size()) / sample);
    for (uint32_t i = 0; i < net.size(); i += step) {
      if (!net.up(i)) continue;
      for (const BoardEntry& entry : net.member(i).board()) {
        if (entry.self) continue;
        const double age = in_seconds(entry.age) / kPeriodSeconds;
        sum += age;
        most = std::max(most, age);
        ++count;
      }
    }
    return {sum / static_cast<double>(std::max<size_t>(1, count)), most};
  }

  Network net;
  std::unordered_map<uint64_t, uint32_t> by_uid;
  uint64_t events[16] = {};
  uint64_t false_deaths = 0;
  bool count_false = true;
  std::function<bool(uint32_t observer, uint32_t subject)> excused;
  std::function<void(uint32_t, const Event&)> watch;
};

void common(Figures& out, Flock& flock, const Setting& setting) {
  out["nodes"] = setting.nodes;
  out["loss"] = setting.loss;
  out["false_deaths"] = static_cast<double>(flock.false_deaths);
  out["malformed"] = static_cast<double>(flock.total().malformed);
  // Two halves of the hash, exactly representable.
  out["trace_high"] = static_cast<double>(flock.net.trace() >> 32);
  out["trace_low"] = static_cast<double>(flock.net.trace() & 0xffffffff);
}

// Entries that fit beside a header when sequence numbers and ages are of ordinary size.
constexpr double kWindow = 45;

// How far the healing is, and what was done since it was last told, on stderr.
void tell_progress(Flock& flock, double at, Counters& told) {
  const auto n = static_cast<double>(flock.net.size());
  size_t least = flock.net.size(), incomplete = 0;
  double alive = 0;
  for (uint32_t i = 0; i < flock.net.size(); ++i) {
    const size_t seen = flock.net.member(i).alive();
    least = std::min(least, seen);
    alive += static_cast<double>(seen);
    incomplete += seen != flock.net.size();
  }
  const Counters sum = flock.total();
  const auto each = [n](uint64_t now, uint64_t before) {
    return static_cast<double>(now - before) / n;
  };
  std::fprintf(stderr,
               "%.1f s: least %zu, mean %.2f, incomplete %zu; per node since: revived %.2f, deaths "
               "declared %.3f heard %.3f doubted %.2f, suspicions raised %.2f heard %.2f, pages "
               "%.1f, bytes %.0f\n",
               at, least, alive / n, incomplete, each(sum.revivals, told.revivals),
               each(sum.deaths_declared, told.deaths_declared),
               each(sum.deaths_heard, told.deaths_heard),
               each(sum.deaths_doubted, told.deaths_doubted),
               each(sum.suspicions_raised, told.suspicions_raised),
               each(sum.suspicions_heard, told.suspicions_heard),
               each(sum.sync_pages_in, told.sync_pages_in), each(sum.bytes_out, told.bytes_out));
  told = sum;
}

}  // namespace

Figures steady(const Setting& setting) {
  Flock flock(setting);
  flock.warm(6);
  const Counters before = flock.total();
  const double cpu = cpu_now();
  const uint64_t suspected = flock.events[static_cast<size_t>(EventKind::kSuspected)];
  flock.net.run_for(seconds(setting.seconds));
  const double used = cpu_now() - cpu;
  const Counters after = flock.total();
  const auto [mean, most] = flock.ages();
  const double node_seconds = setting.nodes * setting.seconds;
  const double rate = 1 - setting.loss;
  const double elapsed = (setting.seconds + 6) / kPeriodSeconds;
  Figures out;
  common(out, flock, setting);
  out["age_mean_periods"] = mean;
  out["age_max_periods"] = most;
  out["age_expected_periods"] = membership::expected_age(setting.nodes, kWindow, rate);
  out["age_expected_so_far_periods"] =
      membership::expected_age_after(elapsed, setting.nodes, kWindow, rate);
  out["age_oldest_expected_periods"] = membership::expected_oldest(setting.nodes, kWindow, rate);
  out["bytes_per_node_second"] =
      static_cast<double>(after.bytes_out - before.bytes_out) / node_seconds;
  out["datagrams_per_node_second"] =
      static_cast<double>(after.datagrams_out - before.datagrams_out) / node_seconds;
  out["cpu_us_per_node_second"] = used * 1e6 / node_seconds;
  out["memory_per_node"] = flock.memory_per_node();
  out["suspicions_per_hour"] =
      static_cast<double>(after.suspicions_raised - before.suspicions_raised) / setting.seconds *
      3600;
  out["suspected_events"] =
      static_cast<double>(flock.events[static_cast<size_t>(EventKind::kSuspected)] - suspected);
  out["syncs"] = static_cast<double>(after.syncs_started - before.syncs_started);
  out["complete"] = flock.complete();
  out["numbers_unique"] = flock.numbers_unique();
  return out;
}

Figures cold_start(const Setting& setting) {
  Flock flock(setting);
  for (uint32_t i = 0; i < setting.nodes; ++i) {
    flock.net.run_for(seconds(1.0 / setting.nodes));
    flock.start(i);
  }
  Figures out;
  const bool complete = flock.net.run_until_true([&] { return flock.complete(); }, seconds(60));
  out["complete"] = complete;
  out["complete_after_s"] = in_seconds(flock.net.now());
  const bool unique = flock.net.run_until_true([&] { return flock.numbers_unique(); }, seconds(60));
  out["numbers_unique"] = unique;
  out["numbers_after_s"] = in_seconds(flock.net.now());
  flock.net.run_for(seconds(10));
  out["numbers_still_unique"] = flock.numbers_unique();
  out["highest_number"] = flock.highest_number();
  out["wrong_views"] = static_cast<double>(flock.wrong_views());
  size_t nameless = 0;
  for (const BoardEntry& entry : flock.net.member(0).board()) nameless += entry.hostname.empty();
  out["nameless_on_first"] = static_cast<double>(nameless);
  common(out, flock, setting);
  return out;
}

Figures join(const Setting& setting) {
  Flock flock(setting);
  const uint32_t newcomer = setting.nodes - 1;
  flock.net.reaches = [](uint32_t, uint32_t) { return false; };
  for (uint32_t i = 0; i < newcomer; ++i) flock.start(i, static_cast<uint16_t>(i + 1));
  flock.net.preload_all();
  flock.net.reaches = nullptr;
  flock.net.run_for(seconds(6));
  const Time begin = flock.net.now();
  std::vector<double> seen;
  Time own_complete = Time::max();
  flock.watch = [&](uint32_t, const Event& event) {
    if (event.kind == EventKind::kJoined && event.uid == flock.net.uid(newcomer)) {
      seen.push_back(in_seconds(flock.net.now() - begin));
    }
  };
  flock.start(newcomer);
  flock.net.run_until_true(
      [&] {
        if (own_complete == Time::max() && flock.net.member(newcomer).alive() == setting.nodes) {
          own_complete = flock.net.now();
        }
        return seen.size() >= newcomer && own_complete != Time::max() &&
               flock.net.member(newcomer).number() != 0;
      },
      seconds(30));
  Figures out;
  std::sort(seen.begin(), seen.end());
  out["seen_by"] = static_cast<double>(seen.size());
  out["seen_p50_s"] = seen.empty() ? -1 : seen[seen.size() / 2];
  out["seen_last_s"] = seen.empty() ? -1 : seen.back();
  out["own_view_s"] = own_complete == Time::max() ? -1 : in_seconds(own_complete - begin);
  out["number"] = flock.net.member(newcomer).number();
  common(out, flock, setting);
  return out;
}

Figures kill(const Setting& setting) {
  Flock flock(setting);
  flock.warm();
  const uint32_t rounds = std::min<uint32_t>(
      setting.nodes - 1, std::max<uint32_t>(1, static_cast<uint32_t>(setting.seconds / 4)));
  std::vector<double> first, all;
  size_t missed = 0;
  Random pick(setting.seed + 7);
  for (uint32_t round = 0; round < rounds; ++round) {
    // At an arbitrary moment of the period.
    flock.net.run_for(Time{pick.below(400'000)});
    uint32_t victim = pick.below(setting.nodes);
    while (!flock.net.up(victim)) victim = (victim + 1) % setting.nodes;
    if (flock.up_count() <= 2) {  // two are the least in which somebody can notice
      flock.net.run_for(seconds(1));
    }
    const uint64_t uid = flock.net.uid(victim);
    const Time begin = flock.net.now();
    std::vector<double> times;
    flock.watch = [&](uint32_t, const Event& event) {
      if (event.kind == EventKind::kDead && event.uid == uid) {
        times.push_back(in_seconds(flock.net.now() - begin));
      }
    };
    flock.net.kill(victim);
    const size_t others = flock.up_count();
    flock.net.run_until_true([&] { return times.size() >= others; }, seconds(60));
    missed += others - std::min(others, times.size());
    if (!times.empty()) {
      first.push_back(times.front());
      all.insert(all.end(), times.begin(), times.end());
    }
    flock.watch = nullptr;
    // Back again (as a new session of the same machine), so that the size stays.
    flock.start(victim, static_cast<uint16_t>(victim + 1), true);
    flock.net.run_until_true([&] { return flock.complete(); }, seconds(20));
  }
  std::sort(all.begin(), all.end());
  Figures out;
  out["kills"] = rounds;
  out["missed"] = static_cast<double>(missed);
  out["first_max_s"] = first.empty() ? -1 : *std::max_element(first.begin(), first.end());
  out["detect_p50_s"] = all.empty() ? -1 : all[all.size() / 2];
  out["detect_p99_s"] = all.empty() ? -1 : all[all.size() * 99 / 100];
  out["detect_max_s"] = all.empty() ? -1 : all.back();
  common(out, flock, setting);
  return out;
}

Figures partition(const Setting& setting) {
  Flock flock(setting);
  flock.warm();
  const uint32_t n = setting.nodes;
  const std::string& shape = setting.shape;
  const auto side = [&shape, n](uint32_t node) -> uint32_t {
    if (shape == "one") return node == 0;
    if (shape == "thirds") return node % 3;
    if (shape == "islands") return node % 10;
    if (shape == "fragments") return node % std::min<uint32_t>(100, std::max<uint32_t>(2, n / 10));
    return node < n / 2;
  };
  const bool oneway = shape == "oneway";
  // One-way: the second half hears the first, but not the other way round.
  flock.net.reaches = [&](uint32_t from, uint32_t to) {
    return side(from) == side(to) || (oneway && side(from) > side(to));
  };
  flock.excused = [&](uint32_t observer, uint32_t subject) {
    return side(observer) != side(subject);
  };
  const Counters before = flock.total();
  flock.net.run_for(seconds(setting.seconds));
  const Counters cut = flock.total();
  Figures out;
  double seen = 0;
  for (uint32_t i = 0; i < n; ++i) seen += static_cast<double>(flock.net.member(i).alive());
  out["alive_seen_at_end_of_cut"] = seen / n;
  out["false_deaths_inside_sides"] = static_cast<double>(flock.false_deaths);
  flock.false_deaths = 0;
  // News of the time of the cut is still under way: who believes it counts from here on.
  flock.excused = nullptr;
  flock.net.reaches = nullptr;
  const Time mended = flock.net.now();
  const Time tell_every = seconds(1);
  Time next_tell = mended + tell_every;
  Counters told = cut;
  const double cpu = cpu_now();
  const bool healed = flock.net.run_until_true(
      [&] {
        if (setting.verbose && flock.net.now() >= next_tell) {
          next_tell += tell_every;
          tell_progress(flock, in_seconds(flock.net.now() - mended), told);
        }
        return flock.complete();
      },
      seconds(60));
  out["healed"] = healed;
  out["heal_s"] = in_seconds(flock.net.now() - mended);
  out["heal_cpu_s"] = cpu_now() - cpu;
  const Counters after = flock.total();
  const double heal = std::max(0.05, in_seconds(flock.net.now() - mended));
  out["bytes_per_node_second_cut"] =
      static_cast<double>(cut.bytes_out - before.bytes_out) / n / setting.seconds;
  out["bytes_per_node_second_heal"] =
      static_cast<double>(after.bytes_out - cut.bytes_out) / n / heal;
  out["sync_pages_per_node"] = static_cast<double>(after.sync_pages_in - cut.sync_pages_in) / n;
  out["deaths_after_mending"] = static_cast<double>(flock.false_deaths);
  flock.false_deaths = 0;
  flock.net.run_for(seconds(10));
  out["deaths_after_heal"] = static_cast<double>(flock.false_deaths);
  out["complete_10s_later"] = flock.complete();
  out["wrong_views"] = static_cast<double>(flock.wrong_views());
  out["numbers_unique"] = flock.numbers_unique();
  common(out, flock, setting);
  return out;
}

Figures one_way(const Setting& setting) {
  Flock flock(setting);
  flock.warm();
  flock.net.reaches = [](uint32_t from, uint32_t to) { return !(from == 0 && to == 1); };
  flock.net.run_for(seconds(setting.seconds));
  Figures out;
  out["complete"] = flock.complete();
  common(out, flock, setting);
  return out;
}

Figures pause(const Setting& setting) {
  Flock flock(setting);
  flock.warm();
  Random pick(setting.seed + 3);
  for (int i = 0; i < 10; ++i) {
    flock.net.pause(pick.below(setting.nodes), Time{900'000});
    flock.net.run_for(seconds(3));
  }
  Figures out;
  out["false_deaths_short"] = static_cast<double>(flock.false_deaths);
  // A long stop is a death; on waking, the node must not bury the others.
  const uint32_t sleeper = 0;
  flock.excused = [&](uint32_t, uint32_t subject) { return subject == sleeper; };
  flock.false_deaths = 0;
  flock.net.pause(sleeper, seconds(10));
  flock.net.run_for(seconds(10));
  const Time woke = flock.net.now();
  out["back"] = flock.net.run_until_true([&] { return flock.complete(); }, seconds(20));
  out["back_s"] = in_seconds(flock.net.now() - woke);
  out["false_deaths_by_sleeper"] = static_cast<double>(flock.false_deaths);
  common(out, flock, setting);
  return out;
}

Figures churn(const Setting& setting) {
  Flock flock(setting);
  flock.warm();
  Random pick(setting.seed + 5);
  const Time end = flock.net.now() + seconds(setting.seconds);
  uint64_t steps = 0;
  std::vector<uint8_t> cut(setting.nodes, 0);
  flock.net.reaches = [&](uint32_t from, uint32_t to) { return cut[from] == cut[to]; };
  flock.count_false = false;
  while (flock.net.now() < end) {
    flock.net.run_for(seconds(0.3));
    const uint32_t node = pick.below(setting.nodes);
    ++steps;
    switch (pick.below(5)) {
      case 0:
        if (flock.net.up(node)) flock.net.kill(node);
        break;
      case 1:
        if (flock.net.up(node)) flock.net.leave(node);
        break;
      case 2:
        cut[node] ^= 1;
        break;
      default:
        if (!flock.net.up(node)) {
          // Some disks remember, some do not.
          const bool disk = pick.below(2) == 0;
          flock.start(node, disk ? static_cast<uint16_t>(node + 1) : uint16_t{0}, disk);
        }
    }
  }
  std::fill(cut.begin(), cut.end(), 0);
  const Time quiet = flock.net.now();
  Figures out;
  out["steps"] = static_cast<double>(steps);
  out["complete"] = flock.net.run_until_true([&] { return flock.complete(); }, seconds(30));
  out["complete_s"] = in_seconds(flock.net.now() - quiet);
  out["numbers_unique"] =
      flock.net.run_until_true([&] { return flock.numbers_unique(); }, seconds(30));
  out["numbers_s"] = in_seconds(flock.net.now() - quiet);
  flock.count_false = true;
  flock.net.run_for(seconds(20));
  out["still_complete"] = flock.complete();
  out["still_unique"] = flock.numbers_unique();
  out["wrong_views"] = static_cast<double>(flock.wrong_views());
  common(out, flock, setting);
  return out;
}

Figures leave_and_restart(const Setting& setting) {
  Flock flock(setting);
  flock.warm();
  uint64_t left = 0, dead = 0;
  double last = 0;
  Time begin = flock.net.now();
  flock.watch = [&](uint32_t, const Event& event) {
    if (event.uid != flock.net.uid(1)) return;
    left += event.kind == EventKind::kLeft;
    dead += event.kind == EventKind::kDead;
    if (event.kind == EventKind::kLeft) last = in_seconds(flock.net.now() - begin);
  };
  flock.net.leave(1);
  flock.net.run_for(seconds(5));
  Figures out;
  out["left_events"] = static_cast<double>(left);
  out["dead_events"] = static_cast<double>(dead);
  out["left_last_s"] = last;
  flock.watch = nullptr;
  // Back without a disk: others remember its number.
  begin = flock.net.now();
  flock.start(1);
  flock.net.run_until_true([&] { return flock.complete() && flock.net.member(1).number() != 0; },
                           seconds(20));
  out["back_s"] = in_seconds(flock.net.now() - begin);
  out["number_kept"] = flock.net.member(1).number() == 2;
  // A crash and an immediate restart, no disk either: the new session replaces the old at once.
  flock.count_false = false;
  uint64_t replaced = 0;
  const uint64_t old = flock.net.uid(2);
  flock.watch = [&](uint32_t, const Event& event) {
    if (event.uid != old) return;
    replaced += event.kind == EventKind::kReplaced;
    last = in_seconds(flock.net.now() - begin);
  };
  flock.net.kill(2);
  begin = flock.net.now();
  flock.start(2);
  flock.net.run_until_true([&] { return flock.complete() && flock.net.member(2).number() != 0; },
                           seconds(20));
  out["replaced_events"] = static_cast<double>(replaced);
  out["restart_number_kept"] = flock.net.member(2).number() == 3;
  out["restart_s"] = in_seconds(flock.net.now() - begin);
  flock.net.run_for(seconds(5));
  out["numbers_unique"] = flock.numbers_unique();
  common(out, flock, setting);
  return out;
}

const std::vector<std::string>& shapes() {
  static const std::vector<std::string> all = {"halves",  "one",       "thirds",
                                               "islands", "fragments", "oneway"};
  return all;
}

const std::map<std::string, Scenario>& scenarios() {
  static const std::map<std::string, Scenario> all = {
      {"steady", steady}, {"cold_start", cold_start}, {"join", join},
      {"kill", kill},     {"partition", partition},   {"one_way", one_way},
      {"pause", pause},   {"churn", churn},           {"leave_and_restart", leave_and_restart},
  };
  return all;
}

}  // namespace starling::sim
