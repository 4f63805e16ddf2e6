// SPDX-License-Identifier: GPL-2.0-or-later
#include <signal.h>

#include <cstdio>
#include <exception>
#include <iostream>

#include "agents/common/version.h"
#include "agents/daemon/config.h"
#include "agents/daemon/daemon.h"

using namespace starling;
using namespace starling::daemon;

// Exit statuses, as in starlingd(8).
static constexpr int kFailure = 1;
static constexpr int kBadConfiguration = 2;

static FlockKey key_of(const Config& config) {
  if (config.key_parameter)
    return parse_flock_key(*config.key_parameter, "kernel parameter starling.key");
  return load_flock_key(config.key_file);
}

int main(int argc, char** argv) {
  sigset_t handled;
  sigemptyset(&handled);
  for (int s : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&handled, s);
  sigprocmask(SIG_BLOCK, &handled, nullptr);
  try {
    const Config config = load_config({argv + 1, argv + argc});
    if (config.show_help) {
      print_help(std::cout);
      return 0;
    }
    if (config.show_version) {
      std::cout << "starlingd " << kProgramVersion << "\n";
      return 0;
    }
    set_log_level(config.log_level);
    const FlockKey key = key_of(config);
    if (config.check_only) {
      std::cout << "flock " << config.flock << ", port " << config.port << ": no mistakes\n";
      return 0;
    }
    return Daemon(config, key).run();
  } catch (const ConfigError& e) {
    log_error(e.what());
    return kBadConfiguration;
  } catch (const std::exception& e) {
    log_error(e.what());
    return kFailure;
  }
}
