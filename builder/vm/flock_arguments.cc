// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/vm/flock_arguments.h"

#include <iostream>

#include "builder/core/error.h"

namespace starling::vm {

namespace po = boost::program_options;

po::options_description flock_arguments(FlockOptions& o) {
  po::options_description known("Options");
  const auto firmware = [&o](const std::string& name) {
    if (name != "bios" && name != "uefi")
      throw builder::Error("unknown firmware '" + name + "'").hint("bios or uefi").exit_with(2);
    o.firmware = name == "uefi" ? Firmware::uefi : Firmware::bios;
  };
  known.add_options()
      ("help,h", "show this")
      ("nodes,n", po::value(&o.nodes)->default_value(o.nodes)->value_name("N"),
       "number of machines")
      ("firmware,f", po::value<std::string>()->default_value("bios")->notifier(firmware)
           ->value_name("bios|uefi"), "what the machines start with")
      ("netboot", po::bool_switch(&o.netboot),
       "only machine 1 has the image; the others boot over the network from it")
      ("usb", po::bool_switch(&o.usb), "the image is a USB stick, not a CD")
      ("memory", po::value(&o.memory_mib)->default_value(o.memory_mib)->value_name("MIB"),
       "memory of each machine")
      ("cpus", po::value(&o.cpus)->default_value(o.cpus)->value_name("N"), "CPUs of each machine")
      ("nic", po::value(&o.nic)->default_value(o.nic)->value_name("MODEL"),
       "network card: virtio, e1000, e1000e or rtl8139")
      ("accel", po::value(&o.accel)->default_value(o.accel)->value_name("auto|kvm|tcg"),
       "KVM or software emulation; auto boots a small guest to see whether KVM works")
      ("dir", po::value<std::string>()->notifier([&o](const std::string& d) { o.dir = d; })
           ->value_name("DIR"),
       "where consoles are logged (a directory under /tmp, removed after success)");
  return known;
}

std::optional<po::variables_map> parse_flock_arguments(const std::string& verb,
                                                       const std::vector<std::string>& args,
                                                       const po::options_description& known,
                                                       FlockOptions& options) {
  po::options_description all;
  all.add(known).add_options()(
      // Not po::value(&options.image): reading a path from a stream stops at a blank.
      "image", po::value<std::string>()->notifier(
                   [&options](const std::string& image) { options.image = image; }));
  po::positional_options_description positional;
  positional.add("image", 1);
  po::variables_map values;
  try {
    po::store(po::command_line_parser(args).options(all).positional(positional).run(), values);
    if (values.count("help")) {
      std::cout << "Usage: clusterbuild " << verb << " IMAGE [options]\n\n" << known;
      return std::nullopt;
    }
    po::notify(values);
  } catch (const po::error& e) {
    throw builder::Error(e.what()).hint("clusterbuild " + verb + " --help").exit_with(2);
  }
  const auto wrong = [&verb](const std::string& why) {
    return builder::Error(why).hint("clusterbuild " + verb + " --help").exit_with(2);
  };
  if (options.image.empty()) throw wrong("no IMAGE given");
  if (options.nodes < 1 || options.nodes > 64) throw wrong("--nodes must be between 1 and 64");
  if (options.memory_mib < 128) throw wrong("--memory must be at least 128");
  if (options.cpus < 1 || options.cpus > 64) throw wrong("--cpus must be between 1 and 64");
  return values;
}

}  // namespace starling::vm
