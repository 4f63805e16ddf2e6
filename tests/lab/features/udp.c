// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: UDP over loopback, connected and not, with sendmmsg and addresses
// Group: net
#include <arpa/inet.h>
#include <sys/socket.h>

#include "feature.h"

int main(void) {
  int fd[2];
  struct sockaddr_in a[2], from;
  for (int i = 0; i < 2; ++i) {
    fd[i] = (int)SYS(socket(AF_INET, SOCK_DGRAM, 0));
    memset(&a[i], 0, sizeof a[i]);
    a[i].sin_family = AF_INET;
    a[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof a[i];
    SYS(bind(fd[i], (struct sockaddr*)&a[i], size));
    SYS(getsockname(fd[i], (struct sockaddr*)&a[i], &size));
  }
  for (unsigned n = 0; feature_more(); ++n) {
    unsigned words[4];
    struct iovec v[4];
    struct mmsghdr m[4];
    memset(m, 0, sizeof m);
    for (unsigned i = 0; i < 4; ++i) {
      words[i] = n * 4 + i;
      v[i].iov_base = &words[i];
      v[i].iov_len = sizeof words[i];
      m[i].msg_hdr.msg_iov = &v[i];
      m[i].msg_hdr.msg_iovlen = 1;
      m[i].msg_hdr.msg_name = &a[1];
      m[i].msg_hdr.msg_namelen = sizeof a[1];
    }
    CHECK_EQ(sendmmsg(fd[0], m, 4, 0), 4);
    feature_work();
    for (unsigned i = 0; i < 4; ++i) {
      unsigned got;
      socklen_t size = sizeof from;
      CHECK_EQ(recvfrom(fd[1], &got, sizeof got, 0, (struct sockaddr*)&from, &size),
               (long)sizeof got);
      CHECK_EQ(got, n * 4 + i);
      CHECK_EQ(from.sin_port, a[0].sin_port);
    }
    // A datagram longer than the buffer is cut, and said to be.
    char small[3];
    CHECK_EQ(sendto(fd[1], "abcdef", 6, 0, (struct sockaddr*)&a[0], sizeof a[0]), 6);
    CHECK_EQ(recv(fd[0], small, sizeof small, MSG_TRUNC), 6);
  }
  return feature_pass();
}
