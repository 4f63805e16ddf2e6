# SPDX-License-Identifier: GPL-2.0-or-later
# Program: gawk counting words and sorting them
# Package: gawk
. "$(dirname "$0")/need.inc"

case $1 in
prepare) need gawk && text "$(pick 1000000 5000000)" >in ;;
run) exec gawk '{ for (i = 1; i <= NF; ++i) { n[$i]++; len += length($i) } }
  END { m = asorti(n, k); for (i = 1; i <= m && i < 2000; ++i) print k[i], n[k[i]]; print m, len }' $(repeat 20 in) ;;
esac
