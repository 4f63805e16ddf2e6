// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a seccomp filter of the program's own keeps refusing one call
// Group: process
// Stays: it has a seccomp filter of its own
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "feature.h"

int main(void) {
  SYS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdir, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 87),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = {4, code};
  SYS(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
  while (feature_more()) {
    feature_work();
    CHECK_EQ(syscall(SYS_mkdir, "/nowhere/at/all", 0700), -1);
    CHECK_EQ(errno, 87);
    CHECK_EQ(prctl(PR_GET_SECCOMP), 2);
  }
  return feature_pass();
}
