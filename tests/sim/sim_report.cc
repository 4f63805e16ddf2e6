// SPDX-License-Identifier: GPL-2.0-or-later
// sim_report DIR: runs every workload under every policy and writes DIR/results.csv and
// DIR/index.html, which holds its plots.
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include "tests/sim/bound.h"
#include "tests/sim/economy_run.h"
#include "tests/sim/svg.h"

using namespace starling::sim;

namespace {

struct Mean {
  double slowdown = 0, makespan = 0, moves = 0;
};
constexpr uint64_t kSeeds = 3;

const std::map<std::string, std::string>& captions() {
  static const std::map<std::string, std::string> words = {
      {"paper",
       "Poisson arrivals, heavy-tailed time and memory, six machines of three kinds, "
       "offered loads of 0.5, 0.6 and 0.7"},
      {"burst", "40 equal jobs at once on one of eight nodes"},
      {"mixed", "40 equal jobs at once on the first of four nodes of speeds 1, 1, 2, 4"},
      {"make", "three layers of compilations and links from one of eight nodes"},
      {"sweep", "320 runs of one program from one of 16 unlike nodes, two a second"},
      {"hogs", "six homes with a job that grows to 1.9 GB on 2 GB, two nodes of 8 GB"},
      {"io-mix", "half of the jobs wait for devices, from two of eight nodes"},
      {"churn", "eight homes; sixteen nodes that come, go, crash and have owners"},
      {"crowded", "one in ten of 100 nodes starts eight jobs"}};
  return words;
}

Workload workload_of(const std::string& name, uint64_t seed) {
  if (name == "paper") return paper_workload(seed, 0.4 + 0.1 * static_cast<double>(seed));
  return make_workload(name, seed, 0);
}

std::string section(const std::string& name, std::ostream& csv) {
  std::map<std::string, Mean> means;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Workload w = workload_of(name, seed);
    for (const std::string& policy : policy_names()) {
      RunOptions options;
      options.policy = policy;
      options.seed = seed;
      const RunResult r = run_economy(w, options);
      csv << csv_line(name, options, w.nodes.size(), r) << std::flush;
      Mean& mean = means[policy];
      mean.slowdown += r.slowdown / kSeeds;
      mean.makespan += r.makespan / kSeeds;
      mean.moves += r.moves_per_job / kSeeds;
    }
    const Bound bound = offline_bound(w);
    means["bound"].slowdown += bound.slowdown / kSeeds;
    means["bound"].makespan += bound.makespan / kSeeds;
  }
  std::cerr << name << "\n";
  std::vector<Bar> slowdown, makespan, moves;
  std::vector<std::string> names = policy_names();
  names.push_back("bound");
  for (const std::string& policy : names) {
    const bool ours = policy == "starling";
    slowdown.push_back({policy, means[policy].slowdown, ours});
    makespan.push_back({policy, means[policy].makespan, ours});
    if (policy != "bound") moves.push_back({policy, means[policy].moves, ours});
  }
  return "<h2>" + name + "</h2>\n<p>" + escape_xml(captions().at(name)) + "</p>\n<div>" +
         bar_chart("average slowdown", "time / best time alone", slowdown) +
         bar_chart("makespan", "s", makespan) + bar_chart("moves per job", "1", moves) + "</div>\n";
}

std::string spreading() {
  std::vector<Line> lines;
  const Workload w = make_workload("burst", 1, 0);
  for (const char* policy : {"starling", "mosix-like", "e-pvm", "random"}) {
    RunOptions options;
    options.policy = policy;
    options.membership = true;
    options.samples = true;
    options.economy.place = false;
    options.until = 120;
    Line line{policy, {}, std::strcmp(policy, "starling") == 0};
    for (const Sample& s : run_economy(w, options).samples) {
      line.points.emplace_back(s.at, s.most_load);
    }
    lines.push_back(line);
  }
  return "<h2>How fast it spreads</h2>\n<p>Forty jobs on one of eight nodes, through the real "
         "membership; starling and mosix-like may only move, the others only place.</p>\n" +
         line_chart("most loaded node", "s", "load per capacity", lines);
}

std::string scaling(std::ostream& csv) {
  Line line{"starling", {}, true};
  for (const uint32_t nodes : {10U, 100U, 1000U, 10000U}) {
    RunOptions options;
    options.economy.place = false;
    options.until = 20;
    const Workload w = crowded_tenth(5, nodes);
    const RunResult r = run_economy(w, options);
    csv << csv_line("crowded-20s", options, nodes, r) << std::flush;
    line.points.emplace_back(std::log10(nodes), r.evaluations_per_look);
  }
  return "<h2>What a look costs</h2>\n" + line_chart("costs computed per look, one tenth crowded",
                                                     "log10 of the nodes", "evaluations", {line});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: sim_report DIR\n";
    return 2;
  }
  try {
    const std::filesystem::path dir = argv[1];
    std::filesystem::create_directories(dir);
    std::ofstream csv(dir / "results.csv");
    csv << csv_head();
    std::string page =
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'><title>The flock balances "
        "itself: simulation</title>\n<style>body{font-family:sans-serif;max-width:80em;margin:2em "
        "auto;padding:0 1em}div{display:flex;flex-wrap:wrap;gap:1em}</style></head><body>\n"
        "<h1>The flock balances itself: simulation</h1>\n<p>The code of agents/economy at every "
        "node, in virtual time; means of three seeds. What is compared and where the workloads "
        "come from: docs/ECONOMY.md. All figures: results.csv. The bound is what nobody can do "
        "better who knows everything beforehand.</p>\n";
    for (const std::string& name : workload_names()) page += section(name, csv);
    page += spreading() + scaling(csv) + "</body></html>\n";
    std::ofstream html(dir / "index.html");
    html << page;
    csv.close();
    html.close();
    if (!csv || !html) {
      std::cerr << "sim_report: " << dir << " could not be written: " << std::strerror(errno)
                << "; is the disk full?\n";
      return 1;
    }
    std::cout << (dir / "index.html").string() << "\n";
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "sim_report: " << error.what() << "\n";
    return 1;
  }
}
