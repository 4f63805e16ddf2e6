// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/netboot/rivals.h"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace starling::netboot {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

void Rivals::look(Time now, const std::vector<Rival>& rivals) {
  std::erase_if(known_, [&](const auto& k) {
    return std::ranges::find(rivals, k.first, &Rival::number) == rivals.end();
  });
  for (const auto& rival : rivals) {
    auto& known =
        known_.try_emplace(rival.number, Known{Readiness::unknown, now, now}).first->second;
    if (!rival.source.address.empty() && !known.asked && now >= known.next) {
      known.asked = true;
      ask_(rival);
    }
    if (known.is == Readiness::ready) break;
  }
}

void Rivals::heard(Time now, int number, Readiness answer) {
  const auto found = known_.find(number);
  if (found == known_.end()) return;
  auto& known = found->second;
  known.asked = false;
  known.next = now + (answer == Readiness::ready ? kReadyAgain : kAgain);
  if (answer == Readiness::unknown) {
    if (now - known.since >= kSilence) known.is = Readiness::not_ready;
    return;
  }
  known.is = answer;
  known.since = now;
}

std::vector<Readiness> Rivals::readiness(Time now) const {
  std::vector<Readiness> out;
  for (const auto& [number, known] : known_) {
    const bool silent = now - known.since >= kSilence;
    out.push_back(silent && known.is == Readiness::unknown ? Readiness::not_ready : known.is);
    if (known.is == Readiness::ready) break;
  }
  return out;
}

int Rivals::lowest_ready() const {
  const auto found =
      std::ranges::find_if(known_, [](const auto& k) { return k.second.is == Readiness::ready; });
  return found == known_.end() ? 0 : found->first;
}

namespace {

class Question : public std::enable_shared_from_this<Question> {
 public:
  Question(asio::io_context& io, std::function<void(Readiness)> done)
      : stream_(io), done_(std::move(done)) {}

  void ask(const Source& source, std::chrono::milliseconds limit) {
    error_code error;
    const auto address = asio::ip::make_address(source.address, error);
    if (error) {
      asio::post(stream_.get_executor(),
                 [self = shared_from_this()] { self->done_(Readiness::unknown); });
      return;
    }
    // Of a link-local address the server need not know which link it is on.
    const auto host = source.address.substr(0, source.address.find('%'));
    request_.set(http::field::host, address.is_v6() ? "[" + host + "]" : host);
    request_.keep_alive(false);
    stream_.expires_after(limit);
    stream_.async_connect(
        asio::ip::tcp::endpoint(address, static_cast<unsigned short>(source.port)),
        [self = shared_from_this()](error_code failed) {
          if (failed) return self->give_up(failed);
          http::async_write(self->stream_, self->request_,
                            [self](error_code e, std::size_t) { self->sent(e); });
        });
  }

 private:
  void sent(error_code error) {
    if (error) return give_up(error);
    parser_.skip(true);  // HEAD: no body follows
    http::async_read_header(
        stream_, buffer_, parser_, [self = shared_from_this()](error_code e, std::size_t) {
          if (e) return self->give_up(e);
          self->done_(self->parser_.get().result() == http::status::ok ? Readiness::ready
                                                                       : Readiness::not_ready);
        });
  }
  void give_up(error_code error) {
    done_(error == asio::error::connection_refused ? Readiness::not_ready : Readiness::unknown);
  }

  beast::tcp_stream stream_;
  std::function<void(Readiness)> done_;
  http::request<http::empty_body> request_{http::verb::head, std::string("/") + kReadyName, 11};
  beast::flat_buffer buffer_{8 * 1024};
  http::response_parser<http::empty_body> parser_;
};

}  // namespace

void ask_readiness(asio::io_context& io, const Source& source, std::chrono::milliseconds limit,
                   std::function<void(Readiness)> done) {
  std::make_shared<Question>(io, std::move(done))->ask(source, limit);
}

}  // namespace starling::netboot
