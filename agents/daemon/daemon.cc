// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/daemon.h"

#include <openssl/rand.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include <algorithm>

#include "agents/common/fail.h"
#include "agents/common/notify.h"
#include "agents/common/small_file.h"
#include "agents/common/version.h"
#include "agents/daemon/netboot_view.h"
#include "agents/daemon/speed.h"

namespace starling::daemon {

using membership::BoardEntry;
using membership::EventKind;
using nlohmann::json;

// A goodbye takes about 50 ms; a liveness thread that does not manage it in two seconds will not.
static constexpr TimeNs kGoodbyePatience = 2 * kSecond;
// What the boot server seals its lists with; agents/netboot/boot_list.h says what they are.
static constexpr const char* kBootListKeyLabel = "boot list";
// For processes to come home and guests to go before the goodbye. The unit's TimeoutStopSec is
// longer.
static constexpr TimeNs kEvacuationPatience = 10 * kSecond;
static constexpr TimeNs kSnapshotFresh = 100 * kMillisecond;

static std::uint64_t configured_machine(const Config& config,
                                        const std::map<std::uint32_t, Link>& links) {
  std::array<std::uint8_t, 8> id;
  if (!config.machine.empty() && from_hex(config.machine, id)) {
    const std::uint64_t value = get_be64(id.data());
    return value ? value : 1;
  }
  return machine_identity(links);
}

static SessionId fresh_session() {
  SessionId session;
  if (RAND_bytes(session.data(), static_cast<int>(session.size())) != 1) {
    throw std::runtime_error("no random bytes");
  }
  return session;
}

Daemon::Daemon(const Config& config, const FlockKey& key)
    : config_(config),
      keys_(key, config.flock),
      filter_(config.interfaces),
      started_(boottime_ns()),
      hpc_(config.hpc_device),
      uid_(fresh_uid()) {
  sigset_t caught;
  sigemptyset(&caught);
  for (int s : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&caught, s);
  signals_.reset(signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) fail_errno("signalfd");

  const auto log_trouble = [](const std::string& what) {
    if (!what.empty()) log_warning(what + "; a busy machine may then be taken for dead");
  };
  log_trouble(lock_memory());

  remembered_ = read_remembered(config.state_dir);
  const std::uint64_t machine = configured_machine(config, monitor_.links());
  // A disk image copied to another machine brings the number, but is not that machine.
  if (remembered_.machine != 0 && remembered_.machine != machine) remembered_ = {};
  remembered_.machine = machine;

  facts_.hostname = host_name();
  facts_.version = kProgramVersion;
  facts_.image = image_id(config.image_id_file);
  facts_.cpus = online_cpus();
  // Before the first word to the others: a description that changes later takes its time to travel.
  facts_.speed = measure_speed();
  ports_ = usable_ports();
  publish_facts();

  // The control socket first: if another daemon lives here, the flock must not hear of us.
  control_ = std::make_unique<ControlServer>(
      loop_, config.control_socket,
      [this](const json& request, const Peer& peer, const ControlServer::Reply& reply) {
        handle(request, peer, reply);
      });

  moves_ = make_move_service();

  Liveness::Settings settings;
  settings.keys = &keys_;
  settings.session = fresh_session();
  settings.port = config.port;
  settings.priority = config.priority;
  settings.member.uid = uid_;
  settings.member.machine = machine;
  settings.member.port = config.port;
  settings.member.previous_number = config.number ? config.number : remembered_.number;
  settings.member.previous_uid = remembered_.uid;
  liveness_ = std::make_unique<Liveness>(settings, facts_, ports_, from_liveness_);

  moves_->set_ports(ports_);

  loop_.add(monitor_.fd(), EPOLLIN, [this](std::uint32_t) {
    if (monitor_.read()) on_links_changed();
  });
  loop_.add(signals_.get(), EPOLLIN, [this](std::uint32_t) { on_signal(); });
  loop_.add(half_second_.fd(), EPOLLIN, [this](std::uint32_t) { on_half_second(); });
  loop_.add(from_liveness_.fd(), EPOLLIN, [this](std::uint32_t) { on_liveness(); });
  half_second_.set_every(kSecond / 2);
  if (const auto period = watchdog_period()) {
    loop_.add(watchdog_.fd(), EPOLLIN, [this](std::uint32_t) { on_watchdog(); });
    watchdog_.set_every(*period / 3);
  }
}

Daemon::~Daemon() = default;

std::unique_ptr<MoveService> Daemon::make_move_service() {
  MoveService::Settings settings;
  settings.helper_dir = config_.helper_dir;
  settings.rendezvous = config_.move_socket;
  settings.state_file = config_.move_socket.parent_path() / "move.state";
  settings.port = config_.port;
  settings.guest_memory = config_.guest_memory;
  settings.guest_cgroup = config_.guest_cgroup;
  settings.limits.guests = config_.max_guests;
  // Before the liveness thread, to which the key schedule belongs from then on.
  settings.key = keys_.stream_key();
  MoveService::Surroundings surroundings;
  surroundings.with_snapshot = [this](SnapshotUser user) { with_snapshot(std::move(user)); };
  surroundings.link_name = [this](std::uint32_t interface) {
    const auto link = monitor_.links().find(interface);
    return link == monitor_.links().end() ? std::string() : link->second.name;
  };
  surroundings.number = [this] { return number_; };
  return std::make_unique<MoveService>(loop_, std::move(settings), std::move(surroundings));
}

int Daemon::run() {
  log_info("starlingd " + std::string(kProgramVersion) + ": flock " + config_.flock + ", port " +
           std::to_string(config_.port) + ", " + std::to_string(ports_.size()) + " links in use");
  notify_manager("READY=1\nSTATUS=Looking for flock " + config_.flock);
  TimeNs give_up = 0;
  while (true) {
    loop_.run_once(leaving_ ? 100 : -1);
    if (!leaving_) continue;
    if (give_up == 0) give_up = monotonic_ns() + kGoodbyePatience;
    if (liveness_->gone() || monotonic_ns() > give_up) break;
  }
  log_notice("left flock " + config_.flock);
  hpc_.publish_node(0);
  for (const auto& reply : leavers_) {
    json answer = stayed_;
    answer["left"] = true;
    reply(answer);
  }
  std::error_code ignored;
  if (!config_.issue_file.empty()) std::filesystem::remove(config_.issue_file, ignored);
  return 0;
}

std::vector<Port> Daemon::usable_ports() {
  std::vector<Port> ports;
  for (const auto& [index, link] : monitor_.links()) {
    if (filter_.matches(link, monitor_.links()) && link.up && link.carrier &&
        link.link_local != Address6{}) {
      ports.push_back({index, link.link_local});
    }
  }
  return ports;
}

void Daemon::on_links_changed() {
  const std::vector<Port> ports = usable_ports();
  const auto has = [](const std::vector<Port>& list, const Port& p) {
    return std::find(list.begin(), list.end(), p) != list.end();
  };
  if (ports != ports_) {
    const LinkNames names = link_names();
    const auto name = [&](const Port& p) {
      const auto it = names.find(p.interface);
      return it == names.end() ? "link " + std::to_string(p.interface) : it->second;
    };
    for (const Port& p : ports) {
      if (!has(ports_, p)) log_info(name(p) + ": in use, " + to_string(p.address));
    }
    for (const Port& p : ports_) {
      if (!has(ports, p)) log_info(name(p) + ": no longer in use");
    }
    ports_ = ports;
    liveness_->set_ports(ports_);
    moves_->set_ports(ports_);
    publish_facts();
    with_snapshot([this](const Snapshot& s) { write_issue(s); });
  } else {
    // The same link may have been taken down and up: its group membership is renewed.
    liveness_->set_ports(ports_);
    moves_->set_ports(ports_);
  }
}

void Daemon::on_signal() {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGHUP) {
      log_info("SIGHUP: the configuration is read at start only; use systemctl restart starlingd");
      continue;
    }
    notify_manager("STOPPING=1\nSTATUS=Leaving flock " + config_.flock);
    leaving_ = true;
    liveness_->leave();
  }
}

void Daemon::on_half_second() {
  half_second_.take();
  load_.sample();
  moves_->tick();
  // The host name of a live system is set late in the boot, and a link may come at any time.
  if (++half_seconds_ % 2 == 0) publish_facts();
  if (half_seconds_ % 4 == 0 || !number_known_) {
    with_snapshot([this](const Snapshot& s) { follow_number(s); });
  }
}

void Daemon::publish_facts() {
  if (const auto text = read_small_file("/proc/meminfo", 4096)) {
    if (const auto memory = parse_meminfo(*text)) {
      facts_.memory_total = memory->total;
      facts_.memory_free = memory->available;
    }
  }
  facts_.load = load_.average();
  facts_.hostname = host_name();
  facts_.cpus = online_cpus();
  facts_.addresses.clear();
  for (const Port& p : ports_) {
    if (facts_.addresses.size() < 8) {
      facts_.addresses.push_back(to_member_address(p.address, p.interface, config_.port));
    }
  }
  if (liveness_) liveness_->publish(facts_);
}

void Daemon::on_watchdog() {
  watchdog_.take();
  // This thread makes progress, or it would not be here; fed only if the other does as well.
  const std::uint64_t heartbeat = liveness_->heartbeat();
  if (heartbeat != last_heartbeat_) notify_manager("WATCHDOG=1");
  last_heartbeat_ = heartbeat;
}

void Daemon::with_snapshot(SnapshotUser user) {
  if (snapshot_.taken != 0 && monotonic_ns() - snapshot_.taken < kSnapshotFresh) {
    user(snapshot_);
    return;
  }
  waiting_.push_back(std::move(user));
  if (waiting_.size() == 1) liveness_->request_snapshot();
}

void Daemon::on_liveness() {
  from_liveness_.take();
  std::vector<membership::Event> events;
  liveness_->take_events(events);
  if (!events.empty()) {
    const bool first = untold_.empty();
    untold_.insert(untold_.end(), events.begin(), events.end());
    // Asked for after the events, so it shows what they led to.
    if (first) {
      snapshot_.taken = std::min(snapshot_.taken, monotonic_ns() - kSnapshotFresh);
      with_snapshot([this](const Snapshot& s) { tell_events(s); });
    }
  }
  if (liveness_->take_snapshot(snapshot_)) {
    std::vector<SnapshotUser> users;
    users.swap(waiting_);
    for (const auto& user : users) user(snapshot_);
  }
}

static std::string nodes(std::size_t n) {
  return std::to_string(n) + (n == 1 ? " node" : " nodes");
}

// A node may be heard of before its number; and its number may change when two flocks meet.
void Daemon::tell_joined(const membership::Event& event, const std::string& who,
                         const std::string& now) {
  if (event.number == 0) return;
  const auto [told, first] = told_.try_emplace(event.uid, event.number);
  if (first) {
    log_notice(who + " joined" + now);
  } else if (told->second != event.number) {
    log_notice("node " + std::to_string(told->second) + " is now " + who);
    told->second = event.number;
  }
}

void Daemon::tell_events(const Snapshot& snapshot) {
  std::vector<membership::Event> events;
  events.swap(untold_);
  const std::string now = ": " + nodes(snapshot.alive);
  for (const auto& event : events) {
    if (event.uid == uid_) continue;  // follow_number() tells
    const auto it = std::find_if(snapshot.board.begin(), snapshot.board.end(),
                                 [&](const BoardEntry& e) { return e.uid == event.uid; });
    BoardEntry unknown;
    unknown.number = event.number;
    const std::string who = node_label(it == snapshot.board.end() ? unknown : *it);
    switch (event.kind) {
      case EventKind::kJoined:
      case EventKind::kNumberChanged:
        tell_joined(event, who, now);
        break;
      case EventKind::kReturned:
        log_notice(who + " is back" + now);
        break;
      case EventKind::kDead:
        told_.erase(event.uid);
        log_notice(who + " is dead" + now);
        break;
      case EventKind::kLeft:
        told_.erase(event.uid);
        log_notice(who + " left" + now);
        break;
      case EventKind::kReplaced:
        told_.erase(event.uid);
        log_info(who + " was started again" + now);
        break;
      case EventKind::kSuspected:
        log_debug(who + " is suspected");
        break;
      case EventKind::kRefuted:
        log_debug(who + " is alive after all");
        break;
    }
  }
  follow_number(snapshot);
}

void Daemon::follow_number(const Snapshot& snapshot) {
  const auto self = std::find_if(snapshot.board.begin(), snapshot.board.end(),
                                 [](const BoardEntry& e) { return e.self; });
  if (self == snapshot.board.end()) return;
  if (self->number != number_) {
    if (self->number != 0) {
      log_notice("node " + std::to_string(self->number) +
                 (number_ == 0 ? " joined flock " : " is this node's new number in flock ") +
                 config_.flock + ": " + nodes(snapshot.alive));
    }
    number_ = self->number;
    hpc_.publish_node(number_);
  }
  if (number_ != 0 && (remembered_.number != number_ || remembered_.uid != uid_)) {
    remembered_.number = number_;
    remembered_.uid = uid_;
    try {
      write_remembered(config_.state_dir, remembered_);
    } catch (const std::exception& e) {
      log_warning(std::string("the node number cannot be kept: ") + e.what());
    }
  }
  if (number_ != 0 && !snapshot.realtime_trouble.empty() && !number_known_) {
    log_warning(snapshot.realtime_trouble + "; a busy machine may then be taken for dead");
  }
  number_known_ = number_ != 0;
  write_issue(snapshot);
}

void Daemon::write_issue(const Snapshot& snapshot) {
  std::string head = number_ == 0 ? "Starling: looking for flock " + config_.flock
                                  : "Starling node " + std::to_string(number_) + " of flock " +
                                        config_.flock + ": " + nodes(snapshot.alive);
  std::string text = head + "\n";
  const LinkNames names = link_names();
  for (const Port& p : ports_) {
    const auto name = names.find(p.interface);
    text += "  " + (name == names.end() ? "?" : name->second) + "  " + to_string(p.address) + "\n";
  }
  if (text == issue_) return;
  issue_ = text;
  notify_manager("STATUS=" + head);
  if (config_.issue_file.empty()) return;
  try {
    std::error_code ignored;
    std::filesystem::create_directories(config_.issue_file.parent_path(), ignored);
    write_file_atomically(config_.issue_file, text + "\n", 0644);
  } catch (const std::exception& e) {
    log_debug(std::string("no login banner: ") + e.what());
  }
}

LinkNames Daemon::link_names() const {
  LinkNames names;
  for (const auto& [index, link] : monitor_.links()) names[index] = link.name;
  return names;
}

void Daemon::handle(const json& request, const Peer& peer, const ControlServer::Reply& reply) {
  const std::string cmd = request.at("cmd");
  if (cmd == "nodes") {
    const bool all = request.value("all", false);
    with_snapshot([this, all, reply](const Snapshot& s) {
      json list = json::array();
      const LinkNames names = link_names();
      for (const BoardEntry& e : s.board) {
        const bool here =
            e.state == membership::State::kAlive || e.state == membership::State::kSuspect;
        if (all || here) list.push_back(node_json(e, names));
      }
      reply({{"flock", config_.flock}, {"self", number_}, {"alive", s.alive}, {"nodes", list}});
    });
  } else if (cmd == "whois") {
    const std::string who = request.at("who");
    with_snapshot([this, who, reply](const Snapshot& s) {
      if (const BoardEntry* e = find_node(s, who)) {
        reply({{"node", node_json(*e, link_names())}});
      } else {
        reply({{"node", nullptr}});
      }
    });
  } else if (cmd == "status") {
    with_snapshot([this, reply](const Snapshot& s) { reply(status_json(s)); });
  } else if (cmd == "netboot") {
    reply({{"netboot", netboot_view(config_.netboot_dir)}});
  } else if (cmd == "boot-list-key") {
    if (!peer.privileged() && peer.uid != geteuid()) {
      throw ControlError("denied", "only root may have a key of the flock");
    }
    reply({{"key", to_hex(keys_.shared_key(kBootListKeyLabel))}});
  } else if (cmd == "version") {
    reply({{"version", kProgramVersion}});
  } else if (cmd == "leave") {
    if (!peer.privileged() && peer.uid != geteuid()) {
      throw ControlError("denied", "only root may make this node leave");
    }
    log_notice("asked to leave by process " + std::to_string(peer.pid));
    leavers_.push_back(reply);
    if (leavers_.size() == 1) evacuate();
  } else if (!moves_->handle(request, peer, reply)) {
    throw ControlError("unknown-command", "unknown command \"" + cmd.substr(0, 64) + "\"");
  }
}

// What is not gone by the end of the patience is told, and left to its helpers, which work on.
void Daemon::evacuate() {
  notify_manager("STOPPING=1\nSTATUS=Bringing processes home");
  moves_->evacuate(kEvacuationPatience, [this](const json& answer) {
    stayed_ = {{"moved", answer.value("moved", 0)},
               {"failed", answer.value("failed", json::array())}};
    if (!answer.value("ok", true))
      log_warning("leaving all the same: " + answer.value("error", ""));
    leaving_ = true;
    liveness_->leave();
  });
}

json Daemon::status_json(const Snapshot& s) const {
  json links = json::array();
  for (const auto& [index, link] : monitor_.links()) {
    if (!link.ethernet) continue;
    const bool wanted = filter_.matches(link, monitor_.links());
    const char* why = !wanted                         ? "not wanted"
                      : !link.up                      ? "down"
                      : !link.carrier                 ? "no carrier"
                      : link.tentative                ? "address still tentative"
                      : link.link_local == Address6{} ? "no link-local address"
                                                      : "";
    links.push_back({{"name", link.name},
                     {"address", link.link_local == Address6{} ? "" : to_string(link.link_local)},
                     {"in_use", *why == '\0'},
                     {"why_not", why}});
  }
  json out = {{"flock", config_.flock},
              {"number", number_},
              {"state", leaving_  ? "leaving"
                        : number_ ? "joined"
                                  : "looking"},
              {"alive", s.alive},
              {"known", s.board.size()},
              {"version", kProgramVersion},
              {"image", facts_.image},
              {"hostname", facts_.hostname},
              {"uid", uid_text(uid_)},
              {"machine", uid_text(remembered_.machine)},
              {"port", config_.port},
              {"uptime", static_cast<double>(boottime_ns() - started_) / kSecond},
              {"cpu_pressure", load_.pressure()},
              {"realtime", s.realtime_trouble.empty() && config_.priority > 0},
              {"worst_late", static_cast<double>(s.punctuality.worst_late) / kSecond},
              {"worst_round", static_cast<double>(s.punctuality.worst_round) / kSecond},
              {"rounds", s.punctuality.rounds},
              {"hpc", hpc_.present()},
              {"interfaces", links}};
  out["counters"] = counters_json(s);
  return out;
}

}  // namespace starling::daemon
