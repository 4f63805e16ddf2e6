// SPDX-License-Identifier: GPL-2.0-or-later
// move_rig: runs a command and moves it between home and two guests at random moments, with the
// real helpers on loopback. For tests and for trying things out; see --help.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/lab/move_driver.h"

namespace starling {
namespace {

namespace po = boost::program_options;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kStuck = 124, kBroken = 125;

struct Options {
  int moves = 1000;
  milliseconds interval{20};
  milliseconds timeout{120'000};
  unsigned seed = 1;
  bool sealed = false;
  std::string json;
  std::string log;
  std::vector<std::string> command;
};

class Rig {
 public:
  explicit Rig(Options options)
      : options_(std::move(options)),
        random_(options_.seed),
        driver_({{}, {}}, options_.sealed ? lab::random_stream_key() : std::string()) {
    driver_.on_report = [this](const nlohmann::json& r) { take_report(r); };
  }

  int run() {
    driver_.start(options_.command);
    // What the terminal sends is for the command; this program goes on with it.
    std::signal(SIGINT, SIG_IGN);
    std::signal(SIGQUIT, SIG_IGN);
    const int fault = loop();
    driver_.kill();
    report_["leftover_helpers"] = driver_.finish();
    if (!options_.json.empty()) std::ofstream(options_.json) << report_.dump(2) << '\n';
    return fault != 0 ? fault : end_like_command();
  }

 private:
  int loop() {
    const auto end = Clock::now() + options_.timeout;
    auto next = Clock::now() + pause();
    bool was_waiting = false;
    while (!driver_.ended()) {
      const auto now = Clock::now();
      if (now >= end) {
        report_["error"] =
            driver_.waiting() ? "a move did not end in time" : "the command did not end in time";
        return kStuck;
      }
      if (const auto deputy = driver_.deputy_ended()) {
        // It ends with its process, whose end is seen at the same time.
        driver_.pump(milliseconds(1000));
        if (driver_.ended() && *deputy == 0) break;
        report_["error"] = "starling-deputy ended with status " + std::to_string(*deputy);
        return kBroken;
      }
      if (!driver_.waiting() && now >= next && moves_ < options_.moves) send_order();
      const auto until = driver_.waiting() || moves_ >= options_.moves ? end : next;
      const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
      was_waiting = driver_.waiting();
      driver_.pump(std::clamp(left, milliseconds(0), milliseconds(1000)));
      if (was_waiting && !driver_.waiting()) next = Clock::now() + pause();
    }
    return 0;
  }

  int end_like_command() {
    const int status = *driver_.ended();
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    // No core of ours beside the command's.
    const rlimit none{};
    ::setrlimit(RLIMIT_CORE, &none);
    std::signal(WTERMSIG(status), SIG_DFL);
    ::kill(::getpid(), WTERMSIG(status));
    return 128 + WTERMSIG(status);
  }

  milliseconds pause() {
    std::exponential_distribution<double> wait(1.0);
    return milliseconds(
        static_cast<long>(wait(random_) * static_cast<double>(options_.interval.count())));
  }

  void send_order() {
    std::uniform_int_distribution<int> any(1, 3);
    int to = driver_.where();
    while (to == driver_.where()) to = any(random_);
    wanted_ = to;
    driver_.order(to);
  }

  void take_report(const nlohmann::json& r) {
    if (r.contains("reply")) {
      report_["forwarded"] = r.value("calls", 0);
      if (r.value("ok", false)) {
        report_["moves"] = ++moves_;
        if (wanted_ != 1) freezes_.push_back(r.value("freeze_us", 0));
        std::sort(freezes_.begin(), freezes_.end());
        if (!freezes_.empty()) report_["freeze_us_median"] = freezes_[freezes_.size() / 2];
      } else {
        count("refused", r.value("error", "?"));
      }
    } else if (r.value("event", "") == "where" && r.value("node", -1) == 0) {
      if (const std::string why = r.value("why", ""); !why.empty()) count("came_home", why);
    } else if (r.value("event", "") == "end") {
      report_["forwarded"] = r.value("calls", 0);
      if (r.value("lost", false)) report_["lost"] = r.value("why", "?");
    }
  }

  void count(const char* what, const std::string& why) {
    for (auto& entry : report_[what]) {
      if (entry["reason"] != why) continue;
      entry["count"] = entry["count"].get<int>() + 1;
      return;
    }
    report_[what].push_back({{"reason", why}, {"count", 1}});
  }

  Options options_;
  std::mt19937 random_;
  lab::MoveDriver driver_;
  int wanted_ = 1;
  int moves_ = 0;
  std::vector<int> freezes_;
  nlohmann::json report_{{"moves", 0},
                         {"forwarded", 0},
                         {"refused", nlohmann::json::array()},
                         {"came_home", nlohmann::json::array()}};
};

int run(int argc, char** argv) {
  Options o;
  long interval = 20, timeout = 120;
  po::options_description options(
      "move_rig [OPTIONS] -- COMMAND [ARGUMENT...]\n"
      "Runs COMMAND and moves it between home and two guests at random moments. Exit status: the "
      "command's; 124 when it does not end in time, 125 when a helper fails.");
  options.add_options()("help,h", "this text")("moves", po::value(&o.moves),
                                               "how often at most (1000)")(
      "interval", po::value(&interval), "ms between moves, in the mean (20)")(
      "timeout", po::value(&timeout), "seconds the whole may take (120)")(
      "seed", po::value(&o.seed), "of the random moments and places (1)")(
      "sealed", po::bool_switch(&o.sealed), "seal the streams, as between real nodes")(
      "json", po::value(&o.json), "file for what happened")(
      "log", po::value(&o.log), "file for what the helpers say")("command", po::value(&o.command),
                                                                 "the command");
  po::positional_options_description rest;
  rest.add("command", -1);
  po::variables_map given;
  po::store(po::command_line_parser(argc, argv).options(options).positional(rest).run(), given);
  po::notify(given);
  if (given.contains("help")) {
    std::cout << options;
    return 0;
  }
  if (o.command.empty()) throw po::error("no command given");
  if (!o.log.empty()) lab::log_helpers_to(o.log);
  o.interval = milliseconds(interval);
  o.timeout = milliseconds(timeout * 1000);
  return Rig(std::move(o)).run();
}

}  // namespace
}  // namespace starling

int main(int argc, char** argv) {
  try {
    return starling::run(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << "move_rig: " << e.what() << '\n';
    return starling::kBroken;
  }
}
