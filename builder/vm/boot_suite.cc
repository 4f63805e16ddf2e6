// SPDX-License-Identifier: GPL-2.0-or-later
#include <map>
#include <set>
#include <sstream>

#include "builder/vm/pause.h"
#include "builder/vm/serial_log.h"
#include "builder/vm/suite.h"

namespace starling::vm {
namespace {

using namespace std::chrono_literals;

// Declared dead within 2 s is what the flock promises. Emulated machines that share two cores
// see it later, and the view is fetched through the guest agent: a bound for what is broken.
constexpr auto kDeadBound = 2s;
constexpr auto kDeadBoundEmulated = 8s;

std::string list(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& w : words) text += (text.empty() ? "" : ", ") + w;
  return text;
}

std::vector<int> from_to(int first, int last) {
  std::vector<int> numbers;
  for (int n = first; n <= last; ++n) numbers.push_back(n);
  return numbers;
}

Step power_on(std::vector<int> machines) {
  return {"power on", [machines](TestRun& run) -> std::string {
            for (const int n : machines) run.flock.power_on(n);
            return std::to_string(machines.size()) +
                   (machines.size() == 1 ? " machine" : " machines");
          }};
}

// Waits until `done(machine)` holds for each, in whatever order that is.
std::string each(TestRun& run, const std::vector<int>& machines, const std::string& what,
                 std::chrono::milliseconds pace, const std::string& figure,
                 const std::function<bool(int)>& done) {
  std::map<int, Clock::duration> times;
  std::set<int> waiting(machines.begin(), machines.end());
  while (!waiting.empty()) {
    for (auto n = waiting.begin(); n != waiting.end();) {
      auto& machine = run.flock.machine(*n);
      if (done(*n)) {
        times[*n] = Clock::now() - machine.powered_on();
        n = waiting.erase(n);
        continue;
      }
      const auto where = "node " + std::to_string(*n) + ": ";
      if (!machine.runs()) throw StepFailed(*n, where + "QEMU ended while waiting: " + what);
      if (Clock::now() >= run.deadline) throw StepFailed(*n, where + "not in time: " + what);
      ++n;
    }
    if (!waiting.empty()) pause_for(pace);
  }
  std::vector<std::string> words;
  for (const auto& [n, time] : times) {
    words.push_back(in_seconds(time));
    if (!figure.empty())
      run.figures[figure]["n" + std::to_string(n)] =
          std::chrono::duration<double>(time).count();
  }
  return "after " + list(words) + " of power";
}

// Firmware and boot loader; the kernel itself is silent when it boots with "quiet".
Step console_speaks(std::vector<int> machines) {
  return {"firmware and boot loader speak on the serial console", [machines](TestRun& run) {
            return each(run, machines, "nothing on the console", 500ms, "console_s", [&](int n) {
              return !last_lines(run.flock.machine(n).serial_log(), 1).empty();
            });
          }};
}

Step agent_answers(std::vector<int> machines) {
  return {"the guest agent answers", [machines](TestRun& run) {
            return each(run, machines, "the guest agent does not answer", 1s, "agent_s",
                        [&](int n) { return run.flock.machine(n).agent().answers(300ms); });
          }};
}

// `expected` nodes alive in the eyes of each.
Step joined(std::vector<int> machines, int expected) {
  const auto name = "each sees " + std::to_string(expected) + " alive";
  return {name, [machines, expected](TestRun& run) {
            std::map<int, std::string> seen;
            return each(run, machines, "the node has not joined", 1s, "joined_s", [&](int n) {
              const auto result =
                  run.flock.machine(n).agent().shell("exec mosctl nodes --json", 60s);
              if (result.status != 0) return false;  // the daemon is still starting
              return parse_node_view(result.out).alive() == expected;
            });
          }};
}

// What starling-netboot says of itself; null while the daemon is still starting.
nlohmann::json netboot_status(TestRun& run, int machine) {
  const auto json = nlohmann::json::parse(
      run.on_node(machine, "mosctl netboot --json || true"), nullptr, false);
  return json.is_object() ? json : nlohmann::json();
}

// A netbooted node fetches in the background what it needs to boot others.
Step has_boot_files(int machine) {
  return {"node " + std::to_string(machine) + " has all boot files itself",
          [machine](TestRun& run) -> std::string {
            run.wait_for(machine, "it still lacks boot files", 1s, [&] {
              const auto status = netboot_status(run, machine);
              return status.contains("missing") && status["missing"].empty();
            });
            return "";
          }};
}

Step serves_netboot(int machine) {
  return {"node " + std::to_string(machine) + " serves boot files", [machine](TestRun& run) {
            nlohmann::json status;
            run.wait_for(machine, "it does not serve boot files", 1s, [&] {
              status = netboot_status(run, machine);
              return status.is_object() && status.value("serving", false);
            });
            return status.value("mode", "");
          }};
}

Step number_is_published(std::vector<int> machines) {
  return {"/proc/hpc/admin/mospe is mosctl's number", [machines](TestRun& run) {
            std::vector<std::string> numbers;
            std::set<int> different;
            for (const int n : machines) {
              const int self = run.view(n).self;
              int kernel = -1;
              std::istringstream(run.on_node(n, "cat /proc/hpc/admin/mospe")) >> kernel;
              if (kernel != self || self == 0)
                throw StepFailed(n, "the kernel says " + std::to_string(kernel) +
                                        ", mosctl says " + std::to_string(self));
              numbers.push_back(std::to_string(self));
              different.insert(self);
            }
            if (different.size() != machines.size())
              throw StepFailed(machines.front(), "two nodes have one number: " + list(numbers));
            return list(numbers);
          }};
}

// A name of its own for each, after its number, also in the eyes of the others.
Step own_host_name(std::vector<int> machines) {
  return {"each has a host name of its own", [machines](TestRun& run) {
            std::vector<std::string> names;
            for (const int n : machines) {
              const auto number = std::to_string(run.view(n).self);
              std::string name;
              run.wait_for(n, "its host name does not end in its number", 500ms, [&] {
                std::istringstream(run.on_node(n, "hostname")) >> name;
                return name.ends_with("-" + number);
              });
              run.on_node(n, "grep -qw \"$(hostname)\" /etc/hosts");
              names.push_back(name);
            }
            return list(names);
          }};
}

Step same_image(std::vector<int> machines) {
  return {"all run the same image", [machines](TestRun& run) {
            std::string image;
            for (const int n : machines)
              for (const auto& [number, node] : run.view(n).nodes) {
                if (node.image.empty())
                  throw StepFailed(n, "node " + std::to_string(number) + " tells no image id");
                if (image.empty()) image = node.image;
                if (node.image != image)
                  throw StepFailed(n, "image ids differ: " + image + " and " + node.image);
              }
            return image;
          }};
}

Step no_failed_units(std::vector<int> machines) {
  return {"no unit has failed", [machines](TestRun& run) -> std::string {
            for (const int n : machines) {
              const auto failed =
                  run.on_node(n, "systemctl list-units --failed --plain --no-legend");
              if (failed.find_first_not_of(" \n") != std::string::npos)
                throw StepFailed(n, "node " + std::to_string(n) + ": " + failed);
            }
            return "";
          }};
}

Step killed_is_dead(int victim, int witness) {
  return {"the plug of node " + std::to_string(victim) + " is pulled: it is declared dead",
          [victim, witness](TestRun& run) {
            const bool emulated = run.flock.accel().accel == Accel::tcg;
            const auto bound = emulated ? kDeadBoundEmulated : kDeadBound;
            const int number = run.view(victim).self;
            run.flock.machine(victim).kill();
            const auto start = Clock::now();
            run.wait_for(witness, "it was not declared dead within " + in_seconds(bound), 50ms,
                         start + bound,
                         [&] { return run.view(witness).state(number) == "dead"; });
            const auto time = Clock::now() - start;
            run.figures["declared_dead_s"] = std::chrono::duration<double>(time).count();
            return "seen after " + in_seconds(time);
          }};
}

Step leaves(int leaver, int witness) {
  return {"node " + std::to_string(leaver) + " leaves: it has left, it did not die",
          [leaver, witness](TestRun& run) -> std::string {
            const int number = run.view(leaver).self;
            run.on_node(leaver, "mosctl leave");
            const auto start = Clock::now();
            run.wait_for(witness, "the node that left still counts", 100ms, start + 10s, [&] {
              const auto state = run.view(witness).state(number);
              if (state == "dead") throw StepFailed(witness, "it was declared dead");
              return state == "left";
            });
            return "seen after " + in_seconds(Clock::now() - start);
          }};
}

}  // namespace

Suite start_of_suite(const FlockOptions& options) {
  Suite suite;
  const auto all = from_to(1, options.nodes);
  const auto bring_up = [&suite](const std::vector<int>& machines, int expected) {
    suite.push_back(power_on(machines));
    suite.push_back(console_speaks(machines));
    suite.push_back(agent_answers(machines));
    suite.push_back(joined(machines, expected));
  };
  if (options.netboot) {
    bring_up({1}, 1);
    suite.push_back(serves_netboot(1));
    if (options.nodes > 1) bring_up(from_to(2, options.nodes), options.nodes);
  } else {
    bring_up(all, options.nodes);
  }
  return suite;
}

Suite boot_suite(const FlockOptions& options) {
  auto suite = start_of_suite(options);
  const auto all = from_to(1, options.nodes);
  suite.push_back(number_is_published(all));
  suite.push_back(own_host_name(all));
  suite.push_back(same_image(all));
  suite.push_back(no_failed_units(all));
  if (options.nodes > 2) suite.push_back(leaves(2, 1));
  if (options.nodes > 1) suite.push_back(killed_is_dead(options.nodes, 1));
  return suite;
}

Suite failover_suite(const FlockOptions& options) {
  if (!options.netboot || options.nodes < 2)
    throw builder::Error("the suite failover needs --netboot and --nodes 2 or more");
  auto suite = start_of_suite(options);
  suite.push_back(has_boot_files(2));
  suite.push_back(killed_is_dead(1, 2));
  suite.push_back(serves_netboot(2));
  const int fresh = options.nodes + 1;
  suite.push_back(power_on({fresh}));
  suite.push_back(console_speaks({fresh}));
  suite.push_back(agent_answers({fresh}));
  suite.push_back(joined({fresh}, options.nodes));
  suite.push_back(own_host_name(from_to(2, fresh)));
  suite.push_back(no_failed_units(from_to(2, fresh)));
  return suite;
}

}  // namespace starling::vm
