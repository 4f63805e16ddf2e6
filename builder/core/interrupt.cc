// SPDX-License-Identifier: GPL-2.0-or-later
#include "builder/core/interrupt.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>

namespace starling::builder {

CancelToken::CancelToken() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw Error(std::string("eventfd: ") + std::strerror(errno));
}

CancelToken::~CancelToken() {
  close(fd_);
}

void CancelToken::cancel() noexcept {
  count_.fetch_add(1);
  const std::uint64_t one = 1;
  // The counter cannot overflow before the heat death; nothing could be done about it here.
  [[maybe_unused]] ssize_t n = write(fd_, &one, sizeof one);
}

CancelToken& interrupt_token() {
  static CancelToken token;
  return token;
}

namespace {
// Set before the handlers are installed: a function-local static is not safe to make in one.
CancelToken* handler_token = nullptr;
void on_signal(int) {
  const int saved = errno;
  handler_token->cancel();
  errno = saved;
}
}  // namespace

void install_interrupt_handlers() {
  handler_token = &interrupt_token();
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (int s : {SIGINT, SIGTERM, SIGHUP}) sigaction(s, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

void throw_if_interrupted() {
  if (interrupt_token().cancelled()) throw Interrupted();
}

}  // namespace starling::builder
