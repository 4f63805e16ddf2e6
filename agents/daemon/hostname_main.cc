// SPDX-License-Identifier: GPL-2.0-or-later
// starling-hostname: gives this machine a host name of its own. Started at boot, and again by
// starling-hostname.path whenever the node daemon has noted another number. A program of its own
// because naming a machine takes CAP_SYS_ADMIN, which the daemon has no other use for.
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <iostream>

#include "agents/common/fail.h"
#include "agents/common/link_monitor.h"
#include "agents/common/log.h"
#include "agents/common/small_file.h"
#include "agents/daemon/facts.h"
#include "agents/daemon/host_naming.h"
#include "agents/daemon/identity.h"

using namespace starling;
using namespace starling::daemon;

static constexpr const char* kStateDir = "/var/lib/starling";
static constexpr const char* kRunDir = "/run/starling-hostname";

static std::string first_word(const std::filesystem::path& file) {
  const auto text = read_small_file(file, 256).value_or("");
  return text.substr(0, text.find_first_of(" \t\r\n"));
}

static int name_this_machine() {
  const std::filesystem::path given = std::filesystem::path(kRunDir) / "given";
  LinkMonitor links;
  NamingFacts facts;
  facts.cmdline = read_small_file("/proc/cmdline").value_or("");
  facts.configured = first_word("/etc/hostname");
  facts.current = host_name();
  facts.last_given = first_word(given);
  facts.number = read_remembered(kStateDir).number;
  facts.mac = machine_mac(links.links());
  const auto name = host_name_for(facts);
  if (!name || *name == facts.current) return 0;
  // Before the name itself: who looks it up finds it.
  write_file_atomically("/etc/hosts",
                        with_own_name(read_small_file("/etc/hosts").value_or(""), *name), 0644);
  std::filesystem::create_directories(kRunDir);
  write_file_atomically(given, *name + "\n", 0644);
  if (::sethostname(name->c_str(), name->size()) != 0) fail_errno("sethostname");
  log_notice("this machine is " + *name);
  return 0;
}

int main(int argc, char**) {
  if (argc > 1) {
    std::cerr << "starling-hostname takes no arguments; see starling-hostname(8)\n";
    return 2;
  }
  try {
    return name_this_machine();
  } catch (const std::exception& e) {
    log_error(std::string("the machine keeps its host name: ") + e.what());
    return 1;
  }
}
