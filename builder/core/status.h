// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace starling::builder {

// What the engine has to say. The engine never prints; it calls these, one at a time, from any
// thread. Times are in seconds; negative means unknown.
class Status {
 public:
  struct Start {
    std::string stage, purpose;
    int number = 0;  // n of `total`, counting the stages that run
    int total = 0;
    double estimate = -1;
  };

  virtual ~Status() = default;
  virtual void planned(int /*to_run*/, int /*cached*/, double /*estimate*/) {}
  virtual void explain(const std::string& /*stage*/, const std::vector<std::string>& /*reasons*/) {}
  virtual void started(const Start&) {}
  virtual void progress(const std::string& /*stage*/, const std::string& /*what*/,
                        double /*done*/) {}
  virtual void output(const std::string& /*stage*/, std::string_view /*line*/) {}
  virtual void finished(const std::string& /*stage*/, double /*seconds*/) {}
  virtual void failed(const std::string& /*stage*/, const std::string& /*cause*/,
                      double /*seconds*/) {}
  virtual void note(const std::string& /*text*/) {}
  virtual void published(const std::string& /*file*/) {}
  virtual void done(bool /*ok*/, int /*ran*/, double /*seconds*/) {}
  virtual void tick() {}  // several times a second while stages run
};

// Seconds on some clock that only goes forward; faked in tests.
using Now = std::function<double()>;
Now steady_now();

struct StatusOptions {
  bool explain = false;  // say why each stage runs
  bool verbose = false;  // every line of every tool
  bool quiet = false;    // nothing but errors
};

// One line that is rewritten while stages run, a line per finished stage. `width` in columns.
std::unique_ptr<Status> terminal_status(std::ostream&, StatusOptions, Now, int width);
// Whole lines only, for logs and pipes.
std::unique_ptr<Status> plain_status(std::ostream&, StatusOptions, Now);
// One JSON object per line.
std::unique_ptr<Status> json_status(std::ostream&, StatusOptions, Now);

// "0:07", "12:34", "1:02:03".
std::string clock_text(double seconds);

}  // namespace starling::builder
