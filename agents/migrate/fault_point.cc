// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/fault_point.h"

// Empty in what is shipped.
#ifdef STARLING_FAULT_POINTS

#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

namespace starling::migrate {

void fault_point(const char* step, int connection) {
  static bool done = false;
  const char* wanted = std::getenv("STARLING_FAULT");
  if (done || wanted == nullptr) return;
  const std::string fault = wanted;
  const auto colon = fault.find(':');
  if (fault.substr(0, colon) != step) return;
  done = true;
  const std::string kind = fault.substr(colon + 1);
  if (const char* mark = std::getenv("STARLING_FAULT_MARK"))
    std::ofstream(mark, std::ios::app) << fault << '\n';
  if (kind == "die") ::kill(::getpid(), SIGKILL);
  if (kind == "fail") throw std::runtime_error("the fault point " + std::string(step));
  if (kind == "drop") ::shutdown(connection, SHUT_RDWR);
  if (kind.starts_with("hang="))
    std::this_thread::sleep_for(std::chrono::milliseconds(std::atoi(kind.c_str() + 5)));
}

}  // namespace starling::migrate

#endif
