// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/page_sink.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "agents/common/clock.h"
#include "agents/common/fail.h"
#include "agents/migrate/bulk_plan.h"
#include "agents/migrate/sink_memory.h"

namespace starling::migrate {
namespace {

// Pages per request on the demand connection: a window comes in parts, so that the thread that
// waits for its first page goes on while the others travel.
constexpr std::uint64_t kPart = 16;
constexpr std::uint64_t kEnsurePart = 256;
constexpr std::size_t kMaxAsked = 128;  // requests without an answer; all fit the socket's buffers
constexpr std::size_t kMaxAskedByEnsure = 8;

// Ends a thread of the sink without being a failure.
struct BodyDied {};
struct Stopped {};

}  // namespace

class PageSink::Impl {
 public:
  Impl(Userfaultfd uffd, pid_t body, std::unique_ptr<FrameChannel> demand,
       std::unique_ptr<FrameChannel> bulk, Callbacks callbacks, Options options);
  ~Impl();

  void start();
  bool ensure(RemoteRange range);
  bool wait_complete(std::chrono::milliseconds timeout);
  std::string failure() const;
  Stats stats() const;
  void stop();
  void install(RemoteAddr address, Bytes data);

  SinkMemory memory_;
  std::atomic<bool> started_ = false;

 private:
  struct Asked {
    RemoteRange range;
    TimeNs since = 0;  // when the fault was read that it is for; 0: for none
  };
  struct Fault {
    RemoteAddr page;
    TimeNs since;
  };
  struct Ensure {
    RemoteRange range;
    bool done = false;
  };

  bool over() const { return over_; }
  template <typename F>
  void guarded(FrameChannel& channel, const char* name, F&& work);
  void fail(const std::string& reason);
  void end();
  void notify() const;
  void note_progress();

  // The fault thread.
  void serve_faults();
  void read_events();
  void serve(const Fault& fault);
  void ask(RemoteRange range, std::uint64_t part, bool contiguous, TimeNs since, std::size_t limit);
  void take_answer(const Frame& frame);
  void serve_ensures();
  template <typename F>
  std::uint64_t finish(RemoteRange range, F&& step);

  // The bulk thread.
  void pull();
  void take_bulk(const PageAnswer& answer);

  UniqueFd pidfd_;
  UniqueFd event_;
  std::unique_ptr<FrameChannel> demand_;
  std::unique_ptr<FrameChannel> bulk_;
  const Callbacks callbacks_;
  const Options options_;
  std::thread fault_thread_;
  std::thread bulk_thread_;

  // The fault thread's own.
  std::deque<Asked> asked_;  // in the order of their answers
  std::deque<Fault> faults_;
  bool demand_open_ = true;

  std::atomic<bool> over_ = false;  // both threads are to end
  mutable std::mutex mutex_;        // guards all below; taken before SinkMemory's own
  std::condition_variable changed_;
  std::string failure_;
  std::list<Ensure*> ensures_;
  Stats stats_;
};

PageSink::Impl::Impl(Userfaultfd uffd, pid_t body, std::unique_ptr<FrameChannel> demand,
                     std::unique_ptr<FrameChannel> bulk, Callbacks callbacks, Options options)
    : memory_(std::move(uffd), body),
      demand_(std::move(demand)),
      bulk_(std::move(bulk)),
      callbacks_(std::move(callbacks)),
      options_(options) {
  pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, body, 0)));
  if (!pidfd_) fail_errno("pidfd_open of process " + std::to_string(body));
  event_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event_) fail_errno("eventfd");
}

PageSink::Impl::~Impl() {
  stop();
  // Our copy of the userfaultfd may be the last.
  if (!failure().empty() || !memory_.harmless())
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
}

void PageSink::Impl::start() {
  if (started_.exchange(true)) throw std::logic_error("the page sink was started before");
  fault_thread_ = std::thread([this] { guarded(*demand_, "demand", [this] { serve_faults(); }); });
  if (bulk_ && options_.background) {
    bulk_thread_ = std::thread([this] { guarded(*bulk_, "bulk", [this] { pull(); }); });
  }
}

// What each thread's end means. Nothing that escapes `work` may let the body run on into a page it
// should not have: the userfaultfd stays open, unserved.
template <typename F>
void PageSink::Impl::guarded(FrameChannel& channel, const char* name, F&& work) {
  try {
    work();
  } catch (const BodyDied&) {
    end();
  } catch (const Stopped&) {
  } catch (const StreamClosed& e) {
    // The source has gone; only the fault thread, which has not yet noticed, may end so with
    // nothing outstanding, and it does not.
    if (memory_.home_pages() > 0) {
      fail(std::string("the source of pages is lost (") + name + "): " + e.what());
    }
  } catch (const std::exception& e) {
    fail(std::string("page service (") + name + "): " + e.what());
  }
  ::shutdown(channel.fd(), SHUT_RDWR);
}

void PageSink::Impl::fail(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (over_) return;
    failure_ = reason;
  }
  end();
  if (callbacks_.on_failure) callbacks_.on_failure(reason);
}

void PageSink::Impl::end() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  notify();
  ::shutdown(demand_->fd(), SHUT_RDWR);
  if (bulk_) ::shutdown(bulk_->fd(), SHUT_RDWR);
}

void PageSink::Impl::notify() const {
  const std::uint64_t one = 1;
  (void)!::write(event_.get(), &one, sizeof one);
}

void PageSink::Impl::note_progress() {
  if (memory_.home_pages() != 0) return;
  { const std::lock_guard lock(mutex_); }  // a waiter is either before its look or in its wait
  changed_.notify_all();
}

void PageSink::Impl::stop() {
  end();
  if (fault_thread_.joinable()) fault_thread_.join();
  if (bulk_thread_.joinable()) bulk_thread_.join();
}

void PageSink::Impl::install(RemoteAddr address, Bytes data) {
  if (address.value % kPage != 0 || data.size() % kPage != 0) {
    throw std::invalid_argument("pages to install that are not whole");
  }
  SinkMemory::Progress progress;
  progress.next = address;
  // A stopped body changes nothing, so there is no event to wait for; a running one is served by
  // the fault thread, which reads it.
  for (int attempt = 0; attempt < 10000; ++attempt) {
    progress = memory_.place(progress.next, data.subspan(progress.next - address));
    {
      const std::lock_guard lock(mutex_);
      stats_.installed_pages += progress.placed;
    }
    if (progress.dead) throw std::system_error(ESRCH, std::generic_category(), "the body");
    if (!progress.again) return note_progress();
    ::usleep(100);
  }
  throw std::system_error(EAGAIN, std::generic_category(), "the body's layout keeps changing");
}

bool PageSink::Impl::ensure(RemoteRange range) {
  if (!started_) throw std::logic_error("ensure() before start()");
  Ensure wish{range};
  std::unique_lock lock(mutex_);
  const auto place = ensures_.insert(ensures_.end(), &wish);
  notify();
  changed_.wait(lock, [&] { return wish.done || over_; });
  ensures_.erase(place);
  return wish.done;
}

bool PageSink::Impl::wait_complete(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [&] { return over_ || memory_.home_pages() == 0; });
  return memory_.home_pages() == 0;
}

std::string PageSink::Impl::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

PageSink::Stats PageSink::Impl::stats() const {
  Stats stats;
  {
    const std::lock_guard lock(mutex_);
    stats = stats_;
  }
  stats.home_pages = memory_.home_pages();
  return stats;
}

void PageSink::Impl::serve_faults() {
  while (!over()) {
    pollfd fds[] = {{memory_.fd(), POLLIN, 0},
                    {event_.get(), POLLIN, 0},
                    {pidfd_.get(), POLLIN, 0},
                    {demand_open_ ? demand_->fd() : -1, POLLIN, 0}};
    const bool more = demand_open_ && demand_->buffered();
    if (::poll(fds, 4, more ? 0 : -1) < 0 && errno != EINTR) fail_errno("poll");
    if (fds[2].revents != 0) throw BodyDied();
    if (fds[1].revents != 0) {
      std::uint64_t count;
      (void)!::read(event_.get(), &count, sizeof count);
    }
    if (fds[0].revents != 0) read_events();
    if (more || (fds[3].revents != 0 && demand_open_)) {
      try {
        take_answer(demand_->receive());
      } catch (const StreamClosed&) {
        if (over()) throw Stopped();
        if (memory_.home_pages() > 0) throw;
        demand_open_ = false;  // nothing will be asked for any more
      }
    }
    while (!faults_.empty() && asked_.size() < kMaxAsked) {
      const Fault fault = faults_.front();
      faults_.pop_front();
      serve(fault);
    }
    serve_ensures();
    note_progress();
  }
}

void PageSink::Impl::read_events() {
  while (true) {
    const auto events = memory_.read_events();
    const TimeNs now = monotonic_ns();
    for (const RemoteAddr page : events.faults) faults_.push_back({page, now});
    if (!events.faults.empty()) {
      const std::lock_guard lock(mutex_);
      stats_.faults += events.faults.size();
    }
    if (!events.broken.empty()) throw std::runtime_error(events.broken);
    if (!events.more) return;
  }
}

// Repeats `step(rest of range)` until it is through, reading the events that hold it up.
template <typename F>
std::uint64_t PageSink::Impl::finish(RemoteRange range, F&& step) {
  std::uint64_t placed = 0;
  while (true) {
    const SinkMemory::Progress progress = step(range);
    placed += progress.placed;
    if (progress.dead) throw BodyDied();
    if (!progress.again) return placed;
    if (over()) throw Stopped();
    range.begin = progress.next;
    read_events();
    ::sched_yield();  // whose event was read has to run before pages may be placed again
  }
}

void PageSink::Impl::serve(const Fault& fault) {
  const auto waiting = std::any_of(asked_.begin(), asked_.end(), [&](const Asked& asked) {
    return asked.range.contains(fault.page);
  });
  const RemoteRange itself{fault.page, fault.page + kPage};
  // Only while the answer will be placed: a page dropped since it was asked for is not.
  if (waiting && !memory_.next_home(itself, 1).empty()) return;
  const auto zero = [&](RemoteRange range) { return memory_.fill_zero(range); };
  const SinkMemory::Answer answer = memory_.look(fault.page);
  switch (answer.need) {
    case SinkMemory::Need::contents:
      ask({fault.page, answer.window.end}, kPart, true, fault.since, ~std::size_t{0});
      ask({answer.window.begin, fault.page}, kPart, false, 0, ~std::size_t{0});
      return;
    case SinkMemory::Need::zero: {
      std::uint64_t placed = 0;
      if (answer.window.begin < fault.page) placed += finish(itself, zero);
      placed += finish(answer.window, zero);
      const std::lock_guard lock(mutex_);
      stats_.zeroed_pages += placed;
      stats_.stall_ns += static_cast<std::uint64_t>(monotonic_ns() - fault.since);
      return;
    }
    case SinkMemory::Need::present:
      finish(itself, [&](RemoteRange) { return memory_.look_again(fault.page); });
      return;
    case SinkMemory::Need::home:
      if (callbacks_.on_home_needed) callbacks_.on_home_needed(fault.page);
      return;
  }
}

// Asks for the pages of `range` that are at home and were not asked for, in parts; only for those
// without a gap from the beginning of it when `contiguous`.
void PageSink::Impl::ask(RemoteRange range, std::uint64_t part, bool contiguous, TimeNs since,
                         std::size_t limit) {
  while (asked_.size() < limit) {
    RemoteRange piece = memory_.next_home(range, part);
    for (const Asked& asked : asked_) {
      if (asked.range.contains(piece.begin)) piece.begin = std::min(asked.range.end, piece.end);
      if (piece.contains(asked.range.begin)) piece.end = asked.range.begin;
    }
    if (contiguous && piece.begin != range.begin) return;
    if (!piece.empty()) {
      PageRequest request;
      request.range = piece;
      demand_->send(kPageRequest, encode(request));
      asked_.push_back({piece, since});
      since = 0;
    } else if (piece.end <= range.begin) {
      return;  // nothing was found
    }
    range.begin = piece.end;
  }
}

void PageSink::Impl::take_answer(const Frame& frame) {
  if (frame.type != kPageAnswer) throw ProtocolError("not an answer on the demand connection");
  const PageAnswer answer = decode_page_answer(frame.body);
  if (asked_.empty() || answer.covered() != asked_.front().range) {
    throw ProtocolError("an answer to another question on the demand connection");
  }
  std::uint64_t pulled = 0;
  std::uint64_t zeroed = 0;
  RemoteAddr at = answer.begin;
  Bytes data = answer.data;
  for (const PageRun& run : answer.runs) {
    const RemoteRange range{at, at + run.pages * kPage};
    switch (run.kind) {
      case PageRun::Kind::data:
        pulled += finish(range, [&](RemoteRange rest) {
          return memory_.place(rest.begin, data.subspan(rest.begin - at, rest.size()));
        });
        data = data.subspan(range.size());
        break;
      case PageRun::Kind::zero:
        memory_.mark_zero(range);
        zeroed += finish(range, [&](RemoteRange rest) { return memory_.fill_zero(rest); });
        break;
      case PageRun::Kind::unreadable:
        memory_.mark_unreadable(range);
        break;
    }
    at = range.end;
  }
  const TimeNs since = asked_.front().since;
  asked_.pop_front();
  const std::lock_guard lock(mutex_);
  stats_.pulled_pages += pulled;
  stats_.zeroed_pages += zeroed;
  if (since != 0) stats_.stall_ns += static_cast<std::uint64_t>(monotonic_ns() - since);
}

void PageSink::Impl::serve_ensures() {
  RemoteRanges wanted;
  {
    const std::lock_guard lock(mutex_);
    bool any = false;
    for (Ensure* wish : ensures_) {
      if (wish->done) continue;
      if (memory_.next_home(wish->range, 1).empty()) {
        wish->done = any = true;
      } else {
        wanted.push_back(wish->range);
      }
    }
    if (any) changed_.notify_all();
  }
  for (const RemoteRange& range : wanted) ask(range, kEnsurePart, false, 0, kMaxAskedByEnsure);
}

void PageSink::Impl::pull() {
  BulkPlan plan(memory_.regions(), [this](RemoteRange range) {
    const RemoteRange first = memory_.next_home(range, 1);
    return first.empty() ? range.end : first.begin;
  });
  std::deque<BulkPlan::Lane> flying;  // in the order of their answers
  while (!over() && memory_.home_pages() > 0) {
    while (flying.size() < std::max(1U, options_.in_flight)) {
      BulkPlan::Lane lane;
      if (!plan.next(lane)) break;
      PageRequest request{PageRequest::Kind::next, lane.rest, options_.bulk_data};
      bulk_->send(kPageRequest, encode(request));
      flying.push_back(lane);
    }
    if (flying.empty()) {
      // What is left was skipped, for its mapping was on its way out: the event will tell.
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, std::chrono::milliseconds(20), [&] { return over(); });
      plan.restart();
      continue;
    }
    const Frame frame = bulk_->receive();
    if (frame.type != kPageAnswer) throw ProtocolError("not an answer on the bulk connection");
    const PageAnswer answer = decode_page_answer(frame.body);
    const RemoteRange covered = answer.covered();
    BulkPlan::Lane lane = flying.front();
    flying.pop_front();
    if (covered.begin != lane.rest.begin || covered.end > lane.rest.end) {
      throw ProtocolError("an answer to another question on the bulk connection");
    }
    lane.rest.begin = covered.end;
    // The next question goes out before the answer is worked on.
    if (plan.advance(lane)) {
      bulk_->send(kPageRequest,
                  encode(PageRequest{PageRequest::Kind::next, lane.rest, options_.bulk_data}));
      flying.push_back(lane);
    }
    take_bulk(answer);
    note_progress();
  }
}

void PageSink::Impl::take_bulk(const PageAnswer& answer) {
  RemoteAddr at = answer.begin;
  Bytes data = answer.data;
  std::uint64_t pushed = 0;
  for (const PageRun& run : answer.runs) {
    const RemoteRange range{at, at + run.pages * kPage};
    switch (run.kind) {
      case PageRun::Kind::data: {
        RemoteAddr next = at;
        while (true) {
          const auto progress = memory_.place(next, data.subspan(next - at, range.end - next));
          pushed += progress.placed;
          if (progress.dead) throw BodyDied();
          if (!progress.again) break;
          if (over()) throw Stopped();
          next = progress.next;
          ::usleep(20);  // the fault thread reads the event that holds this up
        }
        data = data.subspan(range.size());
        break;
      }
      case PageRun::Kind::zero:
        memory_.mark_zero(range);
        break;
      case PageRun::Kind::unreadable:
        memory_.mark_unreadable(range);
        break;
    }
    at = range.end;
  }
  const std::lock_guard lock(mutex_);
  stats_.pushed_pages += pushed;
}

PageSink::PageSink(Userfaultfd uffd, pid_t body, std::unique_ptr<FrameChannel> demand,
                   std::unique_ptr<FrameChannel> bulk, Callbacks callbacks, Options options)
    : impl_(std::make_unique<Impl>(std::move(uffd), body, std::move(demand), std::move(bulk),
                                   std::move(callbacks), options)) {}

PageSink::PageSink(Userfaultfd uffd, pid_t body, std::unique_ptr<FrameChannel> demand,
                   std::unique_ptr<FrameChannel> bulk, Callbacks callbacks)
    : PageSink(std::move(uffd), body, std::move(demand), std::move(bulk), std::move(callbacks),
               Options()) {}

PageSink::~PageSink() = default;

void PageSink::add_region(RemoteRange range, bool file_backed) {
  if (impl_->started_) throw std::logic_error("add_region() after start()");
  impl_->memory_.add_region(range, file_backed);
}

void PageSink::install(RemoteAddr address, Bytes data) {
  impl_->install(address, data);
}
void PageSink::start() {
  impl_->start();
}
bool PageSink::ensure(RemoteRange range) {
  return impl_->ensure(range);
}
void PageSink::unregister(RemoteRange range) {
  impl_->memory_.unregister(range);
}
bool PageSink::complete() const {
  return impl_->memory_.home_pages() == 0;
}
bool PageSink::wait_complete(std::chrono::milliseconds timeout) {
  return impl_->wait_complete(timeout);
}
std::string PageSink::failure() const {
  return impl_->failure();
}
RemoteRanges PageSink::original_ranges() const {
  return impl_->memory_.original_ranges();
}
RemoteRanges PageSink::gone_ranges() const {
  return impl_->memory_.ranges_in(PageState::gone);
}
RemoteRanges PageSink::home_ranges() const {
  return impl_->memory_.ranges_in(PageState::home);
}
PageSink::Stats PageSink::stats() const {
  return impl_->stats();
}
void PageSink::stop() {
  impl_->stop();
}

}  // namespace starling::migrate
