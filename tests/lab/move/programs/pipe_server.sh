# SPDX-License-Identifier: GPL-2.0-or-later
# Program: a server from standard input to standard output, fed slowly by others
# Package: gawk
. "$(dirname "$0")/need.inc"

case $1 in
prepare) need gawk ;;
run)
  mkfifo ask
  (for i in $(seq "$(pick 150 8000)"); do echo "$i $((i * 7919 % 1009))"; sleep 0.005; done) >ask &
  exec gawk '{ s += $2; print "answer", $1, $2 * $2, s; fflush() } END { print "end", NR }' <ask
  ;;
esac
