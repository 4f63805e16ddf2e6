// SPDX-License-Identifier: GPL-2.0-or-later
#include <iostream>
#include <memory>

#include "builder/core/interrupt.h"
#include "builder/vm/flock_arguments.h"
#include "builder/vm/pause.h"
#include "builder/vm/port_forward.h"
#include "builder/vm/suite.h"
#include "builder/vm/verbs.h"

namespace starling::builder {
namespace {

using namespace std::chrono_literals;

// Watches the machines until `deadline` or Ctrl-C, and tells what changes: whose agent answers,
// how many nodes it sees, who is off. With netboot the others start once machine 1 serves.
void watch(vm::Flock& flock, vm::Clock::time_point deadline) {
  std::map<int, int> alive;
  bool others_started = !flock.options().netboot;
  const auto begin = vm::Clock::now();
  while (vm::Clock::now() < deadline) {
    const auto running = flock.running();
    if (running.empty()) {
      std::cout << "all machines are off" << std::endl;
      return;
    }
    for (const int n : running) {
      auto& agent = flock.machine(n).agent();
      if (!agent.answers(300ms)) continue;
      const auto result = agent.shell("exec mosctl nodes --json", 60s);
      const int now = result.status == 0 ? vm::parse_node_view(result.out).alive() : 0;
      if (alive.contains(n) && alive[n] == now) continue;
      alive[n] = now;
      std::cout << vm::in_seconds(vm::Clock::now() - begin) << "  machine " << n << " is up and sees "
                << now << " alive" << std::endl;
    }
    if (!others_started &&
        flock.machine(1).agent().answers(300ms) &&
        flock.machine(1)
                .agent()
                .shell("grep -q '\"serving\":true' /run/starling/netboot/status.json")
                .status == 0) {
      std::cout << vm::in_seconds(vm::Clock::now() - begin)
                << "  machine 1 serves boot files: the others start" << std::endl;
      for (int n = 2; n <= flock.options().nodes; ++n) flock.power_on(n);
      others_started = true;
    }
    vm::pause_for(2s);
  }
}

}  // namespace

int vm_boot(const std::vector<std::string>& args) {
  namespace po = boost::program_options;
  vm::FlockOptions options;
  int timeout_s = 0, http_port = 0;
  bool keep = false;
  auto known = vm::flock_arguments(options);
  known.add_options()
      ("http", po::value(&http_port)->value_name("PORT"),
       "make node 1's port 80 reachable as http://127.0.0.1:PORT/")
      ("timeout", po::value(&timeout_s)->default_value(0)->value_name("SECONDS"),
       "switch off after this long; 0: run until Ctrl-C")
      ("keep", po::bool_switch(&keep), "keep the logs");
  if (!vm::parse_flock_arguments("boot", args, known, options)) return 0;

  install_interrupt_handlers();
  vm::Flock flock(options, [](const std::string& line) { std::cout << line << std::endl; });
  if (keep) flock.keep_logs();
  std::unique_ptr<vm::PortForward> forward;
  if (http_port != 0)
    forward = std::make_unique<vm::PortForward>(http_port, flock.network(), 1, 80);
  const int first = options.netboot ? 1 : options.nodes;
  for (int n = 1; n <= first; ++n) flock.power_on(n);
  std::cout << "consoles: " << flock.dir().native() << "/nN.serial.log, network: ip netns exec "
            << flock.network().name() << " ...; Ctrl-C switches everything off" << std::endl;
  const auto deadline = timeout_s > 0 ? vm::Clock::now() + std::chrono::seconds(timeout_s)
                                      : vm::Clock::time_point::max();
  try {
    watch(flock, deadline);
  } catch (const Interrupted&) {
    std::cout << "switched off" << std::endl;  // what Ctrl-C is for here
  }
  return 0;
}

}  // namespace starling::builder
