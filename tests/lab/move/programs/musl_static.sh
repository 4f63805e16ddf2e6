# SPDX-License-Identifier: GPL-2.0-or-later
# Program: a static binary of another C library
# Package: musl-tools
. "$(dirname "$0")/need.inc"

case $1 in
prepare)
  need musl-gcc
  cat >in.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int less(const void* a, const void* b) { return strcmp(*(char* const*)a, *(char* const*)b); }
int main(int argc, char** argv) {
  for (int turn = 0; turn < atoi(argv[argc - 1]); ++turn) {
    enum { N = 60000 };
    static char* s[N];
    for (int i = 0; i < N; ++i) {
      s[i] = malloc(24);
      snprintf(s[i], 24, "%x", (unsigned)(i + turn) * 2654435761u);
    }
    qsort(s, N, sizeof *s, less);
    printf("%s %s %s\n", s[0], s[N / 2], s[N - 1]);
    for (int i = 0; i < N; ++i) free(s[i]);
  }
}
C
  musl-gcc -O2 -static in.c -o program
  ;;
run) exec ./program "$(pick 20 1000)" ;;
esac
