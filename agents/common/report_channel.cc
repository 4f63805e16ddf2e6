// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/report_channel.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace starling {

static constexpr std::size_t kMaxLine = 64 * 1024;

static std::string environment_rendezvous() {
  const char* path = std::getenv("STARLING_RENDEZVOUS");
  return path ? path : "";
}

ReportChannel::ReportChannel(int fd, const std::string& role, long pid, std::string rendezvous)
    : fd_(fd),
      hello_({{"event", "hello"}, {"role", role}}),
      rendezvous_(std::move(rendezvous)),
      in_(kMaxLine) {
  set_pid(pid);
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

ReportChannel::ReportChannel(int fd, const std::string& role, long pid)
    : ReportChannel(fd, role, pid, environment_rendezvous()) {}

void ReportChannel::set_pid(long pid) {
  hello_["pid"] = pid;
}

void ReportChannel::tend() {
  if (fd_ || rendezvous_.empty()) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (rendezvous_.size() >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, rendezvous_.c_str(), rendezvous_.size() + 1);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return;
  }
  fd_ = std::move(fd);
  in_ = LineBuffer(kMaxLine);
  send(hello_);
  for (const auto& [name, event] : newest_) send(event);
}

std::optional<nlohmann::json> ReportChannel::next() {
  while (true) {
    while (const auto line = in_.take()) {
      auto request = parse_json_line(*line);
      if (request && request->contains("do") && request->at("do").is_string()) return request;
    }
    if (!fd_) return std::nullopt;
    char buffer[4096];
    const ssize_t n = ::recv(fd_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return std::nullopt;
    if (n <= 0 || !in_.append({buffer, static_cast<std::size_t>(n)})) {
      fd_.reset();
      return std::nullopt;
    }
  }
}

void ReportChannel::reply(const std::string& to, bool ok, const std::string& error,
                          nlohmann::json more) {
  more["reply"] = to;
  more["ok"] = ok;
  if (!ok) more["error"] = error;
  send(more);
}

void ReportChannel::event(const std::string& name, nlohmann::json fields) {
  fields["event"] = name;
  send(fields);
  newest_[name] = std::move(fields);
}

void ReportChannel::send(const nlohmann::json& object) {
  const std::string line = json_line(object);
  std::size_t sent = 0;
  while (fd_ && sent < line.size()) {
    const ssize_t n =
        ::send(fd_.get(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    // A daemon that does not read hundreds of kilobytes is no daemon; half a line is worse than
    // none.
    if (n < 0) return fd_.reset();
    sent += static_cast<std::size_t>(n);
  }
}

}  // namespace starling
