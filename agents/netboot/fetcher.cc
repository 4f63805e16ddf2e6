// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/fetcher.h"

#include <chrono>
#include <stdexcept>
#include <utility>  // before asio: Boost 1.74's awaitable.hpp forgets it

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "agents/common/log.h"

namespace starling::netboot {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace fs = std::filesystem;
using boost::system::error_code;

namespace {

constexpr auto kPatience = std::chrono::seconds(20);
constexpr auto kPause = std::chrono::seconds(5);
constexpr std::uint64_t kMaxFile = 4ull << 30;

// Lets an asynchronous operation with a time limit run to its end.
template <typename Start>
void run_to_end(asio::io_context& io, beast::tcp_stream& stream, const std::atomic<bool>& stop,
                Start start) {
  error_code result = asio::error::would_block;
  stream.expires_after(kPatience);
  start([&result](error_code error, auto&&...) { result = error; });
  io.restart();
  while (result == asio::error::would_block && !stop) io.run_one_for(std::chrono::milliseconds(200));
  if (stop) {
    stream.cancel();
    io.run();
    throw std::runtime_error("stopped");
  }
  if (result) throw boost::system::system_error(result);
}

}  // namespace

void fetch_file(const std::string& server, const std::string& name, const fs::path& file,
                const std::atomic<bool>& stop) {
  const auto colon = server.find(':');
  asio::io_context io;
  beast::tcp_stream stream(io);
  const asio::ip::tcp::endpoint where(
      asio::ip::make_address(server.substr(0, colon)),
      colon == std::string::npos ? 80
                                 : static_cast<unsigned short>(std::stoi(server.substr(colon + 1))));
  run_to_end(io, stream, stop, [&](auto done) { stream.async_connect(where, done); });
  http::request<http::empty_body> request(http::verb::get, "/" + name, 11);
  request.set(http::field::host, server);
  run_to_end(io, stream, stop, [&](auto done) { http::async_write(stream, request, done); });

  fs::create_directories(file.parent_path());
  const fs::path half = file.native() + ".part";
  beast::flat_buffer buffer;
  http::response_parser<http::file_body> parser;
  parser.body_limit(kMaxFile);
  try {
    error_code error;
    parser.get().body().open(half.c_str(), beast::file_mode::write, error);
    if (error) throw boost::system::system_error(error);
    run_to_end(io, stream, stop,
               [&](auto done) { http::async_read_header(stream, buffer, parser, done); });
    if (parser.get().result() != http::status::ok)
      throw std::runtime_error("status " + std::to_string(parser.get().result_int()));
    if (!parser.content_length()) throw std::runtime_error("no length given");
    while (!parser.is_done())
      run_to_end(io, stream, stop,
                 [&](auto done) { http::async_read_some(stream, buffer, parser, done); });
    parser.get().body().close();
    fs::rename(half, file);
  } catch (...) {
    parser.get().body().close();
    std::error_code none;
    fs::remove(half, none);
    throw;
  }
}

Fetcher::Fetcher(std::string server, std::vector<std::string> names, fs::path into)
    : thread_([this, server = std::move(server), names = std::move(names),
               into = std::move(into)] { run(server, names, into); }) {}

Fetcher::~Fetcher() {
  stop_ = true;
  thread_.join();
}

void Fetcher::run(const std::string& server, std::vector<std::string> names, const fs::path& into) {
  std::string last_error;
  while (!stop_ && !names.empty()) {
    try {
      fetch_file(server, names.back(), into / names.back(), stop_);
      names.pop_back();
      continue;
    } catch (const std::exception& e) {
      if (stop_) return;
      const auto error = names.back() + " from " + server + ": " + e.what();
      if (error != last_error) log_warning("cannot fetch " + error + "; trying again");
      last_error = error;
    }
    for (auto waited = std::chrono::milliseconds(0); waited < kPause && !stop_;
         waited += std::chrono::milliseconds(100))
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  if (!stop_) log_info("has all boot files now, fetched from " + server);
  done_ = !stop_;
}

}  // namespace starling::netboot
