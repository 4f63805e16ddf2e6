# SPDX-License-Identifier: GPL-2.0-or-later
# Program: a TCP server with an open connection to a client that stays
# Package: python3
. "$(dirname "$0")/need.inc"

. "$(dirname "$0")/tcp.inc"
case $1 in
prepare) need python3 && tcp_source ;;
run)
  rounds=$(pick 2000 100000)
  python3 peer.py client "$rounds" quiet &
  exec python3 peer.py server "$rounds" tell
  ;;
esac
