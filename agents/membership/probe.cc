// SPDX-License-Identifier: GPL-2.0-or-later
// Failure detection: SWIM's probing with retries, trials of suspects, and looking after the dead.
#include <algorithm>
#include <numeric>

#include "agents/membership/member_impl.h"
#include "agents/membership/precedence.h"
#include "agents/membership/wire.pb.h"

namespace starling::membership {

// Being late ourselves, we grant others more time (Lifeguard's local health).
int32_t Member::Impl::patience(int32_t ms) const {
  return ms + ms * static_cast<int32_t>(health_) / 4;
}

// Each round visits every slot once in an order of its own: i -> start + i * stride (mod size)
// with a stride coprime to the size. No list to keep and no two nodes in step.
Slot Member::Impl::next_target() {
  const auto slots = static_cast<uint32_t>(table_.slots());
  for (uint32_t tries = 0; tries <= 2 * slots; ++tries) {
    if (round_left_ == 0 || round_size_ != slots) {
      round_size_ = round_left_ = slots;
      round_at_ = random_below(slots);
      do {
        round_stride_ = 1 + random_below(slots);
      } while (std::gcd(round_stride_, slots) != 1);
    }
    --round_left_;
    round_at_ = (round_at_ + round_stride_) % slots;
    const auto slot = static_cast<Slot>(round_at_);
    if (slot != self_ && table_[slot].uid != 0 && table_[slot].live()) return slot;
  }
  return kNoSlot;
}

void Member::Impl::probe_round() {
  size_t count = probes_per_period(alive_);
  // In a small flock everybody is asked, the board goes to one of them.
  const size_t window_at = count == 0 ? 0 : random_below(static_cast<uint32_t>(count));
  for (size_t i = 0; i < count; ++i) {
    const Slot slot = next_target();
    if (slot == kNoSlot) return;
    start_probe(slot, false, i == window_at);
  }
}

void Member::Impl::start_probe(Slot slot, bool verify, bool with_window) {
  const Node& node = table_[slot];
  for (Probe& probe : probes_) {
    if (probe.uid != node.uid) continue;
    probe.verify |= verify;
    if (with_window) ping(address_of(node), slot, probe.token, true);
    return;
  }
  const uint32_t token = next_token();
  ++counters_.probes;
  if (probes_.size() < kMaxProbes) {
    const int32_t retry = patience(std::clamp(4 * rtt_ms_ + 40, 60, kProbeRetryMs));
    probes_.push_back(
        Probe{node.uid, slot, 1, verify, token, now_, now_ + static_cast<Millis>(retry)});
  }
  // The last questions before a verdict come by the hundred after a cut, mostly to the dead.
  ping(address_of(node), slot, token, with_window, !verify);
}

void Member::Impl::step_probe(Probe& probe) {
  const Node& node = table_[probe.slot];
  ++counters_.probe_retries;
  ping(address_of(node), probe.slot, probe.token, false, !probe.verify);
  // Its other interfaces, on ours.
  if (node.description != 0 && probe.step >= 2) {
    size_t sent = 0;
    for (const uint64_t lo : pool_->get(node.description).addresses) {
      for (const Net& net : nets_) {
        if (net.hi != kLinkLocalPrefix || net.scope == 0 || sent >= 4) continue;
        if (lo == node.lo && net.scope == nets_[node.net].scope) continue;
        ping(Address{net.hi, lo, net.scope, net.port}, probe.slot, probe.token, false);
        ++sent;
      }
    }
  }
  // Others have asked already, and after a cut there are too many to ask through others again.
  if (probe.verify && many_suspects()) return;
  const uint64_t target_uid = probe.uid;
  const uint64_t target_lo = node.lo;
  const uint32_t token = probe.token;
  uint64_t asked[kIndirect] = {};
  for (size_t i = 0; i < kIndirect && alive_ > 2; ++i) {
    const Slot helper = random_live();
    if (helper == kNoSlot || table_[helper].uid == target_uid ||
        std::find(std::begin(asked), std::end(asked), table_[helper].uid) != std::end(asked)) {
      continue;
    }
    asked[i] = table_[helper].uid;
    ++counters_.probe_indirect;
    static thread_local wire::Datagram out;
    begin(out);
    out.set_ask_token(token);
    out.set_ask_uid(target_uid);
    out.set_ask_lo(target_lo);
    add_news(out, probe.verify ? 0 : 4, helper);
    ship(out, address_of(table_[helper]));
  }
}

void Member::Impl::run_probes() {
  for (size_t i = 0; i < probes_.size();) {
    Probe& probe = probes_[i];
    // First, as the node is a cache miss away.
    if (since(now_, probe.next) < 0) {
      ++i;
      continue;
    }
    if (table_[probe.slot].uid != probe.uid || !table_[probe.slot].live()) {
      probe = probes_.back();
      probes_.pop_back();
      continue;
    }
    if (probe.step >= (probe.verify ? kVerifyQuestions : probe_questions(alive_))) {
      const Probe failed = probe;
      probe = probes_.back();
      probes_.pop_back();
      ++counters_.probe_failures;
      Node& node = table_[failed.slot];
      if (since(node.life, failed.started) > 0 && since(node.life, now_) <= 0) continue;
      if (failed.verify && node.state == State::kSuspect) {
        ++counters_.deaths_declared;
        // Nobody would believe one of many verdicts; they would only be in the way of other news.
        if (!many_suspects()) tell(NewsKind::kDead, node, now_, options_.uid);
        bury(failed.slot, State::kDead, now_, false);
      } else if (node.state == State::kAlive) {
        ++counters_.suspicions_raised;
        accuse(failed.slot, now_, true);
        tell(NewsKind::kSuspect, node, now_, options_.uid);
      }
      continue;
    }
    step_probe(probe);
    ++probe.step;
    const int32_t after = probe.verify && probe.step >= kVerifyQuestions
                              ? kVerifyGiveUpMs
                              : kProbeStepMs * (probe.step - 1);
    probe.next = probe.started + static_cast<Millis>(patience(after));
    ++i;
  }
}

// Questions asked while nothing could be heard prove nothing: forgets them all. Who was to be asked
// for the last time stays on trial.
void Member::Impl::drop_probes() {
  for (const Probe& probe : probes_) {
    const Node& node = table_[probe.slot];
    if (!probe.verify || node.uid != probe.uid || node.state != State::kSuspect) continue;
    push_trial(Trial{health_now() + kVerifyGiveUpMs, node.since, probe.slot, true});
  }
  probes_.clear();
}

void Member::Impl::resolve_probes(uint64_t uid) {
  for (size_t i = 0; i < probes_.size(); ++i) {
    if (probes_[i].uid != uid) continue;
    if (probes_[i].step == 1) {
      rtt_ms_ = (7 * rtt_ms_ + std::min(since(now_, probes_[i].started), kProbeRetryMs)) / 8;
    }
    probes_[i] = probes_.back();
    probes_.pop_back();
    return;
  }
}

void Member::Impl::push_trial(const Trial& trial) {
  trials_.push_back(trial);
  std::push_heap(trials_.begin(), trials_.end(), Trial::later);
}

void Member::Impl::run_trials() {
  while (!trials_wait() && !trials_.empty() && since(health_now(), trials_.front().deadline) >= 0) {
    std::pop_heap(trials_.begin(), trials_.end(), Trial::later);
    const Trial trial = trials_.back();
    trials_.pop_back();
    Node& node = table_[trial.slot];
    if (node.uid == 0 || node.state != State::kSuspect || node.since != trial.raised) continue;
    if (alive_ <= kSmallFlock) {
      ++counters_.deaths_declared;
      bury(trial.slot, State::kDead, now_, false);
      tell(NewsKind::kDead, node, now_, options_.uid);
    } else {
      // Neither verdict nor refutation reached us: ask once more ourselves. This is what saves
      // many when a cut that put them on trial has just been mended.
      start_probe(trial.slot, true, false);
    }
  }
}

// A cut wire may have been mended: now and then ask somebody held dead.
void Member::Impl::probe_a_dead() {
  const double period = static_cast<double>(options_.period.count()) / 1e6;
  if (dead_.empty() || uniform() >= dead_probe_rate(alive_, dead_.size()) * period) return;
  const Slot slot = dead_[random_below(static_cast<uint32_t>(dead_.size()))];
  if (table_[slot].state == State::kDead) ping(address_of(table_[slot]), slot, next_token(), false);
}

void Member::Impl::relay_question(const wire::Datagram& in, const Address& from) {
  if (in.ask_uid() == options_.uid) return;
  const Slot slot = in.ask_uid() == 0 ? kNoSlot : table_.find(in.ask_uid());
  Address to = from;  // on the asker's segment, unless we know better
  if (slot != kNoSlot) {
    to = address_of(table_[slot]);
  } else {
    to.lo = in.ask_lo();
  }
  if (relays_.size() < kRelays) relays_.resize(kRelays);
  Relay& relay = relays_[relay_at_++ % kRelays];
  relay = Relay{next_token(), in.ask_token(), from};
  ping(to, slot, relay.token, false);
}

void Member::Impl::relay_answer(uint32_t token) {
  for (Relay& relay : relays_) {
    if (relay.token != token || token == 0) continue;
    static thread_local wire::Datagram out;
    begin(out);
    out.set_ack(relay.asked_token);
    ship(out, relay.asker);
    relay = Relay{};
    return;
  }
}

}  // namespace starling::membership
