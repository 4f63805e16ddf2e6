// SPDX-License-Identifier: GPL-2.0-or-later
#include <iostream>

#include "builder/core/interrupt.h"
#include "builder/vm/flock_arguments.h"
#include "builder/vm/suite.h"
#include "builder/vm/verbs.h"

namespace starling::builder {

int vm_test(const std::vector<std::string>& args) {
  namespace po = boost::program_options;
  vm::FlockOptions options;
  std::string suite_name;
  int timeout_s = 0;
  bool json = false, keep = false;
  auto known = vm::flock_arguments(options);
  known.add_options()
      ("suite", po::value(&suite_name)->default_value("boot")->value_name("NAME"),
       "what to test: boot, failover, migration or criu")
      ("timeout", po::value(&timeout_s)->default_value(900)->value_name("SECONDS"),
       "give up after this long")
      ("keep", po::bool_switch(&keep), "keep the logs of a run that passed")
      ("json", po::bool_switch(&json), "report in JSON on standard output");
  if (!vm::parse_flock_arguments("test", args, known, options)) return 0;
  const auto suite = vm::find_suite(suite_name, options);

  install_interrupt_handlers();
  auto& out = json ? std::cerr : std::cout;
  vm::Flock flock(options, [&out](const std::string& line) { out << line << std::endl; });
  vm::TestRun run{flock, vm::Clock::now() + std::chrono::seconds(timeout_s), {}};
  const auto report = vm::run_suite(suite, run, out);
  if (json) std::cout << report.dump(2) << std::endl;
  const bool ok = report.at("ok");
  if (!ok || keep) {
    flock.keep_logs();
    out << "logs: " << flock.dir().native() << std::endl;
  }
  return ok ? 0 : 1;
}

}  // namespace starling::builder
