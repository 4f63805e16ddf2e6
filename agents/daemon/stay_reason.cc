// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/daemon/stay_reason.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>

#include "agents/common/fail.h"
#include "agents/common/json_line.h"

namespace starling::daemon {

static constexpr std::size_t kMaxText = 4096;

StayReason::StayReason(EventLoop& loop, const std::filesystem::path& program, pid_t pid, Done done)
    : loop_(loop), done_(std::move(done)) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) fail_errno("pipe");
  output_.reset(ends[0]);
  const UniqueFd input(ends[1]);
  ::fcntl(input.get(), F_SETFL, 0);  // blocking for the program
  HelperCommand command;
  command.program = program;
  command.arguments = {"--pid", std::to_string(pid), "--check", "--json"};
  command.output = input.get();
  child_ = spawn_helper(command);
  loop_.add(child_.pidfd.get(), EPOLLIN, [this](std::uint32_t) { on_end(); });
}

StayReason::~StayReason() {
  if (over_) return;
  loop_.remove(child_.pidfd.get());
  ::syscall(SYS_pidfd_send_signal, child_.pidfd.get(), SIGKILL, nullptr, 0);
  ::waitpid(child_.pid, nullptr, 0);
}

void StayReason::expire(TimeNs now) {
  if (!over_ && now > deadline_) {
    ::syscall(SYS_pidfd_send_signal, child_.pidfd.get(), SIGKILL, nullptr, 0);
  }
}

void StayReason::read_output() {
  char buffer[1024];
  while (text_.size() < kMaxText) {
    const ssize_t n = ::read(output_.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text_.append(buffer, static_cast<std::size_t>(n));
  }
}

void StayReason::on_end() {
  over_ = true;
  loop_.remove(child_.pidfd.get());
  // A sentence fits into the pipe: it is all there by now.
  read_output();
  const std::string how = reap(child_.pidfd);
  const auto said = parse_json_line(text_);
  Result result;
  try {
    // The exit status counts; the words are for people.
    if (said && (how == "exit status 0" || how == "exit status 1")) {
      result = {true, how == "exit status 0", said->value("why", "")};
    } else {
      result.why = "the check did not work: " + how;
    }
  } catch (const nlohmann::json::exception&) {
    result.why = "the check did not work: it speaks another language";
  }
  done_(result);
}

}  // namespace starling::daemon
