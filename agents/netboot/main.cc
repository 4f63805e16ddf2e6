// SPDX-License-Identifier: GPL-2.0-or-later
// starling-netboot: serves boot files to new machines. See service.h.
#include <csignal>
#include <iostream>
#include <utility>  // before asio: Boost 1.74's awaitable.hpp forgets it

#include <boost/asio/signal_set.hpp>

#include "agents/common/log.h"
#include "agents/common/notify.h"
#include "agents/netboot/service.h"

int main(int argc, char** argv) {
  using namespace starling;
  std::signal(SIGPIPE, SIG_IGN);  // sendfile(2) to a client that has gone
  try {
    auto settings = netboot::load_settings({argv + 1, argv + argc});
    if (settings.show_help) {
      std::cout << netboot::help_text();
      return 0;
    }
    if (settings.check_only) return 0;
    boost::asio::io_context io;
    netboot::Service service(io, std::move(settings));
    boost::asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&io](boost::system::error_code, int) { io.stop(); });
    service.start();
    notify_manager("READY=1");
    io.run();
    notify_manager("STOPPING=1");
    return 0;
  } catch (const netboot::SettingsError& e) {
    std::cerr << "starling-netboot: " << e.what() << "\n";
    return 2;
  } catch (const std::exception& e) {
    log_error(e.what());
    return 1;
  }
}
