// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/download.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <utility>  // before asio: Boost 1.74's awaitable.hpp forgets it
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "agents/common/fail.h"
#include "agents/common/unique_fd.h"
#include "agents/netboot/sha256.h"

namespace starling::netboot {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace fs = std::filesystem;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using Kind = DownloadError::Kind;

namespace {

constexpr std::size_t kBuffer = 128 * 1024;

// One GET, its answer taken piece by piece.
class Request {
 public:
  Request(const Source& source, const DownloadLimits& limits, const std::atomic<bool>& stop)
      : source_(source), limits_(limits), stop_(stop) {}

  // Connects, asks for the bytes from `first` on, and reads the head of the answer.
  void send(const std::string& name, std::uint64_t first, std::uint64_t body_limit) {
    error_code error;
    const auto address = asio::ip::make_address(source_.address, error);
    if (error) fail(error.message());
    const asio::ip::tcp::endpoint where(address, static_cast<unsigned short>(source_.port));
    wait(limits_.connect, [&](auto done) { stream_.async_connect(where, done); });
    http::request<http::empty_body> request(http::verb::get, "/" + name, 11);
    // Of a link-local address the server need not know which link it is on.
    const auto host = source_.address.substr(0, source_.address.find('%'));
    request.set(http::field::host, address.is_v6() ? "[" + host + "]" : host);
    request.keep_alive(false);
    if (first != 0) request.set(http::field::range, "bytes=" + std::to_string(first) + "-");
    wait(limits_.stall, [&](auto done) { http::async_write(stream_, request, done); });
    parser_.body_limit(body_limit);
    wait(limits_.stall,
         [&](auto done) { http::async_read_header(stream_, buffer_, parser_, done); });
  }

  http::status status() const { return parser_.get().result(); }
  std::uint64_t length() const {
    const auto length = parser_.content_length();
    if (!length) fail("it gives no length");
    return *length;
  }
  std::string header(http::field field) const {
    const auto value = parser_.get()[field];
    return {value.data(), value.size()};
  }

  // Some of the body, as much as has come; empty at its end.
  Bytes read() {
    while (!parser_.is_done()) {
      auto& body = parser_.get().body();
      body.data = piece_.data();
      body.size = piece_.size();
      wait(limits_.stall,
           [&](auto done) { http::async_read_some(stream_, buffer_, parser_, done); });
      if (const auto got = piece_.size() - body.size) return {piece_.data(), got};
    }
    return {};
  }

  [[noreturn]] void fail(const std::string& why) const {
    throw DownloadError(Kind::server, source_.label + ": " + why);
  }

 private:
  template <typename Start>
  void wait(std::chrono::milliseconds limit, Start start) {
    bool ended = false;
    error_code result;
    stream_.expires_after(limit);
    start([&](error_code error, auto&&...) {
      ended = true;
      result = error;
    });
    io_.restart();
    while (!ended && !stop_) io_.run_one_for(std::chrono::milliseconds(100));
    if (!ended) {
      stream_.cancel();
      io_.run();
      throw Stopped{};
    }
    if (result == http::error::need_buffer) return;
    if (result == http::error::partial_message || result == http::error::end_of_stream)
      fail("it broke off");
    if (result == beast::error::timeout) fail("it does not answer");
    if (result) fail(result.message());
  }

  const Source& source_;
  const DownloadLimits& limits_;
  const std::atomic<bool>& stop_;
  asio::io_context io_;
  beast::tcp_stream stream_{io_};
  beast::flat_buffer buffer_{kBuffer};
  http::response_parser<http::buffer_body> parser_;
  std::vector<std::uint8_t> piece_ = std::vector<std::uint8_t>(kBuffer);
};

// Lets go of what there is: on a node the files' place is memory.
[[noreturn]] void fail_for_room(const fs::path& part, const ListedFile& listed) {
  std::error_code none;
  fs::remove(part, none);
  throw DownloadError(Kind::no_room, "no room for " + std::to_string(listed.size) + " bytes in " +
                                         part.parent_path().native());
}

void write_all(int fd, Bytes bytes, const fs::path& part, const ListedFile& listed) {
  while (!bytes.empty()) {
    const auto n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == ENOSPC || errno == EDQUOT)) fail_for_room(part, listed);
    if (n < 0) fail_errno(part.native());
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

// Makes sure of the room before anybody sends anything.
void reserve(int fd, std::uint64_t have, const fs::path& part, const ListedFile& listed,
             const DownloadLimits& limits) {
  struct statvfs about {};
  const auto missing = listed.size - have;
  if (::fstatvfs(fd, &about) == 0 && about.f_blocks != 0 &&  // 0: a tmpfs without limit
      std::uint64_t{about.f_bavail} * about.f_frsize < missing + limits.keep_free)
    fail_for_room(part, listed);
  // Not every file system can; then a write finds out.
  if (::fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(listed.size)) != 0 &&
      errno == ENOSPC)
    fail_for_room(part, listed);
}

void sync_directory(const fs::path& dir) {
  const UniqueFd fd(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) fail_errno(dir.native());
}

// Appends what is missing of `listed` to the open part.
void complete(int fd, std::uint64_t have, const Source& source, const std::string& name,
              const ListedFile& listed, const fs::path& part, const DownloadLimits& limits,
              const std::atomic<bool>& stop, const std::function<void(std::uint64_t)>& progress) {
  const auto deadline = Clock::now() + limits.start +
                        std::chrono::milliseconds((listed.size - have) * 1000 /
                                                  std::max<std::uint64_t>(1, limits.slowest));
  Request request(source, limits, stop);
  request.send(name, have, listed.size);
  if (request.status() == http::status::ok && have != 0) {  // it knows no ranges
    if (::ftruncate(fd, 0) != 0) fail_errno(part.native());
    have = 0;
  } else if (request.status() == http::status::partial_content) {
    const auto range = "bytes " + std::to_string(have) + "-" + std::to_string(listed.size - 1) +
                       "/" + std::to_string(listed.size);
    if (have == 0 || request.header(http::field::content_range) != range)
      request.fail("it sends another part than asked for");
  } else if (request.status() != http::status::ok) {
    request.fail("status " + std::to_string(static_cast<unsigned>(request.status())));
  }
  if (request.length() != listed.size - have)
    throw DownloadError(Kind::damaged, source.label + ": its " + name + " has another size");
  while (true) {
    const auto bytes = request.read();
    if (bytes.empty()) break;
    write_all(fd, bytes, part, listed);
    have += bytes.size();
    if (progress) progress(have);
    if (Clock::now() > deadline) request.fail("it is too slow");
  }
}

}  // namespace

fs::path part_of(const fs::path& file, const ListedFile& listed) {
  return file.native() + "." + listed.sha256.substr(0, 16) + ".part";
}

void download(const Source& source, const std::string& name, const ListedFile& listed,
              const fs::path& file, const DownloadLimits& limits, const std::atomic<bool>& stop,
              const std::function<void(std::uint64_t)>& progress) {
  fs::create_directories(file.parent_path());
  const auto part = part_of(file, listed);
  const UniqueFd fd(
      ::open(part.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd) {
    if (errno == ENOSPC) fail_for_room(part, listed);
    fail_errno(part.native());
  }
  struct stat about {};
  if (::fstat(fd.get(), &about) != 0) fail_errno(part.native());
  auto have = static_cast<std::uint64_t>(about.st_size);
  if (have > listed.size) {
    if (::ftruncate(fd.get(), 0) != 0) fail_errno(part.native());
    have = 0;
  }
  if (progress) progress(have);
  if (have < listed.size) {
    reserve(fd.get(), have, part, listed, limits);
    complete(fd.get(), have, source, name, listed, part, limits, stop, progress);
  }
  if (::fsync(fd.get()) != 0) fail_errno(part.native());
  // What is stored, not what came: a part of an earlier day may have suffered.
  if (sha256_of_file(part, stop) != listed.sha256) {
    fs::remove(part);
    throw DownloadError(Kind::damaged, source.label + ": its " + name + " has another digest");
  }
  fs::rename(part, file);
  sync_directory(file.parent_path());
}

std::string download_text(const Source& source, const std::string& name, std::size_t limit,
                          const DownloadLimits& limits, const std::atomic<bool>& stop) {
  Request request(source, limits, stop);
  request.send(name, 0, limit);
  if (request.status() != http::status::ok)
    request.fail("status " + std::to_string(static_cast<unsigned>(request.status())));
  std::string text;
  const auto deadline = Clock::now() + limits.start;
  while (true) {
    const auto bytes = request.read();
    if (bytes.empty()) return text;
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.size() > limit) request.fail("it sends too much");
    if (Clock::now() > deadline) request.fail("it is too slow");
  }
}

}  // namespace starling::netboot
