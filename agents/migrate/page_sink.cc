// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/page_sink.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "agents/migrate/bulk_puller.h"
#include "agents/migrate/fault_server.h"
#include "agents/migrate/sink_core.h"

namespace starling::migrate {

class PageSink::Impl {
 public:
  Impl(Userfaultfd uffd, pid_t body, std::unique_ptr<FrameChannel> demand,
       std::unique_ptr<FrameChannel> bulk, Callbacks callbacks, Options options)
      : core(std::move(uffd), body, std::move(demand), std::move(bulk), std::move(callbacks),
             options) {}
  ~Impl() {
    stop();
    // Our copy of the userfaultfd may be the last.
    if (!core.failure().empty() || !core.memory.harmless())
      ::syscall(SYS_pidfd_send_signal, core.body.get(), SIGKILL, nullptr, 0);
  }

  void start() {
    if (started.exchange(true)) throw std::logic_error("the page sink was started before");
    fault_thread_ = std::thread(
        [this] { core.guarded(*core.demand, "demand", [this] { FaultServer(core).run(); }); });
    if (!core.bulk || !core.options.background) return;
    bulk_thread_ = std::thread(
        [this] { core.guarded(*core.bulk, "bulk", [this] { BulkPuller(core).run(); }); });
  }

  void stop() {
    core.end();
    if (fault_thread_.joinable()) fault_thread_.join();
    if (bulk_thread_.joinable()) bulk_thread_.join();
  }

  void install(RemoteAddr address, Bytes data);

  SinkCore core;
  std::atomic<bool> started = false;

 private:
  std::thread fault_thread_;
  std::thread bulk_thread_;
};

void PageSink::Impl::install(RemoteAddr address, Bytes data) {
  if (address.value % kPage != 0 || data.size() % kPage != 0) {
    throw std::invalid_argument("pages to install that are not whole");
  }
  SinkMemory::Progress progress;
  progress.next = address;
  // A stopped body changes nothing, so there is no event to wait for; a running one is served by
  // the fault thread, which reads it.
  for (int attempt = 0; attempt < 10000; ++attempt) {
    progress = core.memory.place(progress.next, data.subspan(progress.next - address));
    core.count([&](Stats& stats) { stats.installed_pages += progress.placed; });
    if (progress.dead) throw std::system_error(ESRCH, std::generic_category(), "the body");
    if (!progress.again) return core.note_progress();
    ::usleep(100);
  }
  throw std::system_error(EAGAIN, std::generic_category(), "the body's layout keeps changing");
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
  if (impl_->started) throw std::logic_error("add_region() after start()");
  impl_->core.memory.add_region(range, file_backed);
}

void PageSink::install(RemoteAddr address, Bytes data) {
  impl_->install(address, data);
}
void PageSink::start() {
  impl_->start();
}
bool PageSink::ensure(RemoteRange range) {
  if (!impl_->started) throw std::logic_error("ensure() before start()");
  return impl_->core.wish(range);
}
void PageSink::unregister(RemoteRange range) {
  impl_->core.memory.unregister(range);
}
bool PageSink::complete() const {
  return impl_->core.memory.home_pages() == 0;
}
bool PageSink::wait_complete(std::chrono::milliseconds timeout) {
  return impl_->core.wait_complete(timeout);
}
std::string PageSink::failure() const {
  return impl_->core.failure();
}
bool PageSink::tracks_writes() const {
  return impl_->core.memory.tracks_writes();
}
RemoteRanges PageSink::original_ranges() const {
  return impl_->core.memory.original_ranges();
}
RemoteRanges PageSink::gone_ranges() const {
  return impl_->core.memory.ranges_in(PageState::gone);
}
RemoteRanges PageSink::home_ranges() const {
  return impl_->core.memory.ranges_in(PageState::home);
}
PageSink::Stats PageSink::stats() const {
  return impl_->core.stats();
}
void PageSink::stop() {
  impl_->stop();
}

}  // namespace starling::migrate
