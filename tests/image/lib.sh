# SPDX-License-Identifier: GPL-2.0-or-later
# Shared by the tests of this directory: caches of their own, filled with what is costly to make.
#
# usage: . lib.sh, with CLUSTERBUILD and SOURCE_DIR as the script's arguments
# Takes results (packages, kernel, agents) from the cache that `make iso` filled (STARLING_CACHE,
# default /var/cache/starling). Sets $clusterbuild, $source_dir, $kernel and $top, a directory that
# goes with the test.
clusterbuild=$1 source_dir=$2
cache=${STARLING_CACHE:-/var/cache/starling}
shared="bootstrap rootfs-base kernel kernel-debian agents"
[ -z "${STARLING_REPRODUCE_ALL-}" ] || shared=
kernel=patched
[ -d "$cache/stages/kernel" ] || kernel=debian

if [ "$(id -u)" != 0 ]; then echo "SKIP: needs root"; exit 77; fi
if [ -n "$shared" ] && [ ! -d "$cache/stages/rootfs-base" ]; then
  echo "SKIP: no build in $cache: run make iso first"; exit 77
fi

top=$(mktemp -d "${TMPDIR:-/var/tmp}/starling-image-test.XXXXXX")
trap 'rm -rf "$top"' EXIT

# seed DIR: makes DIR a cache with the shared results and the recorded state of the mirror.
seed() {
  mkdir -p "$1/persistent" "$1/stages"
  for stage in $shared; do
    [ ! -d "$cache/stages/$stage" ] || cp -a "$cache/stages/$stage" "$1/stages/"
  done
  for apt in "$cache"/persistent/apt-*; do
    # Its configuration names its own place, so the state is moved, not recorded again.
    cp -a "$apt" "$1/persistent/"
    grep -rlF "$cache/" "$1/persistent/${apt##*/}" --include=apt.conf |
      xargs -r sed -i "s#$cache/#$1/#g"
  done
}
