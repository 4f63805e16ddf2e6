// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: nonblocking connect, a refused connection, a reset, by poll and SO_ERROR
// Group: net
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "feature.h"

int main(void) {
  while (feature_more()) {
    const int listener = (int)SYS(socket(AF_INET, SOCK_STREAM, 0));
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof a;
    SYS(bind(listener, (struct sockaddr*)&a, size));
    SYS(getsockname(listener, (struct sockaddr*)&a, &size));
    // Bound but not listening: nobody else can have the port, and it refuses.
    int fd = (int)SYS(socket(AF_INET, SOCK_STREAM, 0));
    CHECK_EQ(connect(fd, (struct sockaddr*)&a, sizeof a), -1);
    CHECK_EQ(errno, ECONNREFUSED);
    SYS(close(fd));
    SYS(listen(listener, 1));
    fd = (int)SYS(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    const int r = connect(fd, (struct sockaddr*)&a, sizeof a);
    CHECK(r == 0 || errno == EINPROGRESS);
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    feature_work();
    CHECK_EQ(poll(&p, 1, kFeatureHang), 1);
    int error = -1;
    size = sizeof error;
    SYS(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size));
    CHECK_EQ(error, 0);
    const int server = (int)SYS(accept(listener, NULL, NULL));
    const struct linger now = {1, 0};
    SYS(setsockopt(server, SOL_SOCKET, SO_LINGER, &now, sizeof now));
    SYS(close(server));
    p.events = POLLIN;
    CHECK_EQ(poll(&p, 1, kFeatureHang), 1);
    char c;
    CHECK_EQ(read(fd, &c, 1), -1);
    CHECK_EQ(errno, ECONNRESET);
    SYS(close(fd));
    SYS(close(listener));
  }
  return feature_pass();
}
