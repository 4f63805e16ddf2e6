// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <csignal>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>  // before asio: Boost 1.74's awaitable.hpp forgets it
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>

#include "agents/netboot/download.h"
#include "agents/netboot/http_server.h"

namespace starling::netboot {

inline boost::asio::ip::tcp::endpoint loopback() {
  return {boost::asio::ip::address_v4::loopback(), 0};
}

inline std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_to(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

// Runs until it goes, in a thread of its own.
class IoThread {
 public:
  IoThread() : thread_([this] { io_.run(); }) {}
  ~IoThread() { stop(); }
  // Nothing runs any more; what was started on io() may go then.
  void stop() {
    work_.reset();
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }
  boost::asio::io_context& io() { return io_; }

 private:
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::thread thread_;
};

// The real server, on loopback. The table must not change while it runs.
class GoodServer {
 public:
  GoodServer(FileTable files, std::string label) : files_(std::move(files)) {
    std::signal(SIGPIPE, SIG_IGN);  // the server's precondition
    server_ = std::make_unique<HttpServer>(
        thread_.io(), loopback(), [this]() -> const FileTable& { return files_; },
        [this](const Transfer& t) {
          const std::lock_guard lock(mutex_);
          transfers_.push_back(t);
        });
    source = {"127.0.0.1", server_->endpoint().port(), std::move(label)};
  }
  ~GoodServer() { thread_.stop(); }
  std::vector<Transfer> transfers() {
    const std::lock_guard lock(mutex_);
    return transfers_;
  }
  Source source;

 private:
  FileTable files_;
  std::mutex mutex_;
  std::vector<Transfer> transfers_;
  IoThread thread_;
  std::unique_ptr<HttpServer> server_;
};

// Answers every request with given bytes and closes; with none it says nothing at all.
class ScriptedServer {
 public:
  ScriptedServer(std::string answer, std::string label)
      : answer_(std::move(answer)), acceptor_(thread_.io(), loopback()) {
    source = {"127.0.0.1", acceptor_.local_endpoint().port(), std::move(label)};
    boost::asio::post(thread_.io(), [this] { accept(); });
  }
  ~ScriptedServer() { thread_.stop(); }
  // The first request, once there has been one.
  std::string request() {
    const std::lock_guard lock(mutex_);
    return request_;
  }
  Source source;

 private:
  struct Client {
    explicit Client(boost::asio::ip::tcp::socket s) : socket(std::move(s)) {}
    boost::asio::ip::tcp::socket socket;
    boost::asio::streambuf in;
  };
  void accept() {
    acceptor_.async_accept(
        [this](boost::system::error_code error, boost::asio::ip::tcp::socket socket) {
          if (error) return;
          auto client = std::make_shared<Client>(std::move(socket));
          boost::asio::async_read_until(
              client->socket, client->in, "\r\n\r\n", [this, client](auto failed, std::size_t) {
                if (failed) return;
                {
                  const std::lock_guard lock(mutex_);
                  if (request_.empty())
                    request_ = {std::istreambuf_iterator<char>(&client->in), {}};
                }
                if (answer_.empty()) {  // keeps it open: the next read waits for the client to go
                  boost::asio::async_read_until(client->socket, client->in, "\r\n\r\n",
                                                [client](auto, std::size_t) {});
                  return;
                }
                boost::asio::async_write(client->socket, boost::asio::buffer(answer_),
                                         [client](auto, std::size_t) {});
              });
          accept();
        });
  }

  std::string answer_;
  std::mutex mutex_;
  std::string request_;
  IoThread thread_;
  boost::asio::ip::tcp::acceptor acceptor_;
};

inline std::string http_answer(const std::string& body, std::size_t length,
                               const std::string& head = "200 OK") {
  return "HTTP/1.1 " + head + "\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n" + body;
}

}  // namespace starling::netboot
