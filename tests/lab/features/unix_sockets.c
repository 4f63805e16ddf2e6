// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: Unix sockets: named stream and datagram, abstract address, credentials
// Group: ipc
#include <sys/socket.h>
#include <sys/un.h>

#include "feature.h"

int main(void) {
  feature_scratch();
  struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "stream"},
                     b = {.sun_family = AF_UNIX, .sun_path = "datagram"};
  const int listener = (int)SYS(socket(AF_UNIX, SOCK_STREAM, 0)),
            inbox = (int)SYS(socket(AF_UNIX, SOCK_DGRAM, 0));
  SYS(bind(listener, (struct sockaddr*)&a, sizeof a));
  SYS(listen(listener, 5));
  SYS(bind(inbox, (struct sockaddr*)&b, sizeof b));
  const int sender = (int)SYS(socket(AF_UNIX, SOCK_DGRAM, 0));
  for (unsigned n = 0; feature_more(); ++n) {
    const int client = (int)SYS(socket(AF_UNIX, SOCK_STREAM, 0));
    SYS(connect(client, (struct sockaddr*)&a, sizeof a));
    const int server = (int)SYS(accept(listener, NULL, NULL));
    struct ucred who;
    socklen_t size = sizeof who;
    SYS(getsockopt(server, SOL_SOCKET, SO_PEERCRED, &who, &size));
    CHECK_EQ(who.pid, getpid());
    unsigned got;
    CHECK_EQ(write(client, &n, sizeof n), (long)sizeof n);
    feature_work();
    CHECK_EQ(read(server, &got, sizeof got), (long)sizeof got);
    CHECK_EQ(got, n);
    SYS(close(client));
    CHECK_EQ(read(server, &got, 1), 0);
    SYS(close(server));
    for (unsigned i = 0; i < 5; ++i) {
      CHECK_EQ(sendto(sender, &i, 1 + i % 4, 0, (struct sockaddr*)&b, sizeof b), 1 + i % 4);
    }
    feature_work();
    for (unsigned i = 0; i < 5; ++i) {
      got = 0;
      CHECK_EQ(recv(inbox, &got, sizeof got, 0), 1 + i % 4);
      CHECK_EQ(got, i);
    }
  }
  return feature_pass();
}
