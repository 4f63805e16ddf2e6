#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# image_test.sh CLUSTERBUILD OUT_DIR OPTIONS...: clusterbuild test of the one ISO in OUT_DIR.
set -eu
clusterbuild=$1
out=$2
shift 2
[ "$(id -u)" = 0 ] || { echo "skipped: a virtual network needs root"; exit 77; }
image=$(find "$out" -maxdepth 1 -name "*.iso" 2>/dev/null | sort | head -n 1)
[ -n "$image" ] || { echo "skipped: no image in $out: make iso"; exit 77; }
exec "$clusterbuild" test "$image" --timeout 1400 "$@"
