// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agents/common/unique_fd.h"
#include "agents/migrate/frame_channel.h"
#include "agents/migrate/page_scan.h"
#include "agents/migrate/page_wire.h"

namespace starling::migrate {

// Reads the memory of one stopped process for answers to page requests. It remembers nothing of
// what it answered. Not for two threads at once: one per connection.
class PageReader {
 public:
  // `regions` sorted and disjoint; what lies outside them is never read. Throws std::system_error
  // when the process is gone.
  PageReader(pid_t pid, std::vector<PageRegion> regions);

  // The view in the answer holds until the next call. A page outside the regions is unreadable.
  // Throws std::system_error when the process has died: then nothing may be answered, for what
  // is read of a dead process is not its memory.
  PageAnswer answer(const PageRequest& request);

 private:
  void add(PageAnswer& answer, PageRun::Kind kind, std::uint64_t pages) const;
  void add_data(PageAnswer& answer, RemoteRange range);
  void add_anonymous(PageAnswer& answer, RemoteRange range, std::uint64_t max_data);
  std::uint64_t room(const PageAnswer& answer, std::uint64_t max_data) const;
  void check_zeros(const PageAnswer& answer) const;
  void check_alive() const;

  pid_t pid_;
  std::vector<PageRegion> regions_;
  UniqueFd pidfd_;
  UniqueFd mem_;
  PageScan scan_;
  std::vector<std::uint8_t> data_;
  std::size_t used_ = 0;
};

// Serves the memory of one stopped process: going out the deputy's to the guest, coming home the
// body's to home. One thread per connection; the connections share nothing.
class PageSource {
 public:
  struct Stats {
    std::uint64_t answers = 0;
    std::uint64_t data_pages = 0;
    std::uint64_t zero_pages = 0;
    std::uint64_t unreadable_pages = 0;
  };

  PageSource(pid_t pid, std::vector<PageRegion> regions);
  PageSource(const PageSource&) = delete;
  PageSource& operator=(const PageSource&) = delete;
  ~PageSource();  // stop()

  // Answers on `channel` in a thread of its own, until the peer closes it, breaks the protocol or
  // the process dies: then the connection is closed, which the peer takes for the loss of its
  // source. Throws std::system_error when the process is gone.
  void serve(std::unique_ptr<FrameChannel> channel);
  // Breaks off all connections and waits for their threads.
  void stop();
  // Connections still served.
  std::size_t serving() const;
  // Why the last connection that ended did so; empty when none has.
  std::string last_end() const;
  Stats stats() const;

 private:
  struct Connection;
  void run(Connection& connection);
  void count(const PageAnswer& answer);

  pid_t pid_;
  std::vector<PageRegion> regions_;
  mutable std::mutex mutex_;  // guards all below
  std::list<std::unique_ptr<Connection>> connections_;
  std::string last_end_;
  Stats stats_;
};

}  // namespace starling::migrate
