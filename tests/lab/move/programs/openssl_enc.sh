# SPDX-License-Identifier: GPL-2.0-or-later
# Program: openssl enc, Camellia in 8 KiB pieces from file to file
# Package: openssl
. "$(dirname "$0")/need.inc"

case $1 in
prepare) need openssl && head -c "$(pick 100000000 400000000)" /dev/zero >in ;;
run) exec openssl enc -camellia-256-cbc -bufsize 8192 -K 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f \
  -iv 000102030405060708090a0b0c0d0e0f -in in -out out ;;
esac
