// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <string>

#include "builder/core/status.h"

namespace starling::builder {

// Whole lines; the terminal's Status adds its live line to these.
class PlainStatus : public Status {
 public:
  PlainStatus(std::ostream& out, StatusOptions options, Now now)
      : out_(out), options_(options), now_(std::move(now)) {}

  void planned(int to_run, int cached, double estimate) override;
  void explain(const std::string& stage, const std::vector<std::string>& reasons) override;
  void started(const Start& start) override;
  void progress(const std::string& stage, const std::string& what, double done) override;
  void output(const std::string& stage, std::string_view line) override;
  void finished(const std::string& stage, double seconds) override;
  void failed(const std::string& stage, const std::string& cause, double seconds) override;
  void note(const std::string& text) override;
  void published(const std::string& file) override;
  void done(bool ok, int ran, double seconds) override;

 protected:
  struct Running {
    Start start;
    double since = 0;
    std::string what;
    double done = -1;
  };
  virtual void line(const std::string& text);
  bool quiet() const { return options_.quiet; }

  std::ostream& out_;
  StatusOptions options_;
  Now now_;
  std::map<std::string, Running> running_;
  bool announce_ = true;  // a line when a stage starts and with its steps
};

}  // namespace starling::builder
