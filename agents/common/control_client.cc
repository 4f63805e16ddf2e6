// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/control_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "agents/common/clock.h"

namespace starling {

ControlClient::ControlClient(const std::filesystem::path& path, int timeout_ms)
    : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), timeout_ms_(timeout_ms) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& name = path.native();
  if (!fd_ || name.size() >= sizeof address.sun_path) {
    throw std::runtime_error(name + ": " + std::strerror(fd_ ? ENAMETOOLONG : errno));
  }
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    throw DaemonNotRunning("starlingd does not answer on " + name + ": " + std::strerror(errno));
  }
}

nlohmann::json ControlClient::ask(const nlohmann::json& request) {
  const std::string line = request.dump() + "\n";
  std::size_t sent = 0;
  while (sent < line.size()) {
    const ssize_t n = ::send(fd_.get(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw DaemonNotRunning(std::string("starlingd went away: ") + std::strerror(errno));
    sent += static_cast<std::size_t>(n);
  }
  const TimeNs deadline = monotonic_ns() + timeout_ms_ * kMillisecond;
  std::size_t searched = 0;
  while (true) {
    const std::size_t end = in_.find('\n', searched);
    if (end != std::string::npos) {
      nlohmann::json answer = nlohmann::json::parse(in_.substr(0, end), nullptr, false);
      in_.erase(0, end + 1);
      if (answer.is_discarded()) throw std::runtime_error("starlingd's answer is no JSON");
      return answer;
    }
    searched = in_.size();
    const TimeNs left = deadline - monotonic_ns();
    pollfd p{fd_.get(), POLLIN, 0};
    const int ready = ::poll(&p, 1, left > 0 ? static_cast<int>(left / kMillisecond) + 1 : 0);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) throw std::runtime_error("starlingd did not answer in time");
    char buffer[65536];
    const ssize_t n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw DaemonNotRunning("starlingd closed the connection");
    in_.append(buffer, static_cast<std::size_t>(n));
  }
}

}  // namespace starling
