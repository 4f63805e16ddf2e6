// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>  // before asio: Boost 1.74's awaitable.hpp forgets it

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "agents/netboot/http_request.h"

namespace starling::netboot {

// A finished transfer, for the record of who boots.
struct Transfer {
  std::string client;   // address
  std::string target;   // as asked for, control characters replaced
  int status = 0;       // HTTP status; 0: the request was not HTTP
  std::uint64_t sent = 0;
  std::uint64_t wanted = 0;  // sent < wanted: the client went away
  std::chrono::milliseconds took{0};
};

// Serves the files of a table over HTTP/1.1: GET and HEAD, ranges, keep-alive, sendfile(2). Each
// client has a time limit for its request and for every stretch without progress; clients beyond
// kMaxClients are refused. One thread: that of the io_context. The process must ignore SIGPIPE:
// sendfile(2) to a client that has gone knows no MSG_NOSIGNAL.
class HttpServer {
 public:
  static constexpr int kMaxClients = 128;
  using OnTransfer = std::function<void(const Transfer&)>;

  // Listens on one address; throws boost::system::system_error when that is not possible. `files`
  // is asked at each request, so that the table may change. `io` must outlive the server, and run
  // until its handlers are gone.
  HttpServer(boost::asio::io_context& io, const boost::asio::ip::tcp::endpoint& where,
             std::function<const FileTable&()> files, OnTransfer on_transfer);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  boost::asio::ip::tcp::endpoint endpoint() const;

 private:
  struct Shared;
  class Session;
  std::shared_ptr<Shared> shared_;
};

}  // namespace starling::netboot
