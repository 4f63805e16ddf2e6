#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# netboot_lab.sh STARLINGD STARLING_NETBOOT: one node and one booting machine on a LAN of network
# namespaces. First without a DHCP server: the node must give an address, the right loader for
# BIOS and UEFI, configurations that name it, and every byte of kernel and image. A second node,
# which has only the image as if it had booted over the network, must get all the rest. Then a DHCP
# server appears: the node must notice, and only say what to boot. Then the node cannot boot others any
# more, then it dies: each time the second must take over. Needs root, busybox, curl.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "skipped: network namespaces need root"; exit 77; }
for tool in dnsmasq busybox curl; do
  command -v $tool >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
starlingd=$1
netboot=$2
id=$$
dir=$(mktemp -d /tmp/netboot-lab.XXXXXX)
pids=()
cleanup() {
  for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done
  wait 2>/dev/null || true
  for n in lan node node2 new router; do ip netns del "nbl-$id-$n" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap cleanup EXIT
step() { echo "$(date +%T) $*"; }
fail() {
  echo "FAIL: $*"
  echo "--- starling-netboot:"; tail -n 40 "$dir/netboot.log" || true
  echo "--- status:"; cat "$dir/run/status.json" || true
  echo "--- of the second node:"; tail -n 20 "$dir/netboot2.log" "$dir/run2/status.json" || true
  exit 1
}
# Not for background jobs: $! would be a shell around the program, and outlive the test.
in_ns() { local n=$1; shift; ip netns exec "nbl-$id-$n" "$@"; }
# until SECONDS COMMAND...: tries twice a second.
until_true() {
  local tries=$(($1 * 2)); shift
  while ! "$@" >/dev/null 2>&1; do
    tries=$((tries - 1)); [ $tries -gt 0 ] || return 1
    sleep 0.5
  done
}

ip netns add "nbl-$id-lan"
in_ns lan ip link add br0 type bridge
in_ns lan ip link set br0 up
for n in node node2 new router; do
  ip netns add "nbl-$id-$n"
  in_ns $n ip link set lo up
  ip -n "nbl-$id-lan" link add "p-$n" type veth peer name eth0 netns "nbl-$id-$n"
  in_ns lan ip link set "p-$n" master br0 up
  in_ns $n ip link set eth0 up
done

# What a node that booted from disc has.
mkdir -p "$dir"/medium/{live,netboot/grub}
head -c 3000000 /dev/urandom >"$dir/medium/live/vmlinuz"
head -c 2000000 /dev/urandom >"$dir/medium/live/initrd"
head -c 9000000 /dev/urandom >"$dir/medium/live/filesystem.squashfs"
head -c 90000 /dev/urandom >"$dir/medium/netboot/pxelinux.0"
head -c 120000 /dev/urandom >"$dir/medium/netboot/ldlinux.c32"
head -c 200000 /dev/urandom >"$dir/medium/netboot/grub/grubnetx64.efi"
chmod -R a+rX "$dir"
echo "BOOT_IMAGE=/live/vmlinuz boot=live console=ttyS0 starling.flock=lab ip=dhcp quiet" >"$dir/cmdline"
head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$dir/key"
chmod 600 "$dir/key"
echo lab-image >"$dir/image-id"
# start_node NAMESPACE SUFFIX MEDIUM CMDLINE: daemon and boot server of one node.
start_node() {
  mkdir -p "$dir/state$2"
  cat >"$dir/starling$2.conf" <<C
flock = lab
key-file = $dir/key
interfaces = eth0
priority = 0
control-socket = $dir/control$2.sock
state-dir = $dir/state$2
image-id-file = $dir/image-id
issue-file =
hpc-device = $dir/none
netboot-dir = $dir/run$2
C
  ip netns exec "nbl-$id-$1" "$starlingd" --config "$dir/starling$2.conf" >"$dir/starlingd$2.log" 2>&1 &
  pids+=($!)
  start_netboot "$@"
}
# With the arguments of start_node.
start_netboot() {
  ip netns exec "nbl-$id-$1" "$netboot" --control-socket "$dir/control$2.sock" --run-dir "$dir/run$2" \
    --interfaces eth0 --medium "$3" --loaders "$dir/none" --cache-dir "$dir/cache$2" --cmdline "$4" \
    --flock lab >"$dir/netboot$2.log" 2>&1 &
  pids+=($!)
}
start_node node "" "$dir/medium" "$dir/cmdline"

step "waiting for the node to serve a LAN without DHCP server"
serving() { grep -q "\"serving\":true" "$dir/run/status.json" && grep -q "\"mode\":\"$1\"" "$dir/run/status.json"; }
until_true 60 serving full || { tail -n 5 "$dir/starlingd.log"; fail "it does not serve"; }
node=$(grep -o '"address":"[0-9.]*"' "$dir/run/status.json" | head -n 1 | grep -o '[0-9.]*')
[ "$node" = 10.213.0.1 ] || fail "it serves from $node"

# lease [OPTIONS OF UDHCPC]: what a machine that asks is told, as variables.
# pxe_lease ARCHITECTURE: the same for network ROMs.
cat >"$dir/lease.sh" <<'C'
#!/bin/sh
[ "$1" = bound ] && printf 'ip=%s\nsiaddr=%s\nboot_file=%s\n' "$ip" "$siaddr" "${bootfile:-$boot_file}" >"$LEASE"
exit 0
C
chmod +x "$dir/lease.sh"
lease() {
  rm -f "$dir/lease"
  LEASE=$dir/lease in_ns new timeout 60 busybox udhcpc -f -q -n -i eth0 -t 10 -T 2 -s "$dir/lease.sh" \
    "$@" >"$dir/udhcpc.log" 2>&1 ||
    { cat "$dir/udhcpc.log"; fail "no lease"; }
  . "$dir/lease"
}
pxe_lease() {
  local arch=$1; shift
  lease -O bootfile -x "0x5d:000$arch" -V "PXEClient:Arch:0000$arch:UNDI:003001" "$@"
}
step "a BIOS machine asks"
pxe_lease 0
[ "$siaddr" = "$node" ] && [ "$boot_file" = pxelinux.0 ] || fail "BIOS was told $siaddr $boot_file"
case $ip in 10.213.*) ;; *) fail "it was given $ip" ;; esac
step "a BIOS machine with iPXE asks"
pxe_lease 0 -x 0xaf:010101
[ "$siaddr" = "$node" ] && [ "$boot_file" = boot.ipxe ] || fail "iPXE was told $siaddr $boot_file"
step "a UEFI machine asks"
pxe_lease 7
[ "$boot_file" = grub/grubnetx64.efi ] || fail "UEFI was told $boot_file"
in_ns new ip addr add "$ip/16" dev eth0

step "it fetches loaders over TFTP"
get() { in_ns new busybox tftp -g -l "$dir/got" -r "$1" "${2:-$node}" || fail "TFTP $1"; }
for f in pxelinux.0 ldlinux.c32 grub/grubnetx64.efi; do
  get $f; cmp "$dir/got" "$dir/medium/netboot/$f" || fail "$f arrived broken"
done
for f in live/vmlinuz live/initrd; do
  get $f; cmp "$dir/got" "$dir/medium/$f" || fail "$f by TFTP"
done
get boot.ipxe
grep -q "^kernel http://$node/live/vmlinuz boot=live console=ttyS0 .* || kernel tftp://$node/live/" \
  "$dir/got" || fail "iPXE's script"
get pxelinux.cfg/default
grep -q "KERNEL live/vmlinuz" "$dir/got" || fail "pxelinux's menu"
grep -q "boot=live console=ttyS0 starling.flock=lab quiet fetch=http://$node/live/filesystem.squashfs" \
  "$dir/got" || fail "the command line in pxelinux's menu"
get grub/grub.cfg
grep -q "linux (http,$node)/live/vmlinuz" "$dir/got" || fail "grub's menu"

step "it fetches kernel and image over HTTP"
web() { in_ns new curl -sS --max-time 60 "$@"; }
for f in live/vmlinuz live/initrd live/filesystem.squashfs; do
  web -f -o "$dir/got" "http://$node/$f"; cmp "$dir/got" "$dir/medium/$f" || fail "$f arrived broken"
done
head -c 1000000 "$dir/medium/live/initrd" >"$dir/got"
web -f -C - -o "$dir/got" "http://$node/live/initrd"
cmp "$dir/got" "$dir/medium/live/initrd" || fail "a download cannot be resumed"
for i in 1 2 3 4 5 6 7 8; do
  web -f -o "$dir/got$i" "http://$node/live/filesystem.squashfs" & downloads[i]=$!
done
for i in 1 2 3 4 5 6 7 8; do
  wait "${downloads[i]}" && cmp "$dir/got$i" "$dir/medium/live/filesystem.squashfs" ||
    fail "eight at once: $i is broken"
done
code() { web -o /dev/null -w '%{http_code}' --path-as-is "$@"; }
[ "$(code "http://$node/../../../etc/passwd")" = 404 ] || fail "path traversal"
[ "$(code "http://$node/etc/passwd")" = 404 ] || fail "a file that is not a boot file"
[ "$(code -X POST "http://$node/live/vmlinuz")" = 405 ] || fail "POST"
[ "$(code -I "http://$node/live/vmlinuz")" = 200 ] || fail "HEAD"
[ "$(code -r 99000000- "http://$node/live/vmlinuz")" = 416 ] || fail "a range behind the end"
until_true 5 grep -q '"stage":"http"' "$dir/run/status.json" || fail "no record of who booted"

step "a second node, which has only the image, gets the rest"
mkdir -p "$dir/medium2/live"
cp "$dir/medium/live/filesystem.squashfs" "$dir/medium2/live/"
echo "boot=live fetch=http://$node/live/filesystem.squashfs ip=dhcp" >"$dir/cmdline2"
start_node node2 2 "$dir/medium2" "$dir/cmdline2"
complete() { grep -q '"missing":\[\]' "$dir/run2/status.json"; }
until_true 60 complete || fail "the second node does not get its boot files"
for f in live/vmlinuz live/initrd; do
  cmp "$dir/cache2/$f" "$dir/medium/$f" || fail "$f arrived broken at the second node"
done
for f in pxelinux.0 ldlinux.c32 grub/grubnetx64.efi; do
  cmp "$dir/cache2/$f" "$dir/medium/netboot/$f" || fail "$f arrived broken at the second node"
done
[ ! -e "$dir/cache2/live/filesystem.squashfs" ] || fail "it fetched the image, which it has"
grep -q '"role":"standby"' "$dir/run2/status.json" || fail "the second node does not stand by"

step "a DHCP server appears"
in_ns router ip addr add 192.168.77.1/24 dev eth0
ip netns exec "nbl-$id-router" dnsmasq --keep-in-foreground --port=0 --conf-file=/dev/null --interface=eth0 \
  --bind-interfaces --dhcp-leasefile="$dir/leases" \
  --dhcp-range=192.168.77.100,192.168.77.200,255.255.255.0,1h >"$dir/router.log" 2>&1 &
pids+=($!)
in_ns node ip addr add 192.168.77.5/24 dev eth0  # as the node's own DHCP client would
in_ns node2 ip addr add 192.168.77.6/24 dev eth0
until_true 60 serving proxy || fail "it does not notice the DHCP server"
grep -q '"other_server":"192.168.77.1"' "$dir/run/status.json" || fail "it names another server"
step "the address comes from the DHCP server now, and only from it"
in_ns new ip addr flush dev eth0
for i in 1 2 3; do
  lease
  case $ip in 192.168.77.1[0-9][0-9]|192.168.77.200) ;; *) fail "it was given $ip" ;; esac
done
in_ns new ip addr add "$ip/24" dev eth0
node=192.168.77.5
web -f -o "$dir/got" "http://$node/live/vmlinuz"
cmp "$dir/got" "$dir/medium/live/vmlinuz" || fail "HTTP beside a DHCP server"
get pxelinux.cfg/default
grep -q "fetch=http://$node/live/" "$dir/got" || fail "the menu names an old address"

step "the first node's boot server dies: the second takes over, though a lower number lives"
kill "${pids[1]}"
until_true 60 grep -q '"role":"server"' "$dir/run2/status.json" || fail "nobody takes over"
step "it is back: it takes over again"
start_netboot node "" "$dir/medium" "$dir/cmdline"
until_true 60 serving proxy || fail "the first node does not serve again"
until_true 20 grep -q '"why":"node 1 is the answerer"' "$dir/run2/status.json" || fail "two answer"
step "the second node ends what it has begun to send"
get live/vmlinuz 192.168.77.6
cmp "$dir/got" "$dir/medium/live/vmlinuz" || fail "vmlinuz by TFTP from a node that no longer answers"

step "the daemon dies: the node stops answering"
kill "${pids[0]}"
until_true 20 grep -q '"serving":false' "$dir/run/status.json" || fail "it still answers"
grep -q '"role":"off"' "$dir/run/status.json" || fail "it does not say so"

step "the second node takes over"
until_true 60 grep -q '"role":"server"' "$dir/run2/status.json" || fail "nobody takes over"
for f in live/vmlinuz live/initrd live/filesystem.squashfs; do
  web -f -o "$dir/got" "http://192.168.77.6/$f"
  cmp "$dir/got" "$dir/medium/$f" || fail "$f from the second node is broken"
done
for f in netboot/pxelinux.0 live/vmlinuz live/initrd; do
  get "${f#netboot/}" 192.168.77.6
  cmp "$dir/got" "$dir/medium/$f" || fail "$f from the second node is broken by TFTP"
done
step "passed"
