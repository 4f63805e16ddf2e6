// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a listening socket keeps accepting one connection after the other
// Group: net
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>

#include "feature.h"

static struct sockaddr_in address;
static volatile bool stop;
static unsigned long asked;

static void* client(void* unused) {
  for (uint32_t n = 1; !stop; ++n) {
    const int fd = (int)SYS(socket(AF_INET, SOCK_STREAM, 0));
    SYS(connect(fd, (struct sockaddr*)&address, sizeof address));
    uint32_t answer;
    CHECK_EQ(send(fd, &n, sizeof n, 0), (long)sizeof n);
    CHECK_EQ(recv(fd, &answer, sizeof answer, MSG_WAITALL), (long)sizeof answer);
    CHECK_EQ(answer, n * 3);
    SYS(close(fd));
    ++asked;
  }
  return unused;
}

int main(void) {
  const int listener = (int)SYS(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  SYS(bind(listener, (struct sockaddr*)&address, size));
  SYS(listen(listener, 16));
  SYS(getsockname(listener, (struct sockaddr*)&address, &size));
  pthread_t thread;
  OK(pthread_create(&thread, NULL, client, NULL));
  unsigned long served = 0;
  bool over = false;
  while (!over) {
    const int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd == -1) {
      CHECK_EQ(errno, EAGAIN);
      if (stop && pthread_tryjoin_np(thread, NULL) == 0) over = true;
      usleep(500);
      continue;
    }
    uint32_t n;
    CHECK_EQ(recv(fd, &n, sizeof n, MSG_WAITALL), (long)sizeof n);
    n *= 3;
    CHECK_EQ(send(fd, &n, sizeof n, 0), (long)sizeof n);
    SYS(close(fd));
    ++served;
    if (!feature_more()) stop = true;
  }
  CHECK_EQ(served, asked);
  return feature_pass();
}
