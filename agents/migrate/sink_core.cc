// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/sink_core.h"

#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "agents/common/fail.h"

namespace starling::migrate {
namespace {

UniqueFd open_process(pid_t pid) {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd) fail_errno("pidfd_open of process " + std::to_string(pid));
  return fd;
}

UniqueFd make_event() {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) fail_errno("eventfd");
  return fd;
}

}  // namespace

SinkCore::SinkCore(Userfaultfd uffd, pid_t pid, std::unique_ptr<FrameChannel> demand_channel,
                   std::unique_ptr<FrameChannel> bulk_channel, PageSink::Callbacks callbacks_,
                   PageSink::Options options_)
    : memory(std::move(uffd), pid),
      body(open_process(pid)),
      event(make_event()),
      demand(std::move(demand_channel)),
      bulk(std::move(bulk_channel)),
      callbacks(std::move(callbacks_)),
      options(options_) {}

void SinkCore::fail(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (over_) return;
    failure_ = reason;
  }
  end();
  if (callbacks.on_failure) callbacks.on_failure(reason);
}

void SinkCore::end() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  notify();
  ::shutdown(demand->fd(), SHUT_RDWR);
  if (bulk) ::shutdown(bulk->fd(), SHUT_RDWR);
}

std::string SinkCore::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void SinkCore::notify() const {
  const std::uint64_t one = 1;
  (void)!::write(event.get(), &one, sizeof one);
}

void SinkCore::note_progress() {
  if (memory.home_pages() != 0) return;
  { const std::lock_guard lock(mutex_); }  // a waiter is either before its look or in its wait
  changed_.notify_all();
}

bool SinkCore::wish(RemoteRange range) {
  Wish wish{range};
  std::unique_lock lock(mutex_);
  const auto place = wishes_.insert(wishes_.end(), &wish);
  notify();
  changed_.wait(lock, [&] { return wish.done || over_; });
  wishes_.erase(place);
  return wish.done;
}

RemoteRanges SinkCore::take_wishes() {
  RemoteRanges wanted;
  const std::lock_guard lock(mutex_);
  bool any = false;
  for (Wish* wish : wishes_) {
    if (wish->done) continue;
    if (memory.next_home(wish->range, 1).empty()) {
      wish->done = any = true;
    } else {
      wanted.push_back(wish->range);
    }
  }
  if (any) changed_.notify_all();
  return wanted;
}

bool SinkCore::wait_complete(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [&] { return over_ || memory.home_pages() == 0; });
  return memory.home_pages() == 0;
}

bool SinkCore::pause(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [&] { return over(); });
  return !over_;
}

PageSink::Stats SinkCore::stats() const {
  PageSink::Stats stats;
  {
    const std::lock_guard lock(mutex_);
    stats = stats_;
  }
  stats.home_pages = memory.home_pages();
  return stats;
}

void SinkCore::set_travelling(RemoteRanges ranges) {
  const std::lock_guard lock(mutex_);
  travelling_ = std::move(ranges);
}

bool SinkCore::travels(RemoteAddr page) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(travelling_.begin(), travelling_.end(),
                     [&](const RemoteRange& range) { return range.contains(page); });
}

}  // namespace starling::migrate
