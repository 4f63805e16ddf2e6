# SPDX-License-Identifier: GPL-2.0-or-later
# Shared by the scripts of this directory: Debian's kernel sources, unpacked and patched.
#
# STARLING_CACHE    cache directory                      (/var/cache/starling)
# STARLING_MIRROR   Debian mirror                        (the machine's own apt configuration)
# STARLING_SUITE    the suite images are built from      (trixie)
# STARLING_REFRESH  1: ask the mirror for newer sources  (only when there are none yet)

set -eu
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
cache=${STARLING_CACHE:-/var/cache/starling}/persistent/kernel-checks
suite=${STARLING_SUITE:-trixie}
jobs=$(nproc)

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# debian_mirrors: "main URI" and "security URI" lines of this machine's Debian repositories.
debian_mirrors() {
	if [ -n "${STARLING_MIRROR:-}" ]; then
		echo "main $STARLING_MIRROR"
		return
	fi
	# Where apt has lists, the repository says that it is Debian's. Where it has none yet, the
	# release's name must do; what is fetched is verified with Debian's keys in any case.
	apt-get indextargets --format '$(ORIGIN)|$(RELEASE)|$(REPO_URI)' 'Created-By: Packages' |
	awk -F'|' '
		$1 != "" && $1 !~ /^\$/ && $1 != "Debian" { next }
		$1 != "Debian" && $2 !~ /^(stretch|buster|bullseye|bookworm|trixie|forky|duke|sid|oldstable|stable|testing|unstable)/ { next }
		$2 ~ /security/ { if (!s++) print "security " $3; next }
		!m++ { print "main " $3 }'
}

# apt_root NAME SUITE...: makes a private apt root with these suites, refreshed if it is new or a
# refresh is asked for. Sets $root. Nothing of the machine's own apt is changed.
apt_root() {
	root=$cache/apt-$1
	shift
	key=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -r "$key" ] || die "no $key: install debian-archive-keyring"
	mirrors=$(debian_mirrors)
	main=$(echo "$mirrors" | sed -n 's/^main //p')
	security=$(echo "$mirrors" | sed -n 's/^security //p')
	[ -n "$main" ] || die "no Debian mirror in this machine's apt configuration: set STARLING_MIRROR"
	mkdir -p "$root/state/lists/partial" "$root/cache/archives/partial"
	for s; do
		case $s in
		*-security) [ -z "$security" ] || echo "deb [signed-by=$key] $security $s main" ;;
		*) echo "deb [signed-by=$key] $main $s main" ;;
		esac
	done > "$root/sources.list.new"
	touch "$root/status"
	# The machine's proxies and timeouts hold here too, its hooks and package lists do not.
	{
		apt-config dump | grep -E '^Acquire::(http|https|Retries|ForceIPv|Check-)' || :
		cat <<-EOF
		Dir::Etc::Main "/dev/null";
		Dir::Etc::Parts "/dev/null";
		Dir::Etc::SourceList "$root/sources.list";
		Dir::Etc::SourceParts "/dev/null";
		Dir::Etc::Preferences "/dev/null";
		Dir::Etc::PreferencesParts "/dev/null";
		Dir::State "$root/state";
		Dir::State::status "$root/status";
		Dir::Cache "$root/cache";
		Acquire::Languages "none";
		APT::Architecture "amd64";
		APT::Sandbox::User "root";
		EOF
	} > "$root/apt.conf"
	if ! cmp -s "$root/sources.list.new" "$root/sources.list" || [ "${STARLING_REFRESH:-0}" = 1 ]; then
		mv "$root/sources.list.new" "$root/sources.list"
		if ! APT_CONFIG=$root/apt.conf apt-get -qq --error-on=any update; then
			rm -f "$root/sources.list"
			die "the mirror $main does not answer for: $*"
		fi
	fi
	rm -f "$root/sources.list.new"
}

# newest_source: "PACKAGE VERSION" of the newest linux-source in the apt root; release candidates
# do not count.
newest_source() {
	APT_CONFIG=$root/apt.conf apt-cache search --names-only '^linux-source-[0-9.]+$' |
	while read -r package _; do
		APT_CONFIG=$root/apt.conf apt-cache madison "$package"
	done | awk -F' *[|] *' '{ sub(/^ +/, "", $1); if ($2 !~ /~rc/) print $2, $1 }' |
	sort -V | tail -n1 | awk '{ print $2, $1 }'
}

# suite_source, debian_newest_source: set $package and $version, and $root to fetch them from.
suite_source() {
	case $suite in
	sid | unstable | testing) apt_root "$suite" "$suite" ;;
	*) apt_root "$suite" "$suite" "$suite-updates" "$suite-security" ;;
	esac
	set -- $(newest_source)
	[ $# = 2 ] || die "no linux-source package in $suite"
	package=$1 version=$2
}
debian_newest_source() {
	apt_root newest sid experimental "$suite-backports"
	set -- $(newest_source)
	[ $# = 2 ] || die "no linux-source package in sid, experimental or $suite-backports"
	package=$1 version=$2
}

series() {
	sed 's/#.*//; s/[[:space:]]*$//; /^$/d' "$here/patches/series"
}

touched_files() {  # of the patches given, relative to the source
	sed -n 's|^--- a/||p; s|^+++ b/||p' "$@" | sed 's/\t.*//' | sort -u
}

# patched_tree: sets $tree to $package $version with the series applied. A file whose content a
# change of the series leaves as it was keeps its time, so that make rebuilds only what changed.
patched_tree() {
	base=$cache/$version
	tree=$base/linux
	tar=$base/${package#linux-source-}.tar.xz
	mkdir -p "$base"
	if [ ! -e "$base/unpacked" ]; then
		echo "Fetching $package $version" >&2
		(cd "$base" && rm -rf deb linux ./*.deb series-applied &&
			APT_CONFIG=$root/apt.conf apt-get -qq download "$package=$version" &&
			dpkg-deb -x "$package"_*.deb deb &&
			mv "deb/usr/src/$package.tar.xz" "$tar" && rm -rf deb ./*.deb &&
			mkdir linux && tar xf "$tar" -C linux --strip-components=1 &&
			touch unpacked) || die "cannot get or unpack $package $version"
	fi
	rm -rf "$base/series-new"
	mkdir "$base/series-new"
	n=100
	for p in $(series); do
		[ -r "$here/patches/$p" ] || die "patches/series names $p, which is not there"
		n=$((n + 1))
		cp "$here/patches/$p" "$base/series-new/$n-$p"
	done
	if [ -d "$base/series-applied" ] && diff -rq "$base/series-applied" "$base/series-new" > /dev/null; then
		rm -rf "$base/series-new"
		return
	fi
	touched=$( { cat "$base/touched" 2> /dev/null || :
		touched_files "$base"/series-new/*; } | grep -v '^/dev/null$' | sort -u)
	echo "$touched" > "$base/touched"  # before the tree changes: an interrupted run is resumed
	rm -rf "$base/series-applied" "$base/before" "$base/pristine"
	mkdir "$base/before" "$base/pristine"
	prefix=$(tar tf "$tar" 2> /dev/null | sed 1q)
	for f in $touched; do
		[ ! -e "$tree/$f" ] || (cd "$tree" && cp -a --parents "$f" ../before/)
		rm -f "$tree/$f"
	done
	echo "$touched" | sed "s|^|${prefix%%/*}/|" > "$base/wanted"
	# Files that the series adds are not in the archive; that tar misses them is no error.
	tar xf "$tar" -C "$base/pristine" --strip-components=1 -T "$base/wanted" 2> /dev/null || :
	cp -a "$base/pristine/." "$tree/"
	for p in "$base"/series-new/*; do
		if ! (cd "$tree" && patch -p1 -F0 -s --no-backup-if-mismatch -r - < "$p"); then
			die "$(basename "$p" | cut -c5-) does not apply to $package $version without fuzz"
		fi
	done
	for f in $touched; do
		if [ -e "$tree/$f" ] && cmp -s "$tree/$f" "$base/before/$f"; then
			cp -a "$base/before/$f" "$tree/$f"
		elif [ -e "$tree/$f" ]; then
			touch "$tree/$f"
		fi
	done
	rm -rf "$base/before" "$base/pristine" "$base/wanted"
	mv "$base/series-new" "$base/series-applied"
}

# run_kunit: builds $tree for User Mode Linux and runs the suites of kunit/. Prints every case,
# then "N passed, N failed". Fails when a case failed, did not run, or there was none.
run_kunit() {
	build=$cache/$version/kunit
	log=$build.log
	mkdir -p "$build"
	if ! (cd "$tree" && python3 tools/testing/kunit/kunit.py build --jobs "$jobs" \
		--kunitconfig "$here/kunit/starling.kunitconfig" --build_dir "$build") > "$log" 2>&1; then
		tail -n 30 "$log" >&2
		die "$package $version does not build for User Mode Linux: $log"
	fi
	(cd "$tree" && python3 tools/testing/kunit/kunit.py exec --timeout 300 \
		--raw_output=kunit --build_dir "$build") > "$build.ktap" 2>> "$log" || :
	awk -v kernel="$version" '
		/^    1\.\.[0-9]+/ { sub(/^ *1\.\./, ""); planned += $1 }
		/^    (not )?ok [0-9]+ / {
			bad = $1 == "not"
			name = bad ? $4 : $3
			skipped = /# SKIP/
			print (skipped ? "SKIP " : bad ? "FAIL " : "ok   ") name
			if (skipped) skips++; else if (bad) failed++; else passed++
		}
		/^ *# .*(EXPECTATION|ASSERTION) FAILED/ { print "     " $0; detail = 4; next }
		detail > 0 { print "     " $0; detail-- }
		/^1\.\.[0-9]+/ { sub(/^1\.\./, ""); suites = $1 }
		/^(not )?ok [0-9]+ / { ended++ }
		END {
			lost = planned - passed - failed - skips
			if (ended < suites && lost == 0) lost = 1
			if (lost > 0) print "FAIL " lost " planned and never ended (did the kernel stop?)"
			failed += lost > 0 ? lost : 0
			printf "kernel %s: %d passed, %d failed\n", kernel, passed, failed
			exit !(passed > 0 && failed == 0)
		}' "$build.ktap" || {
		echo "Full output: $build.ktap" >&2
		return 1
	}
}
