// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/workloads.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace starling::sim {

namespace {
constexpr double kMiB = 1024.0 * 1024.0;

double exponential(Random& random, double mean) {
  return -mean * std::log(1 - random.uniform());
}

// P(X > x) = least/x up to `most`: the form M. Harchol-Balter and A. B. Downey ("Exploiting Process
// Lifetime Distributions for Dynamic Load Balancing", ACM TOCS 15(3), 1997) measured for the
// processor time of Unix processes.
double heavy(Random& random, double least, double most) {
  return std::min(most, least / (1 - random.uniform()));
}

void sort_jobs(Workload& w) {
  std::ranges::stable_sort(w.jobs, {}, &JobSpec::arrival);
}
}  // namespace

Workload paper_workload(uint64_t seed, double load, double seconds, double memory) {
  Workload w;
  w.name = "paper";
  Random random(seed);
  for (int i = 0; i < 3; ++i) w.nodes.push_back({1, 1.0, 64 * kMiB});
  for (int i = 0; i < 2; ++i) w.nodes.push_back({1, 133.0 / 200, 32 * kMiB});
  w.nodes.push_back({1, 90.0 / 200, 24 * kMiB});
  w.model.bandwidth = 10e6;  // Fast Ethernet
  w.model.freeze = 0.05;
  w.round_trip = 1e-3;
  double capacity = 0;
  for (const NodeSpec& node : w.nodes) capacity += node.cpus * node.speed;
  constexpr double kLeast = 1, kMost = 300;
  const double mean = kLeast * (1 + std::log(kMost / kLeast));
  const double gap = mean / (load * capacity);
  for (double t = exponential(random, gap); t < seconds; t += exponential(random, gap)) {
    JobSpec job;
    job.arrival = t;
    job.home = random.below(6);
    job.work = heavy(random, kLeast, kMost);
    // Shares of the biggest memory, independent of the time.
    job.memory = heavy(random, memory, 0.35) * 64 * kMiB;
    w.jobs.push_back(job);
  }
  return w;
}

Workload parallel_make(uint64_t seed, uint32_t nodes) {
  Workload w;
  w.name = "make";
  Random random(seed);
  for (uint32_t i = 0; i < nodes; ++i) w.nodes.push_back({2, 1, 4096 * kMiB});
  int64_t link = -1;
  for (int layer = 0; layer < 3; ++layer) {
    int64_t longest = -1;
    for (uint32_t i = 0; i < 12 * nodes; ++i) {
      JobSpec job;
      job.work = 1 + exponential(random, 6);
      job.memory = (50 + 200 * random.uniform()) * kMiB;
      job.calls = 300;  // opens, reads and writes of a compiler
      job.wait = 0.05;
      job.after = link;
      w.jobs.push_back(job);
      const auto index = static_cast<int64_t>(w.jobs.size()) - 1;
      if (longest < 0 || job.work > w.jobs[static_cast<size_t>(longest)].work) longest = index;
    }
    JobSpec last;  // may begin when the layer's longest compilation is over
    last.work = 3;
    last.memory = 600 * kMiB;
    last.calls = 2000;
    last.wait = 0.2;
    last.after = longest;
    w.jobs.push_back(last);
    link = static_cast<int64_t>(w.jobs.size()) - 1;
  }
  return w;
}

Workload parameter_sweep(uint64_t seed, uint32_t nodes) {
  Workload w;
  w.name = "sweep";
  Random random(seed);
  for (uint32_t i = 0; i < nodes; ++i) {
    w.nodes.push_back({i % 4 == 0 ? 4.0 : 2.0, i % 2 == 0 ? 1.0 : 1.5, 8192 * kMiB});
  }
  for (uint32_t i = 0; i < 20 * nodes; ++i) {
    JobSpec job;
    job.arrival = i * 0.5;
    job.work = 40 + 20 * random.uniform();
    job.memory = 300 * kMiB;
    job.calls = 5;
    w.jobs.push_back(job);
  }
  return w;
}

Workload burst(uint32_t jobs, const std::vector<double>& speeds, double seconds_each) {
  Workload w;
  w.name = "burst";
  for (const double speed : speeds) w.nodes.push_back({1, speed, 4096 * kMiB});
  for (uint32_t i = 0; i < jobs; ++i) {
    JobSpec job;
    job.arrival = 0.01 * i;
    job.work = seconds_each;
    job.memory = 20 * kMiB;
    w.jobs.push_back(job);
  }
  return w;
}

Workload memory_hogs(uint64_t seed, uint32_t nodes) {
  Workload w;
  w.name = "hogs";
  Random random(seed);
  for (uint32_t i = 0; i < nodes; ++i) {
    w.nodes.push_back({2, 1, (i % 4 == 3 ? 8192 : 2048) * kMiB});
  }
  for (uint32_t i = 0; i < nodes; ++i) {
    if (i % 4 == 3) continue;
    JobSpec base;  // what the home has to do anyway
    base.home = i;
    base.work = 200;
    base.memory = 600 * kMiB;
    w.jobs.push_back(base);
    JobSpec hog;
    hog.home = i;
    hog.arrival = 5 + 30 * random.uniform();
    hog.work = 150;
    hog.memory = 100 * kMiB;
    hog.growth = (15 + 25 * random.uniform()) * kMiB;
    hog.memory_most = 1900 * kMiB;
    w.jobs.push_back(hog);
  }
  sort_jobs(w);
  return w;
}

Workload io_mix(uint64_t seed, uint32_t nodes) {
  Workload w;
  w.name = "io-mix";
  Random random(seed);
  for (uint32_t i = 0; i < nodes; ++i) w.nodes.push_back({2, 1, 4096 * kMiB});
  for (uint32_t i = 0; i < 10 * nodes; ++i) {
    JobSpec job;
    job.arrival = 200 * random.uniform();
    job.home = random.below(std::max(1U, nodes / 4));
    job.memory = (20 + 100 * random.uniform()) * kMiB;
    if (i % 2 == 0) {
      job.work = 5 + exponential(random, 10);
      job.wait = 4;       // busy for a fifth of the time
      job.calls = 20000;  // per second of processor time
    } else {
      job.work = 10 + exponential(random, 40);
      job.calls = 10;
    }
    w.jobs.push_back(job);
  }
  sort_jobs(w);
  return w;
}

Workload churn(uint64_t seed, uint32_t nodes) {
  Workload w;
  w.name = "churn";
  Random random(seed);
  for (uint32_t i = 0; i < nodes; ++i) {
    w.nodes.push_back({2, 0.75 + 0.5 * random.uniform(), 4096 * kMiB});
  }
  const uint32_t homes = std::max(1U, nodes / 3);
  for (double t = 0; t < 600; t += exponential(random, 1.2)) {
    JobSpec job;
    job.arrival = t;
    job.home = random.below(homes);
    job.work = heavy(random, 5, 300);
    job.memory = (20 + 200 * random.uniform()) * kMiB;
    job.calls = 20;
    w.jobs.push_back(job);
  }
  for (uint32_t node = homes; node < nodes; ++node) {
    double t = 60 * random.uniform();
    while (t < 600) {
      const double away = 20 + exponential(random, 60);
      const double dice = random.uniform();
      if (dice < 0.5) {
        w.churn.push_back({t, node, Churn::What::kOwnerComes});
        w.churn.push_back({t + away, node, Churn::What::kOwnerGoes});
      } else if (dice < 0.9) {  // goodbye: the guests leave first
        w.churn.push_back({t, node, Churn::What::kOwnerComes});
        w.churn.push_back({t + 5, node, Churn::What::kLeave});
        w.churn.push_back({t + 5 + away, node, Churn::What::kReturn});
        w.churn.push_back({t + 6 + away, node, Churn::What::kOwnerGoes});
      } else {
        w.churn.push_back({t, node, Churn::What::kCrash});
        w.churn.push_back({t + away, node, Churn::What::kReturn});
      }
      t += away + 10 + exponential(random, 120);
    }
  }
  std::ranges::stable_sort(w.churn, {}, &Churn::at);
  return w;
}

Workload crowded_tenth(uint64_t seed, uint32_t nodes, double seconds) {
  Workload w;
  w.name = "crowded";
  Random random(seed);
  for (uint32_t i = 0; i < nodes; ++i) w.nodes.push_back({2, 1, 2048 * kMiB});
  const uint32_t crowded = std::max(1U, nodes / 10);
  for (uint32_t i = 0; i < crowded; ++i) {
    for (int k = 0; k < 8; ++k) {
      JobSpec job;
      job.home = i * 10 % nodes;
      job.arrival = 2 * random.uniform();
      job.work = 0.5 * seconds + seconds * random.uniform();
      job.memory = (20 + 60 * random.uniform()) * kMiB;
      job.calls = 5;
      w.jobs.push_back(job);
    }
  }
  sort_jobs(w);
  w.limit = 100 * seconds;
  return w;
}

const std::vector<std::string>& workload_names() {
  static const std::vector<std::string> names = {"paper", "burst",  "mixed", "make",   "sweep",
                                                 "hogs",  "io-mix", "churn", "crowded"};
  return names;
}

Workload make_workload(const std::string& name, uint64_t seed, uint32_t nodes) {
  const auto or_else = [nodes](uint32_t usual) { return nodes > 0 ? nodes : usual; };
  if (name == "paper") return paper_workload(seed, 0.7);
  if (name == "burst") return burst(5 * or_else(8), std::vector<double>(or_else(8), 1.0));
  if (name == "mixed") {
    Workload w = burst(40, {1, 1, 2, 4});
    w.name = "mixed";
    return w;
  }
  if (name == "make") return parallel_make(seed, or_else(8));
  if (name == "sweep") return parameter_sweep(seed, or_else(16));
  if (name == "hogs") return memory_hogs(seed, or_else(8));
  if (name == "io-mix") return io_mix(seed, or_else(8));
  if (name == "churn") return churn(seed, or_else(24));
  if (name == "crowded") return crowded_tenth(seed, or_else(100));
  throw std::invalid_argument("no workload '" + name + "'");
}

}  // namespace starling::sim
