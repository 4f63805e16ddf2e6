# SPDX-License-Identifier: GPL-2.0-or-later
# Program: a TCP server with an open connection to a client that stays
# Package: python3
. "$(dirname "$0")/need.inc"
. "$(dirname "$0")/tcp.inc"
tcp_run server "$1"
