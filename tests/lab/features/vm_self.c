// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: process_vm_readv and process_vm_writev on oneself
// Group: memory
#include <sys/uio.h>

#include "feature.h"

int main(void) {
  static char from[20000], to[20000];
  for (unsigned n = 0; feature_more(); ++n) {
    memset(from, (int)(n % 200 + 1), sizeof from);
    struct iovec local = {to, sizeof to}, remote = {from, sizeof from};
    const ssize_t r = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    if (r == -1 && (errno == ENOSYS || errno == EPERM))
      feature_skip("process_vm_readv is not allowed");
    CHECK_EQ(r, (long)sizeof from);
    CHECK(memcmp(from, to, sizeof from) == 0);
    memset(to, 0, sizeof to);
    struct iovec out = {from, sizeof from}, in = {to, sizeof to};
    CHECK_EQ(process_vm_writev(getpid(), &out, 1, &in, 1, 0), (long)sizeof from);
    CHECK(memcmp(from, to, sizeof from) == 0);
    feature_work();
  }
  return feature_pass();
}
