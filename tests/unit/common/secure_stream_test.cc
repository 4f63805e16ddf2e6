// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/secure_stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include "agents/common/fail.h"
#include "agents/common/unique_fd.h"

namespace starling {
namespace {

using Content = std::vector<std::uint8_t>;

StreamKey key_of(const std::string& flock) {
  return KeySchedule(FlockKey({7}), flock).stream_key();
}

Content pattern(std::size_t size) {
  Content bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 11 + i / 251);
  return bytes;
}

Content read_exactly(ByteStream& stream, std::size_t size) {
  Content out(size);
  std::size_t got = 0;
  while (got < size) got += stream.read(MutableBytes(out).subspan(got));
  return out;
}

struct FdPair {
  UniqueFd a;
  UniqueFd b;
};

FdPair unix_pair() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) fail_errno("socketpair");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

FdPair tcp_pair() {
  UniqueFd listener(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  socklen_t size = sizeof address;
  FdPair pair;
  pair.a.reset(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.get(), 1) != 0 ||
      ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      ::connect(pair.a.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    fail_errno("loopback");
  }
  pair.b.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!pair.b) fail_errno("accept");
  return pair;
}

struct StreamPair {
  std::unique_ptr<ByteStream> client;
  std::unique_ptr<ByteStream> server;
};

// Both ends shake hands in two threads; what either throws comes out here.
StreamPair shake_hands(UniqueFd client, UniqueFd server, const StreamKey& client_key,
                       const StreamKey& server_key) {
  auto other =
      std::async(std::launch::async, [&] { return secure_server(server.release(), server_key); });
  StreamPair pair;
  pair.client = secure_client(client.release(), client_key);
  pair.server = other.get();
  return pair;
}

StreamPair joined(FdPair fds) {
  return shake_hands(std::move(fds.a), std::move(fds.b), key_of("room"), key_of("room"));
}

// What the given call throws; empty when it throws nothing.
std::string complaint(const std::function<void()>& call) {
  try {
    call();
  } catch (const StreamClosed& e) {
    return e.what();
  }
  return "";
}

// Passes bytes on between two pairs of sockets, in both directions, as long as `pass` leaves them
// alone; it sees and may change what goes from the client to the server.
class Meddler {
 public:
  explicit Meddler(std::function<bool(Content&)> pass) : pass_(std::move(pass)) {
    FdPair left = unix_pair();
    FdPair right = unix_pair();
    client = std::move(left.a);
    server = std::move(right.b);
    thread_ = std::thread([this, l = std::move(left.b), r = std::move(right.a)]() mutable {
      run(std::move(l), std::move(r));
    });
  }
  ~Meddler() { thread_.join(); }

  UniqueFd client;
  UniqueFd server;

 private:
  void run(UniqueFd left, UniqueFd right) {
    while (true) {
      pollfd p[2] = {{left.get(), POLLIN, 0}, {right.get(), POLLIN, 0}};
      if (::poll(p, 2, 10'000) <= 0) return;
      for (int i = 0; i < 2; ++i) {
        if (p[i].revents == 0) continue;
        Content bytes(65536);
        const ssize_t n = ::recv(p[i].fd, bytes.data(), bytes.size(), 0);
        if (n <= 0) return;
        bytes.resize(static_cast<std::size_t>(n));
        if (i == 0 && !pass_(bytes)) return;
        if (::send(p[1 - i].fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) return;
      }
    }
  }

  std::function<bool(Content&)> pass_;
  std::thread thread_;
};

TEST(SecureStream, CarriesBothDirectionsOverTcpAndUnixSockets) {
  for (const bool tcp : {false, true}) {
    StreamPair pair = joined(tcp ? tcp_pair() : unix_pair());
    pair.client->write(as_bytes("there"));
    EXPECT_EQ(read_exactly(*pair.server, 5), Content({'t', 'h', 'e', 'r', 'e'}));
    pair.server->write(as_bytes("back"));
    EXPECT_EQ(read_exactly(*pair.client, 4), Content({'b', 'a', 'c', 'k'}));
  }
}

TEST(SecureStream, NothingReadableGoesOverTheWire) {
  Content wire;
  std::mutex mutex;
  Meddler meddler([&](Content& bytes) {
    const std::lock_guard lock(mutex);
    wire.insert(wire.end(), bytes.begin(), bytes.end());
    return true;
  });
  StreamPair pair = joined({std::move(meddler.client), std::move(meddler.server)});
  const std::string secret = "a sentence nobody else should read";
  pair.client->write(as_bytes(secret));
  read_exactly(*pair.server, secret.size());
  const std::lock_guard lock(mutex);
  EXPECT_EQ(std::string(wire.begin(), wire.end()).find("sentence"), std::string::npos);
}

TEST(SecureStream, LargeTransferArrivesWhole) {
  StreamPair pair = joined(tcp_pair());
  const Content sent = pattern(48 * 1024 * 1024 + 13);
  std::thread writer([&] { pair.client->write(sent); });
  const Content got = read_exactly(*pair.server, sent.size());
  writer.join();
  EXPECT_TRUE(got == sent);
}

TEST(SecureStream, AnyCutOfWritesAndReadsGivesTheSameBytes) {
  StreamPair pair = joined(unix_pair());
  const Content sent = pattern(700'000);
  std::thread writer([&] {
    std::size_t at = 0;
    for (std::size_t size = 1; at < sent.size(); size = size * 3 + 1) {
      const std::size_t n = std::min({size % 60'000 + 1, sent.size() - at});
      pair.client->write(Bytes(sent).subspan(at, n));
      at += n;
    }
  });
  Content got;
  Content space(40'000);
  for (std::size_t size = 1; got.size() < sent.size(); size = size * 5 + 1) {
    const std::size_t n = pair.server->read(MutableBytes(space).first(size % space.size() + 1));
    got.insert(got.end(), space.begin(), space.begin() + static_cast<std::ptrdiff_t>(n));
  }
  writer.join();
  EXPECT_TRUE(got == sent);
}

TEST(SecureStream, PendingTellsWhatPollDoesNotSee) {
  StreamPair pair = joined(unix_pair());
  EXPECT_FALSE(pair.server->pending());
  // Two records in one segment: reading the first takes both from the kernel.
  pair.client->write(pattern(20'000));
  std::uint8_t byte;
  pair.server->read({&byte, 1});
  pollfd p{pair.server->fd(), POLLIN, 0};
  std::size_t left = 19'999;
  while (left > 0) {
    ASSERT_TRUE(pair.server->pending() || ::poll(&p, 1, 1000) == 1) << left << " bytes are lost";
    Content space(left);
    left -= pair.server->read(space);
  }
  EXPECT_FALSE(pair.server->pending());
  EXPECT_EQ(::poll(&p, 1, 0), 0);
}

TEST(SecureStream, TryReadDoesNotWait) {
  StreamPair pair = joined(unix_pair());
  Content space(100);
  EXPECT_EQ(pair.server->try_read(space), 0U);
  pair.client->write(pattern(30));
  EXPECT_EQ(pair.server->try_read(space), 30U);
  EXPECT_EQ(pair.server->try_read(space), 0U);
  pair.client.reset();
  EXPECT_THROW(pair.server->try_read(space), StreamClosed);
}

TEST(SecureStream, SmallWriteIsOneSystemCall) {
  // A socket that keeps calls apart: each send is one packet.
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  StreamPair pair = joined({UniqueFd(ends[0]), UniqueFd(ends[1])});
  Content space(64 * 1024);
  for (const std::size_t size : {std::size_t{1}, std::size_t{100}, std::size_t{16 * 1024}}) {
    pair.client->write(pattern(size));
    EXPECT_EQ(::recv(ends[1], space.data(), space.size(), MSG_DONTWAIT),
              static_cast<ssize_t>(size + 22));
    EXPECT_EQ(::recv(ends[1], space.data(), space.size(), MSG_DONTWAIT), -1);
  }
}

TEST(SecureStream, AnotherFlocksKeyIsRefusedOnBothSides) {
  FdPair fds = tcp_pair();
  auto server = std::async(std::launch::async, [&] {
    return complaint([&] { secure_server(fds.b.release(), key_of("other")); });
  });
  const std::string client =
      complaint([&] { secure_client(fds.a.release(), key_of("room"))->read({}); });
  EXPECT_NE(client.find("flock's key"), std::string::npos) << client;
  EXPECT_NE(server.get().find("flock's key"), std::string::npos);
}

TEST(SecureStream, FlocksOfOneKeyHaveDifferentStreams) {
  EXPECT_NE(key_of("room"), key_of("other"));
  EXPECT_NE(KeySchedule(FlockKey({7}), "room").session_key({}), key_of("room"));
}

// Another TLS endpoint on the server's side: it has a certificate, which is worth nothing here.
std::string answer_of_certificate_server(UniqueFd fd) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_sign(certificate, key, EVP_sha256());
  SSL_CTX_use_certificate(context, certificate);
  SSL_CTX_use_PrivateKey(context, key);
  SSL* ssl = SSL_new(context);
  SSL_set_fd(ssl, fd.get());
  const int result = SSL_accept(ssl);
  std::uint8_t byte = 1;
  const bool usable = result == 1 && SSL_write(ssl, &byte, 1) == 1 && SSL_read(ssl, &byte, 1) == 1;
  SSL_free(ssl);
  X509_free(certificate);
  EVP_PKEY_free(key);
  SSL_CTX_free(context);
  return usable ? "talked" : "refused";
}

TEST(SecureStream, CertificateInsteadOfTheKeyIsRefused) {
  FdPair fds = unix_pair();
  auto impostor = std::async(std::launch::async,
                             [&] { return answer_of_certificate_server(std::move(fds.b)); });
  EXPECT_NE(complaint([&] { secure_client(fds.a.release(), key_of("room")); }), "");
  EXPECT_EQ(impostor.get(), "refused");
}

TEST(SecureStream, SomethingThatIsNotTlsIsRefused) {
  for (const char* words :
       {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff and so on", "\0\0\0\0\0"}) {
    FdPair fds = unix_pair();
    const std::string text(words, words[0] ? std::char_traits<char>::length(words) : 5);
    ASSERT_GT(::send(fds.a.get(), text.data(), text.size(), 0), 0);
    const std::string said = complaint([&] { secure_server(fds.b.release(), key_of("room")); });
    EXPECT_NE(said, "");
    EXPECT_EQ(said.find("in time"), std::string::npos) << said;
  }
}

TEST(SecureStream, TamperedByteIsDetected) {
  std::atomic<bool> armed{false};
  Meddler meddler([&](Content& bytes) {
    if (armed) bytes[bytes.size() / 2] ^= 1;
    return true;
  });
  StreamPair pair = joined({std::move(meddler.client), std::move(meddler.server)});
  pair.client->write(pattern(100));
  read_exactly(*pair.server, 100);
  armed = true;
  pair.client->write(pattern(100));
  Content space(100);
  EXPECT_THROW(pair.server->read(space), StreamBroken);
  EXPECT_THROW(pair.server->read(space), StreamBroken);  // and it stays broken
  EXPECT_THROW(pair.server->write(space), StreamBroken);
}

TEST(SecureStream, SwallowedRecordIsDetected) {
  std::atomic<bool> swallow{false};
  Meddler meddler([&](Content& bytes) {
    if (swallow) bytes.clear();
    swallow = false;
    return true;
  });
  StreamPair pair = joined({std::move(meddler.client), std::move(meddler.server)});
  pair.client->write(pattern(10));
  read_exactly(*pair.server, 10);
  swallow = true;
  pair.client->write(pattern(10));
  // Not before the first is swallowed: both might go through the meddler's hands at once.
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  pair.client->write(pattern(10));
  Content space(10);
  EXPECT_THROW(pair.server->read(space), StreamBroken);
}

TEST(SecureStream, GoodbyeIsToldApartFromTruncation) {
  StreamPair pair = joined(tcp_pair());
  pair.client->write(pattern(10));
  pair.client.reset();
  EXPECT_EQ(read_exactly(*pair.server, 10), pattern(10));
  Content space(10);
  try {
    pair.server->read(space);
    FAIL() << "the stream goes on";
  } catch (const StreamBroken& e) {
    FAIL() << e.what();
  } catch (const StreamClosed&) {
  }

  std::atomic<bool> cut{false};
  Meddler meddler([&](Content& bytes) {
    if (cut) bytes.resize(bytes.size() - 3);
    return true;
  });
  pair = joined({std::move(meddler.client), std::move(meddler.server)});
  pair.client->write(pattern(10));
  EXPECT_EQ(read_exactly(*pair.server, 10), pattern(10));
  cut = true;
  pair.client->write(pattern(10));
  // Whoever cuts the wire cannot say goodbye for the client.
  ::shutdown(pair.client->fd(), SHUT_RDWR);
  EXPECT_THROW(pair.server->read(space), StreamBroken);
}

TEST(SecureStream, SilentPeerIsGivenUpInTheHandshake) {
  FdPair fds = tcp_pair();
  const TimeNs begin = monotonic_ns();
  const std::string said =
      complaint([&] { secure_server(fds.a.release(), key_of("room"), 100 * kMillisecond); });
  EXPECT_NE(said.find("in time"), std::string::npos) << said;
  EXPECT_GE(monotonic_ns() - begin, 100 * kMillisecond);
}

TEST(SecureStream, PeerThatDribblesIsGivenUpInTheHandshake) {
  FdPair fds = unix_pair();
  std::atomic<bool> stop{false};
  std::thread dribble([&] {
    // A header that announces more than ever comes.
    const std::uint8_t head[] = {22, 3, 1, 16, 0};
    ::send(fds.b.get(), head, sizeof head, MSG_NOSIGNAL);
    while (!stop && ::send(fds.b.get(), "x", 1, MSG_NOSIGNAL) == 1) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  const std::string said =
      complaint([&] { secure_server(fds.a.release(), key_of("room"), 200 * kMillisecond); });
  stop = true;
  dribble.join();
  EXPECT_NE(said.find("in time"), std::string::npos) << said;
}

TEST(SecureStream, DeadPeerEndsReadAndWrite) {
  StreamPair pair = joined(tcp_pair());
  // As when the other machine's kernel resets the connection of a process that was killed.
  const linger now{1, 0};
  ASSERT_EQ(setsockopt(pair.server->fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
  const int server = dup(pair.server->fd());
  ::shutdown(server, SHUT_RD);
  pair.server.reset();
  ::close(server);
  Content space(10);
  EXPECT_THROW(pair.client->read(space), StreamClosed);
  EXPECT_THROW(
      {
        for (int i = 0; i < 100; ++i) pair.client->write(pattern(100'000));
      },
      StreamClosed);
}

TEST(SecureStream, LinkIsWatchedOnTcp) {
  StreamPair pair = joined(tcp_pair());
  const auto option = [&](int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(getsockopt(pair.client->fd(), level, name, &value, &size), 0);
    return value;
  };
  EXPECT_EQ(option(IPPROTO_TCP, TCP_USER_TIMEOUT), 2000);
  EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_LE(option(IPPROTO_TCP, TCP_KEEPIDLE) + option(IPPROTO_TCP, TCP_KEEPINTVL) * 2, 3);
  EXPECT_NE(option(IPPROTO_TCP, TCP_NODELAY), 0);
}

TEST(SecureStream, NonBlockingDescriptorIsMadeBlocking) {
  FdPair fds = tcp_pair();
  int on = 1;
  ASSERT_EQ(::ioctl(fds.a.get(), FIONBIO, &on), 0);
  StreamPair pair = joined(std::move(fds));
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    pair.server->write(pattern(10));
  });
  EXPECT_EQ(read_exactly(*pair.client, 10), pattern(10));
  later.join();
}

TEST(SecureStream, KeyComesThroughAPipe) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const StreamKey key = key_of("room");
  ASSERT_EQ(::write(ends[1], key.data(), key.size()), static_cast<ssize_t>(key.size()));
  ::close(ends[1]);
  EXPECT_EQ(read_stream_key(ends[0]), key);

  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  ASSERT_EQ(::write(ends[1], key.data(), 31), 31);
  ::close(ends[1]);
  EXPECT_THROW(read_stream_key(ends[0]), std::runtime_error);
}

}  // namespace
}  // namespace starling
