// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/stage_graph.h"

#include <map>

#include "builder/core/error.h"

namespace starling::builder {

namespace {

class Sorter {
 public:
  Sorter(const std::vector<std::unique_ptr<Stage>>& all, const Config& config) : config_(config) {
    for (const auto& s : all)
      if (!by_name_.emplace(s->name(), s.get()).second)
        throw Error("two stages are called " + s->name());
  }

  size_t visit(const std::string& name, const std::string& wanted_by) {
    if (auto it = done_.find(name); it != done_.end()) return it->second;
    auto stage = by_name_.find(name);
    if (stage == by_name_.end())
      throw Error("stage " + wanted_by + " needs " + name + ", which does not exist");
    if (!open_.emplace(name, true).second)
      throw Error("stage " + name + " needs itself, by way of " + wanted_by);
    std::vector<size_t> needs;
    for (const auto& n : stage->second->needs(config_)) needs.push_back(visit(n, name));
    open_.erase(name);
    graph.stages.push_back(stage->second);
    graph.needs.push_back(std::move(needs));
    return done_[name] = graph.stages.size() - 1;
  }

  StageGraph graph;

 private:
  const Config& config_;
  std::map<std::string, const Stage*> by_name_;
  std::map<std::string, size_t> done_;
  std::map<std::string, bool> open_;
};

}  // namespace

StageGraph make_graph(const std::vector<std::unique_ptr<Stage>>& all, const Config& config) {
  Sorter sorter(all, config);
  for (const auto& s : all)
    if (s->published()) sorter.visit(s->name(), "the build");
  return std::move(sorter.graph);
}

}  // namespace starling::builder
