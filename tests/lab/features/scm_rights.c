// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: descriptors passed over a Unix socket are the same open files
// Group: ipc
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "feature.h"

int main(void) {
  feature_scratch();
  int pair[2];
  SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  while (feature_more()) {
    int file[2];
    file[0] = (int)SYS(open("file", O_RDWR | O_CREAT, 0600));
    file[1] = (int)SYS(open("/dev/null", O_RDONLY));
    SYS(lseek(file[0], 1234, SEEK_SET));
    union {
      char bytes[CMSG_SPACE(sizeof file)];
      struct cmsghdr align;
    } control;
    memset(&control, 0, sizeof control);
    char byte = 'f';
    struct iovec v = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr* c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof file);
    memcpy(CMSG_DATA(c), file, sizeof file);
    CHECK_EQ(sendmsg(pair[0], &m, 0), 1);
    feature_work();
    memset(&control, 0, sizeof control);
    m.msg_controllen = sizeof control;
    CHECK_EQ(recvmsg(pair[1], &m, MSG_CMSG_CLOEXEC), 1);
    c = CMSG_FIRSTHDR(&m);
    CHECK(c != NULL);
    CHECK_EQ(c->cmsg_type, SCM_RIGHTS);
    int got[2];
    memcpy(got, CMSG_DATA(c), sizeof got);
    CHECK_EQ(lseek(got[0], 0, SEEK_CUR), 1234);
    CHECK_EQ(fcntl(got[0], F_GETFD), FD_CLOEXEC);
    struct stat a, b;
    SYS(fstat(file[1], &a));
    SYS(fstat(got[1], &b));
    CHECK_EQ(a.st_rdev, b.st_rdev);
    for (int i = 0; i < 2; ++i) {
      SYS(close(file[i]));
      SYS(close(got[i]));
    }
  }
  return feature_pass();
}
