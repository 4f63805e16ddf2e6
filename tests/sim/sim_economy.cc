// SPDX-License-Identifier: GPL-2.0-or-later
// sim_economy: runs workloads under policies and prints CSV, one line per run.
#include <boost/program_options.hpp>
#include <iostream>
#include <stdexcept>

#include "tests/sim/bound.h"
#include "tests/sim/economy_run.h"

namespace po = boost::program_options;
using namespace starling::sim;

int main(int argc, char** argv) {
  std::string workload, policy, board;
  uint32_t nodes = 0, seeds = 1;
  double load = 0, memory = 0.02;
  RunOptions options;
  po::options_description description("Workloads under policies, in virtual time");
  description.add_options()("help,h", "this text")(
      "workload", po::value(&workload)->default_value("all"), "name or all")(
      "policy", po::value(&policy)->default_value("all"), "name, all or bound")(
      "nodes", po::value(&nodes)->default_value(0), "1 to 10000; 0: as usual for the workload")(
      "seed", po::value(&options.seed)->default_value(1), "of all randomness")(
      "seeds", po::value(&seeds)->default_value(1), "runs with this and the following seeds")(
      "load", po::value(&load)->default_value(0), "of the paper's workload; 0: 0.5 to 0.9 by seed")(
      "memory", po::value(&memory)->default_value(0.02),
      "of the paper's workload: least job's share of the biggest machine")(
      "board", po::value(&board)->default_value("aged"), "aged or membership (the real code)")(
      "loss", po::value(&options.loss)->default_value(0.0), "chance of losing a datagram")(
      "no-place", "ours: no initial placement")("no-move", "ours: no later moves")(
      "no-reserve", "ours: targets grant whatever is asked");
  try {
    po::variables_map values;
    po::store(po::parse_command_line(argc, argv, description), values);
    po::notify(values);
    if (values.count("help")) {
      std::cout << description << "\nworkloads:";
      for (const auto& name : workload_names()) std::cout << " " << name;
      std::cout << "\npolicies:";
      for (const auto& name : policy_names()) std::cout << " " << name;
      std::cout << " bound\n";
      return 0;
    }
    options.economy.place = values.count("no-place") == 0;
    options.economy.move = values.count("no-move") == 0;
    options.economy.reserve = values.count("no-reserve") == 0;
    options.membership = board == "membership";
    if (board != "aged" && board != "membership") {
      throw std::invalid_argument("--board is aged or membership");
    }
    if (nodes > 10000 || seeds < 1 || options.loss < 0 || options.loss >= 1) {
      throw std::invalid_argument("--nodes, --seeds or --loss out of range");
    }
    if (workload != "all") (void)make_workload(workload, 1, nodes);  // complains of the name
    std::cout << csv_head();
    const uint64_t first = options.seed;
    for (const std::string& name : workload_names()) {
      if (workload != "all" && name != workload) continue;
      for (uint64_t seed = first; seed < first + seeds; ++seed) {
        Workload w = make_workload(name, seed, nodes);
        if (name == "paper") {
          Random random(seed * 77);
          w = paper_workload(seed, load > 0 ? load : 0.5 + 0.4 * random.uniform(), 3000, memory);
        }
        options.seed = seed;
        for (const std::string& p : policy_names()) {
          if (policy != "all" && p != policy) continue;
          options.policy = p;
          std::cout << csv_line(name, options, w.nodes.size(), run_economy(w, options))
                    << std::flush;
        }
        if (policy == "all" || policy == "bound") {
          const Bound bound = offline_bound(w);
          RunResult r;
          r.jobs = w.jobs.size();
          r.makespan = bound.makespan;
          r.slowdown = bound.slowdown;
          options.policy = "bound";
          std::cout << csv_line(name, options, w.nodes.size(), r);
        }
      }
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "sim_economy: " << error.what() << " (see --help)\n";
    return 2;
  }
}
