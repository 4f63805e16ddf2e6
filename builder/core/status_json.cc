// SPDX-License-Identifier: GPL-2.0-or-later
#include <cmath>
#include <nlohmann/json.hpp>

#include "builder/core/status.h"

namespace starling::builder {

namespace {

using nlohmann::json;

class JsonStatus : public Status {
 public:
  JsonStatus(std::ostream& out, StatusOptions options, Now now)
      : out_(out), options_(options), now_(std::move(now)), begin_(now_()) {}

  void planned(int to_run, int cached, double estimate) override {
    send("planned", {{"to_run", to_run}, {"cached", cached}, {"estimate", seconds(estimate)}});
  }
  void explain(const std::string& stage, const std::vector<std::string>& reasons) override {
    send("explain", {{"stage", stage}, {"reasons", reasons}});
  }
  void started(const Start& s) override {
    send("started", {{"stage", s.stage},
                     {"purpose", s.purpose},
                     {"number", s.number},
                     {"total", s.total},
                     {"estimate", seconds(s.estimate)}});
  }
  void progress(const std::string& stage, const std::string& what, double done) override {
    send("progress", {{"stage", stage}, {"what", what}, {"done", seconds(done)}});
  }
  void output(const std::string& stage, std::string_view line) override {
    if (options_.verbose) send("output", {{"stage", stage}, {"line", std::string(line)}});
  }
  void finished(const std::string& stage, double s) override {
    send("finished", {{"stage", stage}, {"seconds", seconds(s)}});
  }
  void failed(const std::string& stage, const std::string& cause, double s) override {
    send("failed", {{"stage", stage}, {"cause", cause}, {"seconds", seconds(s)}});
  }
  void note(const std::string& text) override { send("note", {{"text", text}}); }
  void published(const std::string& file) override { send("published", {{"file", file}}); }
  void done(bool ok, int ran, double s) override {
    send("done", {{"ok", ok}, {"ran", ran}, {"seconds", seconds(s)}});
  }

 private:
  // Unknown is null; milliseconds are plenty.
  static json seconds(double s) {
    return s < 0 ? json(nullptr) : json(std::round(s * 1000) / 1000);
  }
  void send(const char* event, json fields) {
    fields["event"] = event;
    fields["time"] = seconds(now_() - begin_);
    // Tools print any bytes: what is not UTF-8 is replaced rather than thrown about.
    out_ << fields.dump(-1, ' ', false, json::error_handler_t::replace) << std::endl;
  }

  std::ostream& out_;
  StatusOptions options_;
  Now now_;
  double begin_;
};

}  // namespace

std::unique_ptr<Status> json_status(std::ostream& out, StatusOptions options, Now now) {
  return std::make_unique<JsonStatus>(out, options, std::move(now));
}

}  // namespace starling::builder
