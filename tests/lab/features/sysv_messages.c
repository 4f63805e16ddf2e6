// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: System V messages by type, and semaphores with undo
// Group: ipc
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

#include "feature.h"

struct message {
  long type;
  char text[24];
};

int main(void) {
  const int queue = msgget(IPC_PRIVATE, 0600);
  if (queue == -1) feature_skip("no System V messages");
  const int sem = (int)SYS(semget(IPC_PRIVATE, 2, 0600));
  while (feature_more()) {
    struct message m;
    for (int i = 1; i <= 6; ++i) {
      m.type = i;
      snprintf(m.text, sizeof m.text, "type %d", i);
      SYS(msgsnd(queue, &m, sizeof m.text, 0));
    }
    feature_work();
    for (int i = 6; i >= 1; --i) {
      CHECK_EQ(msgrcv(queue, &m, sizeof m.text, i, 0), (long)sizeof m.text);
      CHECK_EQ(m.text[5], '0' + i);
    }
    struct sembuf up = {0, 1, 0}, both[2] = {{0, -1, 0}, {1, 1, 0}}, down = {1, -1, 0};
    SYS(semop(sem, &up, 1));
    SYS(semop(sem, both, 2));
    CHECK_EQ(semctl(sem, 0, GETVAL), 0);
    CHECK_EQ(semctl(sem, 1, GETVAL), 1);
    SYS(semop(sem, &down, 1));
    const pid_t pid = feature_fork();
    if (pid == 0) {
      struct sembuf undone = {0, 1, SEM_UNDO};
      SYS(semop(sem, &undone, 1));
      _exit(0);
    }
    feature_wait_exit(pid, 0);
    CHECK_EQ(semctl(sem, 0, GETVAL), 0);
  }
  SYS(msgctl(queue, IPC_RMID, NULL));
  SYS(semctl(sem, 0, IPC_RMID));
  return feature_pass();
}
