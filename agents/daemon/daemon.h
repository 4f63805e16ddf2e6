// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "agents/common/control_server.h"
#include "agents/common/link_monitor.h"
#include "agents/daemon/config.h"
#include "agents/daemon/facts.h"
#include "agents/daemon/hpc_device.h"
#include "agents/daemon/identity.h"
#include "agents/daemon/liveness.h"
#include "agents/daemon/move_service.h"
#include "agents/daemon/report.h"

namespace starling::daemon {

// The main thread: joins the liveness thread to links, disk, kernel, service manager and clients.
// Everything slow or blocking of the daemon happens here.
class Daemon {
 public:
  // Takes all resources; throws std::exception with what to tell the person who started it.
  // Signals SIGTERM, SIGINT and SIGHUP must be blocked in the calling thread.
  Daemon(const Config& config, const FlockKey& key);
  ~Daemon();

  // Until SIGTERM, SIGINT or a client's "leave"; returns after the goodbye. The exit status.
  int run();

 private:
  using SnapshotUser = std::function<void(const Snapshot&)>;

  std::vector<Port> usable_ports();
  void on_links_changed();
  void on_signal();
  void on_half_second();
  void on_liveness();
  void on_watchdog();
  void publish_facts();
  // Calls `user` with a snapshot no older than a tenth of a second, soon.
  void with_snapshot(SnapshotUser user);
  void tell_events(const Snapshot& snapshot);
  void tell_joined(const membership::Event& event, const std::string& who, const std::string& now);
  void follow_number(const Snapshot& snapshot);
  void write_issue(const Snapshot& snapshot);
  void handle(const nlohmann::json& request, const Peer& peer, const ControlServer::Reply& reply);
  std::unique_ptr<MoveService> make_move_service();
  void evacuate();
  nlohmann::json status_json(const Snapshot& snapshot) const;
  LinkNames link_names() const;

  const Config config_;
  const KeySchedule keys_;
  const LinkFilter filter_;
  const TimeNs started_;
  EventLoop loop_;
  LinkMonitor monitor_;
  UniqueFd signals_;
  Timer half_second_;
  Timer watchdog_;
  Wakeup from_liveness_;
  LoadMeter load_;
  HpcDevice hpc_;
  std::vector<Port> ports_;
  membership::LocalFacts facts_;
  Remembered remembered_;
  std::uint64_t uid_;
  std::uint64_t last_heartbeat_ = 0;
  std::uint64_t half_seconds_ = 0;
  std::uint16_t number_ = 0;
  std::string issue_;
  bool leaving_ = false;
  bool number_known_ = false;
  Snapshot snapshot_;
  std::vector<SnapshotUser> waiting_;
  std::vector<membership::Event> untold_;
  std::map<std::uint64_t, std::uint16_t> told_;  // numbers logged for the living, by uid
  std::vector<ControlServer::Reply> leavers_;
  nlohmann::json stayed_ = nlohmann::json::object();  // who had not come home when it left
  std::unique_ptr<Liveness> liveness_;
  std::unique_ptr<ControlServer> control_;
  std::unique_ptr<MoveService> moves_;
};

}  // namespace starling::daemon
