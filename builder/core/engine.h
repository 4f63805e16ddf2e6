// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "builder/core/cache.h"
#include "builder/core/stage_graph.h"
#include "builder/core/stat_cache.h"
#include "builder/core/status.h"

namespace starling::builder {

// One line of a plan.
struct PlannedStage {
  std::string name, purpose, digest;
  bool cached = false;
  bool wanted = true;  // false: not cached, but no stage that would run reads its result
  std::vector<std::string> reasons;  // why it would run; empty when cached or not wanted
  double estimate = -1;              // seconds it took last time; negative: unknown
  std::vector<std::string> needs;
};

// Brings the cache up to date with a Config: fingerprints the stages, runs those whose result is
// missing and wanted, independent ones side by side, and commits each result as it is ready.
class Engine {
 public:
  // All borrowed.
  Engine(const Config& config, const std::vector<std::unique_ptr<Stage>>& stages, Cache& cache,
         Status& status, Now now = steady_now());
  ~Engine();

  // What would run and why. Changes nothing but the stat cache.
  std::vector<PlannedStage> plan();

  // Runs what must run; the caller holds the CacheLock. Returns the number of stages that ran.
  // Throws the first failing stage's Error after the others have been stopped; the cache then
  // has every stage that succeeded.
  int build();

  // After build(): the outputs of the published stages, by stage name.
  std::vector<std::pair<std::string, std::filesystem::path>> published() const;

 private:
  struct Node;
  class Context;
  struct Run;

  Fingerprint inputs_of(const Node& node);
  void look_up(Node& node);
  // For each stage, whether its result has to be there: it is published, or a stage reads it that
  // is not ready itself.
  std::vector<bool> wanted() const;
  std::vector<std::string> reasons(const Node& node) const;
  void run_stage(Node& node, Run& run);
  // One run of a stage; commits its result unless the inputs changed meanwhile, and returns how.
  std::vector<std::string> attempt(Node& node, Run& run);
  // Seconds until all is done, from the durations of the last runs; negative: unknown.
  double estimate_left() const;

  const Config& config_;
  Cache& cache_;
  Status& status_;
  Now now_;
  StageGraph graph_;
  StatCache stat_cache_;
  std::vector<Node> nodes_;
};

// The time all outputs are stamped with: the config's, $SOURCE_DATE_EPOCH, the Release date of the
// recorded mirror state, or a constant until one is recorded.
long effective_source_date_epoch(const Config& config);

// How `now` differs from `before`, a line per input: "overlay:etc/motd changed".
std::vector<std::string> input_changes(const std::map<std::string, std::string>& before,
                                       const std::map<std::string, std::string>& now);

}  // namespace starling::builder
