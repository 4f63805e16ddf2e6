# SPDX-License-Identifier: GPL-2.0-or-later
# Program: python3 with floats, integers of any size, fractions and decimals
# Package: python3
. "$(dirname "$0")/need.inc"

case $1 in
prepare) need python3 ;;
run) exec python3 - "$(pick 4 40)" <<'PY'
import sys, math, fractions, decimal, random
decimal.getcontext().prec = 60
random.seed(7)
for turn in range(int(sys.argv[1])):
    x = sum(math.sin(i) * math.sqrt(i) for i in range(400000))
    f = sum((fractions.Fraction(1, i) for i in range(1, 500)), fractions.Fraction())
    d = decimal.Decimal(2)
    for i in range(3000):
        d = (d + decimal.Decimal(2) / d) / 2
    sieve = bytearray([1]) * 300000
    for p in range(2, 550):
        if sieve[p]:
            sieve[p * p::p] = bytes(len(range(p * p, 300000, p)))
    m = [[random.random() for _ in range(40)] for _ in range(40)]
    s = [[sum(m[i][k] * m[k][j] for k in range(40)) for j in range(40)] for i in range(40)]
    print(turn, repr(x), f.numerator % 1000003, d, sum(sieve), repr(s[3][4]), pow(3, 10**5) % 10**20)
PY
  ;;
esac
