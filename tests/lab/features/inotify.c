// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: inotify reports what happens in a directory, in order
// Group: files
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>

#include "feature.h"

int main(void) {
  feature_scratch();
  const int fd = (int)SYS(inotify_init1(IN_NONBLOCK));
  const int watch =
      (int)SYS(inotify_add_watch(fd, ".", IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE));
  while (feature_more()) {
    const int file = (int)SYS(open("a", O_CREAT | O_WRONLY, 0600));
    SYS(close(file));
    SYS(rename("a", "b"));
    feature_work();
    SYS(unlink("b"));
    static const struct {
      uint32_t mask;
      const char* name;
    } want[] = {{IN_CREATE, "a"}, {IN_CLOSE_WRITE, "a"}, {IN_MOVED_TO, "b"}, {IN_DELETE, "b"}};
    int seen = 0;
    while (seen < 4) {
      struct pollfd p = {.fd = fd, .events = POLLIN};
      CHECK_EQ(poll(&p, 1, kFeatureHang), 1);
      char buffer[4096] __attribute__((aligned(8)));
      const ssize_t size = SYS(read(fd, buffer, sizeof buffer));
      for (ssize_t at = 0; at < size;) {
        const struct inotify_event* const e = (const struct inotify_event*)(buffer + at);
        CHECK(seen < 4);
        CHECK_EQ(e->wd, watch);
        CHECK_EQ(e->mask, want[seen].mask);
        CHECK(strcmp(e->name, want[seen].name) == 0);
        ++seen;
        at += (ssize_t)(sizeof *e + e->len);
      }
    }
    char c[64];
    CHECK_EQ(read(fd, c, sizeof c), -1);
    CHECK_EQ(errno, EAGAIN);
  }
  return feature_pass();
}
