#!/bin/sh
# mount(8) finds sievefs by its type, by each of the two ways there are: a helper /sbin/mount.fuse.sievefs, and
# mount.fuse3, which takes the program from PATH. In a mount namespace of its own, so that nothing is installed.
#
# usage: test_mount_command.sh SIEVEFS
set -eu

skip() { echo "skipped: $1"; exit 77; }
fail() { echo "FAILED: $1"; exit 1; }

sievefs=$(readlink -f "$1")
if [ "${2:-}" != inside ]; then
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ -c /dev/fuse ] || skip "needs /dev/fuse"
	unshare -m true 2>/dev/null || skip "needs a mount namespace of its own"
	exec unshare -m --propagation private sh "$0" "$sievefs" inside
fi

work=$(mktemp -d /tmp/sievefs-mount-command-XXXXXX)
clean_up() {
	exec 3<&-
	umount "$work/mnt" 2>/dev/null || umount -l "$work/mnt" 2>/dev/null || true
	rm -rf "$work"
}
trap clean_up EXIT
mkdir "$work/src" "$work/mnt" "$work/sbin"
echo bytes >"$work/src/file"
generic=noauto,_netdev,nofail,x-systemd.automount,X-any=thing,comment=hello,nodev,noexec
fstab="$work/src $work/mnt fuse.sievefs cache_size=64M,user,noauto,x-systemd.requires=/srv 0 0"

type_of() { findmnt -n -o FSTYPE,OPTIONS "$work/mnt" || true; }

try_mount() {
	echo "way: $1"
	mount -v -t fuse.sievefs "$work/src" "$work/mnt" -o "cache_size=64M,ro,$generic" || fail "$1: mount -t"
	[ "$(cat "$work/mnt/file")" = bytes ] || fail "$1: the file does not read"
	case "$(type_of)" in
	fuse.sievefs*ro,nodev,noexec*) ;;
	*) fail "$1: mounted as $(type_of)" ;;
	esac
	umount "$work/mnt"

	echo "$fstab" >"$work/fstab"
	mount -T "$work/fstab" "$work/mnt" || fail "$1: fstab"
	case "$(type_of)" in
	fuse.sievefs*rw,nosuid,nodev,noexec*) ;;
	*) fail "$1: mounted by fstab as $(type_of)" ;;
	esac
	umount "$work/mnt"

	if mount -t fuse.sievefs "$work/src" "$work/mnt" -o cache_sise=1G 2>"$work/error"; then
		fail "$1: a bad option was accepted"
	fi
	grep -qx 'sievefs: cache_sise: unknown option, did you mean cache_size?' "$work/error" ||
		fail "$1: a bad option gives: $(cat "$work/error")"
	[ -z "$(type_of)" ] || fail "$1: mounted in spite of a bad option"
}

options_of() { findmnt -n -o OPTIONS "$work/mnt"; }

# Each of the words, and none that begins with !
has() {
	for word in "$@"; do
		case ",$(options_of)," in
		*",${word#!},"*) [ "$word" = "${word#!}" ] || fail "$word: $(options_of)" ;;
		*) [ "$word" != "${word#!}" ] || fail "no $word: $(options_of)" ;;
		esac
	done
}

try_remount() {
	echo "remount: $1"
	mount -t fuse.sievefs "$work/src" "$work/mnt" -o cache_size=64M,nosuid,noatime || fail "$1: mount -t"
	has rw nosuid noatime !nodev
	exec 3<"$work/mnt/file"
	mount -o remount,ro "$work/mnt" || fail "$1: remount,ro"
	has ro nosuid noatime !nodev
	if touch "$work/mnt/new" 2>"$work/error"; then fail "$1: written to though read-only"; fi
	grep -q 'Read-only file system' "$work/error" || fail "$1: $(cat "$work/error")"
	[ "$(cat <&3)" = bytes ] || fail "$1: the open file does not read"
	exec 3<&-
	mount -o remount,rw,nodev,relatime "$work/mnt" || fail "$1: remount,rw"
	has rw nosuid nodev relatime !noatime
	touch "$work/mnt/new" || fail "$1: not writable again"
	mount -o remount,noexec,cache_size=64M "$work/mnt" || fail "$1: an option that does not change"
	has rw noexec
	# by itself the program is not given the flags that are there already
	"$sievefs" -o remount,ro "$work/src" "$work/mnt" || fail "$1: without mount(8)"
	has ro nosuid nodev noexec
	"$sievefs" -o remount,rw "$work/src" "$work/mnt" || fail "$1: without mount(8), rw"
	has rw nosuid nodev noexec
	if mount -o remount,ro,log=debug,max_read=64K "$work/mnt" 2>"$work/error"; then fail "$1: max_read changed"; fi
	grep -q 'max_read=64K: the mount has 256K' "$work/error" || fail "$1: $(cat "$work/error")"
	if mount -o remount,ro,log=debug,cache_min=65M "$work/mnt" 2>"$work/error"; then fail "$1: over cache_size"; fi
	grep -q 'cache_min=65M and cache_size=64M: ' "$work/error" || fail "$1: $(cat "$work/error")"
	has rw
	grep -q '^options .*cache_min=0,.*log=info' "$work/mnt/.sievefs" || fail "$1: refused, and changed"
	mount -o remount,noexec,cache_size=48M,settle=0 "$work/mnt" || fail "$1: options that may change"
	has rw noexec
	grep -q '^options *cache_size=48M,.*settle=0s,' "$work/mnt/.sievefs" || fail "$1: not changed"
	if mount -o remount,sync "$work/mnt" 2>"$work/error"; then fail "$1: sync"; fi
	grep -q 'sync: cannot be changed by a remount' "$work/error" || fail "$1: $(cat "$work/error")"
	if mount -o remount,dirsync "$work/mnt" 2>"$work/error"; then fail "$1: dirsync"; fi
	has rw !sync !dirsync
	umount "$work/mnt"
	mount -t fuse.sievefs "$work/src" "$work/mnt" -o dirsync,nodiratime || fail "$1: mount with dirsync"
	mount -o remount,ro "$work/mnt" || fail "$1: remount with dirsync"
	has ro dirsync nodiratime
	"$sievefs" -o remount,rw "$work/src" "$work/mnt" || fail "$1: remount with dirsync, without mount(8)"
	has rw dirsync nodiratime
	umount "$work/mnt"
	mount -t fuse.sievefs "$work/src" "$work/mnt" -o sync || fail "$1: mount with sync"
	if "$sievefs" -o remount,async "$work/src" "$work/mnt" 2>"$work/error"; then fail "$1: async"; fi
	grep -q 'async: cannot be changed by a remount' "$work/error" || fail "$1: $(cat "$work/error")"
	umount "$work/mnt"
	if "$sievefs" -o remount,ro "$work/src" "$work/mnt" 2>"$work/error"; then fail "$1: nothing to remount"; fi
	grep -qx "sievefs: remount: MOUNTPOINT $work/mnt: no sievefs is mounted there, or it does not answer" "$work/error" ||
		fail "$1: $(cat "$work/error")"
}

ways=0
ln -s "$sievefs" "$work/sbin/mount.fuse.sievefs"
if mount -t overlay overlay -o "lowerdir=$work/sbin:$(readlink -f /sbin)" /sbin 2>/dev/null; then
	try_mount "/sbin/mount.fuse.sievefs"
	try_remount "/sbin/mount.fuse.sievefs"
	mount -f -t fuse.sievefs "$work/src" "$work/mnt" || fail "mount -f"
	[ -z "$(type_of)" ] || fail "mount -f mounted"
	umount /sbin
	ways=$((ways + 1))
fi
if command -v mount.fuse3 >/dev/null && mount -t tmpfs tmpfs /usr/local/bin 2>/dev/null; then
	ln -s "$sievefs" /usr/local/bin/sievefs
	try_mount "mount.fuse3 and PATH"
	try_remount "mount.fuse3 and PATH"
	ways=$((ways + 1))
fi
[ "$ways" -gt 0 ] || skip "neither overlayfs nor mount.fuse3 here"
echo "$ways ways tried"
