// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gmock/gmock.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "builder/config/config.h"
#include "builder/core/engine.h"
#include "builder/core/error.h"
#include "tests/unit/temp_dir.h"

namespace starling::builder {

// A stage made of lambdas.
class TestStage : public Stage {
 public:
  using Read = std::function<void(Fingerprint&)>;
  using Run = std::function<void(StageContext&)>;
  TestStage(std::string name, std::vector<std::string> needs, Read read, Run run, bool published)
      : name_(std::move(name)),
        needs_(std::move(needs)),
        read_(std::move(read)),
        run_(std::move(run)),
        published_(published) {}

  std::string name() const override { return name_; }
  std::string purpose() const override { return "test " + name_; }
  std::vector<std::string> needs(const Config&) const override { return needs_; }
  void read(const Config&, Fingerprint& f) const override {
    if (read_) read_(f);
  }
  void run(StageContext& c) const override { run_(c); }
  bool published() const override { return published_; }

 private:
  std::string name_;
  std::vector<std::string> needs_;
  Read read_;
  Run run_;
  bool published_;
};

// Writes events down as "started a", "finished a", ...
class RecordingStatus : public Status {
 public:
  void explain(const std::string& stage, const std::vector<std::string>& reasons) override {
    for (const auto& r : reasons) events.push_back("explain " + stage + ": " + r);
  }
  void started(const Start& s) override { events.push_back("started " + s.stage); }
  void finished(const std::string& stage, double) override {
    events.push_back("finished " + stage);
  }
  void failed(const std::string& stage, const std::string&, double) override {
    events.push_back("failed " + stage);
  }
  void note(const std::string& text) override { events.push_back("note " + text); }

  std::vector<std::string> events;
};

// A cache and sources in a temporary directory, and stages that count their runs.
class EngineTest : public testing::Test {
 protected:
  EngineTest() : cache(dir / "cache") {
    config.cache_dir = dir / "cache";
    config.out_dir = dir / "out";
    config.source_date_epoch = 1000;
    cache.create();
  }

  // Adds a stage that reads source/NAME and writes output/file with that text and those of its
  // needs.
  void add(const std::string& name, std::vector<std::string> needs, bool published = false) {
    if (!std::filesystem::exists(dir / "source/" / name)) dir.write("source/" + name, name);
    const auto source = dir / ("source/" + name);
    add(
        name, needs, [source, name](Fingerprint& f) { f.add_file("source/" + name, source); },
        [source, needs](StageContext& c) {
          std::string text = read_text(source);
          for (const auto& n : needs) text += "+" + read_text(c.result_of(n) / "file");
          std::ofstream(c.output() / "file") << text;
        },
        published);
  }
  void add(const std::string& name, std::vector<std::string> needs, TestStage::Read read,
           TestStage::Run run, bool published = false) {
    auto counted = [this, name, run](StageContext& c) {
      {
        std::lock_guard lock(mutex);
        ran.push_back(name);
      }
      run(c);
    };
    stages.push_back(std::make_unique<TestStage>(name, std::move(needs), std::move(read),
                                                 std::move(counted), published));
  }

  int build() {
    ran.clear();
    status.events.clear();
    Engine engine(config, stages, cache, status);
    const int count = engine.build();
    outputs = engine.published();
    return count;
  }
  std::vector<PlannedStage> plan() { return Engine(config, stages, cache, status).plan(); }
  bool tmp_is_empty() { return std::filesystem::is_empty(cache.root() / "tmp"); }

  TempDir dir;
  Config config;
  Cache cache;
  RecordingStatus status;
  std::vector<std::unique_ptr<Stage>> stages;
  std::mutex mutex;
  std::vector<std::string> ran;
  std::vector<std::pair<std::string, std::filesystem::path>> outputs;
};

}  // namespace starling::builder
