// SPDX-License-Identifier: GPL-2.0-or-later
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iostream>
#include <utility>

#include "agents/common/clock.h"
#include "agents/common/version.h"
#include "agents/tools/move_client.h"
#include "agents/tools/mps_view.h"

using namespace starling;
using namespace starling::tools;

// Between two looks at the count of calls.
static constexpr long kSampling = 300 * kMillisecond;

namespace {
struct Options {
  std::filesystem::path socket = kControlSocket;
  bool json = false;
  bool all = false;
  bool moved = false;
  bool why = true;
};
}  // namespace

static void print_help() {
  std::cout << "Usage: mps [-a] [-m] [-q] [--json] [--socket PATH]\n"
               "Lists processes and the nodes they compute on; see mps(1).\n\n"
               "  -a              those of all users, as far as one may ask about them\n"
               "  -m              only those that have been moved\n"
               "  -q              quick: do not ask why the others stay\n"
               "  --json          answer in JSON\n"
               "  --socket PATH   ask another daemon than the one on /run/starling/control.sock\n"
               "  -h, --help      show this\n"
               "  -V, --version   show the version\n";
}

static std::vector<ProcessInfo> processes_of(const Options& options) {
  std::vector<ProcessInfo> out;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc{} || end != name.data() + name.size()) continue;
    const auto process = read_process(pid);
    if (!process || process->kernel_thread || pid == ::getpid()) continue;
    if (!options.all && process->uid != ::getuid()) continue;
    out.push_back(*process);
  }
  std::sort(out.begin(), out.end(),
            [](const ProcessInfo& a, const ProcessInfo& b) { return a.pid < b.pid; });
  return out;
}

static void ask_why(ControlClient& daemon, std::vector<MpsRow>& rows) {
  for (MpsRow& row : rows) {
    if (row.away) continue;
    if (::getuid() != 0 && row.process.uid != ::getuid()) continue;
    const auto answer = daemon.ask({{"cmd", "why"}, {"pid", row.process.pid}});
    if (answer.value("ok", false)) {
      row.why_not = answer.value("why", "");
    } else if (answer.value("code", "") == "no-helper") {
      return;  // there is nobody to ask about the others either
    }
  }
}

static int run(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--help" || word == "-h") {
      print_help();
      return kOk;
    }
    if (word == "--version" || word == "-V") {
      std::cout << "mps " << kProgramVersion << "\n";
      return kOk;
    }
    if (word == "-a") {
      options.all = true;
    } else if (word == "-m") {
      options.moved = true;
    } else if (word == "-q") {
      options.why = false;
    } else if (word == "--json") {
      options.json = true;
    } else if (word == "--socket") {
      if (++i == argc) throw UsageError("--socket needs a path");
      options.socket = argv[i];
    } else if (word.rfind("--socket=", 0) == 0) {
      options.socket = word.substr(9);
    } else {
      throw UsageError("unknown argument \"" + word + "\"");
    }
  }
  ControlClient daemon(options.socket, kMoveTimeoutMs);
  const auto figures = [&] {
    auto answer = daemon.ask({{"cmd", "movestats"}});
    if (!answer.value("ok", false)) throw Refused(kFailure, answer.value("error", ""));
    return answer;
  };
  nlohmann::json answer = figures();
  if (!answer.at("moved").empty()) {
    const nlohmann::json before = std::exchange(answer, {});
    const TimeNs begin = monotonic_ns();
    const timespec pause{0, kSampling};
    nanosleep(&pause, nullptr);
    answer = figures();
    add_call_rates(before, answer, static_cast<double>(monotonic_ns() - begin) / kSecond);
  }
  std::vector<MpsRow> rows = mps_rows(processes_of(options), answer);
  if (options.moved) std::erase_if(rows, [](const MpsRow& r) { return r.moves == 0 && !r.away; });
  if (options.why) ask_why(daemon, rows);
  const long ticks = sysconf(_SC_CLK_TCK);
  if (options.json) {
    std::cout << mps_json(rows, ticks).dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
              << "\n";
  } else {
    print_mps(rows, ticks, std::cout);
  }
  return kOk;
}

int main(int argc, char** argv) {
  return guarded("mps", [&] { return run(argc, argv); });
}
