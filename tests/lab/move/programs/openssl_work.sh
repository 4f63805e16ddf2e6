# SPDX-License-Identifier: GPL-2.0-or-later
# Program: openssl, a fixed number of key derivation rounds
# Package: openssl
. "$(dirname "$0")/need.inc"

case $1 in
prepare) need openssl ;;
run) exec openssl kdf -keylen 64 -kdfopt digest:SHA512 -kdfopt pass:starling -kdfopt salt:flock \
  -kdfopt iter:"$(pick 1000000 30000000)" PBKDF2 ;;
esac
