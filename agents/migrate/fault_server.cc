// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/fault_server.h"

#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "agents/common/fail.h"

namespace starling::migrate {
namespace {

// Pages per request: a window comes in parts, so that the thread that waits for its first page goes
// on while the others travel.
constexpr std::uint64_t kPart = 16;
constexpr std::uint64_t kWishPart = 256;
// A window this long is that of a thread which touches one page after the other.
constexpr std::uint64_t kSequential = 32 * kPage;
// How far ahead of such a thread there is always something on its way.
constexpr std::uint64_t kAhead = 64 * kPage;
constexpr std::size_t kMaxAsked = 128;  // requests without an answer; all fit the socket's buffers
constexpr std::size_t kMaxAskedByWishes = 8;

}  // namespace

FaultServer::FaultServer(SinkCore& core)
    : core_(core), channel_(*core.demand), answers_(channel_) {}

void FaultServer::run() {
  while (!core_.over()) {
    wait_for_something();
    while (!faults_.empty() && asked_.size() < kMaxAsked) {
      const Fault fault = faults_.front();
      faults_.pop_front();
      serve(fault);
    }
    serve_wishes();
    core_.note_progress();
  }
}

void FaultServer::wait_for_something() {
  pollfd fds[] = {{core_.memory.fd(), POLLIN, 0},
                  {core_.event.get(), POLLIN, 0},
                  {core_.body.get(), POLLIN, 0},
                  {open_ ? channel_.fd() : -1, POLLIN, 0}};
  const bool more = open_ && channel_.buffered();
  if (::poll(fds, 4, more ? 0 : -1) < 0 && errno != EINTR) fail_errno("poll");
  if (fds[2].revents != 0) throw SinkCore::BodyDied();
  if (fds[1].revents != 0) {
    std::uint64_t count;
    (void)!::read(core_.event.get(), &count, sizeof count);
  }
  if (fds[0].revents != 0) read_events();
  if (!more && (fds[3].revents == 0 || !open_)) return;
  try {
    take_answer();
  } catch (const StreamClosed&) {
    if (core_.over()) throw SinkCore::Stopped();
    if (core_.memory.home_pages() > 0) throw;
    open_ = false;  // nothing will be asked for any more
  }
}

void FaultServer::read_events() {
  while (true) {
    const auto events = core_.memory.read_events();
    const TimeNs now = monotonic_ns();
    for (const RemoteAddr page : events.faults) faults_.push_back({page, now});
    if (!events.faults.empty()) {
      core_.count([&](PageSink::Stats& stats) { stats.faults += events.faults.size(); });
    }
    if (!events.broken.empty()) throw std::runtime_error(events.broken);
    if (!events.more) return;
  }
}

// Repeats `step(rest of range)` until it is through, reading the events that hold it up.
template <typename F>
std::uint64_t FaultServer::finish(RemoteRange range, F&& step) {
  std::uint64_t placed = 0;
  while (true) {
    const SinkMemory::Progress progress = step(range);
    placed += progress.placed;
    if (progress.dead) throw SinkCore::BodyDied();
    if (!progress.again) return placed;
    if (core_.over()) throw SinkCore::Stopped();
    range.begin = progress.next;
    read_events();
    ::sched_yield();  // whose event was read has to run before pages may be placed again
  }
}

void FaultServer::serve(const Fault& fault) {
  const auto waiting = std::any_of(asked_.begin(), asked_.end(), [&](const Asked& asked) {
    return asked.range.contains(fault.page);
  });
  const RemoteRange itself{fault.page, fault.page + kPage};
  // Only while the answer will be placed: a page dropped since it was asked for is not.
  if (waiting && !core_.memory.next_home(itself, 1).empty()) return keep_ahead(fault.page);
  const auto zero = [&](RemoteRange range) { return core_.memory.fill_zero(range); };
  const SinkMemory::Answer answer = core_.memory.look(fault.page);
  switch (answer.need) {
    case SinkMemory::Need::contents:
      ask_around(fault, answer.window);
      return;
    case SinkMemory::Need::zero: {
      std::uint64_t placed = 0;
      if (answer.window.begin < fault.page) placed += finish(itself, zero);
      placed += finish(answer.window, zero);
      core_.count([&](PageSink::Stats& stats) {
        stats.zeroed_pages += placed;
        stats.stall_ns += static_cast<std::uint64_t>(monotonic_ns() - fault.since);
      });
      return;
    }
    case SinkMemory::Need::present:
      finish(itself, [&](RemoteRange) { return core_.memory.look_again(fault.page); });
      return;
    case SinkMemory::Need::home:
      if (core_.callbacks.on_home_needed) core_.callbacks.on_home_needed(fault.page);
      return;
  }
}

// The page itself comes in an answer of its own, for which the thread waits no longer than it must.
void FaultServer::ask_around(const Fault& fault, RemoteRange window) {
  const bool sequential = window.begin == fault.page && window.size() >= kSequential;
  if (sequential && core_.bulk && core_.options.background) {
    // The background carries most: it is led here, and what it has asked for is not asked twice.
    // Placing the page, or noting that it is zero, wakes who waits for it.
    if (core_.travels(fault.page)) return;
    core_.steer = window.end.value;
  }
  const RemoteAddr first = fault.page + (sequential ? kPart : 1) * kPage;
  ask({fault.page, std::min(first, window.end)}, kPart, true, fault.since, ~std::size_t{0});
  ahead_ = ask({first, window.end}, kPart, true, 0, kMaxAsked);
  ask({window.begin, fault.page}, kPart, false, 0, kMaxAsked);
  if (!sequential) ahead_ = {};
}

// A thread that waits for one of the last pages on their way to it will want those behind them.
void FaultServer::keep_ahead(RemoteAddr page) {
  if (ahead_ <= page || ahead_ - page > kAhead || asked_.size() >= kMaxAsked) return;
  if (core_.bulk && core_.options.background) return;
  ahead_ = ask({ahead_, ahead_ + kAhead}, kPart, true, 0, kMaxAsked);
}

// Asks for the pages of `range` that are at home and were not asked for, in parts; only for those
// without a gap from the beginning of it when `contiguous`. Returns where it stopped.
RemoteAddr FaultServer::ask(RemoteRange range, std::uint64_t part, bool contiguous, TimeNs since,
                            std::size_t limit) {
  while (!range.empty() && asked_.size() < limit) {
    RemoteRange piece = core_.memory.next_home(range, part);
    for (const Asked& asked : asked_) {
      if (asked.range.contains(piece.begin)) piece.begin = std::min(asked.range.end, piece.end);
      if (piece.contains(asked.range.begin)) piece.end = asked.range.begin;
    }
    if (contiguous && piece.begin != range.begin) return range.begin;
    if (!piece.empty()) {
      channel_.send(kPageRequest, encode(PageRequest{PageRequest::Kind::exact, piece}));
      asked_.push_back({piece, since});
      since = 0;
    } else if (piece.end <= range.begin) {
      return range.begin;  // nothing was found
    }
    range.begin = piece.end;
  }
  return range.begin;
}

void FaultServer::take_answer() {
  const PageAnswer answer = answers_.receive(PageRequest::kMaxData);
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
          return core_.memory.place(rest.begin, data.subspan(rest.begin - at, rest.size()));
        });
        data = data.subspan(range.size());
        break;
      case PageRun::Kind::zero:
        core_.memory.mark_zero(range);
        zeroed += finish(range, [&](RemoteRange rest) { return core_.memory.fill_zero(rest); });
        break;
      case PageRun::Kind::unreadable:
        core_.memory.mark_unreadable(range);
        break;
    }
    at = range.end;
  }
  const TimeNs since = asked_.front().since;
  asked_.pop_front();
  core_.count([&](PageSink::Stats& stats) {
    stats.pulled_pages += pulled;
    stats.zeroed_pages += zeroed;
    if (since != 0) stats.stall_ns += static_cast<std::uint64_t>(monotonic_ns() - since);
  });
}

void FaultServer::serve_wishes() {
  for (const RemoteRange& range : core_.take_wishes())
    ask(range, kWishPart, false, 0, kMaxAskedByWishes);
}

}  // namespace starling::migrate
