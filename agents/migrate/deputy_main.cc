// SPDX-License-Identifier: GPL-2.0-or-later
// starling-deputy: home's helper of one moved process; started by starlingd.
#include <sys/mman.h>

#include <boost/program_options.hpp>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "agents/migrate/deputy.h"
#include "agents/migrate/helper_main.h"
#include "agents/migrate/inspect.h"
#include "agents/migrate/proc_file.h"

namespace {

namespace po = boost::program_options;
using namespace starling;

int check(pid_t pid, bool json) {
  const auto reason = migrate::reason_to_stay(pid);
  if (json) {
    nlohmann::json answer{{"pid", pid}, {"can_move", !reason}};
    if (reason) answer["why"] = *reason;
    std::cout << answer << '\n';
  } else if (reason) {
    std::cout << "process " << pid << " stays home: " << *reason << '\n';
  } else {
    std::cout << "process " << pid << " can move\n";
  }
  return reason ? 1 : 0;
}

// The daemon tells when the process it means was started: its number may be another's by now.
void refuse_another_process(pid_t pid) {
  const char* wanted = std::getenv("STARLING_PROCESS_START");
  constexpr std::size_t kStartTime = 22;  // proc_pid_stat(5)
  if (wanted == nullptr || *wanted == '\0') return;
  const auto stat = migrate::read_stat(pid);
  if (stat.size() <= kStartTime - 3 || stat[kStartTime - 3] != wanted)
    throw std::runtime_error("process " + std::to_string(pid) + " is not the one that was meant");
}

int run(int argc, char** argv) {
  po::options_description options("starling-deputy --pid PID: home's side of a moved process");
  options.add_options()("help,h", "this text")("pid", po::value<int>(), "the process")(
      "check", "only say whether it can move: exit status 0, or 1 and why not")(
      "json", "with --check: in JSON")("node", po::value<unsigned>()->default_value(0),
                                       "number of this node")(
      "key-fd", po::value<int>(), "a pipe with the stream key")("report-fd", po::value<int>(),
                                                                "the line to the daemon")(
      "plain", "connections in the clear, for tests");
  po::variables_map given;
  po::store(po::parse_command_line(argc, argv, options), given);
  po::notify(given);
  if (given.contains("help")) {
    std::cout << options;
    return 0;
  }
  if (!given.contains("pid")) throw po::error("--pid is needed");
  const pid_t pid = given["pid"].as<int>();
  if (given.contains("check")) return check(pid, given.contains("json"));
  if (!given.contains("report-fd")) throw po::error("--report-fd is needed");
  auto key = migrate::key_from(given);
  refuse_another_process(pid);
  // It must answer for its process while the machine swaps; what it never touches need not be
  // there.
  ::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
  migrate::Deputy deputy(pid, given["node"].as<unsigned>(), migrate::Connector(std::move(key)),
                         ReportChannel(given["report-fd"].as<int>(), "deputy", pid));
  deputy.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return starling::migrate::helper_main("starling-deputy", run, argc, argv);
}
