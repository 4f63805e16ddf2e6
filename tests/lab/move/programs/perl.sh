# SPDX-License-Identifier: GPL-2.0-or-later
# Program: perl with hashes, sorting and regular expressions
# Package: perl
. "$(dirname "$0")/need.inc"

case $1 in
prepare) need perl && text "$(pick 1000000 6000000)" >in ;;
run) exec perl -ne 'while (/(\w+)/g) { $n{$1}++; } s/(st\w+)\s+(f\w+)/$2 $1/g; $s += length;
  END { print "$_ $n{$_}\n" for (sort { $n{$b} <=> $n{$a} or $a cmp $b } keys %n)[0 .. 99]; print "$s\n" }' $(repeat 12 in) ;;
esac
