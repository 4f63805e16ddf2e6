// SPDX-License-Identifier: GPL-2.0-or-later
// sim_membership: runs one scenario and prints its figures.
#include <algorithm>
#include <boost/program_options.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/sim/scenarios.h"

namespace po = boost::program_options;

int main(int argc, char** argv) {
  starling::sim::Setting setting;
  std::string scenario;
  po::options_description options("A flock in virtual time");
  options.add_options()("help,h", "this text")(
      "scenario", po::value(&scenario)->default_value("steady"), "what happens")(
      "nodes", po::value(&setting.nodes)->default_value(16), "how many, 2 to 16000")(
      "loss", po::value(&setting.loss)->default_value(0.0), "chance of losing a datagram")(
      "seed", po::value(&setting.seed)->default_value(1), "of all randomness")(
      "seconds", po::value(&setting.seconds)->default_value(60), "virtual time of the main part")(
      "drift", po::value(&setting.drift)->default_value(50e-6), "clock rates are 1 +- this")(
      "shape", po::value(&setting.shape)->default_value("halves"),
      "of a partition: halves, one, thirds, islands, fragments, oneway")("json", "print JSON")(
      "verbose", "tell of the progress of healing");
  po::variables_map values;
  try {
    po::store(po::parse_command_line(argc, argv, options), values);
    po::notify(values);
  } catch (const po::error& error) {
    std::cerr << "sim_membership: " << error.what() << "\n";
    return 2;
  }
  const auto& all = starling::sim::scenarios();
  setting.verbose = values.count("verbose") > 0;
  if (values.count("help")) {
    std::cout << options << "\nscenarios:";
    for (const auto& [name, run] : all) std::cout << " " << name;
    std::cout << "\n";
    return 0;
  }
  const auto found = all.find(scenario);
  if (found == all.end() || setting.nodes < 2 || setting.nodes > 16000 || setting.loss < 0 ||
      setting.loss >= 1) {
    std::cerr << "sim_membership: no such scenario, or nodes or loss out of range (see --help)\n";
    return 2;
  }
  const auto& shapes = starling::sim::shapes();
  if (std::find(shapes.begin(), shapes.end(), setting.shape) == shapes.end()) {
    std::cerr << "sim_membership: no such shape: " << setting.shape << " (see --help)\n";
    return 2;
  }
  const auto figures = found->second(setting);
  if (values.count("json")) {
    std::cout << nlohmann::json(figures).dump(2) << "\n";
  } else {
    for (const auto& [name, value] : figures) std::cout << name << " " << value << "\n";
  }
  return 0;
}
