// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <iomanip>
#include <sstream>

#include "builder/vm/suite.h"

namespace starling::vm {
namespace {

using namespace std::chrono_literals;

constexpr int kRuns = 3;

// Starts a perl that holds `mib` MiB of pages, none of them zeros, and counts; its pid in $pid.
// What it holds is written before it says so.
std::string holder(int mib) {
  return "mkdir -p /root/criu-suite && cd /root/criu-suite && rm -rf images ready pid && mkdir "
         "images\n"
         "setsid perl -e '$x .= q(starling) x 131072 for 1 .. " +
         std::to_string(mib) +
         "; open F, q(>), q(ready); close F; while (1) { select undef, undef, undef, 0.01; "
         "$n++ }' < /dev/null > /dev/null 2>&1 & pid=$!\n"
         "for i in $(seq 600); do [ -e ready ] && break; sleep 0.1; done; [ -e ready ] || exit 3\n";
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

// Milliseconds from before CRIU's dump until the restored process runs: an image in memory, read
// again on the same machine, which is the best that stop-and-copy can do.
double criu_ms(TestRun& run, int mib) {
  const std::string out = run.on_node(
      1,
      holder(mib) +
          "t0=$(date +%s%N)\n"
          "criu dump -t $pid -D images -o dump.log > /dev/null || { tail -5 images/dump.log >&2; "
          "exit 4; }\n"
          "criu restore -d -D images -o restore.log --pidfile /root/criu-suite/pid > /dev/null || "
          "{ "
          "tail -5 images/restore.log >&2; exit 5; }\n"
          "t1=$(date +%s%N)\n"
          "kill -9 $pid; rm -rf images\necho $t0 $t1\n",
      300s);
  std::istringstream text(out);
  double from = 0, to = 0;
  if (!(text >> from >> to)) throw StepFailed(1, "no times from node 1: " + out);
  return (to - from) / 1e6;
}

// Milliseconds that the same process is frozen when it moves to machine 2, as its node says.
double move_ms(TestRun& run, int mib) {
  const int there = run.view(2).self;
  const std::string out = run.on_node(1,
                                      holder(mib) + "migrate $pid " + std::to_string(there) +
                                          " >&2 || exit 4\nmosctl stats --json\nkill -9 $pid\n",
                                      300s);
  const auto stats = nlohmann::json::parse(out, nullptr, false);
  if (!stats.is_discarded() && stats.contains("moved")) {
    for (const auto& process : stats["moved"]) {
      const auto figures = process.value("stats", nlohmann::json::object());
      if (figures.contains("freeze_us")) return figures["freeze_us"].get<double>() / 1e3;
    }
  }
  throw StepFailed(1, "mosctl stats on node 1 tells of no move: " + out);
}

Step compare(int mib) {
  const std::string size = std::to_string(mib) + " MiB";
  return {"frozen time with " + size, [mib, size](TestRun& run) -> std::string {
            std::vector<double> criu, ours;
            for (int i = 0; i < kRuns; ++i) {  // side by side: an emulated machine's speed varies
              criu.push_back(criu_ms(run, mib));
              ours.push_back(move_ms(run, mib));
            }
            const double dump = median(criu), move = median(ours);
            run.figures["frozen, " + size] = {
                {"criu_ms", dump}, {"starling_ms", move}, {"ratio", dump / move}};
            std::ostringstream text;
            text << std::fixed << std::setprecision(1) << "move " << move
                 << " ms, CRIU dump and restore " << dump << " ms: " << dump / move << " times";
            return text.str();
          }};
}

}  // namespace

Suite criu_suite(const FlockOptions& options) {
  if (options.nodes < 2) throw builder::Error("the suite criu needs --nodes 2 or more");
  auto suite = start_of_suite(options);
  suite.push_back({"CRIU works on node 1", [](TestRun& run) -> std::string {
                     return run.on_node(1,
                                        "command -v criu > /dev/null || { echo 'this image has no "
                                        "criu: build one with packages = criu' >&2; exit 1; }\n"
                                        "criu check >&2 && criu --version | head -n 1 | tr -d '\\n'");
                   }});
  for (const int mib : {16, 64, 256}) suite.push_back(compare(mib));
  return suite;
}

}  // namespace starling::vm
