#!/bin/sh
# sievectl set of what decides about opens: admit, small_max, large_min. Their effect on files that are opened next.
#
# usage: test_sievectl_set_lanes.sh SIEVEFS SIEVECTL pin|copy
set -eu
. "$(dirname "$(readlink -f "$0")")/../support/live.sh"

sievefs=$(readlink -f "$1")
sievectl=$(readlink -f "$2")
store=$3
load=
clean_up_test() { [ -z "$load" ] || kill $load 2>/dev/null || true; }
make_work set
for name in once twice thrice never; do head -c 65536 /dev/urandom >"$work/src/$name"; done
for name in mid small; do head -c 1000000 /dev/urandom >"$work/src/$name"; done

mount_it -o store=$store,cache_size=64M,small_max=256K,large_min=8M,admit=2,settle=0,memory_floor=0,log=debug

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

# small_max
set_it admit=1
open_it mid
says mid '(too-large); small_max=262144'
set_it small_max=2M
comes_to_say small '(next)'
open_it mid
comes_to_say mid '(hit)'
cmp "$work/src/mid" "$mnt/mid" || fail "other bytes"
set_it small_max=64K
comes_to_say mid '(too-large); small_max=65536'
says twice '(hit)' # of just that size
cached_count() { sed -n 's/^objects  *\([0-9]*\).*/\1/p' "$mnt/.sievefs"; }
count=$(cached_count)
open_it mid
[ "$(cached_count)" = $((count - 1)) ] || fail "mid is kept: $count, then $(cached_count)"
if "$sievectl" set "$mnt" small_max=16M 2>"$work/error"; then fail "small_max above large_min"; fi
grep -q 'small_max=16M and large_min=8M: ' "$work/error" || fail "$(cat "$work/error")"
[ "$("$sievectl" get "$mnt" small_max)" = small_max=64K ] || fail "refused, and changed"

# large_min: the classes of both sides, and how the file is opened then
opens_of() { sed -n "s/^$1  *\([0-9]*\).*/\1/p" "$mnt/.sievefs"; }
says mid '(mid); large_min=8388608'
plain=$(opens_of plain)
open_it mid
[ "$(opens_of plain)" = $((plain + 1)) ] || fail "mid is not opened plain"
set_it large_min=512K
says mid '(large); large_min=524288'
if [ "$(stat -f -c %T "$work/src")" != tmpfs ]; then
	plain=$(opens_of plain)
	open_it mid
	[ "$(opens_of plain)" = "$plain" ] || fail "mid is opened plain"
fi
if "$sievectl" set "$mnt" large_min=32K 2>"$work/error"; then fail "large_min below small_max"; fi
grep -q 'small_max=64K and large_min=32K: ' "$work/error" || fail "$(cat "$work/error")"
set_it large_min=32K small_max=16K
says twice '(large); large_min=32768'
set_it large_min=8M small_max=64K

# Under load: opens go on while the options change, and the bytes are right
(while :; do
	for name in twice mid small; do
		cmp -s "$work/src/$name" "$mnt/$name" || echo "$name" >>"$work/failed"
	done
done) &
load=$!
(while :; do cat "$mnt"/* || echo cat >>"$work/failed"; done) >/dev/null 2>&1 &
load="$load $!"
until=$(($(date +%s) + 3))
while [ "$(date +%s)" -lt $until ]; do
	set_it small_max=2M large_min=8M admit=1
	set_it small_max=64K large_min=64K admit=3
	set_it small_max=1M large_min=1M admit=0
done
kill $load
wait $load 2>/dev/null || true
load=
[ ! -e "$work/failed" ] || fail "wrong bytes while options changed: $(sort "$work/failed" | uniq -c)"
! grep -i 'error\|sanitizer' "$work/log" || fail "the daemon complains"
echo "all is as it was set"
