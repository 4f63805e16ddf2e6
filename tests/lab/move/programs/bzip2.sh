# SPDX-License-Identifier: GPL-2.0-or-later
# Program: bzip2 of generated text
# Package: bzip2
. "$(dirname "$0")/need.inc"

case $1 in
prepare) need bzip2 && text "$(pick 2000000 15000000)" >in ;;
run) exec bzip2 -9c $(repeat 4 in) ;;
esac
