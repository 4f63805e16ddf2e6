# SPDX-License-Identifier: GPL-2.0-or-later
# Program: zstd -19 with two threads
# Package: zstd
. "$(dirname "$0")/need.inc"

case $1 in
prepare) need zstd && text "$(pick 1500000 150000000)" >in ;;
run) exec zstd -q -T2 -19 -c in ;;
esac
