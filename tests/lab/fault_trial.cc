// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lab/fault_trial.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <fstream>
#include <sstream>

#include "agents/common/fail.h"
#include "agents/common/small_file.h"

namespace starling::lab {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

std::pair<UniqueFd, UniqueFd> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail_errno("pipe");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// The lines fault_worker writes; empty, or what is wrong.
std::string wrong_lines(const std::string& text, const std::string& where) {
  std::istringstream in(text);
  unsigned long long hash = 7, number = 0, told_number = 0, told_hash = 0;
  while (in >> told_number >> told_hash) {
    ++number;
    hash = (hash * 31 + number) % 1'000'000'007;
    if (told_number != number || told_hash != hash) {
      return where + ": line " + std::to_string(number) + " is \"" + std::to_string(told_number) +
             " " + std::to_string(told_hash) + "\"; ";
    }
  }
  return "";
}

}  // namespace

FaultTrial::FaultTrial() {
  std::string name = (std::filesystem::temp_directory_path() / "starling-fault-XXXXXX").string();
  if (!::mkdtemp(name.data())) fail_errno(name);
  dir_ = name;
}

FaultTrial::~FaultTrial() {
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

void FaultTrial::start(MoveDriver& driver, const std::filesystem::path& worker) {
  driver_ = &driver;
  auto [in, ask] = make_pipe();
  auto [output, out] = make_pipe();
  ::fcntl(output.get(), F_SETFL, O_NONBLOCK);
  ask_ = std::move(ask);
  output_ = std::move(output);
  driver.start({worker.string(), (dir_ / "lines").string()}, in.get(), out.get());
}

void FaultTrial::read() {
  char buffer[65536];
  ssize_t n;
  while ((n = ::read(output_.get(), buffer, sizeof buffer)) > 0)
    out_.append(buffer, static_cast<std::size_t>(n));
}

void FaultTrial::run(milliseconds time) {
  const auto end = Clock::now() + time;
  do {
    driver_->pump(milliseconds(5));
    read();
  } while (!driver_->ended() && Clock::now() < end);
}

bool FaultTrial::goes_on(int more, milliseconds patience) {
  const auto end = Clock::now() + patience;
  const int wanted = lines() + more;
  while (lines() < wanted && !driver_->ended() && Clock::now() < end) run(milliseconds(10));
  return lines() >= wanted;
}

nlohmann::json FaultTrial::move(int place, milliseconds patience) {
  const auto end = Clock::now() + patience;
  driver_->order(place);
  while (driver_->waiting() && Clock::now() < end) {
    driver_->pump(milliseconds(5));
    read();
  }
  if (!driver_->waiting()) return driver_->last_reply();
  return {{"ok", false}, {"error", "no reply in time"}};
}

int FaultTrial::end(milliseconds patience) {
  // With its reading end gone, asking would end the test.
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  (void)!::write(ask_.get(), "x", 1);
  std::signal(SIGPIPE, before);
  run(patience);
  read();
  return driver_->wait(milliseconds(0));
}

std::string FaultTrial::wrong_output(bool whole) {
  read();
  const std::string file = read_small_file(dir_ / "lines", 64 << 20).value_or("");
  std::string wrong = wrong_lines(file, "file") + wrong_lines(out_, "pipe");
  // It writes to the file first.
  if (whole ? file != out_ : !file.starts_with(out_))
    wrong += "the file has " + std::to_string(file.size()) + " bytes and the pipe " +
             std::to_string(out_.size()) + "; ";
  return wrong;
}

std::vector<pid_t> processes_numbered(pid_t pid) {
  std::vector<pid_t> copies;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    pid_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error != std::errc{} || end != name.data() + name.size()) continue;
    std::ifstream status(entry.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (!line.starts_with("NSpid:")) continue;
      std::istringstream in(line.substr(6));
      std::vector<pid_t> numbers;
      for (pid_t n; in >> n;) numbers.push_back(n);
      if (numbers.size() > 1 && numbers.back() == pid) copies.push_back(number);
    }
  }
  return copies;
}

}  // namespace starling::lab
