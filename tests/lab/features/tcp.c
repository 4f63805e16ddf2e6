// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: TCP over loopback: a megabyte each way between two threads, then an orderly end
// Group: net
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>

#include "feature.h"

enum { kSize = 1 << 20 };

static void* echo(void* listener) {
  const int fd = (int)SYS(accept((int)(intptr_t)listener, NULL, NULL));
  static char block[16384];
  ssize_t r;
  while ((r = SYS(read(fd, block, sizeof block))) > 0) {
    for (ssize_t done = 0; done < r;) done += SYS(write(fd, block + done, (size_t)(r - done)));
  }
  SYS(close(fd));
  return NULL;
}

static void* feed(void* fd) {
  static unsigned char block[8192];
  for (size_t sent = 0; sent < kSize; sent += sizeof block) {
    for (size_t i = 0; i < sizeof block; ++i) block[i] = (unsigned char)((sent + i) % 251);
    for (size_t done = 0; done < sizeof block;) {
      done += (size_t)SYS(write((int)(intptr_t)fd, block + done, sizeof block - done));
    }
  }
  SYS(shutdown((int)(intptr_t)fd, SHUT_WR));
  return NULL;
}

int main(void) {
  const int listener = (int)SYS(socket(AF_INET, SOCK_STREAM, 0));
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof a;
  SYS(bind(listener, (struct sockaddr*)&a, size));
  SYS(listen(listener, 5));
  SYS(getsockname(listener, (struct sockaddr*)&a, &size));
  while (feature_more()) {
    pthread_t server, feeder;
    OK(pthread_create(&server, NULL, echo, (void*)(intptr_t)listener));
    const int fd = (int)SYS(socket(AF_INET, SOCK_STREAM, 0));
    const int yes = 1;
    SYS(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes));
    SYS(connect(fd, (struct sockaddr*)&a, sizeof a));
    OK(pthread_create(&feeder, NULL, feed, (void*)(intptr_t)fd));
    static unsigned char block[20000];
    size_t received = 0;
    ssize_t r;
    while ((r = SYS(read(fd, block, sizeof block))) > 0) {
      for (ssize_t i = 0; i < r; ++i) CHECK_EQ(block[i], (received + (size_t)i) % 251);
      received += (size_t)r;
    }
    CHECK_EQ(received, kSize);
    OK(pthread_join(feeder, NULL));
    OK(pthread_join(server, NULL));
    SYS(close(fd));
  }
  return feature_pass();
}
