// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: socket options, names and states of an open TCP connection stay
// Group: net
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "feature.h"

int main(void) {
  const int listener = (int)SYS(socket(AF_INET, SOCK_STREAM, 0));
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}, seen;
  socklen_t size = sizeof a;
  SYS(bind(listener, (struct sockaddr*)&a, size));
  SYS(listen(listener, 5));
  SYS(getsockname(listener, (struct sockaddr*)&a, &size));
  const int client = (int)SYS(socket(AF_INET, SOCK_STREAM, 0));
  SYS(connect(client, (struct sockaddr*)&a, sizeof a));
  const int server = (int)SYS(accept(listener, NULL, NULL));
  for (int n = 1; feature_more(); n = n % 100 + 1) {
    SYS(setsockopt(client, IPPROTO_TCP, TCP_KEEPIDLE, &n, sizeof n));
    const struct timeval t = {n, 0};
    SYS(setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t));
    CHECK_EQ(send(server, "hello", 5, 0), 5);
    feature_work();
    int got = 0;
    size = sizeof got;
    SYS(getsockopt(client, IPPROTO_TCP, TCP_KEEPIDLE, &got, &size));
    CHECK_EQ(got, n);
    struct timeval back;
    size = sizeof back;
    SYS(getsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &back, &size));
    CHECK_EQ(back.tv_sec, n);
    size = sizeof seen;
    SYS(getpeername(client, (struct sockaddr*)&seen, &size));
    CHECK_EQ(seen.sin_port, a.sin_port);
    char text[8];
    CHECK_EQ(recv(client, text, 5, MSG_WAITALL | MSG_PEEK), 5);
    int queued = 0;
    SYS(ioctl(client, FIONREAD, &queued));
    CHECK_EQ(queued, 5);
    CHECK_EQ(recv(client, text, 5, MSG_WAITALL), 5);
    CHECK(memcmp(text, "hello", 5) == 0);
    CHECK_EQ(recv(client, text, 1, MSG_DONTWAIT), -1);
    CHECK_EQ(errno, EAGAIN);
  }
  return feature_pass();
}
