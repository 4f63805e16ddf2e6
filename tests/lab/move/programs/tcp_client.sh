# SPDX-License-Identifier: GPL-2.0-or-later
# Program: a TCP client with an open connection to a server that stays
# Package: python3
. "$(dirname "$0")/need.inc"

. "$(dirname "$0")/tcp.inc"
case $1 in
prepare) need python3 && tcp_source ;;
run)
  rounds=$(pick 2000 100000)
  python3 peer.py server "$rounds" quiet &
  exec python3 peer.py client "$rounds" tell
  ;;
esac
