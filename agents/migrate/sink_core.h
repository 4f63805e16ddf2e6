// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "agents/common/unique_fd.h"
#include "agents/migrate/frame_channel.h"
#include "agents/migrate/page_sink.h"
#include "agents/migrate/sink_memory.h"

namespace starling::migrate {

// What the two threads of a page sink have in common: the memory they fill, what is waited for, and
// how it all ends. Any thread.
class SinkCore {
 public:
  SinkCore(Userfaultfd uffd, pid_t body, std::unique_ptr<FrameChannel> demand,
           std::unique_ptr<FrameChannel> bulk, PageSink::Callbacks callbacks,
           PageSink::Options options);

  // Ends a thread of the sink without being a failure.
  struct BodyDied {};
  struct Stopped {};
  // Runs `work`, a thread's whole life. Nothing that escapes it may let the body run on into a page
  // it should not have: the userfaultfd stays open, unserved.
  template <typename F>
  void guarded(FrameChannel& channel, const char* name, F&& work);

  bool over() const { return over_; }
  void fail(const std::string& reason);
  void end();
  std::string failure() const;
  void note_progress();
  // Wakes the fault thread.
  void notify() const;

  // Waits until the fault thread has fulfilled the wish; false when it cannot.
  bool wish(RemoteRange range);
  // Fulfils what is here; the ranges of the others.
  RemoteRanges take_wishes();

  bool wait_complete(std::chrono::milliseconds timeout);
  // false: it is over.
  bool pause(std::chrono::milliseconds time);

  template <typename F>
  void count(F&& change) {
    const std::lock_guard lock(mutex_);
    change(stats_);
  }
  PageSink::Stats stats() const;

  SinkMemory memory;
  const UniqueFd body;   // pidfd
  const UniqueFd event;  // eventfd: something was asked of the fault thread
  const std::unique_ptr<FrameChannel> demand;
  const std::unique_ptr<FrameChannel> bulk;
  const PageSink::Callbacks callbacks;
  const PageSink::Options options;

  // Where the process touches one page after the other: from here on the background is to go on.
  // 0: nowhere. Set by the fault thread, taken by the bulk thread.
  std::atomic<std::uint64_t> steer = 0;
  // What the bulk thread has asked for and not got; the fault thread looks.
  void set_travelling(RemoteRanges ranges);
  bool travels(RemoteAddr page) const;

 private:
  struct Wish {
    RemoteRange range;
    bool done = false;
  };

  std::atomic<bool> over_ = false;  // both threads are to end
  mutable std::mutex mutex_;        // guards all below; taken before SinkMemory's own
  std::condition_variable changed_;
  std::string failure_;
  std::list<Wish*> wishes_;
  PageSink::Stats stats_;
  RemoteRanges travelling_;
};

template <typename F>
void SinkCore::guarded(FrameChannel& channel, const char* name, F&& work) {
  try {
    work();
  } catch (const BodyDied&) {
    end();
  } catch (const Stopped&) {
  } catch (const StreamClosed& e) {
    // The source has gone; only the fault thread, which has not yet noticed, may end so with
    // nothing outstanding, and it does not.
    if (memory.home_pages() > 0) {
      fail(std::string("the source of pages is lost (") + name + "): " + e.what());
    }
  } catch (const std::exception& e) {
    fail(std::string("page service (") + name + "): " + e.what());
  }
  ::shutdown(channel.fd(), SHUT_RDWR);
}

}  // namespace starling::migrate
