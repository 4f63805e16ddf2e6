// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/status_plain.h"

namespace starling::builder {

namespace {

std::string count_text(const Status::Start& s) {
  return "[" + std::to_string(s.number) + "/" + std::to_string(s.total) + "] ";
}

}  // namespace

void PlainStatus::line(const std::string& text) {
  if (!quiet()) out_ << text << std::endl;
}

void PlainStatus::planned(int to_run, int cached, double estimate) {
  if (to_run == 0) return;
  std::string text = std::to_string(to_run) + (to_run == 1 ? " stage" : " stages") + " to run, " +
                     std::to_string(cached) + " in the cache";
  if (estimate >= 0) text += ", about " + clock_text(estimate);
  line(text);
}

void PlainStatus::explain(const std::string& stage, const std::vector<std::string>& reasons) {
  if (!options_.explain) return;
  constexpr size_t kMost = 12;
  line(stage + " runs because");
  for (size_t i = 0; i < reasons.size() && i < kMost; ++i) line("    " + reasons[i]);
  if (reasons.size() > kMost) line("    and " + std::to_string(reasons.size() - kMost) + " more");
}

void PlainStatus::started(const Start& start) {
  running_[start.stage] = {start, now_(), {}, -1};
  if (!announce_) return;
  std::string text = count_text(start) + start.stage + ": " + start.purpose;
  if (start.estimate >= 0) text += " (about " + clock_text(start.estimate) + ")";
  line(text);
}

void PlainStatus::progress(const std::string& stage, const std::string& what, double done) {
  auto it = running_.find(stage);
  if (it == running_.end()) return;
  const bool news = it->second.what != what;
  it->second.what = what;
  it->second.done = done;
  if (news && announce_) line(count_text(it->second.start) + stage + ": " + what);
}

void PlainStatus::output(const std::string& stage, std::string_view text) {
  if (options_.verbose) line("  " + stage + "| " + std::string(text));
}

void PlainStatus::finished(const std::string& stage, double seconds) {
  auto it = running_.find(stage);
  if (it == running_.end()) return;
  const std::string head = count_text(it->second.start);
  running_.erase(it);
  line(head + stage + " done in " + clock_text(seconds));
}

void PlainStatus::failed(const std::string& stage, const std::string& cause, double seconds) {
  auto it = running_.find(stage);
  const std::string head = it == running_.end() ? "" : count_text(it->second.start);
  if (it != running_.end()) running_.erase(it);
  // Another stage failed, or the person asked to stop: no fault of this one.
  const bool stopped = cause == "stopped" || cause == "interrupted";
  line(head + stage + (stopped ? " stopped after " : " FAILED after ") + clock_text(seconds));
}

void PlainStatus::note(const std::string& text) {
  line("note: " + text);
}

void PlainStatus::published(const std::string& file) {
  line("wrote " + file);
}

void PlainStatus::done(bool ok, int ran, double seconds) {
  if (!ok) return;  // main() prints the error
  if (ran == 0) {
    line("nothing to do (" + clock_text(seconds) + ")");
  } else {
    line("done in " + clock_text(seconds));
  }
}

std::unique_ptr<Status> plain_status(std::ostream& out, StatusOptions options, Now now) {
  return std::make_unique<PlainStatus>(out, options, std::move(now));
}

}  // namespace starling::builder
