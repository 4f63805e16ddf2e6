# SPDX-License-Identifier: GPL-2.0-or-later
# Program: an OpenMP program: n-body with a parallel loop
# Package: gcc
. "$(dirname "$0")/need.inc"

case $1 in
prepare)
  need gcc
  cat >in.c <<'C'
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
enum { N = 400 };
static double x[N][3], v[N][3];
int main(int argc, char** argv) {
  for (int i = 0; i < N; ++i) for (int k = 0; k < 3; ++k) x[i][k] = sin(i * 3 + k);
  for (int step = 0; step < atoi(argv[argc - 1]); ++step) {
#pragma omp parallel for num_threads(4) schedule(static)
    for (int i = 0; i < N; ++i) {
      double a[3] = {0, 0, 0};
      for (int j = 0; j < N; ++j) {
        double d[3], r = 0.01;
        for (int k = 0; k < 3; ++k) d[k] = x[j][k] - x[i][k], r += d[k] * d[k];
        for (int k = 0; k < 3; ++k) a[k] += d[k] / (r * sqrt(r));
      }
      for (int k = 0; k < 3; ++k) v[i][k] += 1e-5 * a[k];
    }
    for (int i = 0; i < N; ++i) for (int k = 0; k < 3; ++k) x[i][k] += 1e-3 * v[i][k];
  }
  double e = 0;
  for (int i = 0; i < N; ++i) for (int k = 0; k < 3; ++k) e += v[i][k] * v[i][k], printf("%a\n", x[i][k]);
  printf("%a\n", e);
}
C
  gcc -O2 -fopenmp in.c -o program -lm
  ;;
run) exec ./program "$(pick 500 20000)" ;;
esac
