// SPDX-License-Identifier: GPL-2.0-or-later
// A sealed stream whose cable is cut: noticed with data outstanding and without.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "agents/common/fail.h"
#include "agents/common/secure_stream.h"
#include "tests/lab/lab.h"

namespace starling::lab {
namespace {

class StreamLab : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "network namespaces need root";
    try {
      left_ = std::make_unique<NetNs>("left");
      right_ = std::make_unique<NetNs>("right");
      for (const NetNs* net : {left_.get(), right_.get()}) {
        net->sysctl("net/ipv6/conf/default/accept_dad", "0");
      }
      connect(*left_, "lan0", *right_, "lan0");
      left_->ip({"addr", "add", "fd00::1/64", "dev", "lan0", "nodad"});
      right_->ip({"addr", "add", "fd00::2/64", "dev", "lan0", "nodad"});
    } catch (const std::exception& e) {
      GTEST_SKIP() << "no network namespaces here: " << e.what();
    }
    join();
  }

  void join() {
    const StreamKey key{7};
    UniqueFd listener;
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(7000);
    address.sin6_addr.s6_addr[0] = 0xfd;
    address.sin6_addr.s6_addr[15] = 2;
    right_->inside([&] {
      listener.reset(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
          ::listen(listener.get(), 1) != 0) {
        fail_errno("listen");
      }
    });
    std::thread server([&] {
      server_ = secure_server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), key);
    });
    left_->inside([&] {
      UniqueFd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        fail_errno("connect");
      }
      client_ = secure_client(fd.release(), key);
    });
    server.join();
  }

  // The far end stays up: nobody tells the near end anything.
  void cut() { right_->ip({"link", "set", "lan0", "down"}); }

  std::unique_ptr<NetNs> left_;
  std::unique_ptr<NetNs> right_;
  std::unique_ptr<ByteStream> client_;
  std::unique_ptr<ByteStream> server_;
};

double seconds_until_broken(const std::function<void()>& call) {
  const TimeNs begin = monotonic_ns();
  EXPECT_THROW(call(), StreamBroken);
  return to_seconds(monotonic_ns() - begin);
}

TEST_F(StreamLab, CutCableIsNoticedWhileIdle) {
  std::uint8_t byte;
  cut();
  const double took = seconds_until_broken([&] { client_->read({&byte, 1}); });
  std::printf("[ measured ] cut cable noticed by an idle reader in %.2f s\n", took);
  EXPECT_LE(took, 4.5);
}

TEST_F(StreamLab, CutCableIsNoticedWithDataOutstanding) {
  std::uint8_t byte;
  cut();
  const double took = seconds_until_broken([&] {
    client_->write(as_bytes("a request that waits for its answer"));
    client_->read({&byte, 1});
  });
  std::printf("[ measured ] cut cable noticed with data outstanding in %.2f s\n", took);
  EXPECT_LE(took, 3.5);
}

TEST_F(StreamLab, IdleStreamLivesOn) {
  sleep(6);
  client_->write(as_bytes("x"));
  std::uint8_t byte;
  EXPECT_EQ(server_->read({&byte, 1}), 1u);
}

}  // namespace
}  // namespace starling::lab
