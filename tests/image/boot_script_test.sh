#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# boot_script_test.sh SCRIPT: what the initramfs does when DHCP does not answer at first. Its tools
# are functions here. Needs to write /run/net-NAME.conf, as ipconfig does.
set -u
[ -w /run ] || { echo "skipped: /run is not writable"; exit 77; }
dir=$(mktemp -d /tmp/boot-script.XXXXXX)
DEVICE=starling-test-$$
trap 'rm -rf "$dir" "/run/net-$DEVICE.conf"' EXIT
fail() { echo "FAIL: $*"; cat "$dir/calls"; exit 1; }
count() { grep -c "^$1" "$dir/calls"; }
: >"$dir/calls"
modprobe() { :; }
mount() { :; }
umount() { :; }
sleep() { :; }
ipconfig() {
  echo "ipconfig $*" >>"$dir/calls"
  [ "$(count ipconfig)" -ge "$answers_at" ] || return 1
  printf "IPV4ADDR=10.213.1.2\nROOTSERVER=10.213.0.1\n" >"/run/net-$DEVICE.conf"
}
wget() {
  echo "wget $*" >>"$dir/calls"
  [ -n "${IPV4ADDR:-}" ] && : >"$4"
}
STATICIP='' BOOTSERVER='' ROOTSERVER='' IPV4ADDR='' ETHDEV_TIMEOUT=''
mountpoint=$dir LIVE_MEDIA_PATH=live FETCH=http:///live/filesystem.squashfs
. "$1"

answers_at=3
do_netsetup
do_httpmount || fail "it gives up although DHCP answers the third time"
[ "$(count ipconfig)" = 3 ] || fail "DHCP was asked $(count ipconfig) times"
[ -e "$dir/live/filesystem.squashfs" ] || fail "no image"
grep -q "^wget .* http://10.213.0.1/live/filesystem.squashfs" "$dir/calls" ||
  fail "the boot server is not the one DHCP named last"

rm -rf "$dir/live" "/run/net-$DEVICE.conf"; : >"$dir/calls"; IPV4ADDR=''
answers_at=99
do_netsetup
do_httpmount && fail "it has an image from nowhere"
[ "$(count ipconfig)" = 10 ] || fail "DHCP was asked $(count ipconfig) times"
echo passed
