// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/dnsmasq.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "agents/common/fail.h"
#include "agents/common/log.h"
#include "agents/common/unique_fd.h"

namespace starling::netboot {

using boost::system::error_code;

// Outlives the Dnsmasq while its last read is pending.
struct Dnsmasq::Reader : std::enable_shared_from_this<Reader> {
  Reader(boost::asio::io_context& io, int fd) : pipe(io, fd) {}

  void read() {
    pipe.async_read_some(boost::asio::buffer(chunk),
                         [self = shared_from_this()](error_code error, std::size_t n) {
                           if (self->owner) self->take(error, n);
                         });
  }

  void take(error_code error, std::size_t n) {
    text.append(chunk.data(), n);
    for (std::size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1))
      on_line(text.substr(0, end));
    if (text.size() > 4096) text.clear();  // no line of its log is that long
    if (!error) return read();
    int status = 0;
    ::waitpid(std::exchange(owner->pid_, -1), &status, 0);
    owner = nullptr;
    const auto ended = std::exchange(on_end, nullptr);
    ended(WIFEXITED(status) ? "status " + std::to_string(WEXITSTATUS(status))
                            : "signal " + std::to_string(WTERMSIG(status)));
  }

  boost::asio::posix::stream_descriptor pipe;
  std::array<char, 4096> chunk{};
  std::string text;
  OnLine on_line;
  OnEnd on_end;
  Dnsmasq* owner = nullptr;
};

Dnsmasq::Dnsmasq(boost::asio::io_context& io, const std::filesystem::path& config, OnLine on_line,
                 OnEnd on_end) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail_errno("pipe");
  UniqueFd read_end(ends[0]), write_end(ends[1]);
  const std::string option = "--conf-file=" + config.native();
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) fail_errno("fork");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(127);
    ::dup2(write_end.get(), STDOUT_FILENO);
    ::dup2(write_end.get(), STDERR_FILENO);
    ::execlp("dnsmasq", "dnsmasq", "--keep-in-foreground", option.c_str(), nullptr);
    ::_exit(127);
  }
  reader_ = std::make_shared<Reader>(io, read_end.release());
  reader_->on_line = std::move(on_line);
  reader_->on_end = std::move(on_end);
  reader_->owner = this;
  reader_->read();
}

Dnsmasq::~Dnsmasq() {
  reader_->owner = nullptr;
  error_code ignored;
  reader_->pipe.close(ignored);
  if (pid_ <= 0) return;
  // SIGTERM ends it at once: it holds nothing that needs longer.
  if (::kill(pid_, SIGTERM) != 0) {
    log_error(std::string("cannot end dnsmasq: ") + std::strerror(errno));
    return;
  }
  for (int i = 0; i < 200; ++i) {
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) return;
    ::usleep(5000);
  }
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

}  // namespace starling::netboot
