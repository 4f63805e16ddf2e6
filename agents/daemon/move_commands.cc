// SPDX-License-Identifier: GPL-2.0-or-later
// What people ask of the MoveService: who may, whom it concerns, and what they are told.
#include <algorithm>
#include <charconv>

#include "agents/common/log.h"
#include "agents/daemon/move_service.h"
#include "agents/daemon/report.h"

namespace starling::daemon {

using nlohmann::json;

static constexpr TimeNs kMovePatience = 30 * kSecond;
static constexpr TimeNs kStatsPatience = 2 * kSecond;
static constexpr std::size_t kMaxChecks = 8;

static std::string text_of(pid_t pid) {
  return "process " + std::to_string(pid);
}

static void require_root(const Peer& peer, const char* what) {
  if (!peer.privileged()) throw ControlError("denied", std::string("only root may ") + what);
}

bool MoveService::handle(const json& request, const Peer& peer, const Reply& reply) {
  const std::string cmd = request.at("cmd");
  if (cmd == "migrate") {
    migrate(request, peer, reply);
  } else if (cmd == "where") {
    where(request, peer, reply);
  } else if (cmd == "why") {
    why(request, peer, reply);
  } else if (cmd == "processes") {
    processes(peer, reply);
  } else if (cmd == "movestats") {
    movestats(peer, reply);
  } else if (cmd == "lock" || cmd == "unlock") {
    lock(request, peer, reply, cmd == "lock");
  } else if (cmd == "bring") {
    require_root(peer, "bring all processes home");
    bring(std::make_shared<Gathering>(reply), kMovePatience);
  } else if (cmd == "expel") {
    require_root(peer, "send all guests away");
    expel(std::make_shared<Gathering>(reply), kMovePatience);
  } else if (cmd == "block") {
    require_root(peer, "block this node");
    block(request, reply);
  } else {
    return false;
  }
  return true;
}

ProcessInfo MoveService::own_process(const json& request, const Peer& peer) const {
  const std::int64_t pid = request.at("pid");
  const auto process =
      pid > 0 && pid <= INT32_MAX ? read_process(static_cast<pid_t>(pid)) : std::nullopt;
  if (!process) {
    throw ControlError("no-process",
                       "there is no process " + std::to_string(pid) + " on this node");
  }
  if (!peer.privileged() && process->uid != peer.uid) {
    throw ControlError("denied", text_of(process->pid) + " belongs to user " +
                                     std::to_string(process->uid) +
                                     ": only its owner and root may do that");
  }
  return *process;
}

MoveService::Guest* MoveService::guest_of(const ProcessInfo& process) {
  ProcessInfo at = process;
  // Deep trees end at process 1; the bound is for a tree that changes while it is climbed.
  for (int depth = 0; depth < 64; ++depth) {
    const auto found = guests_.find(at.pid);
    if (found != guests_.end()) return &found->second;
    const auto parent = read_process(at.parent);
    if (!parent) break;
    at = *parent;
  }
  return nullptr;
}

MoveService::Deputy* MoveService::deputy_of(const ProcessInfo& process) {
  const auto found = deputies_.find(process.pid);
  if (found == deputies_.end()) return nullptr;
  if (found->second.started != process.started) {
    throw ControlError("busy", "the process that had the number " + std::to_string(process.pid) +
                                   " before is not all gone yet; try again");
  }
  return &found->second;
}

bool MoveService::locked(const ProcessInfo& process) const {
  const auto found = locks_.find(process.pid);
  return found != locks_.end() && found->second == process.started;
}

// A node as people name it: a number in JSON counts like one in a string.
static std::string target_of(const json& request) {
  const json& node = request.at("node");
  return node.is_number_unsigned() ? std::to_string(node.get<std::uint64_t>())
                                   : node.get<std::string>();
}

void MoveService::migrate(const json& request, const Peer& peer, const Reply& reply) {
  const std::string target = target_of(request);
  const ProcessInfo process = own_process(request, peer);
  if (Guest* guest = guest_of(process)) {
    return migrate_guest(*guest, process.pid, target, peer, reply);
  }
  if (process.state == 'Z' || process.state == 'X') {
    throw ControlError("no-process", text_of(process.pid) + " has ended");
  }
  if (process.kernel_thread) {
    throw ControlError("cannot-move", text_of(process.pid) + " is a part of the kernel");
  }
  if (locked(process)) {
    throw ControlError("locked", text_of(process.pid) + " is locked where it is; unlock it with: " +
                                     "mosctl unlock " + std::to_string(process.pid));
  }
  if (target == "home") return send_home(process.pid, reply, kMovePatience);
  surroundings_.with_snapshot([this, process, target, reply](const Snapshot& snapshot) {
    try {
      send_out(process, target, snapshot, reply);
    } catch (const ControlError& e) {
      reply(failure(e.code, e.what()));
    } catch (const std::exception& e) {
      reply(failure("no-helper", std::string("the process cannot be moved: ") + e.what()));
    }
  });
}

void MoveService::send_out(const ProcessInfo& process, const std::string& who,
                           const Snapshot& snapshot, const Reply& reply) {
  const auto* node = find_node(snapshot, who);
  if (!node || node->number == 0) {
    throw ControlError("unknown-node", "there is no node \"" + who.substr(0, 64) + "\"");
  }
  if (node->self) return send_home(process.pid, reply, kMovePatience);
  if (evacuating_) throw ControlError("leaving", "this node is about to leave its flock");
  if (node->state == membership::State::kDead || node->state == membership::State::kLeft) {
    throw ControlError(
        "node-down",
        node_label(*node) + " is " + (node->state == membership::State::kDead ? "dead" : "gone"));
  }
  // The snapshot took a moment.
  const auto now = read_process(process.pid);
  if (!now || now->started != process.started) {
    throw ControlError("no-process", text_of(process.pid) + " has ended");
  }
  Deputy& deputy = deputy_for(process);
  if (deputy.helper->busy_with("go") || deputy.helper->busy_with("home")) {
    throw ControlError("busy", text_of(process.pid) + " is being moved already");
  }
  if (deputy.node == node->number) {
    return reply({{"pid", process.pid}, {"node", node->number}, {"moved", false}});
  }
  const json go = {{"do", "go"},
                   {"node", node->number},
                   {"address", to_string(to_address6(node->address))},
                   {"interface", surroundings_.link_name(node->address.scope)},
                   {"port", node->address.port}};
  deputy.helper->ask(go, kMovePatience,
                     [this, pid = process.pid, number = node->number, label = node_label(*node),
                      reply](const Helper::Answer& answer) {
                       if (!answer.ok) {
                         ++totals_.failed;
                         return reply(failure("cannot-move", text_of(pid) + " did not move to " +
                                                                 label + ": " + answer.error));
                       }
                       const auto found = deputies_.find(pid);
                       if (found != deputies_.end()) set_node(pid, found->second, number);
                       reply({{"pid", pid}, {"node", number}, {"moved", true}});
                     });
}

void MoveService::send_home(pid_t pid, const Reply& reply, TimeNs patience) {
  const auto found = deputies_.find(pid);
  if (found == deputies_.end() ||
      (found->second.node == 0 && !found->second.helper->busy_with("go"))) {
    return reply({{"pid", pid}, {"node", 0}, {"moved", false}});
  }
  if (found->second.helper->busy_with("home")) {
    return reply(failure("busy", text_of(pid) + " is on its way home already"));
  }
  found->second.helper->ask(
      {{"do", "home"}}, patience, [this, pid, reply](const Helper::Answer& answer) {
        if (!answer.ok) {
          ++totals_.failed;
          return reply(
              failure("cannot-move", text_of(pid) + " did not come home: " + answer.error));
        }
        const auto at = deputies_.find(pid);
        if (at != deputies_.end()) set_node(pid, at->second, 0);
        reply({{"pid", pid}, {"node", 0}, {"moved", true}});
      });
}

// Where a process goes is decided at its home: here it is sent back there, with the wish to go on.
void MoveService::migrate_guest(Guest& guest, pid_t pid, const std::string& target,
                                const Peer& peer, const Reply& reply) {
  require_root(peer, "send a guest away");
  if (target != "home") {
    surroundings_.with_snapshot(
        [this, helper = guest.helper->process(), pid, target, reply](const Snapshot& snapshot) {
          try {
            ask_on(helper, pid, target, snapshot, reply);
          } catch (const ControlError& e) {
            reply(failure(e.code, e.what()));
          }
        });
    return;
  }
  expel_guest(guest, 0, kMovePatience, [pid, reply](const Helper::Answer& answer) {
    if (!answer.ok) {
      return reply(failure("cannot-move", text_of(pid) + " did not go home: " + answer.error));
    }
    reply({{"pid", pid}, {"node", 0}, {"moved", true}});
  });
}

void MoveService::ask_on(pid_t helper, pid_t pid, const std::string& target,
                         const Snapshot& snapshot, const Reply& reply) {
  const auto* node = find_node(snapshot, target);
  if (!node || node->number == 0) {
    throw ControlError("unknown-node", "there is no node \"" + target.substr(0, 64) + "\"");
  }
  if (node->self) return reply({{"pid", pid}, {"node", node->number}, {"moved", false}});
  const auto found = guests_.find(helper);
  if (found == guests_.end()) throw ControlError("no-process", text_of(pid) + " has left");
  const std::uint16_t home = found->second.home;
  const std::uint16_t onward = node->number == home ? std::uint16_t{0} : node->number;
  expel_guest(
      found->second, onward, kMovePatience,
      [pid, home, number = node->number, onward, reply](const Helper::Answer& answer) {
        if (!answer.ok) {
          return reply(failure("cannot-move", text_of(pid) + " did not go home: " + answer.error));
        }
        json told = {{"pid", pid}, {"node", number}, {"home", home}, {"moved", true}};
        if (onward != 0) told["asked"] = true;
        reply(told);
      });
}

// A guest was asked, where it is, to let a process of this node go on to another.
void MoveService::on_wish(pid_t pid, std::uint16_t node) {
  surroundings_.with_snapshot([this, pid, node](const Snapshot& snapshot) {
    const std::string text = text_of(pid) + ", asked for on its guest's node";
    try {
      const auto process = read_process(pid);
      if (!process) return;
      if (locked(*process)) throw ControlError("locked", "it is locked where it is");
      send_out(*process, std::to_string(node), snapshot, [text](const json& answer) {
        if (!answer.value("ok", true)) log_warning(text + ": " + answer.value("error", ""));
      });
    } catch (const std::exception& e) {
      log_warning(text + ": " + e.what());
    }
  });
}

void MoveService::expel_guest(Guest& guest, std::uint16_t onward, TimeNs patience,
                              Helper::Done done) {
  json order = {{"do", "expel"}};
  if (onward != 0) order["node"] = onward;
  guest.helper->ask(order, patience,
                    [this, process = guest.helper->process(), deadline = monotonic_ns() + patience,
                     done](const Helper::Answer& answer) {
                      const auto found = guests_.find(process);
                      if (!answer.ok || found == guests_.end()) return done(answer);
                      found->second.leavers.push_back({deadline, done});
                    });
}

void MoveService::expire_leavers(Guest& guest, TimeNs now) {
  std::vector<Leaver> late;
  std::erase_if(guest.leavers, [&](const Leaver& leaver) {
    if (now <= leaver.deadline) return false;
    late.push_back(leaver);
    return true;
  });
  for (const Leaver& leaver : late)
    leaver.done({false, "its home did not take it back in time", json::object()});
}

void MoveService::where(const json& request, const Peer& peer, const Reply& reply) {
  const ProcessInfo process = own_process(request, peer);
  if (const Guest* guest = guest_of(process)) {
    return reply({{"pid", process.pid},
                  {"node", surroundings_.number()},
                  {"home", guest->home},
                  {"home_pid", guest->pid},
                  {"guest", true},
                  {"away", true}});
  }
  const Deputy* deputy = deputy_of(process);
  const std::uint16_t home = surroundings_.number();
  const bool away = deputy && deputy->node != 0;
  reply({{"pid", process.pid},
         {"node", away ? deputy->node : home},
         {"home", home},
         {"home_pid", process.pid},
         {"away", away},
         {"locked", locked(process)}});
}

void MoveService::why(const json& request, const Peer& peer, const Reply& reply) {
  const ProcessInfo process = own_process(request, peer);
  const auto answer = [&](bool can, const std::string& text) {
    reply({{"pid", process.pid}, {"can_move", can}, {"why", text}});
  };
  if (guest_of(process)) return answer(false, "it is a guest here: its home decides");
  if (locked(process)) return answer(false, "it is locked where it is");
  if (process.kernel_thread) return answer(false, "it is a part of the kernel");
  if (process.state == 'Z') return answer(false, "it has ended");
  const Deputy* deputy = deputy_of(process);
  if (deputy && deputy->node != 0) return answer(true, "");
  if (checks_.size() >= kMaxChecks) {
    checks_.remove_if([](const StayReason& check) { return check.over(); });
  }
  if (checks_.size() >= kMaxChecks) {
    throw ControlError("busy", "too many such questions at once; ask again");
  }
  try {
    checks_.emplace_back(
        loop_, find_helper(settings_.helper_dir, "starling-deputy"), process.pid,
        [reply, pid = process.pid](const StayReason::Result& result) {
          if (!result.known) return reply(failure("no-helper", result.why));
          reply({{"pid", pid}, {"can_move", result.can_move}, {"why", result.why}});
        });
  } catch (const std::system_error& e) {
    throw ControlError("no-helper", std::string("the check cannot be started: ") + e.what());
  }
}

void MoveService::lock(const json& request, const Peer& peer, const Reply& reply, bool on) {
  const ProcessInfo process = own_process(request, peer);
  if (guest_of(process)) {
    throw ControlError("not-home", text_of(process.pid) + " is a guest: lock it at its home");
  }
  if (on) {
    locks_[process.pid] = process.started;
  } else {
    locks_.erase(process.pid);
  }
  save_state();
  reply({{"pid", process.pid}, {"locked", on}});
}

void MoveService::block(const json& request, const Reply& reply) {
  if (request.contains("on")) {
    admission_.block(request.at("on").get<bool>());
    save_state();
  }
  reply({{"blocked", admission_.blocked()}});
}

// Answers one client when several helpers have answered.
struct MoveService::Gathering {
  explicit Gathering(Reply r) : reply(std::move(r)) {}
  ~Gathering() {
    if (failed.empty()) {
      reply({{"moved", moved}, {"failed", failed}});
    } else {
      json answer = failure("cannot-move", std::to_string(failed.size()) + " of " +
                                               std::to_string(moved + failed.size()) +
                                               " did not go home: " + failed[0].value("error", ""));
      answer["moved"] = moved;
      answer["failed"] = failed;
      reply(answer);
    }
  }
  Gathering(const Gathering&) = delete;
  Gathering& operator=(const Gathering&) = delete;

  Reply reply;
  std::size_t moved = 0;
  json failed = json::array();
};

void MoveService::bring(const std::shared_ptr<Gathering>& gathering, TimeNs patience) {
  // An answer that comes at once must not meet the map while it is walked.
  std::vector<pid_t> away;
  for (const auto& [pid, deputy] : deputies_) {
    if (deputy.node != 0 || deputy.helper->busy_with("go")) away.push_back(pid);
  }
  for (const pid_t pid : away) {
    send_home(
        pid,
        [gathering, pid](const json& answer) {
          if (answer.value("ok", true)) {
            ++gathering->moved;
          } else {
            gathering->failed.push_back({{"pid", pid}, {"error", answer.value("error", "")}});
          }
        },
        patience);
  }
}

void MoveService::expel(const std::shared_ptr<Gathering>& gathering, TimeNs patience) {
  for (auto& [process, guest] : guests_) {
    if (!guest.proven) continue;
    expel_guest(
        guest, 0, patience,
        [gathering, home = guest.home, pid = guest.pid](const Helper::Answer& answer) {
          if (answer.ok) {
            ++gathering->moved;
          } else {
            gathering->failed.push_back({{"home", home}, {"pid", pid}, {"error", answer.error}});
          }
        });
  }
}

void MoveService::evacuate(TimeNs patience, const Reply& done) {
  evacuating_ = true;
  const auto gathering = std::make_shared<Gathering>(done);
  bring(gathering, patience);
  expel(gathering, patience);
}

json MoveService::processes_json(const Peer& peer, const Snapshot& snapshot) const {
  json moved = json::array();
  for (const auto& [pid, deputy] : deputies_) {
    const auto process = read_process(pid);
    if (!process || (!peer.privileged() && process->uid != peer.uid)) continue;
    const auto* node = deputy.node ? find_node(snapshot, std::to_string(deputy.node)) : nullptr;
    moved.push_back({{"pid", pid},
                     {"comm", process->comm},
                     {"uid", process->uid},
                     {"node", deputy.node},
                     {"host", node ? node->hostname : ""},
                     {"moves", deputy.moves},
                     {"helper", deputy.helper->process()},
                     {"stats", deputy.stats}});
  }
  json guests = json::array();
  for (const auto& [helper, guest] : guests_) {
    if (!peer.privileged() || !guest.proven) continue;
    guests.push_back({{"home", guest.home},
                      {"pid", guest.pid},
                      {"uid", guest.uid},
                      {"comm", guest.comm},
                      {"helper", helper},
                      {"stats", guest.stats}});
  }
  json locks = json::array();
  for (const auto& [pid, started] : locks_) {
    const auto process = read_process(pid);
    if (process && (peer.privileged() || process->uid == peer.uid)) locks.push_back(pid);
  }
  return {{"self", surroundings_.number()},
          {"moved", moved},
          {"guests", guests},
          {"locked", locks},
          {"blocked", admission_.blocked()}};
}

void MoveService::processes(const Peer& peer, const Reply& reply) {
  surroundings_.with_snapshot(
      [this, peer, reply](const Snapshot& snapshot) { reply(processes_json(peer, snapshot)); });
}

json MoveService::totals_json() const {
  using V = MoveAdmission::Verdict;
  return {{"moved", totals_.moved},
          {"came_home", totals_.came_home},
          {"failed", totals_.failed},
          {"guests", totals_.guests},
          {"unproven", totals_.unproven},
          {"lost", totals_.lost},
          {"refused_blocked", admission_.count(V::kBlocked)},
          {"refused_full", admission_.count(V::kFull)},
          {"refused_too_fast", admission_.count(V::kTooFast)}};
}

// Figures without the words around them.
static void take_figures(json& stats, json reply) {
  reply.erase("reply");
  reply.erase("ok");
  stats.update(reply);
}

void MoveService::movestats(const Peer& peer, const Reply& reply) {
  // The helpers' answers bring their figures up to date; the last one to answer, or to be given
  // up, lets go of this and so has the client answered.
  const std::shared_ptr<void> last(nullptr, [this, peer, reply](void*) {
    surroundings_.with_snapshot([this, peer, reply](const Snapshot& snapshot) {
      json out = processes_json(peer, snapshot);
      out["totals"] = totals_json();
      reply(std::move(out));
    });
  });
  for (auto& [pid, deputy] : deputies_) {
    deputy.helper->ask({{"do", "stats"}}, kStatsPatience,
                       [this, pid = pid, last](const Helper::Answer& answer) {
                         const auto found = deputies_.find(pid);
                         if (answer.ok && found != deputies_.end()) {
                           take_figures(found->second.stats, answer.all);
                         }
                       });
  }
  for (auto& [process, guest] : guests_) {
    if (!guest.proven) continue;
    guest.helper->ask({{"do", "stats"}}, kStatsPatience,
                      [this, process = process, last](const Helper::Answer& answer) {
                        const auto found = guests_.find(process);
                        if (answer.ok && found != guests_.end()) {
                          take_figures(found->second.stats, answer.all);
                        }
                      });
  }
}

}  // namespace starling::daemon
