# SPDX-License-Identifier: GPL-2.0-or-later
# Program: xz with two threads
# Package: xz-utils
. "$(dirname "$0")/need.inc"

case $1 in
prepare) need xz && text "$(pick 1000000 60000000)" >in ;;
run) exec xz -T2 --block-size="$(pick 256KiB 8MiB)" -9ec in ;;
esac
