// SPDX-License-Identifier: GPL-2.0-or-later
#include <sstream>

#include "builder/vm/suite.h"

namespace starling::vm {
namespace {

using namespace std::chrono_literals;

// A program of the minimal image that computes and leaves its result in a file; the directory is
// its own. However fast the machine, it must still run after the last move: it goes on until the
// file "enough" is there, and its result does not tell how long that took.
struct Program {
  std::string name;
  std::string prepare;  // makes its input
  std::string feed;     // runs beside it at home
  std::string command;  // `exec` so that the shell's pid is the program's; writes "result"
};

std::vector<Program> programs() {
  return {{"perl", "true", "true",
           "exec perl -e 'open F, q(>), q(result); my $s = 7; for my $i (1..300) { for (1..20000) "
           "{ $s = ($s * 31 + $i) % 1000003 } print F qq($i $s\\n) } "
           "until (-e q(enough)) { for (1..20000) { $s = ($s * 31 + 5) % 1000003 } }'"},
          {"gzip", "seq 1 1000000 > input; rm -f feed; mkfifo feed",
           "{ cat input; until [ -e enough ]; do sleep 0.2; done; cat input; } > feed",
           "exec gzip -9 -n -c < feed > result"}};
}

// Starts the program, its pid in $pid; `goes_on` is what to do while it runs.
std::string script(const Program& program, const std::string& goes_on) {
  return "mkdir -p /root/move/" + program.name + " && cd /root/move/" + program.name +
         "\nrm -f result enough\n" + program.prepare + "\n( " + program.feed + " ) &\n( " +
         program.command + " ) & pid=$!\n" + goes_on;
}

Step runs_natively(const Program& program) {
  return {program.name + " runs on node 1 as it is", [program](TestRun& run) -> std::string {
            const auto begin = Clock::now();
            run.on_node(
                1, script(program, "touch enough\nwait $pid || exit 13\nmv result native\n"), 300s);
            return in_seconds(Clock::now() - begin);
          }};
}

// Gives where it computes after each move, as `mosctl where` says.
Step goes_round(const Program& program, int nodes) {
  return {program.name + " goes round the flock and shows the same",
          [program, nodes](TestRun& run) -> std::string {
            std::ostringstream moves;
            // A program that is gone would otherwise only be missed, not explained.
            moves << "fails() { touch enough; wait $pid; echo \"the program ended with $?\" >&2; "
                     "exit $1; }\nsleep 1\n";
            std::string route = "1";
            for (int n = 2; n <= nodes; ++n) {
              const int number = run.view(n).self;
              moves << "migrate $pid " << number << " >&2 || fails 11\nmosctl where $pid >&2\n"
                    << "sleep 1\n";
              route += " -> " + std::to_string(n);
            }
            moves << "migrate $pid home >&2 || fails 12\ntouch enough\nwait $pid || exit 13\n"
                  << "cmp result native || exit 14\n";
            run.on_node(1, script(program, moves.str()), 300s);
            return route + " -> 1";
          }};
}

// A body must not outlive its program.
Step nothing_is_left(int nodes) {
  return {"no guest is left anywhere", [nodes](TestRun& run) -> std::string {
            for (int n = 1; n <= nodes; ++n) {
              run.wait_for(n, "a starling-body is left", 1s, Clock::now() + 20s, [&] {
                return run.on_node(n, "pgrep -x starling-body || true").empty();
              });
            }
            return "";
          }};
}

}  // namespace

Suite migration_suite(const FlockOptions& options) {
  if (options.nodes < 2) throw builder::Error("the suite migration needs --nodes 2 or more");
  auto suite = start_of_suite(options);
  for (const Program& program : programs()) {
    suite.push_back(runs_natively(program));
    suite.push_back(goes_round(program, options.nodes));
  }
  suite.push_back(nothing_is_left(options.nodes));
  return suite;
}

}  // namespace starling::vm
