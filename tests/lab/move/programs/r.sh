# SPDX-License-Identifier: GPL-2.0-or-later
# Program: R: a linear model, a sort and an integral
# Package: r-base-core
# Size: soak only
. "$(dirname "$0")/need.inc"

case $1 in
prepare)
  need R
  cat >in.R <<'R'
set.seed(7)
for (turn in 1:60) {
  x <- matrix(rnorm(200000), ncol = 20)
  y <- x %*% (1:20) + rnorm(10000)
  m <- lm(y ~ x)
  cat(turn, format(coef(m)[2:5], digits = 12), sum(sort(x)[1:100]),
      integrate(dnorm, -1.96, 1.96)$value, "\n")
}
R
  ;;
run) exec R --vanilla --no-echo -f in.R ;;
esac
