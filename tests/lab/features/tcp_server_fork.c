// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a server that forks a child for every TCP connection
// Group: net
#include <arpa/inet.h>
#include <sys/socket.h>

#include "feature.h"

int main(void) {
  const int listener = (int)SYS(socket(AF_INET, SOCK_STREAM, 0));
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof a;
  SYS(bind(listener, (struct sockaddr*)&a, size));
  SYS(listen(listener, 5));
  SYS(getsockname(listener, (struct sockaddr*)&a, &size));
  while (feature_more()) {
    const int client = (int)SYS(socket(AF_INET, SOCK_STREAM, 0));
    SYS(connect(client, (struct sockaddr*)&a, sizeof a));
    const int server = (int)SYS(accept(listener, NULL, NULL));
    const pid_t pid = feature_fork();
    if (pid == 0) {
      close(client);
      char c;
      while (SYS(read(server, &c, 1)) == 1) {
        ++c;
        CHECK_EQ(write(server, &c, 1), 1);
      }
      _exit(0);
    }
    SYS(close(server));
    for (char c = 'a'; c < 'k'; ++c) {
      char got;
      CHECK_EQ(write(client, &c, 1), 1);
      if (c == 'e') feature_work();
      CHECK_EQ(read(client, &got, 1), 1);
      CHECK_EQ(got, c + 1);
    }
    SYS(close(client));
    feature_wait_exit(pid, 0);
  }
  return feature_pass();
}
