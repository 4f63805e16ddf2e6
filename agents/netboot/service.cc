// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/service.h"

#include <algorithm>
#include <ctime>
#include <set>
#include <tuple>

#include "agents/common/log.h"
#include "agents/common/notify.h"
#include "agents/common/small_file.h"
#include "agents/common/status_lock.h"
#include "agents/netboot/boot_menu.h"
#include "agents/netboot/ip_addresses.h"
#include "agents/netboot/loader_address.h"
#include "agents/netboot/sources.h"
#include "agents/netboot/status.h"

namespace starling::netboot {

using namespace std::chrono_literals;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {
constexpr auto kBoardPeriod = 1s;
constexpr auto kProbePeriod = 30s;
constexpr auto kRestartPause = 3s;
constexpr int kBoardTimeoutMs = 800;
constexpr const char* kGrub = "grub/grubnetx64.efi";
constexpr std::size_t kMaxGrub = 8 * 1024 * 1024;
constexpr auto kAskLimit = 1500ms;
constexpr const char* kStatusFile = "status.json";
constexpr const char* kStatusLock = "lock";

BootFileKeeper::Settings keeper_settings(const Settings& settings) {
  BootFileKeeper::Settings out;
  out.roots = settings.roots;
  out.over_network = booted_over_network(read_small_file(settings.cmdline).value_or(""));
  return out;
}
}  // namespace

Service::Service(boost::asio::io_context& io, Settings settings)
    : io_(io),
      timer_(io),
      settings_(std::move(settings)),
      rivals_([this](const Rival& rival) { ask(rival); }),
      election_(std::chrono::milliseconds(settings_.settle_ms)),
      filter_(settings_.interfaces),
      keeper_(keeper_settings(settings_)) {
  fs::create_directories(settings_.run_dir);
  status_lock_ = hold_status_lock(settings_.run_dir / kStatusLock);
  write_file_atomically(settings_.run_dir / kReadyName, "ready\n", 0644);
  if (settings_.policy != Policy::off) keeper_.start();
}

Service::~Service() {
  std::error_code none;
  fs::remove(settings_.run_dir / kStatusFile, none);
  for (auto& [index, lan] : lans_)
    if (lan.prober) lan.prober->cancel();
}

void Service::tick() {
  read_files();
  board_ = read_board();
  if (board_) {
    read_links();
  } else {
    election_.blind();
    answering_ = false;
  }
  serve();
  write_status();
  notify_manager("WATCHDOG=1");
  timer_.expires_after(kBoardPeriod);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) tick();
  });
}

bool Service::read_board() {
  json answer;
  try {
    if (!control_) {
      control_ = std::make_unique<ControlClient>(settings_.control_socket, kBoardTimeoutMs);
      list_key_ = ask_list_key(*control_);
    }
    answer = control_->ask({{"cmd", "nodes"}});
    const auto board = read_flock_board(answer, settings_.http_port);
    number_ = board.number;
    keeper_.set_flock({board.image, list_key_, board.sources});
    elect(board);
  } catch (const std::exception& e) {
    control_.reset();
    problem_ = e.what();
    return false;
  }
  return true;
}

void Service::elect(const FlockBoard& board) {
  const auto now = Clock::now();
  const bool ready = settings_.policy != Policy::off && files_.missing().empty();
  rivals_.look(now, board.lower);
  const bool was = std::exchange(
      answering_, election_.update(now, number_, ready, board.alive, rivals_.readiness(now)));
  const int lower = rivals_.lowest_ready();
  const bool clear = std::ranges::none_of(rivals_.readiness(now),
                                          [](Readiness r) { return r == Readiness::unknown; });
  answerer_ = lower != 0 ? lower : ready && (answering_ || clear) ? number_ : 0;
  if (answering_ && !was) log_notice("node " + std::to_string(number_) + " is the answerer now");
  if (!answering_ && was)
    log_notice(answerer_ == 0 ? "no longer the answerer"
                              : "node " + std::to_string(answerer_) + " is the answerer now");
}

void Service::ask(const Rival& rival) {
  ask_readiness(io_, rival.source, kAskLimit, [this, number = rival.number](Readiness answer) {
    rivals_.heard(Clock::now(), number, answer);
  });
}

// What the keeper has, and the table of it that other nodes are served from.
void Service::read_files() {
  files_ = keeper_.snapshot();
  peer_files_ = files_.ready;
  if (files_.missing().empty()) peer_files_[kReadyName] = settings_.run_dir / kReadyName;
  if (files_.list.empty()) return;
  const auto file = settings_.run_dir / kBootListName;
  if (files_.list != listed_) {
    try {
      write_file_atomically(file, files_.list, 0644);
      listed_ = files_.list;
    } catch (const std::exception& e) {
      log_warning(std::string("cannot offer the list of boot files: ") + e.what());
      return;
    }
  }
  peer_files_[kBootListName] = file;
}

void Service::read_links() {
  monitor_.read();
  const auto addresses = read_ipv4_addresses();
  std::set<unsigned> present;
  for (const auto& [index, link] : monitor_.links()) {
    if (!link.up || !link.carrier || !filter_.matches(link, monitor_.links())) continue;
    present.insert(index);
    auto& lan = lans_.try_emplace(index, settings_.flock).first->second;
    lan.name = link.name;
    lan.mac = link.mac;
    lan.link_local = link.link_local;
    serve_peers(index, lan);
    const auto found = addresses.find(link.name);
    lan.addresses = found == addresses.end() ? std::vector<LinkAddress>{} : found->second;
    // Only the answerer asks: a flock of a hundred need not disturb the DHCP server.
    const bool answerer_soon = number_ != 0 && number_ == answerer_;
    if (settings_.policy == Policy::automatic && answerer_soon && Clock::now() >= lan.next_probe)
      probe(index, lan);
  }
  std::erase_if(lans_, [&](auto& entry) {
    if (present.contains(entry.first)) return false;
    if (entry.second.prober) entry.second.prober->cancel();
    return true;
  });
}

void Service::probe(unsigned index, Lan& lan) {
  lan.next_probe = Clock::now() + kProbePeriod;
  try {
    lan.prober = DhcpProber::start(io_, index, lan.mac, [this, index](std::vector<Offer> offers) {
      const auto found = lans_.find(index);
      if (found == lans_.end()) return;
      auto& l = found->second;
      const auto before = l.plan.mode(settings_.policy);
      l.plan.heard(offers);
      l.prober.reset();
      const auto now = l.plan.mode(settings_.policy);
      if (now == before) return;
      log_notice(l.name + ": " +
                 (now == Mode::proxy
                      ? "DHCP server " + to_string(l.plan.other_server()) + ": serving beside it"
                      : "no DHCP server: giving addresses"));
    });
  } catch (const std::exception& e) {
    log_warning(lan.name + ": cannot ask for DHCP servers: " + e.what());
  }
}

// Whoever of the flock lacks boot files may ask any node that has them.
void Service::serve_peers(unsigned index, Lan& lan) {
  if (settings_.policy == Policy::off) return;
  if (lan.peer_http && lan.peer_address == lan.link_local) return;
  lan.peer_http.reset();
  lan.peer_address = lan.link_local;
  if (lan.link_local == Address6{}) return;
  const boost::asio::ip::tcp::endpoint where(
      boost::asio::ip::address_v6(lan.link_local, index),
      static_cast<unsigned short>(settings_.http_port));
  try {
    lan.peer_http = std::make_unique<HttpServer>(
        io_, where, [this]() -> const FileTable& { return peer_files_; },
        [this](const Transfer& t) {
          if (t.target != std::string("/") + kReadyName) on_transfer(t);  // not every second
        });
  } catch (const std::exception& e) {
    log_warning(lan.name + ": cannot serve other nodes: " + e.what());
  }
}

std::optional<ServedLink> Service::plan(Lan& lan) {
  const auto mode = lan.plan.mode(settings_.policy);
  if (mode == Mode::off) return std::nullopt;
  const auto own = own_address(settings_.network, number_);
  auto address = LinkPlan::serving_address(mode, settings_.network, lan.addresses, own);
  if (!address && mode == Mode::full) {
    const auto index = std::ranges::find_if(
        lans_, [&lan](const auto& entry) { return &entry.second == &lan; })->first;
    add_ipv4_address(index, own, settings_.network.prefix);
    address = LinkAddress{own, settings_.network.prefix};
  }
  if (!address) {
    problem_ = lan.name + " has no IPv4 address yet";
    return std::nullopt;
  }
  ServedLink link{lan.name, mode, address->address, {}};
  link.subnet.prefix = address->prefix;
  link.subnet.network = address->address & link.subnet.mask();
  return link;
}

void Service::serve() {
  if (settings_.policy == Policy::off) return stop_serving("switched off");
  if (!answering_) return stop_serving(board_ ? why_not() : problem_);
  problem_.clear();
  std::vector<ServedLink> links;
  for (auto& [index, lan] : lans_) {
    try {
      lan.served = plan(lan);
      if (!lan.served) continue;
      lay_tftp_root(lan);
      open_http(lan);
      links.push_back(*lan.served);
    } catch (const std::exception& e) {
      if (problem_.empty()) problem_ = lan.name + ": " + e.what();
      lan.served.reset();
    }
  }
  if (links.empty()) {
    if (problem_.empty()) problem_ = "still finding out what the network is like";
    return stop_serving(problem_);
  }
  apply(links);
}

// Why this node does not stand in the row of those who may answer; empty if it does.
std::string Service::why_not() const {
  const auto missing = files_.missing();
  if (missing.empty()) return "";
  std::string text = "boot files are missing here:";
  for (const auto& name : missing) text += " " + name;
  return text + (files_.trouble.empty() ? "" : " (" + files_.trouble + ")");
}

// False when it is to be served as it is.
bool Service::lay_grub(Lan& lan, const fs::path& file, const fs::path& place) {
  const auto address = to_string(lan.served->address);
  std::error_code none;
  const auto now = std::tuple(address, file, fs::last_write_time(file, none));
  if (lan.grub == now) return lan.grub_laid;
  const auto text = with_boot_server(read_small_file(file, kMaxGrub).value_or(""), address);
  lan.grub_laid = text.has_value();
  if (text) {
    fs::create_directories(place.parent_path());
    write_file_atomically(place, *text, 0644);  // in place of a link, never through it
  }
  lan.grub = now;
  return lan.grub_laid;
}

void Service::lay_tftp_root(Lan& lan) {
  const auto& link = *lan.served;
  const auto root = settings_.run_dir / "tftp" / link.name;
  const auto cmdline = read_small_file(settings_.cmdline).value_or("");
  const auto server = http_server(to_string(link.address), settings_.http_port);
  const auto put = [&](const char* name, const std::string& text) {
    const auto file = root / name;
    if (read_small_file(file) == text) return;
    fs::create_directories(file.parent_path());
    write_file_atomically(file, text, 0644);
  };
  put("pxelinux.cfg/default", pxelinux_config(cmdline, server));
  put(kIpxeScript, ipxe_script(cmdline, server));
  put("grub/grub.cfg", grub_config(cmdline, server));
  for (const auto& [name, file] : files_.ready) {
    const auto place = root / name;
    if (name == kGrub && lay_grub(lan, file, place)) continue;
    std::error_code none;
    if (fs::read_symlink(place, none) == file) continue;
    fs::create_directories(place.parent_path());
    fs::remove(place, none);
    fs::create_symlink(file, place);
  }
}

void Service::open_http(Lan& lan) {
  const auto root = settings_.run_dir / "tftp" / lan.served->name;
  lan.files = files_.ready;
  lan.files["pxelinux.cfg/default"] = root / "pxelinux.cfg/default";
  lan.files["grub/grub.cfg"] = root / "grub/grub.cfg";
  if (lan.grub_laid) lan.files[kGrub] = root / kGrub;
  if (lan.http.contains(lan.served->address)) return;
  const boost::asio::ip::tcp::endpoint where(
      boost::asio::ip::address_v4(lan.served->address),
      static_cast<unsigned short>(settings_.http_port));
  const auto index = std::ranges::find_if(lans_, [&lan](const auto& e) {
                       return &e.second == &lan;
                     })->first;
  lan.http[lan.served->address] = std::make_unique<HttpServer>(
      io_, where,
      [this, index]() -> const FileTable& {
        static const FileTable kNone;
        const auto found = lans_.find(index);
        return found == lans_.end() ? kNone : found->second.files;
      },
      [this](const Transfer& t) { on_transfer(t); });
}

// Whether it was started anew.
bool Service::run(Server& server, const char* name, const std::string& text) {
  if (server.process && text == server.text) return false;
  if (Clock::now() < server.again) return false;
  const auto file = settings_.run_dir / (std::string(name) + ".conf");
  write_file_atomically(file, text, 0644);
  server.process.reset();
  server.again = Clock::now() + kRestartPause;
  server.text = text;
  server.process = std::make_unique<Dnsmasq>(
      io_, file, [this](const std::string& line) { on_log_line(line); },
      [this, &server, name](const std::string& how) {
        problem_ = std::string(name) + " ended with " + how;
        log_error(problem_);
        server.process.reset();
      });
  return true;
}

void Service::apply(const std::vector<ServedLink>& links) {
  const DnsmasqSettings settings{links, settings_.run_dir / "tftp", settings_.run_dir,
                                 settings_.http_port, settings_.flock, settings_.ipxe};
  run(tftp_, "dnsmasq-tftp", tftp_config(settings));
  // Who is told what to boot must be able to get it.
  if (!tftp_.process || !run(dhcp_, "dnsmasq-dhcp", dhcp_config(settings))) return;
  for (const auto& link : links)
    log_notice(link.name + ": serving boot files from " + to_string(link.address) + ", " +
               to_string(link.mode) + " DHCP");
}

// TFTP goes on, like HTTP: a machine may be in the middle of its kernel, and gives up only after
// minutes.
void Service::stop_serving(const std::string& why) {
  problem_ = why;
  if (dhcp_.process) log_notice("no longer serving" + (why.empty() ? "" : ": " + why));
  dhcp_.process.reset();
  for (auto& [index, lan] : lans_) lan.served.reset();
}

void Service::on_log_line(const std::string& line) {
  if (const auto lease = read_dnsmasq_lease(line)) record_.knows(lease->first, lease->second);
  if (const auto event = read_dnsmasq_line(line)) {
    record_.add(*event, std::time(nullptr));
    log_info(line);
  } else {
    log_debug(line);
  }
}

void Service::on_transfer(const Transfer& t) {
  const auto result = t.status >= 400        ? "status " + std::to_string(t.status)
                      : t.sent < t.wanted    ? "broken off at " + std::to_string(t.sent) + " of " +
                                                   std::to_string(t.wanted)
                                             : "sent " + std::to_string(t.sent);
  log_info("http " + t.client + " " + t.target + ": " + result + " in " +
           std::to_string(t.took.count()) + " ms");
  record_.add({t.client, "http", t.target, result}, std::time(nullptr));
}

void Service::write_status() {
  Status now;
  now.switched_off = settings_.policy == Policy::off;
  now.board = board_;
  now.number = number_;
  now.answerer = answerer_;
  now.answering = answering_;
  now.serving = dhcp_.process != nullptr;
  now.problem = problem_;
  now.files = files_;
  now.clients = record_.json();
  for (const auto& [index, lan] : lans_)
    if (lan.served && dhcp_.process)
      now.lans.push_back({lan.name, to_string(lan.served->mode), to_string(lan.served->address),
                          lan.plan.other_server() ? to_string(lan.plan.other_server()) : ""});
  const json status = status_json(now);
  const auto text = status.dump() + "\n";
  if (text == status_text_) return;
  status_text_ = text;
  try {
    write_file_atomically(settings_.run_dir / kStatusFile, text, 0644);
  } catch (const std::exception& e) {
    log_warning(std::string("cannot write the status: ") + e.what());
  }
  const std::string role = status["role"], why = status["why"], mode = status["mode"];
  notify_manager("STATUS=" + role + ": " + why + (now.serving ? ", " + mode + " DHCP" : ""));
}

}  // namespace starling::netboot
