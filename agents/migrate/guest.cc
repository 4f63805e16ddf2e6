// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/guest.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <limits>

#include "agents/common/clock.h"
#include "agents/common/fail.h"
#include "agents/common/log.h"
#include "agents/migrate/fault_point.h"
#include "agents/migrate/host.h"
#include "agents/migrate/message.h"
#include "agents/migrate/wire.h"

namespace starling::migrate {
namespace {

constexpr int kPatienceMs = 10'000;  // for a message of home that needs no one else
constexpr int kStatePatienceMs =
    60'000;  // home stops its process first, which may be long in a call
constexpr std::chrono::seconds kDoorPatience(15);
constexpr int kClockRounds = 8;  // the quickest counts
constexpr int kLingerMs = 5'000;
// As large as the largest forwarded call: sending one never waits for home, which may at the same
// time wait to send a result here.
constexpr int kSendBuffer = 32 * 1024 * 1024;

pb::Welcome refusal(const std::string& why) {
  pb::Welcome welcome;
  welcome.set_ok(false);
  welcome.set_error(why);
  return welcome;
}

}  // namespace

Guest::Guest(std::unique_ptr<ByteStream> control, Connector connector, ReportChannel report,
             GuestOptions options)
    : control_(std::move(control)),
      connector_(std::move(connector)),
      report_(std::move(report)),
      options_(std::move(options)) {
  ::setsockopt(control_.fd(), SOL_SOCKET, SO_SNDBUFFORCE, &kSendBuffer, sizeof kSendBuffer);
  // Before any thread is started: the reports of tracees are for the one that reads them.
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  if (::pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) fail_errno("pthread_sigmask");
}

Frame Guest::await(std::uint8_t type, int patience_ms) {
  const std::int64_t end = monotonic_ns() + patience_ms * kMillisecond;
  while (true) {
    if (auto frame = control_.try_receive()) {
      if (frame->type == type) return std::move(*frame);
      throw ProtocolError("home sent a message of type " + std::to_string(frame->type) +
                          " instead of " + std::to_string(type));
    }
    const std::int64_t left = end - monotonic_ns();
    if (left <= 0) throw StreamClosed("home is silent");
    pollfd p{control_.fd(), POLLIN, 0};
    ::poll(&p, 1, static_cast<int>(left / kMillisecond) + 1);
  }
}

void Guest::check(const pb::Hello& hello) const {
  if (hello.version() != kProtocolVersion) {
    throw StaysHome("the guest speaks version " + std::to_string(kProtocolVersion) +
                    " of the protocol, not " + std::to_string(hello.version()));
  }
  if (const auto missing =
          missing_feature({hello.cpuid().begin(), hello.cpuid().end()}, hello.xfeatures());
      !missing.empty()) {
    throw StaysHome("the guest's processor lacks " + missing);
  }
  if (hello.vdso() != vdso_hash()) throw StaysHome("the guest's kernel has another vdso");
  if (options_.max_memory != 0 && hello.resident() > options_.max_memory) {
    throw StaysHome("it uses " + std::to_string(hello.resident() >> 20) +
                    " MiB of memory and the guest takes no more than " +
                    std::to_string(options_.max_memory >> 20));
  }
}

bool Guest::run() {
  hello_ = parse<pb::Hello>(await(kHello, kPatienceMs), "home");
  report_.set_pid(static_cast<long>(hello_.pid()));
  try {
    fault_point("guest-hello", control_.fd());
    prepare();
    fault_point("guest-prepared", control_.fd());
  } catch (const std::exception& e) {
    control_.send(kWelcome, serialise(refusal(e.what())));
    linger();
    return false;
  }
  welcome();
  fault_point("guest-connected", control_.fd());
  state_ = parse<pb::ProcessState>(await(kState, kStatePatienceMs), "home");
  try {
    fault_point("guest-state", control_.fd());
    build();
  } catch (const StreamClosed&) {
    throw;
  } catch (const std::exception& e) {
    control_.send(kRefused, serialise(refusal(e.what())));
    linger();
    return false;
  }
  return stay();
}

// What home tells was read after `asked`: so the offset is too large, by no more than the round
// trip.
ClockOffsets Guest::compare_clocks() {
  ClockOffsets offsets;
  std::int64_t shortest = std::numeric_limits<std::int64_t>::max();
  for (int i = 0; i < kClockRounds; ++i) {
    const std::int64_t asked = monotonic_ns();
    const std::int64_t boottime = boottime_ns();
    control_.send(kClock, {});
    const Frame frame = await(kClock, kPatienceMs);
    const std::int64_t round_trip = monotonic_ns() - asked;
    std::int64_t told[2];
    if (frame.body.size() != sizeof told) throw ProtocolError("home sent a short message");
    std::memcpy(told, frame.body.data(), sizeof told);
    if (round_trip >= shortest) continue;
    shortest = round_trip;
    offsets = {told[0] - asked, told[1] - boottime};
  }
  clock_error_ = shortest;
  return offsets;
}

void Guest::prepare() {
  check(hello_);
  door_.emplace(options_.address, options_.interface);
  body_.emplace(hello_, compare_clocks());
  limit_memory();
}

// Without, the helper itself looks now and then (BodyAway::tick).
void Guest::limit_memory() {
  if (options_.cgroup.empty() || options_.max_memory == 0) return;
  try {
    cgroup_.emplace(options_.cgroup, options_.max_memory);
    cgroup_->add(body_->pid());
  } catch (const std::system_error& e) {
    cgroup_.reset();
    log_warning(std::string("the kernel does not hold a guest to its memory: ") + e.what());
  }
}

void Guest::welcome() {
  pb::Welcome welcome;
  welcome.set_ok(true);
  welcome.set_port(door_->port());
  welcome.set_token(door_->token().data(), door_->token().size());
  control_.send(kWelcome, serialise(welcome));
  fault_point("guest-welcome", control_.fd());
  auto connections = door_->accept(connector_, control_.fd(), kDoorPatience);
  door_.reset();
  Userfaultfd uffd(body_->take_userfaultfd());
  uffd.handshake();
  sink_.emplace(
      std::move(uffd), body_->pid(), std::move(connections.demand), std::move(connections.bulk),
      PageSink::Callbacks{[this](const std::string& reason) { alarm_.page_failure(reason); },
                          [this](RemoteAddr page) { alarm_.needs_home(page); }});
}

void Guest::build() {
  const std::int64_t begin = monotonic_ns();
  parts_ = build_body(*body_, hello_.comm(), state_, *sink_);
  fault_point("guest-built", control_.fd());
  control_.send(kReady, {});
  fault_point("guest-ready", control_.fd());
  log_debug("the body of pid " + std::to_string(hello_.pid()) + " was built in " +
            std::to_string((monotonic_ns() - begin) / 1000) + " us");
  await(kRun, kPatienceMs);
  fault_point("guest-run", control_.fd());
}

bool Guest::stay() {
  report_.event("guest", {{"home", hello_.home()},
                          {"pid", hello_.pid()},
                          {"comm", hello_.comm()},
                          {"uid", hello_.uid()}});
  std::string why;
  bool well = false;
  BodyAway away(control_, *body_, std::move(parts_), *sink_, state_, alarm_, report_,
                {options_.max_memory, clock_error_, cgroup_ ? &*cgroup_ : nullptr});
  try {
    const auto end = away.run();
    why = end == BodyAway::End::home ? "it went home" : "it ended";
    well = true;
  } catch (const StreamClosed& e) {
    why = std::string("home was lost: ") + e.what();
  } catch (const std::exception& e) {
    why = e.what();
  }
  auto last = away.statistics();
  // Whatever the connection tells home, the body will not run any more by then.
  body_->kill();
  sink_.reset();
  report_.event("stats", last);
  report_.event("end", {{"why", why}, {"well", well}});
  if (!well) log_warning("pid " + std::to_string(hello_.pid()) + " of another node: " + why);
  linger();
  return well;
}

// Closing a socket with something unread in it takes what was sent last from the other side.
void Guest::linger() {
  ::shutdown(control_.fd(), SHUT_WR);
  const std::int64_t end = monotonic_ns() + kLingerMs * kMillisecond;
  try {
    while (monotonic_ns() < end) {
      pollfd p{control_.fd(), POLLIN, 0};
      if (::poll(&p, 1, 100) > 0) control_.try_receive();
    }
  } catch (const std::exception&) {
    // Home has closed it.
  }
}

}  // namespace starling::migrate
