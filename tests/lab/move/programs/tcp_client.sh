# SPDX-License-Identifier: GPL-2.0-or-later
# Program: a TCP client with an open connection to a server that stays
# Package: python3
. "$(dirname "$0")/need.inc"
. "$(dirname "$0")/tcp.inc"
tcp_run client "$1"
