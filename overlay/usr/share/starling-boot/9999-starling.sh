# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Read in the initramfs after live-boot's own functions, some of which it replaces: theirs wait six
# seconds for every named interface, and give up on the first failed download, which one busy boot
# server in a room of sixty machines is enough for.

# Waits for a carrier on the interface we were booted from, else on any; at most 15 s.
Select_eth_device ()
{
	for _PARAMETER in ${LIVE_BOOT_CMDLINE}
	do
		case "${_PARAMETER}" in
			netboot=*) NETBOOT="${_PARAMETER#netboot=}" ;;
		esac
	done
	[ -n "${NETBOOT}${FETCH}${FTPFS}${HTTPFS}" ] || return 0

	modprobe -q af_packet
	_TRIES=0
	while [ ${_TRIES} -lt 60 ]
	do
		DEVICE=""
		Device_from_bootif
		_UP=""
		for _PATH in /sys/class/net/*
		do
			_NAME="${_PATH##*/}"
			[ "${_NAME}" != lo ] && [ -e "${_PATH}/device" ] || continue
			[ -z "${DEVICE}" ] || [ "${DEVICE}" = "${_NAME}" ] || continue
			ip link set "${_NAME}" up 2>/dev/null
			[ "$(cat "${_PATH}/carrier" 2>/dev/null)" = 1 ] && _UP="${_UP}${_UP:+ }${_NAME}"
		done
		if [ -n "${_UP}" ]
		then
			DEVICE="${_UP}"
			echo "DEVICE='${DEVICE}'" >> /conf/param.conf
			export DEVICE
			return 0
		fi
		sleep 0.25
		_TRIES=$((_TRIES + 1))
	done
	echo "starling: no network interface has a link" >&2
}

# Sets up each interface with a link until one has an address. pxelinux says in ip= what the machine
# was booted with (client:server:gateway:netmask): asking again would only take time.
do_netsetup ()
{
	modprobe -q af_packet
	[ -n "${ETHDEV_TIMEOUT}" ] || ETHDEV_TIMEOUT=15
	case "${STATICIP}" in
		*:*:*:*)
			_CLIENT="${STATICIP%%:*}"; _REST="${STATICIP#*:}"
			BOOTSERVER="${_REST%%:*}"
			set -- ${DEVICE}
			ipconfig -t 5 -c none -d "${_CLIENT}:${STATICIP#*:}::${1}:none" ||
				ipconfig -t "${ETHDEV_TIMEOUT}" "${1}"
			[ -e "/run/net-${1}.conf" ] && . "/run/net-${1}.conf"
			export BOOTSERVER
			return 0
			;;
	esac
	for _NAME in ${DEVICE}
	do
		ipconfig -t "${ETHDEV_TIMEOUT}" "${_NAME}"
		[ -e "/run/net-${_NAME}.conf" ] && . "/run/net-${_NAME}.conf"
		has_address && { DEVICE="${_NAME}"; break; }
	done
}

has_address ()
{
	[ -n "${IPV4ADDR}" ] && [ "${IPV4ADDR}" != 0.0.0.0 ]
}

# fetch=URL[,URL...]: tried in turn, ten rounds, each download whole or not at all. An empty host
# (http:///path) is the machine we were booted from.
do_httpmount ()
{
	if [ -z "${FETCH}" ]
	then
		echo "starling: only fetch= boots from the network" >&2
		return 1
	fi
	_DEST="${mountpoint?}/${LIVE_MEDIA_PATH}"
	mount -t tmpfs -o size=90%,mode=0755 ram "${mountpoint}"
	mkdir -p "${_DEST}"
	_ROUND=1
	while [ ${_ROUND} -le 10 ]
	do
		# A busy server, or a switch that has just seen the link, lets no DHCP through for a while.
		[ ${_ROUND} -eq 1 ] || has_address || do_netsetup
		_SERVER="${BOOTSERVER:-${ROOTSERVER}}"
		for _URL in $(echo "${FETCH}" | tr ',' ' ')
		do
			case "${_URL}" in
				*:///*) _URL="${_URL%%:///*}://${_SERVER}/${_URL##*:///}" ;;
			esac
			_FILE="${_DEST}/$(basename "${_URL}")"
			echo "starling: fetching ${_URL} (try ${_ROUND})"
			case "${_URL}" in
				tftp://*)
					_HOST="${_URL#tftp://}"
					tftp -g -b 65464 -r "/${_HOST#*/}" -l "${_FILE}.part" "${_HOST%%/*}"
					;;
				*)
					wget -T 20 -O "${_FILE}.part" "${_URL}"
					;;
			esac && mv "${_FILE}.part" "${_FILE}" && return 0
			rm -f "${_FILE}.part"
		done
		# Sixty machines that failed together shall not come back together.
		sleep $((1 + ($(od -An -N1 -tu1 /dev/urandom 2>/dev/null || echo 2) % (2 * _ROUND + 1))))
		_ROUND=$((_ROUND + 1))
	done
	umount "${mountpoint}"
	return 1
}
