# SPDX-License-Identifier: GPL-2.0-or-later
# Program: gcc -O2: the driver with its compiler and assembler as children
# Package: gcc
. "$(dirname "$0")/need.inc"

. "$(dirname "$0")/source.inc"
case $1 in
prepare) need gcc && c_source "$(pick 70 8000)" >in.c ;;
run) exec gcc -O2 -c in.c -o out.o ;;
esac
