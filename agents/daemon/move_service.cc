// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/move_service.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "agents/common/fail.h"
#include "agents/common/log.h"
#include "agents/common/small_file.h"

namespace starling::daemon {

using nlohmann::json;

// Handshakes under way at once; more wait in the kernel's queue.
static constexpr std::size_t kMaxUnproven = 64;
// From the connection to the word that there is a guest: a handshake and the process's state,
// without its memory.
static constexpr TimeNs kProofPatience = 15 * kSecond;
static constexpr TimeNs kHelloPatience = 5 * kSecond;
static constexpr std::size_t kMaxNewcomers = 64;

MoveService::MoveService(EventLoop& loop, Settings settings, Surroundings surroundings)
    : loop_(loop),
      settings_(std::move(settings)),
      surroundings_(std::move(surroundings)),
      listener_(loop, settings_.port,
                [this](UniqueFd connection, const Address6& peer, const Port& port) {
                  on_connection(std::move(connection), peer, port);
                }),
      admission_(settings_.limits) {
  load_state();
  listen_for_helpers();
}

MoveService::~MoveService() {
  // Requests that are under way end with their helper, and what answers them looks at these maps.
  const Deputies deputies = std::exchange(deputies_, {});
  const Guests guests = std::exchange(guests_, {});
  while (!newcomers_.empty()) drop(newcomers_.begin());
  loop_.remove(rendezvous_.get());
  std::error_code ignored;
  std::filesystem::remove(settings_.rendezvous, ignored);
}

// What is only for the time of this boot, and must not be forgotten when the daemon is restarted:
// an administrator's "block" and users' locks.
void MoveService::load_state() {
  const auto text = read_small_file(settings_.state_file);
  if (!text) return;
  const json state = json::parse(*text, nullptr, false);
  try {
    admission_.block(state.at("blocked"));
    for (const json& lock : state.at("locks")) {
      const pid_t pid = lock.at("pid");
      const std::uint64_t started = lock.at("started");
      const auto process = read_process(pid);
      if (process && process->started == started) locks_[pid] = started;
    }
  } catch (const json::exception&) {
    log_warning(settings_.state_file.string() + ": damaged; locks and block are forgotten");
  }
}

void MoveService::save_state() {
  json locks = json::array();
  for (const auto& [pid, started] : locks_) locks.push_back({{"pid", pid}, {"started", started}});
  const json state = {{"blocked", admission_.blocked()}, {"locks", locks}};
  try {
    write_file_atomically(settings_.state_file, state.dump() + "\n", 0600);
  } catch (const std::exception& e) {
    log_warning(std::string("locks and block will not survive a restart: ") + e.what());
  }
}

void MoveService::tick() {
  const TimeNs now = monotonic_ns();
  graveyard_.clear();
  follow_unproven();
  checks_.remove_if([](const StayReason& check) { return check.over(); });
  for (StayReason& check : checks_) check.expire(now);
  for (auto& [pid, deputy] : deputies_) deputy.helper->expire(now);
  for (auto& [process, guest] : guests_) {
    guest.helper->expire(now);
    expire_leavers(guest, now);
    if (!guest.proven && now - guest.helper->started() > kProofPatience) {
      log_info("a connection from " + guest.from + " is given up: no guest came of it in time");
      guest.helper->kill(SIGKILL);
    }
  }
  for (auto it = newcomers_.begin(); it != newcomers_.end();) {
    const auto next = std::next(it);
    if (now > it->deadline) drop(it);
    it = next;
  }
  const auto ended = [](const auto& lock) {
    const auto process = read_process(lock.first);
    return !process || process->started != lock.second;
  };
  if (std::erase_if(locks_, ended) > 0) save_state();
}

// --- guests ------------------------------------------------------------------------------------

UniqueFd MoveService::key_pipe() const {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail_errno("pipe");
  UniqueFd out(ends[0]);
  const UniqueFd in(ends[1]);
  // Fits into any pipe: does not block.
  if (::write(in.get(), settings_.key.data(), settings_.key.size()) !=
      static_cast<ssize_t>(settings_.key.size())) {
    fail_errno("pipe");
  }
  return out;
}

std::vector<std::string> MoveService::environment() const {
  return {"STARLING_RENDEZVOUS=" + settings_.rendezvous.string()};
}

static std::pair<UniqueFd, UniqueFd> report_line() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fail_errno("socketpair");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// A helper inherits that the kernel shall rather kill others when memory is short, and that threads
// may be real-time: that is meant for the daemon, not for a stranger's program.
static void make_ordinary(pid_t process) {
  UniqueFd fd(::open(("/proc/" + std::to_string(process) + "/oom_score_adj").c_str(),
                     O_WRONLY | O_CLOEXEC));
  if (fd && ::write(fd.get(), "0", 1) != 1) log_debug("oom_score_adj of a helper stays");
  const rlimit none{0, 0};
  if (::prlimit(process, RLIMIT_RTPRIO, &none, nullptr) != 0) log_debug("a helper's limits stay");
}

std::size_t MoveService::unproven() const {
  return static_cast<std::size_t>(std::count_if(guests_.begin(), guests_.end(),
                                                [](const auto& g) { return !g.second.proven; }));
}

void MoveService::follow_unproven() {
  listener_.pause(unproven() >= kMaxUnproven);
}

void MoveService::on_connection(UniqueFd connection, const Address6& peer, const Port& port) {
  if (evacuating_) return;
  const auto verdict = admission_.admit(peer, guests_.size(), monotonic_ns());
  if (verdict != MoveAdmission::Verdict::kYes) {
    log_debug("a connection from " + to_string(peer) + " is refused");
    return;
  }
  try {
    auto [mine, its] = report_line();
    const UniqueFd key = key_pipe();
    HelperCommand command;
    command.program = find_helper(settings_.helper_dir, "starling-body");
    command.descriptors = {connection.get(), key.get(), its.get()};
    command.arguments = {"--connection-fd", "3",
                         "--key-fd",        "4",
                         "--report-fd",     "5",
                         "--address",       to_string(port.address),
                         "--interface",     surroundings_.link_name(port.interface)};
    if (settings_.guest_memory > 0) {
      command.arguments.push_back("--max-memory");
      command.arguments.push_back(std::to_string(settings_.guest_memory));
      if (!settings_.guest_cgroup.empty()) {
        command.arguments.push_back("--cgroup");
        command.arguments.push_back(settings_.guest_cgroup);
      }
    }
    command.environment = environment();
    Spawned child = spawn_helper(command);
    make_ordinary(child.pid);
    Guest& guest = guests_[child.pid];
    guest.from = to_string(peer);
    guest.helper = std::make_unique<Helper>(loop_, Helper::Role::kBody, child.pid,
                                            std::move(child.pidfd), std::move(mine), *this);
  } catch (const std::exception& e) {
    log_error(std::string("no guest can be taken: ") + e.what());
  }
  follow_unproven();
}

// --- processes of this node --------------------------------------------------------------------

MoveService::Deputy& MoveService::deputy_for(const ProcessInfo& process) {
  if (Deputy* known = deputy_of(process)) return *known;
  auto [mine, its] = report_line();
  const UniqueFd key = key_pipe();
  HelperCommand command;
  command.program = find_helper(settings_.helper_dir, "starling-deputy");
  command.descriptors = {key.get(), its.get()};
  command.arguments = {"--pid",       std::to_string(process.pid),
                       "--node",      std::to_string(surroundings_.number()),
                       "--key-fd",    "3",
                       "--report-fd", "4"};
  command.environment = environment();
  // With this the helper can tell that the number has not been given to another process meanwhile.
  command.environment.push_back("STARLING_PROCESS_START=" + std::to_string(process.started));
  Spawned child = spawn_helper(command);
  make_ordinary(child.pid);
  Deputy deputy;
  deputy.started = process.started;
  deputy.helper = std::make_unique<Helper>(loop_, Helper::Role::kDeputy, child.pid,
                                           std::move(child.pidfd), std::move(mine), *this);
  return deputies_[process.pid] = std::move(deputy);
}

void MoveService::set_node(pid_t pid, Deputy& deputy, std::uint16_t node) {
  if (deputy.node == node) return;
  deputy.node = node;
  ++deputy.moves;
  ++(node == 0 ? totals_.came_home : totals_.moved);
  log_info("process " + std::to_string(pid) +
           (node == 0 ? " is at home" : " is on node " + std::to_string(node)));
}

// --- what helpers tell -------------------------------------------------------------------------

void MoveService::on_deputy_event(pid_t pid, Deputy& deputy, const std::string& name,
                                  const json& event) {
  if (name == "where") {
    set_node(pid, deputy, event.at("node"));
    if (event.contains("onward")) on_wish(pid, event.at("onward"));
  } else if (name == "stats") {
    deputy.stats.update(event);
    deputy.stats.erase("event");
  } else if (name == "end") {
    deputy.ended_well = !event.value("lost", false);
    log_info("process " + std::to_string(pid) + ": its deputy ends: " + event.value("why", ""));
  }
}

void MoveService::on_guest_event(Guest& guest, const std::string& name, const json& event) {
  if (name == "guest") {
    guest.home = event.at("home");
    guest.pid = event.at("pid");
    guest.comm = event.value("comm", "");
    guest.uid = event.value("uid", std::int64_t{-1});
    if (!guest.proven) {
      guest.proven = true;
      ++totals_.guests;
      log_info("process " + std::to_string(guest.pid) + " of node " + std::to_string(guest.home) +
               " is a guest here");
      follow_unproven();
    }
  } else if (name == "stats") {
    guest.stats.update(event);
    guest.stats.erase("event");
  } else if (name == "end") {
    guest.ended_well = event.value("well", false);
    log_info("guest " + std::to_string(guest.pid) + " of node " + std::to_string(guest.home) +
             " ends: " + event.value("why", ""));
  }
}

void MoveService::on_event(Helper& helper, const std::string& name, const json& event) {
  if (helper.role() == Helper::Role::kBody) {
    const auto guest = guests_.find(helper.process());
    if (guest != guests_.end()) on_guest_event(guest->second, name, event);
    return;
  }
  for (auto& [pid, deputy] : deputies_) {
    if (deputy.helper.get() == &helper) return on_deputy_event(pid, deputy, name, event);
  }
}

void MoveService::on_end(Helper& helper, const std::string& how) {
  // Of a helper that an earlier daemon started, only its own last words are known.
  bool well = how == "exit status 0";
  const auto told = [&](const std::string& text) {
    if (well) {
      log_info(text + how);
    } else {
      log_warning(text + how);
    }
  };
  if (helper.role() == Helper::Role::kBody) {
    const auto it = guests_.find(helper.process());
    if (it == guests_.end()) return;
    Guest& guest = it->second;
    well = well || (how == kGone && guest.ended_well);
    for (const Leaver& leaver : std::exchange(guest.leavers, {}))
      leaver.done({well, well ? "" : "its starling-body ended: " + how, json::object()});
    if (guest.proven) {
      if (!well) ++totals_.lost;
      told("guest " + std::to_string(guest.pid) + " of node " + std::to_string(guest.home) +
           ": its starling-body ended: ");
    } else {
      ++totals_.unproven;
      log_info("a connection from " + guest.from + " became no guest: " + how);
    }
    graveyard_.push_back(std::move(guest.helper));
    guests_.erase(it);
    follow_unproven();
    return;
  }
  for (auto it = deputies_.begin(); it != deputies_.end(); ++it) {
    if (it->second.helper.get() != &helper) continue;
    well = well || (how == kGone && it->second.ended_well);
    if (!well && it->second.node != 0) ++totals_.lost;
    told("process " + std::to_string(it->first) + ": its starling-deputy ended: ");
    graveyard_.push_back(std::move(it->second.helper));
    deputies_.erase(it);
    return;
  }
}

// --- helpers of the daemon before ---------------------------------------------------------------

void MoveService::listen_for_helpers() {
  const std::string& path = settings_.rendezvous.native();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    fail_errno(path);
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  // That no other daemon lives here is what the control socket is for.
  std::error_code ignored;
  std::filesystem::remove(settings_.rendezvous, ignored);
  rendezvous_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!rendezvous_ ||
      ::bind(rendezvous_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(path.c_str(), 0600) != 0 || ::listen(rendezvous_.get(), 128) != 0) {
    fail_errno(path);
  }
  loop_.add(rendezvous_.get(), EPOLLIN, [this](std::uint32_t) { on_newcomer(); });
}

void MoveService::on_newcomer() {
  UniqueFd fd(::accept4(rendezvous_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ucred who{};
  socklen_t size = sizeof who;
  if (!fd || newcomers_.size() >= kMaxNewcomers ||
      ::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0 ||
      (who.uid != 0 && who.uid != ::geteuid())) {
    return;
  }
  const auto it = newcomers_.emplace(newcomers_.end());
  it->fd = std::move(fd);
  it->process = who.pid;
  it->deadline = monotonic_ns() + kHelloPatience;
  loop_.add(it->fd.get(), EPOLLIN, [this, it](std::uint32_t) { on_newcomer_readable(it); });
}

void MoveService::drop(std::list<Newcomer>::iterator it) {
  if (it->fd) loop_.remove(it->fd.get());
  newcomers_.erase(it);
}

void MoveService::on_newcomer_readable(std::list<Newcomer>::iterator it) {
  // One byte at a time until the first line is whole: what follows is the Helper's to read.
  while (true) {
    char c;
    const ssize_t n = ::recv(it->fd.get(), &c, 1, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0 || !it->in.append({&c, 1})) return drop(it);
    const auto line = it->in.take();
    if (!line) continue;
    const auto hello = parse_json_line(*line);
    loop_.remove(it->fd.get());
    Newcomer newcomer = std::move(*it);
    newcomers_.erase(it);
    try {
      if (hello) adopt(std::move(newcomer), *hello);
    } catch (const std::exception& e) {
      log_warning(std::string("a helper of an earlier daemon is left alone: ") + e.what());
    }
    return;
  }
}

void MoveService::adopt(Newcomer newcomer, const json& hello) {
  if (hello.at("event") != "hello") throw std::runtime_error("it does not say who it is");
  const std::string role = hello.at("role");
  const pid_t pid = hello.at("pid");
  // Its number cannot be anyone else's while its socket is open and it is not reaped; should it
  // just have ended, the socket tells.
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, newcomer.process, 0)));
  if (!pidfd) fail_errno("process " + std::to_string(newcomer.process));
  if (role == "body") {
    if (guests_.count(newcomer.process)) throw std::runtime_error("it is known already");
    Guest& guest = guests_[newcomer.process];
    guest.pid = pid;
    guest.from = "an earlier daemon";
    guest.helper = std::make_unique<Helper>(loop_, Helper::Role::kBody, newcomer.process,
                                            std::move(pidfd), std::move(newcomer.fd), *this);
  } else if (role == "deputy") {
    const auto process = read_process(pid);
    if (!process) throw std::runtime_error("process " + std::to_string(pid) + " is gone");
    if (deputies_.count(pid)) throw std::runtime_error("the process has a deputy already");
    Deputy deputy;
    deputy.started = process->started;
    deputy.helper = std::make_unique<Helper>(loop_, Helper::Role::kDeputy, newcomer.process,
                                             std::move(pidfd), std::move(newcomer.fd), *this);
    deputies_[pid] = std::move(deputy);
  } else {
    throw std::runtime_error("it has no known role");
  }
  log_info("the " + role + " of process " + std::to_string(pid) +
           " is found again after a restart of the daemon");
}

}  // namespace starling::daemon
