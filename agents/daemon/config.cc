// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/config.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <fstream>
#include <iostream>
#include <sstream>

#include "agents/common/flock_key.h"
#include "agents/common/link.h"
#include "agents/common/small_file.h"

namespace po = boost::program_options;

namespace starling::daemon {

// Options that stand in files and on the command line alike.
static po::options_description shared_options() {
  po::options_description o("Options, also for starling.conf(5)");
  o.add_options()                                                                          //
      ("flock", po::value<std::string>()->default_value("starling"), "name of the flock")  //
      ("key-file", po::value<std::string>()->default_value("/etc/starling/flock.key"),
       "the flock's key: 64 hexadecimal digits, mode 0600")                          //
      ("port", po::value<std::uint32_t>()->default_value(7827), "UDP and TCP port")  //
      ("interfaces", po::value<std::string>()->default_value("wired"),
       "links to use: \"wired\", names with * and ?, ! in front to exclude")  //
      ("priority", po::value<int>()->default_value(50),
       "real-time priority of the liveness thread, 0 for none")                          //
      ("number", po::value<std::uint32_t>()->default_value(0), "node number to prefer")  //
      ("machine", po::value<std::string>()->default_value(""),
       "identity of the machine, 16 hexadecimal digits; from the hardware by default")  //
      ("control-socket", po::value<std::string>()->default_value("/run/starling/control.sock"),
       "where mosctl asks")  //
      ("state-dir", po::value<std::string>()->default_value("/var/lib/starling"),
       "where the node number is remembered")  //
      ("issue-file", po::value<std::string>()->default_value("/run/issue.d/starling.issue"),
       "what the console shows before the login; empty for none")  //
      ("hpc-device", po::value<std::string>()->default_value("/dev/hpc"),
       "the kernel's end of /proc/hpc")  //
      ("image-id-file", po::value<std::string>()->default_value("/etc/starling/image-id"),
       "identity of the booted image")  //
      ("helper-dir", po::value<std::string>()->default_value(""),
       "where starling-deputy and starling-body are; beside starlingd or in /usr/lib/starling "
       "by default")  //
      ("move-socket", po::value<std::string>()->default_value(""),
       "where helpers find a restarted daemon; move.sock beside the control socket by default")  //
      ("max-guests", po::value<std::uint32_t>()->default_value(256),
       "processes of other nodes taken at most, 0 for none")  //
      ("guest-memory", po::value<std::uint64_t>()->default_value(0),
       "MiB of memory one guest may use, 0 for no limit")  //
      ("guest-cgroup", po::value<std::string>()->default_value("auto"),
       "control group in which the kernel holds guests to that; \"auto\", \"none\" or a path")  //
      ("netboot-dir", po::value<std::string>()->default_value("/run/starling/netboot"),
       "where the boot server of this node tells how it stands")  //
      ("log-level", po::value<std::string>()->default_value("info"),
       "error, warning, notice, info or debug");
  return o;
}

static po::options_description command_options() {
  po::options_description o("Command line only");
  o.add_options()                                 //
      ("help,h", "show this and exit")            //
      ("version,V", "show the version and exit")  //
      ("config,c", po::value<std::string>(),
       "main file, instead of /etc/starling/starling.conf")  //
      ("check", "read the configuration and the key, say what is wrong, and exit");
  return o;
}

void print_help(std::ostream& out) {
  out << "Usage: starlingd [OPTION]...\n"
         "The node daemon of a Starling flock; see starlingd(8).\n\n"
      << command_options() << "\n"
      << shared_options();
}

// "file:line" of the last assignment to `key`; the file alone when it has none.
static std::string where(const std::string& file, const std::string& content,
                         const std::string& key) {
  std::istringstream in(content);
  std::string line;
  std::string found = file;
  for (int n = 1; std::getline(in, line); ++n) {
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string::npos || line[begin] == '#') continue;
    const std::size_t end = line.find_first_of(" \t=", begin);
    if (line.substr(begin, end - begin) == key) found = file + ":" + std::to_string(n);
  }
  return found;
}

// A value that parses but makes no sense; begins with the option's name.
struct ValueMistake : std::runtime_error {
  using std::runtime_error::runtime_error;
};

static void check_values(const po::variables_map& values) {
  const auto range = [&](const char* name, long value, long low, long high) {
    if (value < low || value > high) {
      throw ValueMistake(std::string(name) + ": " + std::to_string(value) + " is not between " +
                         std::to_string(low) + " and " + std::to_string(high));
    }
  };
  const auto text = [&](const char* name, auto check) {
    try {
      check(values[name].as<std::string>());
    } catch (const std::exception& e) {
      throw ValueMistake(std::string(name) + ": " + e.what());
    }
  };
  range("port", values["port"].as<std::uint32_t>(), 1, 65535);
  range("number", values["number"].as<std::uint32_t>(), 0, 65535);
  range("max-guests", values["max-guests"].as<std::uint32_t>(), 0, 65535);
  range("guest-memory",
        static_cast<long>(
            std::min<std::uint64_t>(values["guest-memory"].as<std::uint64_t>(), INT64_MAX)),
        0, long{1} << 40);
  range("priority", values["priority"].as<int>(), 0, 99);
  text("flock", [](const std::string& v) { check_flock_name(v, "name"); });
  text("interfaces", [](const std::string& v) { LinkFilter{v}; });
  text("guest-cgroup", [](const std::string& v) {
    if (v != "auto" && v != "none" && !v.starts_with("/")) {
      throw std::invalid_argument("\"" + v + "\" is neither auto nor none nor a path from /");
    }
  });
  text("machine", [](const std::string& v) {
    std::array<std::uint8_t, 8> id;
    if (!v.empty() && !from_hex(v, id)) {
      throw std::invalid_argument("\"" + v + "\" is not 16 hexadecimal digits");
    }
  });
  text("log-level", [](const std::string& v) {
    for (const char* known : {"error", "warning", "notice", "info", "debug"}) {
      if (v == known) return;
    }
    throw std::invalid_argument("\"" + v +
                                "\" is no level; known: error warning notice info debug");
  });
}

// "auto": where a service manager gave the daemon a group of its own and itself a subgroup "daemon"
// of it (systemd.resource-control(5), Delegate= and DelegateSubgroup=).
static std::filesystem::path guest_cgroup(const std::string& wanted,
                                          const std::filesystem::path& own) {
  if (wanted == "none") return {};
  if (wanted != "auto") return wanted;
  std::istringstream lines(read_small_file(own).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("0::/")) continue;  // cgroups(7): the hierarchy of version 2
    const std::filesystem::path group = line.substr(4);
    if (group.filename() == "daemon")
      return std::filesystem::path("/sys/fs/cgroup") / group.parent_path();
  }
  return {};
}

// Reads one file on its own, with its own checks, so that a mistake is told with its line even if
// another source overrides it.
static po::parsed_options read_file(const std::filesystem::path& path) {
  const auto content = read_small_file(path);
  if (!content) throw ConfigError(path.string() + ": cannot be read");
  const po::options_description known = shared_options();
  std::string key;
  try {
    std::istringstream in(*content);
    po::parsed_options parsed = po::parse_config_file(in, known, true);
    for (const auto& option : parsed.options) {
      if (option.unregistered) {
        throw ConfigError(where(path, *content, option.string_key) + ": unknown option \"" +
                          option.string_key + "\"; see starling.conf(5)");
      }
    }
    for (const auto& option : parsed.options) {
      key = option.string_key;
      po::parsed_options one(&known);
      one.options.push_back(option);
      po::variables_map values;
      po::store(one, values);
      check_values(values);
    }
    return parsed;
  } catch (const ValueMistake& e) {
    throw ConfigError(where(path, *content, key) + ": " + e.what());
  } catch (const po::multiple_occurrences& e) {
    throw ConfigError(where(path, *content, e.get_option_name()) + ": " + e.what());
  } catch (const po::error& e) {
    throw ConfigError(where(path, *content, key) + ": " + (key.empty() ? "" : key + ": ") +
                      e.what());
  }
}

static po::parsed_options read_file_into(const std::filesystem::path& path,
                                         po::variables_map& values,
                                         const po::options_description& known) {
  po::parsed_options parsed = read_file(path);
  parsed.description = &known;  // read_file's own is gone
  po::store(parsed, values);
  return parsed;
}

static LogLevel level_of(const std::string& name) {
  if (name == "error") return LogLevel::kError;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "notice") return LogLevel::kNotice;
  return name == "debug" ? LogLevel::kDebug : LogLevel::kInfo;
}

Config load_config(const std::vector<std::string>& arguments, const ConfigSources& sources) {
  const po::options_description shared = shared_options();
  po::options_description all;
  all.add(command_options()).add(shared);
  po::variables_map values;
  Config config;
  try {
    // Abbreviated options would change their meaning when a longer list comes along.
    const auto style =
        po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
    const po::positional_options_description none;
    po::store(po::command_line_parser(arguments).options(all).positional(none).style(style).run(),
              values);
  } catch (const po::error& e) {
    throw ConfigError(std::string(e.what()) + "; see starlingd --help");
  }
  config.show_help = values.count("help") != 0;
  config.show_version = values.count("version") != 0;
  config.check_only = values.count("check") != 0;
  if (config.show_help || config.show_version) return config;

  const std::string cmdline = read_small_file(sources.kernel_cmdline).value_or("");
  if (const auto name = kernel_parameter(cmdline, "starling.flock")) {
    try {
      check_flock_name(*name, "kernel parameter starling.flock");
    } catch (const std::exception& e) {
      throw ConfigError(e.what());
    }
    po::parsed_options parsed(&shared);
    parsed.options.emplace_back("flock", std::vector<std::string>{*name});
    po::store(parsed, values);
  }
  config.key_parameter = kernel_parameter(cmdline, "starling.key");

  std::vector<std::filesystem::path> files;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(sources.drop_ins, ignored)) {
    if (entry.path().extension() == ".conf") files.push_back(entry.path());
  }
  std::sort(files.rbegin(), files.rend());
  if (values.count("config")) {
    files.push_back(values["config"].as<std::string>());
  } else if (std::filesystem::exists(sources.main_file, ignored)) {
    files.push_back(sources.main_file);
  }
  if (std::filesystem::exists(sources.defaults, ignored)) files.push_back(sources.defaults);
  for (const auto& file : files) read_file_into(file, values, shared);

  try {
    po::variables_map with_defaults = values;
    po::store(po::parsed_options(&all), with_defaults);
    po::notify(with_defaults);
    check_values(with_defaults);
    values = with_defaults;
  } catch (const ValueMistake& e) {
    throw ConfigError(e.what());
  } catch (const po::error& e) {
    throw ConfigError(e.what());
  }
  const auto text = [&](const char* name) { return values[name].as<std::string>(); };
  config.flock = text("flock");
  config.key_file = text("key-file");
  config.port = static_cast<std::uint16_t>(values["port"].as<std::uint32_t>());
  config.interfaces = text("interfaces");
  config.priority = values["priority"].as<int>();
  config.number = static_cast<std::uint16_t>(values["number"].as<std::uint32_t>());
  config.machine = text("machine");
  config.control_socket = text("control-socket");
  config.state_dir = text("state-dir");
  config.issue_file = text("issue-file");
  config.hpc_device = text("hpc-device");
  config.image_id_file = text("image-id-file");
  config.helper_dir = text("helper-dir");
  config.move_socket = text("move-socket");
  if (config.move_socket.empty()) {
    config.move_socket = config.control_socket.parent_path() / "move.sock";
  }
  config.max_guests = values["max-guests"].as<std::uint32_t>();
  config.guest_memory = values["guest-memory"].as<std::uint64_t>() << 20;
  config.guest_cgroup = guest_cgroup(text("guest-cgroup"), sources.own_cgroup);
  config.netboot_dir = text("netboot-dir");
  config.log_level = level_of(text("log-level"));
  return config;
}

}  // namespace starling::daemon
