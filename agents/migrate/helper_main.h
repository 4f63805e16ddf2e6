// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/program_options.hpp>
#include <csignal>
#include <iostream>
#include <optional>
#include <string>

#include "agents/common/secure_stream.h"

namespace starling::migrate {

// What the two helper programs, starling-deputy and starling-body, do alike.

// From --key-fd; none with --plain. Throws po::error unless exactly one of them is given.
inline std::optional<StreamKey> key_from(const boost::program_options::variables_map& given) {
  if (given.contains("plain") == given.contains("key-fd"))
    throw boost::program_options::error("one of --key-fd and --plain is needed");
  if (given.contains("plain")) return std::nullopt;
  return read_stream_key(given["key-fd"].as<int>());
}

// main() around `run`: exit status 2 for a wrong command line, 3 for what it throws otherwise.
inline int helper_main(const std::string& name, int (*run)(int, char**), int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return run(argc, argv);
  } catch (const boost::program_options::error& e) {
    std::cerr << name << ": " << e.what() << " (see --help)\n";
    return 2;
  } catch (const std::exception& e) {
    std::cerr << name << ": " << e.what() << '\n';
    return 3;
  }
}

}  // namespace starling::migrate
