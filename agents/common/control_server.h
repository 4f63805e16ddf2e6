// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "agents/common/event_loop.h"
#include "agents/common/unique_fd.h"

namespace starling {

// Who asks, as the kernel vouches for it (SO_PEERCRED).
struct Peer {
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  pid_t pid = 0;
  bool privileged() const { return uid == 0; }
};

// A request that cannot be answered; travels to the client as {"ok":false,"error":...,"code":...}.
struct ControlError : std::runtime_error {
  ControlError(std::string code_, const std::string& text)
      : std::runtime_error(text), code(std::move(code_)) {}
  std::string code;  // one word for programs, e.g. "denied", "unknown-node"
};

// The answer to a request that failed after its handler returned.
nlohmann::json failure(const std::string& code, const std::string& text);

// JSON lines over a Unix socket: each request is one object on one line with "cmd" in it, each
// answer one line {"ok":true,...}, in the order asked. Requests longer than kMaxRequest, and
// clients beyond kMaxClients, are turned away; a client that does not read its answers is dropped.
class ControlServer {
 public:
  static constexpr std::size_t kMaxRequest = 4096;
  static constexpr std::size_t kMaxClients = 64;
  static constexpr std::size_t kMaxPending = 16 * 1024 * 1024;

  // Answers `reply` now or later, once; `reply` does nothing when the client has gone. May throw
  // ControlError instead; what fails later is told by failure(). The loop's thread.
  using Reply = std::function<void(nlohmann::json answer)>;
  using Handler = std::function<void(const nlohmann::json& request, const Peer& peer, Reply reply)>;

  // Replaces a socket left over by a dead daemon; throws std::system_error with EADDRINUSE when a
  // living one answers on it. The socket is open to every local user: the handler decides by Peer.
  ControlServer(EventLoop& loop, const std::filesystem::path& path, Handler handler);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  struct Client;

  void on_connect();
  void on_client(const std::shared_ptr<Client>& client, std::uint32_t events);
  void take_lines(const std::shared_ptr<Client>& client);
  void answer(const std::shared_ptr<Client>& client, const nlohmann::json& answer);
  void flush(const std::shared_ptr<Client>& client);
  void drop(const std::shared_ptr<Client>& client);

  EventLoop& loop_;
  std::filesystem::path path_;
  Handler handler_;
  UniqueFd listener_;
  std::map<int, std::shared_ptr<Client>> clients_;
};

// Parses one request line: an object with a string "cmd". Throws ControlError. (Fuzzed.)
nlohmann::json parse_control_request(std::string_view line);

}  // namespace starling
