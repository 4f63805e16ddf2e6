// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/http_server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <optional>

#include "agents/common/unique_fd.h"

namespace starling::netboot {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto kPatience = std::chrono::seconds(60);
constexpr std::size_t kMaxHeader = 8 * 1024;
constexpr std::size_t kChunk = 512 * 1024;  // one client does not hold the others up for longer

std::string printable(std::string_view text) {
  std::string out(text.substr(0, 200));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  return out;
}

}  // namespace

struct HttpServer::Shared : std::enable_shared_from_this<Shared> {
  Shared(asio::io_context& io, const tcp::endpoint& where,
         std::function<const FileTable&()> table, OnTransfer report)
      : acceptor(io, where), files(std::move(table)), on_transfer(std::move(report)) {}
  void accept();

  tcp::acceptor acceptor;
  std::function<const FileTable&()> files;
  OnTransfer on_transfer;
  int clients = 0;
  bool closed = false;
};

class HttpServer::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, std::shared_ptr<Shared> shared)
      : stream_(std::move(socket)), shared_(std::move(shared)) {
    error_code ignored;
    const auto peer = stream_.socket().remote_endpoint(ignored);
    client_ = peer.address().to_string();
    // Without it the kernel takes megabytes at once, which a boot loader may need a minute to
    // read: that would look like no progress.
    const int unsent = 128 * 1024;
    ::setsockopt(stream_.socket().native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent,
                 sizeof unsent);
    ++shared_->clients;
  }
  ~Session() { --shared_->clients; }

  void read() {
    parser_.emplace();
    parser_->header_limit(kMaxHeader);
    parser_->body_limit(0);
    stream_.expires_after(kPatience);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](error_code error, std::size_t) {
                       if (error == http::error::end_of_stream || error == beast::error::timeout)
                         return;
                       if (error) return self->refuse(http::status::bad_request, "");
                       self->answer();
                     });
  }

 private:
  void answer() {
    const auto& request = parser_->get();
    const auto target = request.target();
    started_ = Clock::now();
    transfer_ = {client_, printable({target.data(), target.size()}), 0, 0, 0, {}};
    if (request.method() != http::verb::get && request.method() != http::verb::head)
      return refuse(http::status::method_not_allowed, "only GET and HEAD\n");
    const auto& files = shared_->files();
    const auto found = find_target(files, {target.data(), target.size()});
    if (found == files.end()) return refuse(http::status::not_found, "no such boot file\n");
    file_.reset(::open(found->second.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat about {};
    if (!file_ || ::fstat(file_.get(), &about) != 0 || !S_ISREG(about.st_mode))
      return refuse(http::status::not_found, "the boot file is missing here\n");

    const auto size = static_cast<std::uint64_t>(about.st_size);
    const auto header = request[http::field::range];
    const auto answer = apply_range({header.data(), header.size()}, size);
    http::response<http::empty_body> head;
    head.version(request.version());
    keep_alive_ = request.keep_alive();
    head.keep_alive(keep_alive_);
    head.set(http::field::server, "starling");
    head.set(http::field::accept_ranges, "bytes");
    head.set(http::field::content_type, "application/octet-stream");
    if (!answer.range) {
      head.set(http::field::content_range, "bytes */" + std::to_string(size));
      head.result(http::status::range_not_satisfiable);
      range_ = {};
    } else {
      range_ = *answer.range;
      head.result(answer.partial ? http::status::partial_content : http::status::ok);
      if (answer.partial)
        head.set(http::field::content_range,
                 "bytes " + std::to_string(range_.first) + "-" +
                     std::to_string(range_.first + range_.length - 1) + "/" +
                     std::to_string(size));
    }
    head.content_length(range_.length);
    if (request.method() == http::verb::head) range_.length = 0;
    transfer_.status = static_cast<int>(head.result_int());
    transfer_.wanted = range_.length;
    send_head(std::move(head));
  }

  void refuse(http::status status, const std::string& why) {
    http::response<http::empty_body> head(status, 11);
    head.keep_alive(false);
    head.set(http::field::server, "starling");
    head.content_length(0);
    if (!why.empty()) head.reason(why.substr(0, why.find('\n')));
    keep_alive_ = false;
    range_ = {};
    transfer_.client = client_;
    transfer_.status = static_cast<int>(status);
    send_head(std::move(head));
  }

  void send_head(http::response<http::empty_body> head) {
    head_ = std::move(head);
    serializer_.emplace(*head_);
    stream_.expires_after(kPatience);
    http::async_write_header(stream_, *serializer_,
                             [self = shared_from_this()](error_code error, std::size_t) {
                               if (error) return self->done();
                               self->send_file();
                             });
  }

  // sendfile(2) as long as the socket takes it, one chunk a turn.
  void send_file() {
    auto& socket = stream_.socket();
    error_code ignored;
    socket.native_non_blocking(true, ignored);
    if (range_.length == 0) return finished();
    auto offset = static_cast<off_t>(range_.first);
    const auto n = ::sendfile(socket.native_handle(), file_.get(), &offset,
                              std::min<std::uint64_t>(range_.length, kChunk));
    if (n > 0) {
      range_.first += static_cast<std::uint64_t>(n);
      range_.length -= static_cast<std::uint64_t>(n);
      transfer_.sent += static_cast<std::uint64_t>(n);
      progress_ = Clock::now();
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
      return done();  // the file became shorter, or the client went away
    }
    if (range_.length == 0) return finished();
    watch();
    socket.async_wait(tcp::socket::wait_write, [self = shared_from_this()](error_code error) {
      if (error) return self->done();
      self->send_file();
    });
  }

  // beast's own time limit covers only its own operations.
  void watch() {
    if (watching_) return;
    watching_ = true;
    progress_ = Clock::now();
    timer_.expires_after(kPatience);
    timer_.async_wait([self = shared_from_this()](error_code error) {
      self->watching_ = false;
      if (error || self->range_.length == 0) return;
      if (Clock::now() - self->progress_ >= kPatience) {
        error_code ignored;
        self->stream_.socket().close(ignored);
        return;
      }
      self->watch_again();
    });
  }
  void watch_again() {
    const auto progress = progress_;
    watch();
    progress_ = progress;
  }

  void finished() {
    done();
    if (keep_alive_) {
      read();
    } else {
      error_code ignored;
      stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    }
  }

  void done() {
    timer_.cancel();
    file_.reset();
    transfer_.took =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started_);
    if (transfer_.status != 0 && shared_->on_transfer) shared_->on_transfer(transfer_);
    transfer_.status = 0;
  }

  beast::tcp_stream stream_;
  std::shared_ptr<Shared> shared_;
  std::string client_;
  beast::flat_buffer buffer_{kMaxHeader * 2};
  std::optional<http::request_parser<http::empty_body>> parser_;
  std::optional<http::response<http::empty_body>> head_;
  std::optional<http::response_serializer<http::empty_body>> serializer_;
  UniqueFd file_;
  ByteRange range_;
  bool keep_alive_ = false;
  Transfer transfer_;
  Clock::time_point started_ = Clock::now(), progress_ = Clock::now();
  asio::steady_timer timer_{stream_.get_executor()};
  bool watching_ = false;
};

void HttpServer::Shared::accept() {
  acceptor.async_accept([self = shared_from_this()](error_code error, tcp::socket socket) {
    if (self->closed || error == asio::error::operation_aborted) return;
    if (!error && self->clients < kMaxClients)
      std::make_shared<Session>(std::move(socket), self)->read();
    self->accept();
  });
}

HttpServer::HttpServer(asio::io_context& io, const tcp::endpoint& where,
                       std::function<const FileTable&()> files, OnTransfer on_transfer)
    : shared_(std::make_shared<Shared>(io, where, std::move(files), std::move(on_transfer))) {
  shared_->accept();
}

HttpServer::~HttpServer() {
  // Sessions under way finish what they send: another node may be in the middle of its image.
  shared_->closed = true;
  error_code ignored;
  shared_->acceptor.close(ignored);
}

tcp::endpoint HttpServer::endpoint() const { return shared_->acceptor.local_endpoint(); }

}  // namespace starling::netboot
