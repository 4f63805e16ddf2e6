// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>  // before asio: Boost 1.74's awaitable.hpp forgets it
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "agents/common/control_client.h"
#include "agents/common/link.h"
#include "agents/common/link_monitor.h"
#include "agents/common/unique_fd.h"
#include "agents/netboot/boot_file_keeper.h"
#include "agents/netboot/boot_record.h"
#include "agents/netboot/dhcp_prober.h"
#include "agents/netboot/dnsmasq.h"
#include "agents/netboot/election.h"
#include "agents/netboot/http_server.h"
#include "agents/netboot/link_plan.h"
#include "agents/netboot/rivals.h"
#include "agents/netboot/settings.h"
#include "agents/netboot/sources.h"

namespace starling::netboot {

// The boot server of one node. Once a second it reads the bulletin board from starlingd, asks the
// nodes before it whether they have all boot files, and, when this node is the answerer, serves
// every LAN it is on: dnsmasq for DHCP and TFTP, an HTTP server for kernel and image. The other
// nodes serve the same files to each other over the flock's own link-local addresses. A process of
// its own: nothing here can hold up the liveness thread.
class Service {
 public:
  Service(boost::asio::io_context& io, Settings settings);
  ~Service();

  // Reads the board, decides, and acts; then again every second.
  void start() { tick(); }

 private:
  using Clock = std::chrono::steady_clock;
  struct Lan {
    explicit Lan(const std::string& flock) : plan(flock) {}
    std::string name;
    Mac mac{};
    LinkPlan plan;
    std::shared_ptr<DhcpProber> prober;
    Clock::time_point next_probe{};
    std::vector<LinkAddress> addresses;
    std::optional<ServedLink> served;
    FileTable files;
    // What the grub in the TFTP root was made from; whether it was.
    std::tuple<std::string, std::filesystem::path, std::filesystem::file_time_type> grub;
    bool grub_laid = false;
    // By address. They stay when the address to serve from changes or another node becomes the
    // answerer: a machine may be in the middle of its image.
    std::map<Ipv4, std::unique_ptr<HttpServer>> http;
    // For other nodes, which need no DHCP and no address plan to reach it.
    Address6 link_local{};
    Address6 peer_address{};  // that peer_http listens on
    std::unique_ptr<HttpServer> peer_http;
  };

  struct Server {
    std::unique_ptr<Dnsmasq> process;
    std::string text;  // the configuration it runs with
    Clock::time_point again{};
  };

  void tick();
  bool read_board();
  void ask(const Rival& rival);
  void elect(const FlockBoard& board);
  void read_files();
  void read_links();
  void probe(unsigned index, Lan& lan);
  void serve_peers(unsigned index, Lan& lan);
  // Works out how each LAN should be served, and makes it so if that changed.
  void serve();
  std::optional<ServedLink> plan(Lan& lan);
  void apply(const std::vector<ServedLink>& links);
  bool run(Server& server, const char* name, const std::string& text);
  void lay_tftp_root(Lan& lan);
  bool lay_grub(Lan& lan, const std::filesystem::path& file, const std::filesystem::path& place);
  void open_http(Lan& lan);
  std::string why_not() const;
  void stop_serving(const std::string& why);
  void on_log_line(const std::string& line);
  void on_transfer(const Transfer& transfer);
  void write_status();

  boost::asio::io_context& io_;
  boost::asio::steady_timer timer_;
  Settings settings_;
  UniqueFd status_lock_;
  Rivals rivals_;
  Election election_;
  LinkMonitor monitor_;
  LinkFilter filter_;
  std::unique_ptr<ControlClient> control_;
  int number_ = 0;
  int answerer_ = 0;  // lowest living number known to be ready; 0: nobody yet
  bool answering_ = false;
  bool board_ = false;
  std::map<unsigned, Lan> lans_;
  BootFileKeeper::Snapshot files_;
  FileTable peer_files_;
  std::optional<SessionKey> list_key_;
  std::string listed_;  // the list that stands in run_dir
  Server dhcp_, tftp_;
  BootRecord record_;
  std::string problem_;  // why nothing is served although it should
  std::string status_text_;
  BootFileKeeper keeper_;  // last: its thread ends before anything else goes
};

}  // namespace starling::netboot
