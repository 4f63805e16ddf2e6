// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/page_source.h"

#include <sys/socket.h>

#include <algorithm>
#include <exception>

namespace starling::migrate {

struct PageSource::Connection {
  Connection(pid_t pid, const std::vector<PageRegion>& regions, std::unique_ptr<FrameChannel> c)
      : reader(pid, regions), channel(std::move(c)) {}

  PageReader reader;
  std::unique_ptr<FrameChannel> channel;
  std::thread thread;
  bool over = false;  // under mutex_
};

PageSource::PageSource(pid_t pid, std::vector<PageRegion> regions)
    : pid_(pid), regions_(std::move(regions)) {}

PageSource::~PageSource() {
  stop();
}

void PageSource::serve(std::unique_ptr<FrameChannel> channel) {
  auto made = std::make_unique<Connection>(pid_, regions_, std::move(channel));
  const std::lock_guard lock(mutex_);
  Connection& connection = *connections_.emplace_back(std::move(made));
  connection.thread = std::thread([this, &connection] { run(connection); });
}

void PageSource::run(Connection& connection) {
  std::string end;
  try {
    while (true) {
      const Frame frame = connection.channel->receive();
      if (frame.type != kPageRequest) {
        throw ProtocolError("a frame of type " + std::to_string(frame.type) +
                            " on a page connection");
      }
      PageRequest part = decode_page_request(frame.body);
      const bool stream = part.kind == PageRequest::Kind::stream;
      std::uint32_t left = part.max_data;
      if (stream) part.kind = PageRequest::Kind::next;
      do {
        if (stream) part.max_data = std::min(left, PageRequest::kPieceData);
        const PageAnswer answer = connection.reader.answer(part);
        connection.channel->send(kPageAnswer, encode_head(answer), answer.data);
        count(answer);
        part.range.begin = answer.covered().end;
        left -= static_cast<std::uint32_t>(answer.data.size());
      } while (stream && !part.range.empty() && left > 0);
    }
  } catch (const std::exception& e) {
    end = e.what();
  }
  // The peer takes this for the loss of its source. The descriptor itself is closed by stop(),
  // which may be about to use it.
  ::shutdown(connection.channel->fd(), SHUT_RDWR);
  const std::lock_guard lock(mutex_);
  connection.over = true;
  last_end_ = std::move(end);
}

void PageSource::count(const PageAnswer& answer) {
  const std::lock_guard lock(mutex_);
  ++stats_.answers;
  for (const PageRun& run : answer.runs) {
    (run.kind == PageRun::Kind::data   ? stats_.data_pages
     : run.kind == PageRun::Kind::zero ? stats_.zero_pages
                                       : stats_.unreadable_pages) += run.pages;
  }
}

void PageSource::stop() {
  std::list<std::unique_ptr<Connection>> ending;
  {
    const std::lock_guard lock(mutex_);
    ending.swap(connections_);
    for (const auto& connection : ending) ::shutdown(connection->channel->fd(), SHUT_RDWR);
  }
  for (const auto& connection : ending) connection->thread.join();
}

std::size_t PageSource::serving() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(connections_.begin(), connections_.end(),
                                                [](const auto& c) { return !c->over; }));
}

std::string PageSource::last_end() const {
  const std::lock_guard lock(mutex_);
  return last_end_;
}

PageSource::Stats PageSource::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace starling::migrate
