// SPDX-License-Identifier: GPL-2.0-or-later
// Life cycle and what the daemon reads: the board.
#include "agents/membership/member.h"

#include <algorithm>
#include <stdexcept>

#include "agents/membership/member_impl.h"

namespace starling::membership {

namespace {
// The clock starts here, so that a preloaded age before the start is still a later number than 0.
constexpr Millis kFirstMillis = 0x10000000;
// Below this a late tick is ordinary scheduling, above it this process was not running.
constexpr int32_t kPauseMs = 100;
constexpr Millis kFarewellGapMs = 25;
}  // namespace

Member::Impl::Impl(const Options& options, Environment& environment, Observer* observer)
    : options_(options),
      env_(environment),
      observer_(observer),
      pool_(options.pool ? options.pool : std::make_shared<DescriptionPool>()),
      epoch_(environment.now()),
      clock_(epoch_),
      now_(kFirstMillis),
      table_(options.max_nodes) {
  using namespace std::chrono_literals;
  if (options.uid == 0) throw std::invalid_argument("membership: uid 0");
  if (options.machine == 0) throw std::invalid_argument("membership: machine 0");
  if (options.period < 20ms || options.period > 10s) {
    throw std::invalid_argument("membership: period not within 20 ms and 10 s");
  }
  if (options.max_nodes < 2 || options.max_nodes > kMaxNodes) {
    throw std::invalid_argument("membership: max_nodes not within 2 and 16384");
  }
  token_ = static_cast<uint32_t>(env_.random());
  self_ = table_.insert(options.uid);
  Node& me = table_[self_];
  me.origin = me.life = me.since = now_;
  nets_.push_back(Net{kLinkLocalPrefix, 0, options.port});
  digest_flip(options.uid);
  alive_ = 1;
  wished_number_ = options.previous_number;
}

Member::Impl::~Impl() {
  for (size_t i = 0; i < table_.slots(); ++i)
    pool_->release(table_[static_cast<Slot>(i)].description);
}

Millis Member::Impl::millis(Time t) const {
  return kFirstMillis + static_cast<Millis>((t - epoch_).count() / 1000);
}

Time Member::Impl::time_of(Millis at) const {
  // now_ is clock_ rounded down to milliseconds of the Member's own clock.
  const Time now = epoch_ + Time{(clock_ - epoch_).count() / 1000 * 1000};
  return now + Time{1000} * since(at, now_);
}

uint32_t Member::Impl::next_token() {
  if (++token_ == 0) ++token_;
  return token_;
}

void Member::Impl::start() {
  if (started_) return;
  clock_ = env_.now();
  now_ = millis(clock_);
  started_ = true;
  started_at_ = now_;
  next_beacon_ = now_;
  early_beacons_ = 3;
  // A random phase, so that machines switched on together do not stay in step.
  next_period_ = now_ + 1 + random_below(static_cast<uint32_t>(options_.period.count() / 1000));
  claim_after_ = now_ + kListenMs;
  if (options_.previous_uid != 0 && options_.previous_uid != options_.uid) {
    news_.add(News{options_.previous_uid, options_.uid, now_, 0xffff, NewsKind::kReplaced, 0});
  }
  tick();
}

void Member::Impl::leave() {
  if (leaving_) return;
  clock_ = env_.now();
  now_ = millis(clock_);
  leaving_ = true;
  if (!started_) return;
  farewells_ = 3;
  next_farewell_ = now_;
  tick();
}

void Member::Impl::move_old_times_along() {
  if (since(now_, moved_along_at_) < kMoveAlongMs) return;
  moved_along_at_ = now_;
  const Millis oldest = now_ - kOldestMs;
  const auto move = [oldest](Millis& time) {
    if (since(oldest, time) > 0) time = oldest;
  };
  for (size_t i = 0; i < table_.slots(); ++i) {
    Node& node = table_[static_cast<Slot>(i)];
    move(node.origin);
    move(node.life);
    move(node.since);
  }
  for (Millis* time : {&amnesty_at_, &started_at_, &next_beacon_, &differs_since_, &differing_at_,
                       &sync_next_, &pages_at_, &mending_since_, &mending_until_, &roll_asked_at_,
                       &roll_helped_at_, &claim_after_, &number_since_}) {
    move(*time);
  }
}

void Member::Impl::tick() {
  if (!started_) return;
  clock_ = env_.now();
  now_ = millis(clock_);
  move_old_times_along();
  if (leaving_) {
    if (farewells_ > 0 && since(now_, next_farewell_) >= 0) {
      farewell();
      --farewells_;
      next_farewell_ = now_ + kFarewellGapMs;
    }
    return;
  }
  const int32_t late = since(now_, next_period_);
  if (late > kLateMs) {
    ++counters_.late_ticks;
    health_ = std::min<uint32_t>(8, health_ + 1 + static_cast<uint32_t>(late) / 200);
  }
  if (late > kPauseMs) {
    // Time in which this process did not run proves nothing about others.
    paused_ += static_cast<Millis>(late);
    drop_probes();
  }
  if (since(now_, next_beacon_) >= 0 && early_beacons_ > 0) {
    static constexpr Millis kGaps[] = {500, 250, 250};
    --early_beacons_;
    next_beacon_ = now_ + kGaps[early_beacons_];
    // When a whole room boots at once, others' beacons make most of ours unnecessary.
    if (early_beacons_ == 2 || uniform() * beacons_heard_ < 20) beacon();
  }
  run_probes();
  run_trials();
  run_sync();
  if (late >= 0) {
    const auto period = static_cast<Millis>(options_.period.count() / 1000);
    next_period_ = late > static_cast<int32_t>(period) ? now_ + period : next_period_ + period;
    // +-5 %, so that nodes do not fall into step.
    next_period_ += random_below(period / 10 + 1) - period / 20;
    if (late <= kLateMs && health_ > 0) --health_;
    beacons_heard_ -= beacons_heard_ / 4;
    probe_round();
    probe_a_dead();
    run_mending();
    const double seconds = static_cast<double>(period) / 1000;
    if (uniform() < kBeaconsPerSecond * seconds / static_cast<double>(alive_)) beacon();
    run_numbers();
    want_descriptions();
    sweep();
  }
}

Time Member::Impl::next_deadline() const {
  if (!started_) return Time::max();
  if (leaving_) return farewells_ > 0 ? time_of(next_farewell_) : Time::max();
  Millis next = next_period_;
  const auto sooner = [&next](Millis at) {
    if (since(next, at) > 0) next = at;
  };
  if (early_beacons_ > 0) sooner(next_beacon_);
  for (const Probe& probe : probes_) sooner(probe.next);
  // While they wait, the end of a probe is the next chance.
  if (!trials_.empty() && !trials_wait()) sooner(trials_.front().deadline + paused_);
  if (sync_.active) sooner(sync_.deadline);
  return time_of(next);
}

static BoardEntry entry_of(const Node& node, const Address& address, const DescriptionPool& pool) {
  BoardEntry entry;
  entry.uid = node.uid;
  entry.number = node.number;
  entry.state = node.state;
  entry.address = address;
  entry.sequence = node.sequence;
  entry.load = node.load / 100.0;
  if (node.description != 0) {
    const Description& d = pool.get(node.description);
    entry.machine = d.machine;
    entry.memory_total = d.memory_total;
    if (node.live()) entry.memory_free = d.memory_total / 1000 * node.memory;
    entry.cpus = d.cpus;
    entry.speed = d.speed;
    entry.hostname = d.hostname;
    entry.version = d.version;
    entry.image = d.image;
  }
  return entry;
}

std::optional<BoardEntry> Member::Impl::find(uint64_t uid) const {
  const Slot slot = uid == 0 ? kNoSlot : table_.find(uid);
  if (slot == kNoSlot) return std::nullopt;
  const Node& node = table_[slot];
  BoardEntry entry = entry_of(node, address_of(node), *pool_);
  const Millis now = millis(env_.now());
  const auto age = [&](Millis at) { return Time{1000} * std::max(0, since(now, at)); };
  entry.self = slot == self_;
  entry.age = entry.self ? Time{0} : age(node.origin);
  entry.in_state = age(node.since);
  return entry;
}

std::optional<BoardEntry> Member::Impl::find_number(uint16_t number) const {
  if (number == 0) return std::nullopt;
  const Node* best = nullptr;
  for (size_t i = 0; i < table_.slots(); ++i) {
    const Node& node = table_[static_cast<Slot>(i)];
    if (node.uid == 0 || node.number != number) continue;
    if (!best || (node.live() && !best->live())) best = &node;
  }
  return best ? find(best->uid) : std::nullopt;
}

std::vector<BoardEntry> Member::Impl::board(bool with_dead) const {
  std::vector<BoardEntry> entries;
  entries.reserve(table_.size());
  entries.push_back(*find(options_.uid));
  for (size_t i = 0; i < table_.slots(); ++i) {
    const Node& node = table_[static_cast<Slot>(i)];
    if (node.uid == 0 || i == self_ || (!with_dead && !node.live())) continue;
    entries.push_back(*find(node.uid));
  }
  return entries;
}

std::vector<BoardEntry> Member::Impl::freshest(size_t most) const {
  std::vector<BoardEntry> entries;
  const auto newer = [](const std::pair<Millis, Slot>& a, const std::pair<Millis, Slot>& b) {
    const int32_t d = since(a.first, b.first);
    return d != 0 ? d > 0 : a.second < b.second;
  };
  auto order = fresh_;
  // A flock that hardly spoke yet: what was preloaded or learnt by a sync is not among them.
  if (alive_ <= most + 1) {
    order.clear();
    for (size_t i = 0; i < table_.slots(); ++i) {
      const auto slot = static_cast<Slot>(i);
      if (table_[slot].uid != 0) order.emplace_back(table_[slot].origin, slot);
    }
  }
  std::sort(order.begin(), order.end(), newer);
  Slot previous = kNoSlot;
  for (const auto& [origin, slot] : order) {
    if (entries.size() >= most) break;
    const Node& node = table_[slot];
    const bool outdated = node.uid == 0 || node.origin != origin;
    if (slot == previous || slot == self_ || outdated || !node.live()) continue;
    previous = slot;
    entries.push_back(*find(node.uid));
  }
  return entries;
}

size_t Member::Impl::memory_use() const {
  return sizeof(*this) + table_.memory_use() + news_.memory_use() +
         fresh_.capacity() * sizeof(fresh_[0]) + dead_.capacity() * sizeof(Slot) +
         probes_.capacity() * sizeof(Probe) + trials_.capacity() * sizeof(Trial) +
         relays_.capacity() * sizeof(Relay) + nets_.capacity() * sizeof(Net) +
         picked_.capacity() * sizeof(News);
}

void Member::Impl::publish(const LocalFacts& facts) {
  Node& me = table_[self_];
  me.load = static_cast<uint16_t>(std::clamp(facts.load * 100.0, 0.0, 65535.0));
  me.memory =
      facts.memory_total == 0
          ? 0
          : static_cast<uint16_t>(std::min<uint64_t>(
                1000, facts.memory_free / std::max<uint64_t>(1, facts.memory_total / 1000)));
  Description d;
  d.uid = options_.uid;
  d.machine = options_.machine;
  d.hostname = facts.hostname.substr(0, 64);
  d.version = facts.version.substr(0, 32);
  d.image = facts.image.substr(0, 64);
  d.memory_total = facts.memory_total;
  d.cpus = facts.cpus;
  d.speed = facts.speed;
  for (const Address& address : facts.addresses) {
    if (address.hi == kLinkLocalPrefix && d.addresses.size() < 8) d.addresses.push_back(address.lo);
  }
  if (!d.addresses.empty()) me.lo = d.addresses.front();
  const auto handle = pool_->intern(d);
  pool_->release(me.description);
  me.description = handle;
}

void Member::Impl::preload(const BoardEntry& entry, Time age) {
  clock_ = env_.now();
  now_ = millis(clock_);
  if (entry.uid == options_.uid && entry.number != 0 && entry.number <= kMaxNodes) {
    table_[self_].number = entry.number;
    number_since_ = now_;
    early_beacons_ = 0;
  }
  if (entry.uid == 0 || entry.uid == options_.uid || table_.find(entry.uid) != kNoSlot) return;
  Row row;
  row.uid = entry.uid;
  row.hi = entry.address.hi;
  row.lo = entry.address.lo;
  row.port = entry.address.port;
  row.sequence = entry.sequence;
  row.origin = row.life = now_ - static_cast<Millis>(age.count() / 1000);
  row.number = entry.number;
  const Slot slot = add(row, entry.address, false);
  if (slot == kNoSlot || entry.machine == 0) return;
  Description d{entry.uid,          entry.machine, entry.hostname, entry.version,     entry.image,
                entry.memory_total, entry.cpus,    entry.speed,    {entry.address.lo}};
  table_[slot].description = pool_->intern(d);
  --missing_descriptions_;
}

Member::Member(const Options& options, Environment& environment, Observer* observer)
    : impl_(std::make_unique<Impl>(options, environment, observer)) {}
Member::~Member() = default;
void Member::start() {
  impl_->start();
}
void Member::receive(const Address& from, std::span<const uint8_t> bytes, Time arrived_at) {
  impl_->receive(from, bytes, arrived_at);
}
void Member::tick() {
  impl_->tick();
}
Time Member::next_deadline() const {
  return impl_->next_deadline();
}
void Member::publish(const LocalFacts& facts) {
  impl_->publish(facts);
}
void Member::leave() {
  impl_->leave();
}
bool Member::gone() const {
  return impl_->gone();
}
uint64_t Member::uid() const {
  return impl_->uid();
}
uint16_t Member::number() const {
  return impl_->number();
}
size_t Member::alive() const {
  return impl_->alive();
}
std::vector<BoardEntry> Member::board(bool with_dead) const {
  return impl_->board(with_dead);
}
std::optional<BoardEntry> Member::find(uint64_t uid) const {
  return impl_->find(uid);
}
std::optional<BoardEntry> Member::find_number(uint16_t number) const {
  return impl_->find_number(number);
}
std::vector<BoardEntry> Member::freshest(size_t most) const {
  return impl_->freshest(most);
}
const Counters& Member::counters() const {
  return impl_->counters();
}
size_t Member::memory_use() const {
  return impl_->memory_use();
}
void Member::preload(const BoardEntry& entry, Time age) {
  impl_->preload(entry, age);
}

}  // namespace starling::membership
