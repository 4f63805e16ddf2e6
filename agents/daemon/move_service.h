// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <vector>

#include "agents/common/control_server.h"
#include "agents/common/key_schedule.h"
#include "agents/common/process_info.h"
#include "agents/daemon/helper.h"
#include "agents/daemon/liveness.h"
#include "agents/daemon/move_admission.h"
#include "agents/daemon/move_listener.h"
#include "agents/daemon/stay_reason.h"

namespace starling::daemon {

// The daemon's part in moving processes: starts a starling-deputy for each process that leaves and
// a starling-body for each that comes, passes requests on to them and keeps what they tell. It
// touches neither ptrace nor the wire's contents. Helpers outlive the daemon: they find the next
// one by its rendezvous socket. The main loop's thread; nothing here blocks.
class MoveService final : public Helper::Observer {
 public:
  struct Settings {
    std::filesystem::path helper_dir;    // empty: beside the daemon's binary or /usr/lib/starling
    std::filesystem::path rendezvous;    // Unix socket for helpers that lost their daemon
    std::filesystem::path state_file;    // what must survive a restart of the daemon, not a boot
    std::uint16_t port = 0;              // TCP
    std::uint64_t guest_memory = 0;      // bytes a guest may use; 0: no limit
    std::filesystem::path guest_cgroup;  // where the kernel holds it to that; empty: nowhere
    MoveAdmission::Limits limits;
    StreamKey key{};
  };
  // What the daemon lends.
  struct Surroundings {
    std::function<void(std::function<void(const Snapshot&)>)> with_snapshot;
    std::function<std::string(std::uint32_t interface)> link_name;
    std::function<std::uint16_t()> number;  // this node's, 0 for none yet
  };

  // Throws std::system_error when the rendezvous socket cannot be made.
  MoveService(EventLoop& loop, Settings settings, Surroundings surroundings);
  ~MoveService() override;

  void set_ports(const std::vector<Port>& ports) { listener_.set_ports(ports); }
  // Twice a second: what takes too long is given up.
  void tick();
  // Takes no more guests, brings all processes home and sends all guests home, as far as that can
  // be done within `patience`; `done` is told how many did not go ("failed").
  void evacuate(TimeNs patience, const ControlServer::Reply& done);
  // Answers a control request; false when the command is not about moving. Throws ControlError.
  bool handle(const nlohmann::json& request, const Peer& peer, const ControlServer::Reply& reply);

 private:
  // Somebody waits for a guest to be gone.
  struct Leaver {
    TimeNs deadline = 0;
    Helper::Done done;
  };
  struct Deputy {
    std::unique_ptr<Helper> helper;
    std::uint64_t started = 0;  // of the moved process, ProcessInfo::started
    std::uint16_t node = 0;     // where it computes; 0: at home
    std::uint64_t moves = 0;
    bool ended_well = false;  // it said so itself
    nlohmann::json stats = nlohmann::json::object();
  };
  struct Guest {
    std::unique_ptr<Helper> helper;
    bool proven = false;  // it told whom it hosts, so the other side holds the flock's key
    std::uint16_t home = 0;
    std::int64_t pid = 0;  // at home
    std::int64_t uid = -1;
    std::string comm;
    std::string from;         // address
    bool ended_well = false;  // it said so itself
    std::vector<Leaver> leavers;
    nlohmann::json stats = nlohmann::json::object();
  };
  struct Newcomer {
    UniqueFd fd;
    pid_t process = 0;
    LineBuffer in{Helper::kMaxLine};
    TimeNs deadline = 0;
  };
  struct Totals {
    std::uint64_t moved = 0;  // moves out and on that succeeded
    std::uint64_t came_home = 0;
    std::uint64_t failed = 0;    // moves that failed and left the process where it was
    std::uint64_t guests = 0;    // guests taken
    std::uint64_t unproven = 0;  // connections that became no guest
    std::uint64_t lost = 0;      // helpers that ended badly with a process moved
  };
  using Deputies = std::map<pid_t, Deputy>;  // by the moved process's number
  using Guests = std::map<pid_t, Guest>;     // by the helper's number
  using Reply = ControlServer::Reply;
  using Json = nlohmann::json;

  void on_event(Helper& helper, const std::string& name, const Json& event) override;
  void on_end(Helper& helper, const std::string& how) override;
  void on_deputy_event(pid_t pid, Deputy& deputy, const std::string& name, const Json& event);
  void on_guest_event(Guest& guest, const std::string& name, const Json& event);

  void on_connection(UniqueFd connection, const Address6& peer, const Port& port);
  std::size_t unproven() const;
  void follow_unproven();
  UniqueFd key_pipe() const;
  std::vector<std::string> environment() const;
  // The deputy of this process, started when there is none yet. Throws std::system_error.
  Deputy& deputy_for(const ProcessInfo& process);
  void set_node(pid_t pid, Deputy& deputy, std::uint16_t node);

  void listen_for_helpers();
  void on_newcomer();
  void on_newcomer_readable(std::list<Newcomer>::iterator it);
  void adopt(Newcomer newcomer, const Json& hello);
  void drop(std::list<Newcomer>::iterator it);

  // move_commands.cc
  void migrate(const Json& request, const Peer& peer, const Reply& reply);
  void send_out(const ProcessInfo& process, const std::string& who, const Snapshot& snapshot,
                const Reply& reply);
  void send_home(pid_t pid, const Reply& reply, TimeNs patience);
  void migrate_guest(Guest& guest, pid_t pid, const std::string& target, const Peer& peer,
                     const Reply& reply);
  void ask_on(pid_t helper, pid_t pid, const std::string& target, const Snapshot& snapshot,
              const Reply& reply);
  void on_wish(pid_t pid, std::uint16_t node);
  void where(const Json& request, const Peer& peer, const Reply& reply);
  void why(const Json& request, const Peer& peer, const Reply& reply);
  void lock(const Json& request, const Peer& peer, const Reply& reply, bool on);
  void block(const Json& request, const Reply& reply);
  struct Gathering;
  void bring(const std::shared_ptr<Gathering>& gathering, TimeNs patience);
  void expel(const std::shared_ptr<Gathering>& gathering, TimeNs patience);
  // Asks a guest to go home; `done` when it is gone. `onward`: a node it shall go on to; 0: none.
  void expel_guest(Guest& guest, std::uint16_t onward, TimeNs patience, Helper::Done done);
  void expire_leavers(Guest& guest, TimeNs now);
  void processes(const Peer& peer, const Reply& reply);
  void movestats(const Peer& peer, const Reply& reply);
  Json processes_json(const Peer& peer, const Snapshot& snapshot) const;
  Json totals_json() const;
  // The process a request names, which exists and is the asker's. Throws ControlError.
  ProcessInfo own_process(const Json& request, const Peer& peer) const;
  // The guest whose body, or a child of it, this process is; null: none.
  Guest* guest_of(const ProcessInfo& process);
  Deputy* deputy_of(const ProcessInfo& process);
  bool locked(const ProcessInfo& process) const;

  void load_state();
  void save_state();

  EventLoop& loop_;
  const Settings settings_;
  const Surroundings surroundings_;
  MoveListener listener_;
  MoveAdmission admission_;
  Deputies deputies_;
  Guests guests_;
  std::list<Newcomer> newcomers_;
  std::list<StayReason> checks_;
  std::vector<std::unique_ptr<Helper>> graveyard_;  // ended; freed outside their own callbacks
  std::map<pid_t, std::uint64_t> locks_;            // with ProcessInfo::started
  bool evacuating_ = false;
  Totals totals_;
  UniqueFd rendezvous_;
};

}  // namespace starling::daemon
