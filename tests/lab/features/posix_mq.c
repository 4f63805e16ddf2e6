// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: POSIX message queues give the highest priority first, and time out
// Group: ipc
// Links: -lrt
#include <fcntl.h>
#include <mqueue.h>

#include "feature.h"

int main(void) {
  char name[32];
  snprintf(name, sizeof name, "/feature-%d", (int)getpid());
  struct mq_attr attributes = {.mq_maxmsg = 8, .mq_msgsize = 32};
  const mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
  if (queue == (mqd_t)-1) feature_skip("no POSIX message queues");
  SYS(mq_unlink(name));
  while (feature_more()) {
    char text[32];
    for (unsigned p = 0; p < 8; ++p) {
      snprintf(text, sizeof text, "priority %u", p * 3 % 8);
      SYS(mq_send(queue, text, sizeof text, p * 3 % 8));
    }
    feature_work();
    for (unsigned p = 8; p-- > 0;) {
      char got[32];
      unsigned priority;
      CHECK_EQ(mq_receive(queue, got, sizeof got, &priority), 32);
      CHECK_EQ(priority, p);
      snprintf(text, sizeof text, "priority %u", p);
      CHECK(strcmp(got, text) == 0);
    }
    struct timespec t;
    SYS(clock_gettime(CLOCK_REALTIME, &t));
    CHECK_EQ(mq_timedreceive(queue, text, sizeof text, NULL, &t), -1);
    CHECK_EQ(errno, ETIMEDOUT);
  }
  return feature_pass();
}
