// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/helper.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>

#include "agents/common/log.h"
#include "agents/daemon/helper_spawn.h"

namespace starling::daemon {

using nlohmann::json;

static const char* name_of(Helper::Role role) {
  return role == Helper::Role::kDeputy ? "starling-deputy" : "starling-body";
}

Helper::Helper(EventLoop& loop, Role role, pid_t process, UniqueFd pidfd, UniqueFd line,
               Observer& observer)
    : loop_(loop),
      role_(role),
      process_(process),
      pidfd_(std::move(pidfd)),
      line_(std::move(line)),
      observer_(observer) {
  loop_.add(pidfd_.get(), EPOLLIN, [this](std::uint32_t) { on_process_end(); });
  try {
    loop_.add(line_.get(), EPOLLIN, [this](std::uint32_t) { on_readable(); });
  } catch (...) {
    loop_.remove(pidfd_.get());
    throw;
  }
}

Helper::~Helper() {
  if (line_) loop_.remove(line_.get());
  if (!ended_) loop_.remove(pidfd_.get());
}

void Helper::kill(int signal) const {
  if (!ended_) ::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0);
}

void Helper::ask(const json& request, TimeNs patience, Done done) {
  const std::string what = request.at("do");
  const auto refuse = [&](const std::string& why) { done({false, why, json::object()}); };
  if (!line_) return refuse("the helper of this process has stopped listening");
  if (pending_.size() >= kMaxQueue) return refuse("too many requests for this process at once");
  const std::string text = json_line(request);
  const ssize_t n = ::send(line_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n != static_cast<ssize_t>(text.size())) {
    // A few short lines always fit, unless nobody reads them.
    close_line();
    return refuse("the helper of this process does not listen");
  }
  pending_.push_back({what, monotonic_ns() + patience, std::move(done)});
}

bool Helper::busy_with(const std::string& what) const {
  return std::any_of(pending_.begin(), pending_.end(),
                     [&](const Pending& p) { return p.what == what; });
}

void Helper::expire(TimeNs now) {
  if (lost_ != 0 && now - lost_ > kSecond / 2) {
    fail_all("the helper of this process has stopped listening");
  }
  std::vector<Done> given_up;
  for (Pending& p : pending_) {
    if (p.done && now > p.deadline) given_up.push_back(std::exchange(p.done, nullptr));
  }
  for (const Done& done : given_up) {
    done({false, "the helper of this process did not answer in time", json::object()});
  }
}

void Helper::fail_all(const std::string& why) {
  std::deque<Pending> pending;
  pending.swap(pending_);
  for (const Pending& p : pending) {
    if (p.done) p.done({false, why, json::object()});
  }
}

void Helper::close_line() {
  if (!line_) return;
  loop_.remove(line_.get());
  line_.reset();
}

void Helper::read_all() {
  char buffer[16384];
  while (line_) {
    const ssize_t n = ::recv(line_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    const bool fits = n > 0 && in_.append({buffer, static_cast<std::size_t>(n)});
    while (const auto line = in_.take()) on_line(*line);
    if (!fits) {
      if (n > 0) log_warning(std::string(name_of(role_)) + ": a line without an end");
      close_line();
    }
    // One buffer a round: a helper that talks without end keeps nobody else waiting.
    if (!ended_) break;
  }
}

void Helper::on_readable() {
  read_all();
  // Most likely it is ending, and how is about to be known: that tells more.
  if (!line_ && !ended_) lost_ = monotonic_ns();
}

void Helper::on_line(const std::string& line) {
  const auto object = parse_json_line(line);
  try {
    if (object && object->contains("reply")) {
      const std::string to = object->at("reply");
      if (pending_.empty() || pending_.front().what != to) {
        log_warning(std::string(name_of(role_)) + ": a reply to \"" + to.substr(0, 32) +
                    "\", which was not asked");
        return;
      }
      const Pending answered = std::move(pending_.front());
      pending_.pop_front();
      Answer answer{object->at("ok").get<bool>(), "", *object};
      if (!answer.ok) answer.error = object->value("error", "it gave no reason");
      if (answered.done) answered.done(answer);
      return;
    }
    if (object && object->contains("event")) {
      observer_.on_event(*this, object->at("event"), *object);
      return;
    }
  } catch (const json::exception&) {
    // Told below.
  }
  log_warning(std::string(name_of(role_)) + ": what it says is no report: " + line.substr(0, 80));
}

void Helper::on_process_end() {
  if (ended_) return;
  ended_ = true;
  loop_.remove(pidfd_.get());
  // Its last words first.
  read_all();
  close_line();
  std::string how = reap(pidfd_);
  if (how.empty()) how = kGone;
  fail_all("its " + std::string(name_of(role_)) + " ended: " + how);
  observer_.on_end(*this, how);
}

}  // namespace starling::daemon
