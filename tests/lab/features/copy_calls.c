// SPDX-License-Identifier: GPL-2.0-or-later
// Feature: sendfile, copy_file_range and splice between files and pipes
// Group: files
#include <fcntl.h>
#include <sys/sendfile.h>

#include "feature.h"

static uint64_t digest(int fd) {
  char block[4096];
  uint64_t hash = kFeatureHash;
  ssize_t r;
  SYS(lseek(fd, 0, SEEK_SET));
  while ((r = SYS(read(fd, block, sizeof block))) > 0) hash = feature_hash(hash, block, (size_t)r);
  return hash;
}

int main(void) {
  feature_scratch();
  const int from = (int)SYS(open("from", O_RDWR | O_CREAT, 0600)),
            to = (int)SYS(open("to", O_RDWR | O_CREAT, 0600));
  uint64_t seed = 23;
  const size_t size = 200000;
  for (size_t i = 0; i < size; i += 8) {
    const uint64_t word = feature_random(&seed);
    CHECK_EQ(write(from, &word, 8), 8);
  }
  const uint64_t want = digest(from);
  int fds[2];
  SYS(pipe(fds));
  while (feature_more()) {
    for (int method = 0; method < 3; ++method) {
      SYS(ftruncate(to, 0));
      SYS(lseek(to, 0, SEEK_SET));
      SYS(lseek(from, 0, SEEK_SET));
      size_t done = 0;
      while (done < size) {
        ssize_t r = -1;
        if (method == 0) r = sendfile(to, from, NULL, size - done);
        if (method == 1) r = copy_file_range(from, NULL, to, NULL, size - done, 0);
        if (method == 2) {
          r = splice(from, NULL, fds[1], NULL, 16384, 0);
          for (ssize_t left = r; left > 0;)
            left -= SYS(splice(fds[0], NULL, to, NULL, (size_t)left, 0));
        }
        SYS(r);
        CHECK(r > 0);
        done += (size_t)r;
      }
      CHECK_EQ(digest(to), want);
      feature_work();
    }
  }
  return feature_pass();
}
