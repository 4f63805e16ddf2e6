// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/engine.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <fstream>
#include <mutex>
#include <thread>

#include "builder/config/config.h"
#include "builder/core/diagnose.h"
#include "builder/core/error.h"
#include "builder/core/interrupt.h"
#include "builder/core/mounts.h"
#include "builder/core/process_tree.h"

namespace starling::builder {

namespace fs = std::filesystem;

namespace {
// A stage whose inputs keep changing under it is given up after so many runs.
constexpr int kAttempts = 3;
}  // namespace

struct Engine::Node {
  const Stage* stage = nullptr;
  std::string name;
  Fingerprint inputs;
  std::string digest;
  fs::path result;  // empty: not in the cache
  enum class State { waiting, running, ready } state = State::waiting;
  double estimate = -1;
  Status::Start start;
};

// What one build() shares between its threads.
struct Engine::Run {
  std::mutex mutex;
  std::condition_variable changed;
  CancelToken stop;  // another stage failed
  std::exception_ptr first_error;
  int running = 0;
  int ran = 0;
};

class Engine::Context : public StageContext {
 public:
  Context(Engine& engine, Run& run, const Node& node, fs::path tmp, fs::path log)
      : engine_(engine),
        run_(run),
        node_(node),
        output_(tmp / "output"),
        scratch_(tmp / "scratch"),
        log_(std::move(log)) {}

  const Config& config() const override { return engine_.config_; }
  const fs::path& output() const override { return output_; }
  const fs::path& scratch() const override { return scratch_; }
  fs::path persistent(const std::string& name) const override {
    return engine_.cache_.persistent(name);
  }
  const fs::path& result_of(const std::string& stage) const override {
    std::lock_guard lock(run_.mutex);
    for (const auto& need : node_.stage->needs(engine_.config_)) {
      if (need != stage) continue;
      for (const auto& n : engine_.nodes_)
        if (n.name == stage) return n.result;
    }
    throw Error("stage " + node_.name + " reads " + stage + " without needing it");
  }
  Command command(std::vector<std::string> argv) override {
    Command c(std::move(argv));
    // The same words and dates on every machine.
    c.env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    c.env("SOURCE_DATE_EPOCH", std::to_string(source_date_epoch()));
    c.log_to(log_).cancel_on(&run_.stop);
    c.tee([this](std::string_view line) {
      std::lock_guard lock(run_.mutex);
      engine_.status_.output(node_.name, line);
    });
    return c;
  }
  void progress(const std::string& what, double done) override {
    throw_if_interrupted();
    if (run_.stop.cancelled()) throw Interrupted();
    std::lock_guard lock(run_.mutex);
    engine_.status_.progress(node_.name, what, done);
  }
  long source_date_epoch() const override { return effective_source_date_epoch(engine_.config_); }
  // All mounts below scratch are found in mountinfo when the stage ends; one elsewhere is not.
  void mounted(const fs::path& where) override { mounts_.push_back(where); }
  void undo_mounts() {
    for (; !mounts_.empty(); mounts_.pop_back())
      if (fs::exists(mounts_.back())) unmount_below(fs::canonical(mounts_.back()));
  }

 private:
  Engine& engine_;
  Run& run_;
  const Node& node_;
  fs::path output_, scratch_, log_;
  std::vector<fs::path> mounts_;
};

Engine::Engine(const Config& config, const std::vector<std::unique_ptr<Stage>>& stages,
               Cache& cache, Status& status, Now now)
    : config_(config),
      cache_(cache),
      status_(status),
      now_(std::move(now)),
      graph_(make_graph(stages, config)),
      stat_cache_(cache.root() / "stat-cache") {
  nodes_.resize(graph_.stages.size());
  for (size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].stage = graph_.stages[i];
    nodes_[i].name = graph_.stages[i]->name();
  }
}

Engine::~Engine() = default;

Fingerprint Engine::inputs_of(const Node& node) {
  Fingerprint inputs(&stat_cache_);
  try {
    node.stage->read(config_, inputs);
  } catch (Error& e) {
    if (e.stage.empty()) e.in_stage(node.name);
    throw;
  } catch (const fs::filesystem_error& e) {
    throw Error("cannot read: " + e.code().message()).at_file(e.path1()).in_stage(node.name);
  }
  if (node.stage->dated())
    inputs.add("source-date-epoch", std::to_string(effective_source_date_epoch(config_)));
  for (size_t need : graph_.needs[static_cast<size_t>(&node - nodes_.data())])
    inputs.add("stage " + nodes_[need].name, nodes_[need].digest);
  return inputs;
}

void Engine::look_up(Node& node) {
  node.inputs = inputs_of(node);
  node.digest = node.inputs.digest();
  const auto found = cache_.lookup(node.name, node.digest);
  node.result = found ? *found : fs::path();
  node.state = found ? Node::State::ready : Node::State::waiting;
  node.estimate = cache_.last_duration(node.name);
}

std::vector<bool> Engine::wanted() const {
  std::vector<bool> wanted(nodes_.size(), false);
  for (size_t i = nodes_.size(); i-- > 0;) {  // each comes after what it needs
    wanted[i] = wanted[i] || nodes_[i].stage->published();
    if (!wanted[i] || nodes_[i].state == Node::State::ready) continue;
    for (size_t need : graph_.needs[i]) wanted[need] = true;
  }
  return wanted;
}

std::vector<std::string> Engine::reasons(const Node& node) const {
  const auto before = cache_.latest(node.name);
  if (!before) return {"it has never run with this cache"};
  auto changes = input_changes(before->inputs, node.inputs.components());
  if (changes.empty()) changes.push_back("its result is not in the cache any more");
  return changes;
}

std::vector<PlannedStage> Engine::plan() {
  for (auto& node : nodes_) look_up(node);
  const auto wanted = this->wanted();
  std::vector<PlannedStage> plan;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    PlannedStage p{node.name, node.stage->purpose(), node.digest, !node.result.empty(), wanted[i],
                   {},        node.estimate,         {}};
    if (!p.cached && p.wanted) p.reasons = reasons(node);
    for (size_t need : graph_.needs[i]) p.needs.push_back(nodes_[need].name);
    plan.push_back(std::move(p));
  }
  stat_cache_.save();
  return plan;
}

double Engine::estimate_left() const {
  // The same order and the same number of slots as build() will use.
  const auto wanted = this->wanted();
  std::vector<double> end(nodes_.size(), -1);
  std::vector<double> slots(static_cast<size_t>(std::max(config_.parallel_stages, 1)), 0);
  double last = 0;
  for (size_t left = nodes_.size(); left > 0; --left) {
    size_t next = nodes_.size();
    double next_start = 0;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (end[i] >= 0) continue;
      double start = 0;
      bool known = true;
      for (size_t need : graph_.needs[i]) {
        known &= end[need] >= 0;
        start = std::max(start, end[need]);
      }
      if (known && (next == nodes_.size() || start < next_start)) {
        next = i;
        next_start = start;
      }
    }
    const Node& node = nodes_[next];
    if (!node.result.empty() || !wanted[next]) {
      end[next] = next_start;
      continue;
    }
    if (node.estimate < 0) return -1;
    auto slot = std::min_element(slots.begin(), slots.end());
    *slot = end[next] = std::max(next_start, *slot) + node.estimate;
    last = std::max(last, end[next]);
  }
  return last;
}

std::vector<std::string> Engine::attempt(Node& node, Run& run) {
  const fs::path tmp = cache_.make_tmp(node.name);
  Context context(*this, run, node, tmp, cache_.log_file(node.name));
  const double begin = now_();
  auto clean_up = [&] {
    context.undo_mounts();
    end_processes_in(tmp);
    unmount_below(tmp);
  };
  std::vector<std::string> changes;
  try {
    node.stage->run(context);
    throw_if_interrupted();
    if (run.stop.cancelled()) throw Interrupted();
    clean_up();
    // What somebody edited while it was read may be half old, half new: such a result must not
    // be kept under either key.
    Fingerprint now_inputs = inputs_of(node);
    if (now_inputs.digest() == node.digest) {
      const double seconds = now_() - begin;
      cache_.commit(tmp, {node.name, node.digest, seconds, node.inputs.components()});
      std::lock_guard lock(run.mutex);
      cache_.remember_duration(node.name, seconds);
    } else {
      changes = input_changes(node.inputs.components(), now_inputs.components());
    }
  } catch (...) {
    const auto error = std::current_exception();
    try {
      clean_up();
      remove_tree(tmp);
    } catch (const std::exception& e) {
      std::lock_guard lock(run.mutex);
      status_.note("could not clean up " + tmp.string() + ": " + e.what() +
                   "; the next build tries again");
    }
    std::rethrow_exception(error);
  }
  remove_tree(tmp);
  return changes;
}

void Engine::run_stage(Node& node, Run& run) {
  const double begin = now_();
  std::exception_ptr error;
  try {
    cache_.fresh_log(node.name);
    for (int tries = 1;; ++tries) {
      std::vector<std::string> changes;
      try {
        changes = attempt(node, run);
      } catch (const Interrupted&) {
        throw;
      } catch (...) {
        // Half old and half new it may well have failed, which says nothing about either.
        changes = input_changes(node.inputs.components(), inputs_of(node).components());
        if (changes.empty() || tries == kAttempts) throw;
      }
      std::lock_guard lock(run.mutex);
      look_up(node);
      if (node.state == Node::State::ready) break;
      node.state = Node::State::running;
      const std::string change = changes.empty() ? "its result vanished" : changes.front();
      if (tries == kAttempts) throw Error("its inputs keep changing while it runs: " + change);
      status_.note(node.name + " runs again: " + change + " while it ran");
    }
  } catch (...) {
    error =
        diagnosed(std::current_exception(), node.name, cache_.log_file(node.name), cache_.root());
  }
  std::lock_guard lock(run.mutex);
  const double seconds = now_() - begin;
  if (!error) {
    node.state = Node::State::ready;
    ++run.ran;
    status_.finished(node.name, seconds);
  } else {
    node.state = Node::State::waiting;
    std::string cause = "stopped";
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      cause = e.what();
    }
    // Stages stopped because of the first failure are not failures of their own.
    if (!run.first_error) {
      run.first_error = error;
      status_.failed(node.name, cause, seconds);
    } else {
      status_.failed(node.name, "stopped", seconds);
    }
    run.stop.cancel();
  }
  --run.running;
  run.changed.notify_all();
}

int Engine::build() {
  for (const auto& node : nodes_) {
    throw_if_interrupted();
    try {
      node.stage->prepare(config_);
    } catch (...) {
      std::rethrow_exception(diagnosed(std::current_exception(), node.name, {}, cache_.root()));
    }
  }
  for (auto& node : nodes_) look_up(node);
  int to_run = 0;
  const auto wanted_at_first = wanted();
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i].result.empty() || !wanted_at_first[i]) continue;
    ++to_run;
    status_.explain(nodes_[i].name, reasons(nodes_[i]));
  }
  status_.planned(to_run, static_cast<int>(nodes_.size()) - to_run, estimate_left());

  Run run;
  std::vector<std::thread> threads;
  int started = 0;
  {
    std::unique_lock lock(run.mutex);
    while (true) {
      bool open = false;
      const auto wanted = this->wanted();
      for (size_t i = 0; i < nodes_.size(); ++i) {
        Node& node = nodes_[i];
        if (node.state != Node::State::waiting || !wanted[i]) continue;
        open = true;
        if (run.stop.cancelled() || interrupt_token().cancelled() ||
            run.running >= std::max(config_.parallel_stages, 1))
          continue;
        bool ready = true;
        for (size_t need : graph_.needs[i]) ready &= nodes_[need].state == Node::State::ready;
        if (!ready) continue;
        try {
          // Again, right before it runs: what it needs may have become something else.
          look_up(node);
        } catch (...) {
          if (!run.first_error) run.first_error = std::current_exception();
          run.stop.cancel();
          continue;
        }
        if (node.state == Node::State::ready) continue;
        node.state = Node::State::running;
        ++run.running;
        node.start = {node.name, node.stage->purpose(), ++started, std::max(to_run, started),
                      node.estimate};
        status_.started(node.start);
        threads.emplace_back([this, &node, &run] { run_stage(node, run); });
      }
      if (run.running == 0 && (!open || run.stop.cancelled() || interrupt_token().cancelled()))
        break;
      if (run.running == 0) continue;  // a lookup made something ready: go round again
      run.changed.wait_for(lock, std::chrono::milliseconds(200));
      status_.tick();
    }
  }
  for (auto& t : threads) t.join();
  stat_cache_.save();
  throw_if_interrupted();
  if (run.first_error) std::rethrow_exception(run.first_error);
  for (const auto& node : nodes_) {
    cache_.touch(node.name, node.digest);
    cache_.prune(node.name, config_.cache_keep, node.digest);
  }
  return run.ran;
}

std::vector<std::pair<std::string, fs::path>> Engine::published() const {
  std::vector<std::pair<std::string, fs::path>> outputs;
  for (const auto& node : nodes_)
    if (node.stage->published() && !node.result.empty())
      outputs.emplace_back(node.name, node.result);
  return outputs;
}

long effective_source_date_epoch(const Config& config) {
  if (config.source_date_epoch > 0) return config.source_date_epoch;
  if (const char* text = std::getenv("SOURCE_DATE_EPOCH")) {
    char* end = nullptr;
    const long value = std::strtol(text, &end, 10);
    if (end != text && *end == '\0' && value > 0) return value;
  }
  std::ifstream in(config.cache_dir / "persistent" / ("apt-" + config.suite) / "release-date");
  long recorded = 0;
  if (in >> recorded && recorded > 0) return recorded;
  return 1735689600;  // 2025-01-01: only until a mirror's state is recorded
}

std::vector<std::string> input_changes(const std::map<std::string, std::string>& before,
                                       const std::map<std::string, std::string>& now) {
  std::vector<std::string> changes;
  for (const auto& [name, value] : now) {
    auto old = before.find(name);
    if (old == before.end()) {
      changes.push_back(name + " is new");
    } else if (old->second != value) {
      const bool texts = value.starts_with("=") && old->second.starts_with("=") &&
                         !name.starts_with("stage ") && value.size() + old->second.size() < 80;
      changes.push_back(name + " changed" +
                        (texts
                             ? " from `" + old->second.substr(1) + "' to `" + value.substr(1) + "'"
                             : std::string()));
    }
  }
  for (const auto& [name, value] : before)
    if (!now.contains(name)) changes.push_back(name + " is gone");
  return changes;
}

}  // namespace starling::builder
