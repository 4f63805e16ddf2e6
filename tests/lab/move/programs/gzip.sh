# SPDX-License-Identifier: GPL-2.0-or-later
# Program: gzip -9 of generated text
# Package: gzip
. "$(dirname "$0")/need.inc"

case $1 in
prepare) need gzip && text "$(pick 2500000 200000000)" >in ;;
run) exec gzip -9nc in ;;
esac
