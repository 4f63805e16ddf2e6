// SPDX-License-Identifier: GPL-2.0-or-later
// starling-body: the guest's helper of one moved process; started by starlingd.
#include <sys/mman.h>

#include <boost/program_options.hpp>
#include <iostream>

#include "agents/common/log.h"
#include "agents/migrate/guest.h"
#include "agents/migrate/helper_main.h"

namespace {

namespace po = boost::program_options;
using namespace starling;

int run(int argc, char** argv) {
  po::options_description options("starling-body: the guest's side of a moved process");
  options.add_options()("help,h", "this text")("connection-fd", po::value<int>(),
                                               "the connection from home, accepted by the daemon")(
      "key-fd", po::value<int>(), "a pipe with the stream key")(
      "report-fd", po::value<int>()->default_value(-1), "the line to the daemon")(
      "address", po::value<std::string>(), "IPv6 address for home's other connections")(
      "interface", po::value<std::string>()->default_value(""), "of a link-local address")(
      "max-memory", po::value<std::uint64_t>()->default_value(0), "bytes a guest may use; 0: any")(
      "cgroup", po::value<std::string>()->default_value(""),
      "a control group to hold it to that in")("verbose", "say what is done")(
      "plain", "connections in the clear, for tests");
  po::variables_map given;
  po::store(po::parse_command_line(argc, argv, options), given);
  po::notify(given);
  if (given.contains("help")) {
    std::cout << options;
    return 0;
  }
  for (const char* needed : {"connection-fd", "address"})
    if (!given.contains(needed)) throw po::error("--" + std::string(needed) + " is needed");
  const auto address = parse_address6(given["address"].as<std::string>());
  if (!address) throw po::error("--address is not an IPv6 address");
  if (given.contains("verbose")) set_log_level(LogLevel::kDebug);

  auto key = migrate::key_from(given);
  // It serves the faults of its body while the machine swaps.
  ::mlockall(MCL_CURRENT);
  migrate::Connector connector(std::move(key));
  auto control = connector.accepted(given["connection-fd"].as<int>());
  migrate::Guest guest(
      std::move(control), std::move(connector),
      ReportChannel(given["report-fd"].as<int>(), "body", 0),
      {*address, given["interface"].as<std::string>(), given["max-memory"].as<std::uint64_t>(),
       given["cgroup"].as<std::string>()});
  return guest.run() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  return starling::migrate::helper_main("starling-body", run, argc, argv);
}
