// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/deputy.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "agents/common/fail.h"

namespace starling::migrate {
namespace {

UniqueFd watch_children() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) fail_errno("sigprocmask");
  UniqueFd fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) fail_errno("signalfd");
  return fd;
}

}  // namespace

Deputy::Deputy(pid_t pid, std::uint32_t home_node, Connector connector, ReportChannel report)
    : pid_(pid),
      home_node_(home_node),
      connector_(std::move(connector)),
      report_(std::move(report)),
      process_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))),
      children_(watch_children()) {
  if (!process_) fail_errno("process " + std::to_string(pid));
}

void Deputy::run() {
  bool orders = true;
  while (!ended_) {
    report_.tend();
    if (!order_ && orders) {
      take_order();
      orders = order_.has_value();  // another may have come with it
    }
    if (order_) carry_out();
    if (ended_) break;
    if (!journey_ && report_.fd() < 0) return;
    if (report_.fd() >= 0 && !order_ && !journey_) {
      pollfd p{process_.get(), POLLIN, 0};
      if (::poll(&p, 1, 0) > 0) {
        after(Journey::End::ended);
        break;
      }
    }
    const Ready ready = wait();
    orders |= ready.orders;
    if (journey_) {
      const auto end = journey_->serve(ready.connection, ready.children);
      if (end != Journey::End::still_away) after(end);
    }
  }
}

Deputy::Ready Deputy::wait() {
  pollfd set[3] = {{report_.fd(), POLLIN, 0},
                   {journey_ ? children_.get() : process_.get(), POLLIN, 0},
                   {journey_ ? journey_->connection() : -1, POLLIN, 0}};
  // An order that is being carried out is not disturbed by the next.
  if (order_) set[0].fd = -1;
  const int count = ::poll(set, 3, Journey::kTickMs);
  const auto is = [&](std::size_t i) { return count > 0 && set[i].revents != 0; };
  if (journey_ && is(1)) {
    // Taken before waitpid() looks: what comes later makes the descriptor readable again.
    signalfd_siginfo ignored;
    while (::read(children_.get(), &ignored, sizeof ignored) > 0) {
    }
  }
  return {count <= 0 || is(0), count <= 0 || is(1), is(2)};
}

void Deputy::take_order() {
  order_ = report_.next();
}

void Deputy::answer(bool ok, const std::string& error) {
  report_.reply(order_->at("do"), ok, error, statistics());
  order_.reset();
}

void Deputy::carry_out() {
  const std::string what = order_->at("do");
  if (what == "stats") return answer(true);
  if (what != "go" && what != "home") return answer(false, "the order \"" + what + "\" is unknown");
  if (journey_) return journey_->bring_home();  // after() goes on with it
  if (what == "home") return answer(true);
  depart();
}

void Deputy::depart() {
  NodeAddress guest;
  std::uint32_t node = 0;
  try {
    node = order_->at("node");
    guest.address = order_->at("address");
    guest.interface = order_->at("interface");
    guest.port = order_->at("port");
  } catch (const nlohmann::json::exception& e) {
    return answer(false, std::string("the order cannot be read: ") + e.what());
  }
  auto journey = std::make_unique<Journey>(pid_, home_node_, connector_);
  try {
    journey->depart(guest);
  } catch (const ProcessGone& e) {
    answer(false, e.what());
    return after(Journey::End::ended);
  } catch (const std::exception& e) {
    return stay(e.what());
  }
  journey_ = std::move(journey);
  where_ = node;
  ++moves_;
  last_ = journey_->stats();
  answer(true);
  onward_ = false;
  report_.event("where", {{"node", where_}});
}

void Deputy::stay(const std::string& why) {
  answer(false, why);
  // Another daemon must not hear of a wish that was tried.
  if (onward_) report_.event("where", {{"node", 0}});
  onward_ = false;
}

void Deputy::after(Journey::End end) {
  std::string why;
  std::uint32_t onward = 0;
  if (journey_) {
    onward = journey_->onward();
    last_ = journey_->stats();
    total_.calls += last_.calls;
    total_.pages_served += last_.pages_served;
    total_.pages_returned += last_.pages_returned;
    total_.pages_ahead += last_.pages_ahead;
    why = end == Journey::End::lost ? journey_->loss() : journey_->home_reason();
  }
  journey_.reset();
  where_ = 0;
  if (end == Journey::End::home) {
    ++moves_;
    nlohmann::json where{{"node", 0}, {"why", why}};
    // An order that waits is newer than a wish.
    onward_ = onward != 0 && !order_;
    if (onward_) where["onward"] = onward;
    report_.event("where", where);
    report_.event("stats", statistics());
    if (order_) carry_out();
    return;
  }
  ended_ = true;
  if (order_) answer(false, end == Journey::End::lost ? "its guest was lost: " + why : "it ended");
  nlohmann::json fields = statistics();
  fields["why"] = end == Journey::End::lost ? "its guest was lost: " + why : "it ended";
  fields["lost"] = end == Journey::End::lost;
  report_.event("end", fields);
}

nlohmann::json Deputy::statistics() const {
  std::uint64_t calls = total_.calls;
  if (journey_) calls += journey_->stats().calls;
  return {{"moves", moves_},
          {"where_now", where_},
          {"calls", calls},
          {"freeze_us", last_.freeze_ns / 1000},
          {"return_freeze_us", last_.return_freeze_ns / 1000},
          {"pages_served", total_.pages_served},
          {"pages_returned", total_.pages_returned},
          {"pages_ahead", total_.pages_ahead}};
}

}  // namespace starling::migrate
