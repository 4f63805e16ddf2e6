# SPDX-License-Identifier: GPL-2.0-or-later
# Program: a C program with four threads, locks and a condition variable
# Package: gcc
. "$(dirname "$0")/need.inc"

case $1 in
prepare)
  need gcc
  cat >in.c <<'C'
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static int turn, rounds;
static uint64_t sum;
static void* run(void* n) {
  uint64_t x = (uintptr_t)n + 1;
  for (int r = 0; r < rounds; ++r) {
    for (int i = 0; i < 100000; ++i) x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    pthread_mutex_lock(&m);
    while (turn % 4 != (int)(uintptr_t)n) pthread_cond_wait(&c, &m);
    sum = sum * 31 + x;
    ++turn;
    pthread_cond_broadcast(&c);
    pthread_mutex_unlock(&m);
  }
  return NULL;
}
int main(int argc, char** argv) {
  rounds = atoi(argv[argc - 1]);
  pthread_t t[4];
  for (uintptr_t i = 0; i < 4; ++i) pthread_create(&t[i], NULL, run, (void*)i);
  for (int i = 0; i < 4; ++i) pthread_join(t[i], NULL);
  printf("%d turns, %016lx\n", turn, sum);
}
C
  gcc -O2 -pthread in.c -o program
  ;;
run) exec ./program "$(pick 800 30000)" ;;
esac
