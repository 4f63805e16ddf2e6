// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/migrate/guest_report.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

namespace starling::migrate {

static constexpr std::size_t kMaxLine = 4096;

GuestReport::GuestReport(int fd) : fd_(fd) {
  if (fd < 0) return;
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) fd_.reset();
  if (fd_) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void GuestReport::say(const nlohmann::json& what) {
  if (!fd_) return;
  const std::string line =
      what.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  const ssize_t n = ::write(fd_.get(), line.data(), line.size());
  // A line cut in two would spoil all that follow.
  if (n >= 0 ? n != static_cast<ssize_t>(line.size()) : errno != EAGAIN) fd_.reset();
}

std::vector<std::string> GuestReport::requests() {
  std::vector<std::string> found;
  char buffer[1024];
  const ssize_t n = ::read(fd_.get(), buffer, sizeof buffer);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) fd_.reset();
  if (n > 0) in_.append(buffer, static_cast<std::size_t>(n));
  for (std::size_t end; (end = in_.find('\n')) != std::string::npos; in_.erase(0, end + 1)) {
    const auto line = nlohmann::json::parse(in_.substr(0, end), nullptr, false);
    if (!line.is_object()) continue;
    const auto what = line.find("do");
    if (what != line.end() && what->is_string()) found.push_back(what->get<std::string>());
  }
  if (in_.size() > kMaxLine) in_.clear();
  return found;
}

}  // namespace starling::migrate
