// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace starling::builder {

class CancelToken;  // builder/core/interrupt.h

// One external program run to its end. argv goes to execvp as it is: no shell in between.
// The child runs in its own process group, which is ended (SIGTERM, then SIGKILL after 5 s) when
// the builder is interrupted, so that no tool outlives the build; what a program leaves running in
// its group is ended when it ends. It has no controlling terminal: nothing can ask questions.
class Command {
 public:
  explicit Command(std::vector<std::string> argv) : argv_(std::move(argv)) {}

  Command& cwd(std::filesystem::path dir);
  Command& env(std::string name, std::string value);
  Command& input(std::string text);              // standard input; /dev/null by default
  Command& log_to(std::filesystem::path file);   // append stdout and stderr
  Command& timeout(std::chrono::seconds limit);  // none by default
  // Called for each output line as it comes (for progress); still logged.
  Command& on_line(std::function<void(std::string_view)> f);

  // As on_line(), for whoever runs the stage (`-v`); does not replace the stage's own.
  Command& tee(std::function<void(std::string_view)> f);
  // Ends the program as an interrupt does when `token` is cancelled. Borrowed.
  Command& cancel_on(const CancelToken* token);

  // Runs; throws Error (with the replayable shell line, the log, and the last lines of output in
  // the cause) unless the exit status is 0.
  void run();
  // As run(), and gives back standard output (standard error goes to the log).
  std::string capture();
  // Runs and gives the exit status instead of throwing on non-zero (128+n for signal n); still
  // throws when the program cannot be started.
  int status();
  // A line that /bin/sh replays: cd, environment and quoted argv.
  std::string shell_line() const;

 private:
  struct Result;
  Result execute(bool separate_stdout);
  [[noreturn]] void fail(const Result&) const;

  std::vector<std::string> argv_;
  std::optional<std::filesystem::path> cwd_;
  std::map<std::string, std::string> env_;
  std::string input_;
  std::filesystem::path log_;
  std::optional<std::chrono::seconds> timeout_;
  std::function<void(std::string_view)> on_line_;
  std::function<void(std::string_view)> tee_;
  const CancelToken* cancel_ = nullptr;
};

// `text` as one word of a /bin/sh line, quoted only when it must be.
std::string shell_quote(const std::string& text);
// The absolute path of `program` on `path` (a PATH list), or empty. A name with a '/' is itself.
std::filesystem::path find_program(const std::string& program, const std::string& path);

// Whether `program` is found on PATH.
bool have_program(const std::string& program);

}  // namespace starling::builder
