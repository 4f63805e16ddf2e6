// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cmath>

#include "builder/core/status_plain.h"

namespace starling::builder {

namespace {

// Cut to `width` columns without cutting a UTF-8 character.
std::string cut(std::string text, size_t width) {
  if (text.size() <= width) return text;
  size_t end = width;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

class TerminalStatus : public PlainStatus {
 public:
  TerminalStatus(std::ostream& out, StatusOptions options, Now now, int width)
      : PlainStatus(out, options, std::move(now)), width_(std::max(width, 20)) {
    announce_ = false;  // the live line says it
  }

  void started(const Start& start) override {
    PlainStatus::started(start);
    draw();
  }
  void progress(const std::string& stage, const std::string& what, double done) override {
    PlainStatus::progress(stage, what, done);
    draw();
  }
  void tick() override { draw(); }
  void done(bool ok, int ran, double seconds) override {
    clear();
    PlainStatus::done(ok, ran, seconds);
  }

 protected:
  void line(const std::string& text) override {
    clear();
    PlainStatus::line(text);
  }

 private:
  std::string text_of(const Running& r) const {
    std::string text = r.start.stage;
    if (!r.what.empty()) text += ": " + r.what;
    if (r.done >= 0) text += " " + std::to_string(std::lround(std::min(r.done, 1.0) * 100)) + "%";
    text += " " + clock_text(now_() - r.since);
    if (r.start.estimate >= 0) text += " of ~" + clock_text(r.start.estimate);
    return text;
  }

  void draw() {
    if (quiet() || running_.empty()) return;
    int newest = 0, total = 0;
    std::string text;
    for (const auto& [name, r] : running_) {
      newest = std::max(newest, r.start.number);
      total = r.start.total;
      text += (text.empty() ? "" : " | ") + text_of(r);
    }
    text = cut("[" + std::to_string(newest) + "/" + std::to_string(total) + "] " + text,
               static_cast<size_t>(width_ - 1));
    if (text == shown_) return;
    out_ << "\r\033[K" << text << std::flush;
    shown_ = text;
  }

  void clear() {
    if (shown_.empty()) return;
    out_ << "\r\033[K" << std::flush;
    shown_.clear();
  }

  int width_;
  std::string shown_;
};

}  // namespace

std::unique_ptr<Status> terminal_status(std::ostream& out, StatusOptions options, Now now,
                                        int width) {
  return std::make_unique<TerminalStatus>(out, options, std::move(now), width);
}

}  // namespace starling::builder
