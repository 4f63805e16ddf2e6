// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/settings.h"

#include <boost/program_options.hpp>
#include <fstream>
#include <sstream>

#include "agents/common/control_client.h"
#include "agents/common/link.h"
#include "agents/common/small_file.h"

namespace starling::netboot {

namespace po = boost::program_options;
namespace fs = std::filesystem;

namespace {

po::options_description shared_options() {
  po::options_description o("Options, also for netboot.conf");
  o.add_options()
      ("netboot", po::value<std::string>()->default_value("auto"),
       "auto: beside a DHCP server say what to boot, without one give addresses too; off; "
       "proxy or full: only that")
      ("network", po::value<std::string>()->default_value("10.213.0.0/16"),
       "IPv4 network for a LAN without DHCP server: node N takes its N-th address, booting "
       "machines the upper half")
      ("http-port", po::value<int>()->default_value(80), "TCP port of kernel and image")
      ("ipxe", po::value<std::string>()->default_value("on"),
       "off: pxelinux also for BIOS machines whose ROM is iPXE")
      ("interfaces", po::value<std::string>()->default_value("wired"),
       "links to serve, as in starling.conf")
      ("flock", po::value<std::string>()->default_value("starling"), "name of the flock")
      ("control-socket", po::value<std::string>()->default_value(kControlSocket),
       "where starlingd answers")
      ("run-dir", po::value<std::string>()->default_value("/run/starling/netboot"),
       "state and generated files")
      ("medium", po::value<std::string>()->default_value("/run/live/medium"),
       "what this node booted from")
      ("cache-dir", po::value<std::string>()->default_value("/var/cache/starling/netboot"),
       "where boot files fetched from other nodes are put")
      ("loaders", po::value<std::string>()->default_value("/usr/lib/starling/netboot"),
       "boot loaders, where the image itself has them")
      ("cmdline", po::value<std::string>()->default_value("/proc/cmdline"),
       "kernel command line that booting machines inherit");
  return o;
}

po::options_description command_options() {
  po::options_description o("Command line only");
  o.add_options()("help,h", "show this and exit")("check", "read the configuration and exit");
  return o;
}

// starling.netboot=off on the kernel command line, as options of a file.
std::string kernel_options(const std::string& cmdline) {
  std::istringstream words(cmdline);
  std::string out;
  for (std::string word; words >> word;)
    for (const char* name : {"netboot", "flock"})
      if (const auto prefix = std::string("starling.") + name + "="; word.starts_with(prefix))
        out += std::string(name) + "=" + word.substr(prefix.size()) + "\n";
  return out;
}

Policy parse_policy(const std::string& text) {
  if (text == "auto") return Policy::automatic;
  if (text == "off") return Policy::off;
  if (text == "proxy") return Policy::proxy;
  if (text == "full") return Policy::full;
  throw SettingsError("netboot = " + text + ": known are auto, off, proxy, full");
}

Settings from_values(const po::variables_map& v) {
  const auto text = [&v](const char* name) { return v[name].as<std::string>(); };
  Settings s;
  s.policy = parse_policy(text("netboot"));
  const auto network = parse_subnet(text("network"));
  if (!network || network->prefix < 8 || network->prefix > 20)
    throw SettingsError("network = " + text("network") +
                        ": not an IPv4 network with a prefix of 8 to 20 bits");
  s.network = *network;
  s.http_port = v["http-port"].as<int>();
  if (s.http_port < 1 || s.http_port > 65535)
    throw SettingsError("http-port = " + std::to_string(s.http_port) + ": not a port");
  const auto ipxe = text("ipxe");
  if (ipxe != "on" && ipxe != "off") throw SettingsError("ipxe = " + ipxe + ": known are on, off");
  s.ipxe = ipxe == "on";
  s.interfaces = text("interfaces");
  try {
    LinkFilter{s.interfaces};
  } catch (const std::invalid_argument& e) {
    throw SettingsError("interfaces = " + s.interfaces + ": " + e.what());
  }
  s.flock = text("flock");
  for (const char c : s.flock)  // it goes into dnsmasq's configuration
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_' && c != '.')
      throw SettingsError("flock = " + s.flock + ": only letters, digits and - _ .");
  s.control_socket = text("control-socket");
  s.run_dir = text("run-dir");
  s.cmdline = text("cmdline");
  s.roots = {text("loaders"), text("medium"), text("cache-dir")};
  return s;
}

}  // namespace

std::string help_text() {
  std::ostringstream out;
  out << "Usage: starling-netboot [OPTION]...\nServes boot files to new machines.\n\n"
      << command_options() << "\n"
      << shared_options();
  return out.str();
}

Settings load_settings(const std::vector<std::string>& arguments,
                       const std::vector<fs::path>& files) {
  const auto shared = shared_options();
  po::options_description all;
  all.add(shared).add(command_options());
  po::variables_map values;
  std::string source = "command line";
  try {
    const auto parsed = po::command_line_parser(arguments).options(all).run();
    po::store(parsed, values);
    const auto cmdline = read_small_file(values["cmdline"].as<std::string>()).value_or("");
    source = "kernel command line";
    std::istringstream kernel(kernel_options(cmdline));
    po::store(po::parse_config_file(kernel, shared), values);
    for (const auto& file : files) {
      std::ifstream in(file);
      source = file;
      if (in) po::store(po::parse_config_file(in, shared), values);
    }
    po::notify(values);
    source = "configuration";
    auto settings = from_values(values);
    settings.show_help = values.count("help") != 0;
    settings.check_only = values.count("check") != 0;
    return settings;
  } catch (const po::error& e) {
    throw SettingsError(source + ": " + e.what());
  }
}

}  // namespace starling::netboot
