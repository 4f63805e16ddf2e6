// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: a pipeline of eight processes passes 256 KiB a round unharmed
// Group: process
#include "feature.h"

enum { kStages = 8, kSize = 256 * 1024 };

static void put_all(int fd, const unsigned char* data, size_t size) {
  while (size > 0) {
    const ssize_t r = SYS(write(fd, data, size));
    data += r, size -= (size_t)r;
  }
}

int main(void) {
  static unsigned char data[kSize], back[kSize];
  while (feature_more()) {
    for (unsigned i = 0; i < kSize; ++i) data[i] = (unsigned char)(i * 7 + i / 256);
    int in[2], current;
    pid_t child[kStages + 1];
    SYS(pipe(in));
    current = in[0];
    for (int s = 0; s < kStages; ++s) {
      int out[2];
      SYS(pipe(out));
      child[s] = feature_fork();
      if (child[s] == 0) {
        close(in[1]);
        close(out[0]);
        unsigned char block[4096];
        ssize_t r;
        while ((r = SYS(read(current, block, sizeof block))) > 0) {
          for (ssize_t i = 0; i < r; ++i) ++block[i];
          put_all(out[1], block, (size_t)r);
        }
        _exit(0);
      }
      SYS(close(current));
      SYS(close(out[1]));
      current = out[0];
    }
    child[kStages] = feature_fork();
    if (child[kStages] == 0) {
      close(current);
      put_all(in[1], data, kSize);
      _exit(0);
    }
    SYS(close(in[1]));
    size_t size = 0;
    ssize_t r;
    while (size < kSize && (r = SYS(read(current, back + size, kSize - size))) > 0)
      size += (size_t)r;
    CHECK_EQ(size, kSize);
    for (unsigned i = 0; i < kSize; ++i) CHECK_EQ(back[i], (unsigned char)(data[i] + kStages));
    SYS(close(current));
    for (int s = 0; s <= kStages; ++s) feature_wait_exit(child[s], 0);
  }
  return feature_pass();
}
