// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/control_server.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "agents/common/fail.h"

namespace starling {

struct ControlServer::Client {
  UniqueFd fd;
  Peer peer;
  std::string in;
  std::string out;
  bool waiting = false;  // for the answer to a request: the next one is not looked at before
  bool closing = false;  // drop when `out` is written
  bool gone = false;
};

static sockaddr_un address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& name = path.native();
  if (name.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    fail_errno(name);
  }
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  return address;
}

nlohmann::json parse_control_request(std::string_view line) {
  // Nesting is bounded before the parser recurses into it; no request needs more than a few levels.
  int depth = 0;
  for (char c : line) {
    depth += c == '[' || c == '{' ? 1 : 0;
    if (depth > 16) throw ControlError("bad-request", "the request is nested too deeply");
  }
  nlohmann::json request = nlohmann::json::parse(line, nullptr, false);
  if (request.is_discarded() || !request.is_object()) {
    throw ControlError("bad-request", "a request is one JSON object on one line");
  }
  const auto cmd = request.find("cmd");
  if (cmd == request.end() || !cmd->is_string()) {
    throw ControlError("bad-request", "a request needs a \"cmd\"");
  }
  return request;
}

nlohmann::json failure(const std::string& code, const std::string& text) {
  return {{"ok", false}, {"code", code}, {"error", text}};
}

static bool someone_listens(const sockaddr_un& address) {
  UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return probe &&
         ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

ControlServer::ControlServer(EventLoop& loop, const std::filesystem::path& path, Handler handler)
    : loop_(loop), path_(path), handler_(std::move(handler)) {
  const sockaddr_un address = address_of(path);
  if (someone_listens(address)) {
    errno = EADDRINUSE;
    fail_errno(path.string() + ": another daemon answers here");
  }
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener_ ||
      ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(path.c_str(), 0666) != 0 || ::listen(listener_.get(), 16) != 0) {
    fail_errno(path.string());
  }
  loop_.add(listener_.get(), EPOLLIN, [this](std::uint32_t) { on_connect(); });
}

ControlServer::~ControlServer() {
  for (auto& [fd, client] : clients_) {
    client->gone = true;
    loop_.remove(fd);
  }
  loop_.remove(listener_.get());
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

void ControlServer::on_connect() {
  UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) return;
  // Closing at once tells the client more than a queue it can never see the end of.
  if (clients_.size() >= kMaxClients) return;
  auto client = std::make_shared<Client>();
  ucred who{};
  socklen_t size = sizeof who;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) == 0) {
    client->peer = {who.uid, who.gid, who.pid};
  }
  const int number = fd.get();
  client->fd = std::move(fd);
  clients_[number] = client;
  loop_.add(number, EPOLLIN, [this, client](std::uint32_t events) { on_client(client, events); });
}

void ControlServer::drop(const std::shared_ptr<Client>& client) {
  if (client->gone) return;
  client->gone = true;
  const int fd = client->fd.get();
  loop_.remove(fd);
  clients_.erase(fd);
  client->fd.reset();
}

void ControlServer::on_client(const std::shared_ptr<Client>& client, std::uint32_t events) {
  if (events & (EPOLLERR | EPOLLHUP)) return drop(client);
  if (events & EPOLLOUT) flush(client);
  if (client->gone || !(events & EPOLLIN)) return;
  char buffer[4096];
  const ssize_t n = ::recv(client->fd.get(), buffer, sizeof buffer, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return drop(client);
  client->in.append(buffer, static_cast<std::size_t>(n));
  take_lines(client);
}

void ControlServer::take_lines(const std::shared_ptr<Client>& client) {
  while (!client->gone && !client->waiting && !client->closing) {
    const std::size_t end = client->in.find('\n');
    if (end > kMaxRequest && (end != std::string::npos || client->in.size() > kMaxRequest)) {
      client->closing = true;
      answer(client,
             {{"ok", false}, {"code", "too-long"}, {"error", "a request has at most 4096 bytes"}});
      return;
    }
    if (end == std::string::npos) return;
    const std::string line = client->in.substr(0, end);
    client->in.erase(0, end + 1);
    client->waiting = true;
    const auto reply = [this, weak = std::weak_ptr<Client>(client)](const nlohmann::json& result) {
      if (const auto c = weak.lock(); c && !c->gone) {
        c->waiting = false;
        answer(c, result);
      }
    };
    try {
      handler_(parse_control_request(line), client->peer, [reply](nlohmann::json result) {
        if (!result.contains("ok")) result["ok"] = true;
        reply(result);
      });
    } catch (const ControlError& e) {
      reply(failure(e.code, e.what()));
    } catch (const nlohmann::json::exception&) {
      reply({{"ok", false}, {"code", "bad-request"}, {"error", "a value has the wrong type"}});
    }
  }
  // While an answer is due nothing more is read than one buffer: the rest waits in the socket.
  if (!client->gone) {
    loop_.change(client->fd.get(),
                 (client->waiting ? 0u : EPOLLIN) | (client->out.empty() ? 0u : EPOLLOUT));
  }
}

void ControlServer::answer(const std::shared_ptr<Client>& client, const nlohmann::json& result) {
  // Host names come from other nodes: bytes that are no UTF-8 are replaced, not thrown over.
  client->out += result.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  flush(client);
  if (!client->gone && !client->in.empty()) take_lines(client);
}

void ControlServer::flush(const std::shared_ptr<Client>& client) {
  while (!client->out.empty()) {
    const ssize_t n =
        ::send(client->fd.get(), client->out.data(), client->out.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) return drop(client);
    client->out.erase(0, static_cast<std::size_t>(n));
  }
  if (client->out.size() > kMaxPending || (client->out.empty() && client->closing)) {
    return drop(client);
  }
  loop_.change(client->fd.get(), (client->waiting || client->closing ? 0u : EPOLLIN) |
                                     (client->out.empty() ? 0u : EPOLLOUT));
}

}  // namespace starling
