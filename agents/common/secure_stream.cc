// SPDX-License-Identifier: GPL-2.0-or-later
#include "agents/common/secure_stream.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "agents/common/fail.h"
#include "agents/common/unique_fd.h"

namespace starling {
namespace {

// Public: tells nothing but that this is ours.
constexpr std::string_view kIdentity = "starling stream 1";
constexpr std::size_t kRecordHeader = 5;  // type, version, length (RFC 8446, 5.1)
constexpr std::size_t kMaxRecord = 16 * 1024;
constexpr std::size_t kMaxSealed = kMaxRecord + 256;
// Sealed and handed to the kernel at once; taken from it at once. Stays within a core's cache, with
// room there for what the callers do with it.
constexpr std::size_t kBatch = 128 * 1024;
// AES-GCM is good for 2^24.5 records under one key.
constexpr std::uint64_t kRecordsPerKey = std::uint64_t{1} << 22;

struct ContextDelete {
  void operator()(SSL_CTX* p) const { SSL_CTX_free(p); }
};
struct SslDelete {
  void operator()(SSL* p) const { SSL_free(p); }
};
struct SessionDelete {
  void operator()(SSL_SESSION* p) const { SSL_SESSION_free(p); }
};

// What TLS has to say, without its file names and line numbers; clears the queue.
std::string tls_error() {
  std::string text;
  while (const unsigned long code = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(code);
    if (text.empty() && reason) text = reason;
  }
  return text.empty() ? "no reason told" : text;
}

void set_option(int fd, int level, int option, int value) {
  if (::setsockopt(fd, level, option, &value, sizeof value) != 0) fail_errno("setsockopt");
}

void settle_socket(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0) fail_errno("stream socket");
  int protocol = 0;
  socklen_t size = sizeof protocol;
  if (::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) != 0) fail_errno("stream socket");
  if (protocol != IPPROTO_TCP) return;
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(kStreamPatience / kMillisecond));
  // Three seconds to notice at most; with TCP_USER_TIMEOUT set the count does not matter.
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 2);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

class SecureStream final : public ByteStream {
 public:
  enum class Role { kClient, kServer };

  SecureStream(UniqueFd fd, const StreamKey& key, Role role, TimeNs handshake_patience);
  ~SecureStream() override;

  void write(Bytes data) override { write({}, data); }
  void write(Bytes first, Bytes second) override;
  std::size_t read(MutableBytes space) override { return read(space, 0); }
  std::size_t try_read(MutableBytes space) override { return read(space, MSG_DONTWAIT); }
  int fd() const override { return fd_.get(); }
  bool pending() const override { return SSL_pending(ssl_.get()) > 0 || whole_record(); }

 private:
  using Session = std::unique_ptr<SSL_SESSION, SessionDelete>;

  static SSL_CTX* context(Role role);
  static BIO_METHOD* bio_method();
  static int bio_read(BIO* bio, char* out, std::size_t size, std::size_t* done);
  static int bio_write(BIO* bio, const char* data, std::size_t size, std::size_t* done);
  static long bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH; }
  static int use_session(SSL* ssl, const EVP_MD* digest, const unsigned char** identity,
                         std::size_t* identity_size, SSL_SESSION** session);
  static int find_session(SSL* ssl, const unsigned char* identity, std::size_t identity_size,
                          SSL_SESSION** session);

  Session psk_session() const;
  void handshake(TimeNs deadline);
  // TLS is given whole records only, so that `in_` always begins with a record's header and one
  // can see without asking TLS whether there is more to read.
  bool whole_record() const;
  void await_record(TimeNs deadline);
  // Takes what the kernel has; waits for it unless `flags` has MSG_DONTWAIT, when false means
  // that there is nothing.
  bool receive(int flags);
  std::size_t read(MutableBytes space, int flags);
  void transmit();
  void seal(Bytes data);
  [[noreturn]] void broken(const std::string& why);

  UniqueFd fd_;
  StreamKey key_;
  std::unique_ptr<SSL, SslDelete> ssl_;
  bool whole_ = false;  // shaken hands, and nothing went wrong since
  std::uint64_t records_ = 0;
  std::vector<std::uint8_t> in_;  // [begin_, end_): taken from the kernel, not yet by TLS
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::vector<std::uint8_t> out_;  // sealed, not yet sent
};

// TLS reads and writes memory only: so the stream alone decides how much goes to the kernel at
// once, and a record is one system call, not a header and a body.
BIO_METHOD* SecureStream::bio_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "starling stream");
    if (!m || BIO_meth_set_read_ex(m, bio_read) != 1 || BIO_meth_set_write_ex(m, bio_write) != 1 ||
        BIO_meth_set_ctrl(m, bio_control) != 1) {
      throw std::bad_alloc();
    }
    return m;
  }();
  return method;
}

int SecureStream::bio_read(BIO* bio, char* out, std::size_t size, std::size_t* done) {
  auto* self = static_cast<SecureStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const std::size_t n = std::min(size, self->end_ - self->begin_);
  if (n == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  std::memcpy(out, &self->in_[self->begin_], n);
  self->begin_ += n;
  *done = n;
  return 1;
}

int SecureStream::bio_write(BIO* bio, const char* data, std::size_t size, std::size_t* done) {
  auto* self = static_cast<SecureStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  // As bytes: between types the copy would be one element at a time.
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(data);
  self->out_.insert(self->out_.end(), bytes, bytes + size);
  *done = size;
  return 1;
}

SSL_CTX* SecureStream::context(Role role) {
  const auto make = [](Role r) {
    std::unique_ptr<SSL_CTX, ContextDelete> c(
        SSL_CTX_new(r == Role::kClient ? TLS_client_method() : TLS_server_method()));
    if (!c || SSL_CTX_set_min_proto_version(c.get(), TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(c.get(), "TLS_AES_128_GCM_SHA256") != 1 ||
        SSL_CTX_set1_groups_list(c.get(), "X25519") != 1 ||
        SSL_CTX_set_num_tickets(c.get(), 0) != 1) {
      throw std::runtime_error("this OpenSSL cannot do TLS 1.3 as Starling needs it: " +
                               tls_error());
    }
    SSL_CTX_clear_options(c.get(), SSL_OP_ENABLE_MIDDLEBOX_COMPAT | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_session_cache_mode(c.get(), SSL_SESS_CACHE_OFF);
    // There are no authorities: a server with a certificate instead of the key is refused. (A
    // server of ours has no certificate, so that it can only go by the key.)
    SSL_CTX_set_verify(c.get(), r == Role::kClient ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_psk_use_session_callback(c.get(), use_session);
    SSL_CTX_set_psk_find_session_callback(c.get(), find_session);
    return c;
  };
  static const auto client = make(Role::kClient);
  static const auto server = make(Role::kServer);
  return role == Role::kClient ? client.get() : server.get();
}

SecureStream::Session SecureStream::psk_session() const {
  static constexpr unsigned char kAes128GcmSha256[] = {0x13, 0x01};
  Session session(SSL_SESSION_new());
  const SSL_CIPHER* cipher = SSL_CIPHER_find(ssl_.get(), kAes128GcmSha256);
  if (!session || !cipher ||
      SSL_SESSION_set1_master_key(session.get(), key_.data(), key_.size()) != 1 ||
      SSL_SESSION_set_cipher(session.get(), cipher) != 1 ||
      SSL_SESSION_set_protocol_version(session.get(), TLS1_3_VERSION) != 1) {
    return nullptr;
  }
  return session;
}

int SecureStream::use_session(SSL* ssl, const EVP_MD*, const unsigned char** identity,
                              std::size_t* identity_size, SSL_SESSION** session) {
  *identity = reinterpret_cast<const unsigned char*>(kIdentity.data());
  *identity_size = kIdentity.size();
  *session = static_cast<SecureStream*>(SSL_get_app_data(ssl))->psk_session().release();
  return *session != nullptr;
}

int SecureStream::find_session(SSL* ssl, const unsigned char* identity, std::size_t identity_size,
                               SSL_SESSION** session) {
  *session = nullptr;
  if (std::string_view(reinterpret_cast<const char*>(identity), identity_size) != kIdentity) {
    return 1;  // no key of that name; without a certificate the handshake ends here
  }
  *session = static_cast<SecureStream*>(SSL_get_app_data(ssl))->psk_session().release();
  return *session != nullptr;
}

SecureStream::SecureStream(UniqueFd fd, const StreamKey& key, Role role, TimeNs handshake_patience)
    : fd_(std::move(fd)), key_(key), in_(kBatch) {
  const TimeNs deadline = monotonic_ns() + handshake_patience;
  settle_socket(fd_.get());
  ssl_.reset(SSL_new(context(role)));
  BIO* bio = BIO_new(bio_method());
  if (!ssl_ || !bio) {
    BIO_free(bio);
    throw std::bad_alloc();
  }
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
  if (role == Role::kClient) {
    SSL_set_connect_state(ssl_.get());
  } else {
    SSL_set_accept_state(ssl_.get());
  }
  handshake(deadline);
  OPENSSL_cleanse(key_.data(), key_.size());
  whole_ = true;
}

SecureStream::~SecureStream() {
  OPENSSL_cleanse(key_.data(), key_.size());
  if (!whole_) return;
  // The goodbye is sealed: no one else can end the stream unnoticed. Nobody waits for it here.
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  (void)::send(fd_.get(), out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void SecureStream::broken(const std::string& why) {
  whole_ = false;
  throw StreamBroken(why);
}

void SecureStream::handshake(TimeNs deadline) {
  while (true) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    const int error = SSL_get_error(ssl_.get(), result);
    const std::string why = error == SSL_ERROR_SSL ? tls_error() : "";
    // Small enough for any socket's buffer; when it failed, this is the alert that says so.
    if (!out_.empty()) transmit();
    if (result == 1) break;
    if (error != SSL_ERROR_WANT_READ) {
      broken("the other side does not hold this flock's key, or is no Starling node (" + why + ")");
    }
    await_record(deadline);
  }
  // For an external key as for a resumption: the handshake stands on a session known before.
  if (SSL_session_reused(ssl_.get()) != 1) {
    broken("the other side did not prove that it holds this flock's key");
  }
}

void SecureStream::await_record(TimeNs deadline) {
  while (!whole_record()) {
    const TimeNs left = deadline - monotonic_ns();
    if (left <= 0) broken("the other side did not finish the handshake in time");
    if (receive(MSG_DONTWAIT)) continue;
    pollfd p{fd_.get(), POLLIN, 0};
    if (::poll(&p, 1, static_cast<int>(left / kMillisecond) + 1) < 0 && errno != EINTR) {
      broken(std::string("poll: ") + std::strerror(errno));
    }
  }
}

bool SecureStream::whole_record() const {
  if (begin_ == end_) return false;
  // What is no record, or too long a one, is TLS's to refuse, at once: types 20 to 23 there are.
  if (in_[begin_] < 20 || in_[begin_] > 23) return true;
  if (end_ - begin_ < kRecordHeader) return false;
  const std::size_t body = std::size_t{in_[begin_ + 3]} << 8 | in_[begin_ + 4];
  return body > kMaxSealed || end_ - begin_ >= kRecordHeader + body;
}

bool SecureStream::receive(int flags) {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (begin_ > 0 && in_.size() - end_ < kRecordHeader + kMaxSealed) {
    std::memmove(in_.data(), &in_[begin_], end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  while (true) {
    const ssize_t n = ::recv(fd_.get(), &in_[end_], in_.size() - end_, flags);
    if (n > 0) {
      end_ += static_cast<std::size_t>(n);
      return true;
    }
    if (n == 0) broken("the stream was cut off");
    if (errno == EINTR) continue;
    if (errno == EAGAIN && (flags & MSG_DONTWAIT)) return false;
    broken(std::string("receiving failed: ") + std::strerror(errno));
  }
}

void SecureStream::transmit() {
  std::size_t sent = 0;
  while (sent < out_.size()) {
    const ssize_t n = ::send(fd_.get(), &out_[sent], out_.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) broken(std::string("sending failed: ") + std::strerror(errno));
    sent += static_cast<std::size_t>(n);
  }
  out_.clear();
}

void SecureStream::seal(Bytes data) {
  records_ += data.size() / kMaxRecord + 1;
  if (records_ >= kRecordsPerKey) {
    records_ = 0;
    if (SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) != 1) {
      broken("no new key: " + tls_error());
    }
  }
  std::size_t n = 0;
  if (SSL_write_ex(ssl_.get(), data.data(), data.size(), &n) != 1 || n != data.size()) {
    broken("sealing failed: " + tls_error());
  }
}

void SecureStream::write(Bytes first, Bytes second) {
  if (!whole_) throw StreamBroken("the stream is broken");
  ERR_clear_error();
  for (Bytes* rest : {&first, &second}) {
    while (!rest->empty()) {
      const Bytes batch = rest->first(std::min(rest->size(), kBatch));
      seal(batch);
      *rest = rest->subspan(batch.size());
      if (out_.size() >= kBatch) transmit();
    }
  }
  if (!out_.empty()) transmit();
}

std::size_t SecureStream::read(MutableBytes space, int flags) {
  if (!whole_) throw StreamBroken("the stream is broken");
  ERR_clear_error();
  std::size_t got = 0;
  while (got < space.size()) {
    if (!pending()) {
      if (got > 0 || !receive(flags)) break;
      continue;
    }
    std::size_t n = 0;
    const int result = SSL_read_ex(ssl_.get(), &space[got], space.size() - got, &n);
    if (result == 1) {
      got += n;
      continue;
    }
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:  // a record without data, e.g. a new key
        break;
      case SSL_ERROR_ZERO_RETURN:
        // Told again by the next call when there is something to give first.
        if (got == 0) throw StreamClosed("the other side closed the stream");
        return got;
      default:
        broken("what came is not what was sent: " + tls_error());
    }
  }
  return got;
}

}  // namespace

std::unique_ptr<ByteStream> secure_client(int fd, const StreamKey& key, TimeNs handshake) {
  return std::make_unique<SecureStream>(UniqueFd(fd), key, SecureStream::Role::kClient, handshake);
}

std::unique_ptr<ByteStream> secure_server(int fd, const StreamKey& key, TimeNs handshake) {
  return std::make_unique<SecureStream>(UniqueFd(fd), key, SecureStream::Role::kServer, handshake);
}

StreamKey read_stream_key(int fd) {
  const UniqueFd in(fd);
  StreamKey key;
  std::size_t got = 0;
  while (got < key.size()) {
    const ssize_t n = ::read(in.get(), key.data() + got, key.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      throw std::runtime_error("descriptor " + std::to_string(fd) + " gave " + std::to_string(got) +
                               " of the 32 bytes of a stream key" +
                               (n < 0 ? std::string(": ") + std::strerror(errno) : ""));
    }
    got += static_cast<std::size_t>(n);
  }
  return key;
}

}  // namespace starling
