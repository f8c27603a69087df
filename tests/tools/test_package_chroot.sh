#!/bin/bash
#
# The packages of tools/package in a Debian without anything else: they install with what they depend on, mount from a
# line of fstab, and leave nothing behind. The Debian comes from this machine's own mirror, by debootstrap.
#
# usage: test_package_chroot.sh MESON SOURCE_ROOT [DEBIAN]    DEBIAN: an earlier debootstrap's, copied instead
set -eu -o pipefail

skip() { echo "skipped: $1"; exit 77; }
fail() { echo "FAILED: $1"; [ ! -s "$log" ] || tail -n 30 "$log"; exit 1; }

meson=$1 top=$(readlink -f "$2") debian=${3:-}
export LC_ALL=C DEBIAN_FRONTEND=noninteractive PATH=$PATH:/usr/sbin:/sbin
if [ "${4:-}" != inside ]; then
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ -c /dev/fuse ] || skip "needs /dev/fuse"
	command -v dpkg-shlibdeps >/dev/null || skip "needs dpkg-dev"
	command -v debootstrap >/dev/null || [ -n "$debian" ] || skip "needs debootstrap"
	unshare -m true 2>/dev/null || skip "needs a mount namespace of its own"
	work=$(mktemp -d /tmp/sievefs-chroot-XXXXXX)
	# what is mounted below is gone with the namespace
	trap 'rm -rf --one-file-system "$work"' EXIT
	status=0
	WORK=$work unshare -m --propagation private bash "$0" "$meson" "$top" "$debian" inside || status=$?
	exit $status
fi

# shellcheck disable=SC2153 # from the environment
work=$WORK root=$WORK/root log=$WORK/log
# shellcheck disable=SC2317 # the trap calls it
clean_up() {
	umount "$root/mnt/data" 2>/dev/null || umount -l "$root/mnt/data" 2>/dev/null || true
	umount "$root/proc" 2>/dev/null || umount -l "$root/proc" 2>/dev/null || true
}
trap clean_up EXIT
run() { "$@" >"$log" 2>&1 || fail "$*"; }
inside() { chroot "$root" "$@"; }

# --- the Debian: this machine's suite, since the programs are linked with its libraries
# shellcheck disable=SC1091
suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-sid}")
# shellcheck disable=SC2016 # for apt
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' "Created-By: Packages" |
	awk -v suite="$suite" '$2 == suite && $3 == "main" { print $1; exit }')
[ -n "$mirror" ] || skip "apt has no mirror of $suite here"
eval "$(apt-config shell proxy Acquire::http::Proxy)"
[ -z "${proxy:-}" ] || export http_proxy=$proxy
/usr/lib/apt/apt-helper download-file "${mirror%/}/dists/$suite/InRelease" "$work/InRelease" >"$log" 2>&1 ||
	skip "the mirror $mirror can't be reached: $(tail -n 1 "$log")"
if [ -n "$debian" ]; then
	cp -a "$debian" "$root"
else
	run debootstrap --variant=minbase "$suite" "$root" "$mirror"
fi
[ -c "$root/dev/fuse" ] || mknod -m 666 "$root/dev/fuse" c 10 229
mkdir -p "$root/proc" "$root/srv/data" "$root/mnt/data" "$root/root/packages"
echo bytes >"$root/srv/data/file"
mount -t proc proc "$root/proc"

# --- the packages
run "$meson" setup "$work/build" "$top" --prefix=/usr --buildtype=release -Db_ndebug=true -Dtests=disabled
run ninja -C "$work/build"
run "$top/tools/package" --build="$work/build" "$root/root/packages"
packages="sievefs libsievefs0 libsievefs-dev"
for name in $packages; do
	[ -e "$(echo "$root/root/packages/$name"_*.deb)" ] || fail "no package $name"
done

# --- install. What they depend on comes first, so that it is not taken for theirs.
depends=
for name in sievefs libsievefs0; do
	depends="$depends$(dpkg-deb -f "$root/root/packages/$name"_*.deb Depends), "
done
run inside apt-get -q update
run inside apt-get -q -y --no-install-recommends satisfy "${depends%, }"
all_files() {
	(cd "$root" && find . -xdev \( -path ./proc -o -path ./tmp -o -path ./root -o -path ./var/log -o -path ./var/lib/apt \
		-o -path ./var/lib/dpkg -o -path ./var/cache/apt -o -path ./var/cache/ldconfig -o -path ./etc/ld.so.cache \) -prune \
		-o -printf '%p %y %m %u:%g %l\n' && find etc -type f ! -name ld.so.cache -exec sha256sum {} +) | sort
	# shellcheck disable=SC2016 # for dpkg-query
	inside dpkg-query -W -f '${Package} ${Status}\n'
	(cd "$root" && find var/lib/dpkg/info var/lib/dpkg/alternatives var/lib/dpkg/triggers | sort)
}
all_files >"$work/before"
run inside sh -c 'apt-get -q -y --no-install-recommends install /root/packages/*.deb'
all_files >"$work/installed"
new=$(comm -13 <(sed -n 's/ install ok installed$//p' "$work/before" | sort) \
	<(sed -n 's/ install ok installed$//p' "$work/installed" | sort) | tr '\n' ' ')
[ "$new" = "libsievefs-dev libsievefs0 sievefs " ] || fail "installed are: $new"
run inside dpkg --audit
[ ! -s "$log" ] || fail "dpkg --audit"
run inside dpkg --verify sievefs libsievefs0 libsievefs-dev
[ ! -s "$log" ] || fail "dpkg --verify"

# --- mount from fstab
cp "$root/etc/fstab" "$work/fstab"
echo "/srv/data /mnt/data fuse.sievefs cache_size=16M,admit=1,settle=0,nosuid,nodev,noauto 0 0" >>"$root/etc/fstab"
run inside mount /mnt/data
grep " $root/mnt/data " /proc/self/mountinfo | grep -q "nosuid,nodev.* fuse.sievefs " || fail "not mounted, or not as fstab says"
cmp "$root/srv/data/file" "$root/mnt/data/file" || fail "the mount shows something else"
run inside sievectl stat /mnt/data
grep -q '^options .*cache_size=16M,' "$log" || fail "the options do not arrive"
inside sievectl doctor /srv/data >"$log" 2>&1 || [ $? = 1 ] || fail "doctor"
grep -q '^passthrough ' "$log" || fail "doctor"

# A program that is built against the headers, linked with the library that ldconfig found
if command -v cc >/dev/null && command -v pkg-config >/dev/null; then
	folder=$(dirname "$(find "$root/usr/lib" -name libsievefs.pc)")
	flags=$(PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_PATH=$folder pkg-config --cflags --libs libsievefs) || fail "pkg-config"
	example=$(find "$root/usr/share/doc" -name example.c)
	# shellcheck disable=SC2086 # the flags are words
	run cc -Wall -Werror "$example" $flags -o "$root/root/example"
	run inside /root/example /mnt/data/file
	grep -q '^/mnt/data/file: lane ' "$log" || fail "the example"
fi

# --- remove, while it is mounted: programs that use the mount are left alone
# shellcheck disable=SC2086 # the names are words
run inside apt-get -q -y remove $packages
cmp "$root/srv/data/file" "$root/mnt/data/file" || fail "the mount does not outlive its package"
echo more >>"$root/mnt/data/file"
run inside umount /mnt/data
[ "$(cat "$root/srv/data/file")" = "bytes
more" ] || fail "the mount of a removed package does not write"
if inside mount /mnt/data >"$log" 2>&1; then fail "it still mounts"; fi
for _ in $(seq 100); do # the daemon's root is this one
	left=$(find /proc -maxdepth 2 -name root -lname "$root" 2>/dev/null || true)
	[ -n "$left" ] || break
	sleep 0.1
done
[ -z "$left" ] || fail "the daemon does not end: $left"

# --- purge
cp "$work/fstab" "$root/etc/fstab"
# shellcheck disable=SC2086 # the names are words
run inside dpkg --purge $packages
all_files >"$work/after"
diff "$work/before" "$work/after" >"$work/diff" || fail "left behind or gone: $(cat "$work/diff")"
[ "$(wc -l <"$work/before")" -lt "$(wc -l <"$work/installed")" ] || fail "nothing is seen of what is installed"
echo "installed, mounted, removed and purged on $suite from $mirror"
