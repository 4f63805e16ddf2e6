// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/bulk_puller.h"

#include <unistd.h>

#include <algorithm>

namespace starling::migrate {

BulkPuller::BulkPuller(SinkCore& core)
    : core_(core),
      channel_(*core.bulk),
      answers_(channel_),
      plan_(core.memory.regions(), core.options.bulk_data,
            [&core](RemoteRange range, std::uint64_t pages) {
              return core.memory.next_home(range, pages);
            }) {}

void BulkPuller::run() {
  while (!core_.over() && core_.memory.home_pages() > 0) {
    ask();
    if (plan_.flying().empty()) {
      // What is left was skipped, for its mapping was on its way out: the event will tell.
      core_.pause(std::chrono::milliseconds(20));
      continue;
    }
    const auto [rest, data] = plan_.flying().front();
    const PageAnswer answer =
        answers_.receive(std::min<std::uint64_t>(data, PageRequest::kPieceData));
    const RemoteRange covered = answer.covered();
    if (covered.begin != rest.begin || covered.end > rest.end) {
      throw ProtocolError("an answer to another question on the bulk connection");
    }
    plan_.answered(covered, answer.data.size());
    take(answer);
    core_.note_progress();
  }
}

// Keeps questions on their way: several at a time, so that the source has work for a while and is
// not woken for each.
void BulkPuller::ask() {
  const std::size_t most = std::max(1U, core_.options.in_flight);
  if (plan_.flying().size() > most / 2) return;
  if (const std::uint64_t page = core_.steer.exchange(0); page != 0) plan_.go_to({page});
  RemoteRanges travelling;
  while (plan_.flying().size() < most) {
    const auto range = plan_.next();
    if (!range) break;
    channel_.send(kPageRequest,
                  encode(PageRequest{PageRequest::Kind::stream, *range, core_.options.bulk_data}));
  }
  for (const auto& question : plan_.flying()) travelling.push_back(question.rest);
  core_.set_travelling(std::move(travelling));
}

void BulkPuller::take(const PageAnswer& answer) {
  RemoteAddr at = answer.begin;
  Bytes data = answer.data;
  std::uint64_t pushed = 0;
  bool zeros = false;
  for (const PageRun& run : answer.runs) {
    const RemoteRange range{at, at + run.pages * kPage};
    switch (run.kind) {
      case PageRun::Kind::data: {
        RemoteAddr next = at;
        while (true) {
          const auto progress = core_.memory.place(next, data.subspan(next - at, range.end - next));
          pushed += progress.placed;
          if (progress.dead) throw SinkCore::BodyDied();
          if (!progress.again) break;
          if (core_.over()) throw SinkCore::Stopped();
          next = progress.next;
          ::usleep(20);  // the fault thread reads the event that holds this up
        }
        data = data.subspan(range.size());
        break;
      }
      case PageRun::Kind::zero:
        core_.memory.mark_zero(range);
        zeros = true;
        break;
      case PageRun::Kind::unreadable:
        core_.memory.mark_unreadable(range);
        break;
    }
    at = range.end;
  }
  // Who waits for one of them asks again (fault_server.cc: it was left to the background).
  if (zeros) core_.memory.wake(answer.covered());
  core_.count([&](PageSink::Stats& stats) { stats.pushed_pages += pushed; });
}

}  // namespace starling::migrate
