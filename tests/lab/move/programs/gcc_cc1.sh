# SPDX-License-Identifier: GPL-2.0-or-later
# Program: the C compiler proper, -O2 on a large generated file
# Package: gcc
. "$(dirname "$0")/need.inc"

. "$(dirname "$0")/source.inc"
case $1 in
prepare) need gcc && c_source "$(pick 70 8000)" >in.c ;;
run) exec "$(gcc -print-prog-name=cc1)" -quiet -O2 in.c -o out.s ;;
esac
