#!/bin/sh
# sievectl set of what decides about opens: admit. Its effect on files that are opened next.
#
# usage: test_sievectl_set_lanes.sh SIEVEFS SIEVECTL
set -eu

skip() { echo "skipped: $1"; exit 77; }
fail() { echo "FAILED: $1"; exit 1; }

sievefs=$(readlink -f "$1")
sievectl=$(readlink -f "$2")
[ "$(id -u)" = 0 ] || skip "needs root"
[ -c /dev/fuse ] || skip "needs /dev/fuse"

work=$(mktemp -d /tmp/sievefs-set-XXXXXX)
mnt=$work/mnt
daemon=
load=
clean_up() {
	[ -z "$load" ] || kill $load 2>/dev/null || true
	umount "$mnt" 2>/dev/null || umount -l "$mnt" 2>/dev/null || true
	[ -z "$daemon" ] || wait "$daemon" 2>/dev/null || true
	rm -rf "$work"
}
trap clean_up EXIT
chmod 755 "$work"
mkdir -p "$work/src" "$mnt"
for name in once twice thrice never; do head -c 65536 /dev/urandom >"$work/src/$name"; done

"$sievefs" -f -o cache_size=64M,small_max=256K,large_min=8M,admit=2,settle=0,memory_floor=0,log=debug \
	"$work/src" "$mnt" 2>"$work/log" &
daemon=$!
for _ in $(seq 50); do
	mountpoint -q "$mnt" && break
	sleep 0.1
done
mountpoint -q "$mnt" || fail "does not mount: $(cat "$work/log")"

set_it() { "$sievectl" set "$mnt" "$@" || fail "set $*"; }
explained() { "$sievectl" explain "$mnt/$1"; }
says() { explained "$1" | grep -q "$2" || fail "$1 is not $2: $(explained "$1")"; }
comes_to_say() { # a fill takes a while
	for _ in $(seq 50); do
		explained "$1" | grep -q "$2" && return
		sleep 0.1
	done
	fail "$1 does not become $2: $(explained "$1")"
}
open_it() { cat "$mnt/$1" >/dev/null || fail "cannot read $1"; }

# admit: the opens that were remembered count on
says once '(seldom); 0 of 2 opens'
open_it once
set_it admit=3
says once '(seldom); 1 of 3 opens'
open_it once
says once '(next)'
set_it admit=0
open_it once
open_it never
says once '(off)'
set_it admit=1
open_it twice
comes_to_say twice '(hit)'
set_it admit=0
says twice '(hit)' # what is cached stays
set_it admit=2
echo "all is as it was set"
