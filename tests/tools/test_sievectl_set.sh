#!/bin/sh
# sievectl get and set on a live mount: what changes and its effect, what is refused, and set under load.
#
# usage: test_sievectl_set.sh SIEVEFS SIEVECTL
set -eu
. "$(dirname "$(readlink -f "$0")")/../support/live.sh"

sievefs=$(readlink -f "$1")
sievectl=$(readlink -f "$2")
load=
clean_up_test() { [ -z "$load" ] || kill $load 2>/dev/null || true; }
make_work set
for i in $(seq 40); do head -c 262144 /dev/zero >"$work/src/$i"; done

mount_it -o cache_size=64M,small_max=256K,admit=1,settle=0,memory_floor=0

# get
[ "$("$sievectl" get "$mnt" cache_size log)" = "cache_size=64M
log=info" ] || fail "get of two options: $("$sievectl" get "$mnt" cache_size log)"
[ "$("$sievectl" get "$mnt" --json settle)" = '{"settle":"0s"}' ] || fail "get --json"
[ "$("$sievectl" get "$mnt" | paste -sd,)" = "$(sed -n 's/^options *//p' "$mnt/.sievefs")" ] ||
	fail "get and stat tell different options"
if "$sievectl" get "$mnt" cache_sise 2>"$work/error"; then fail "get of an unknown option"; fi
grep -q '^sievectl: get cache_sise: unknown option' "$work/error" || fail "get: $(cat "$work/error")"

# set is seen, and acts
set_it() { "$sievectl" set "$mnt" "$@" || fail "set $*"; }
set_it log=debug settle=1m write=through
[ "$("$sievectl" get "$mnt" settle write log | paste -sd,)" = settle=1m,write=through,log=debug ] ||
	fail "not set: $("$sievectl" get "$mnt")"
grep -q "set settle=1m,write=through,log=debug" "$work/log" || fail "no line in the log"
set_it log=info settle=0 write=around

level() { sed -n "s/^$1  *\([0-9]*\) .*/\1/p" "$mnt/.sievefs"; }
becomes() { # NAME TEST NUMBER [COMMAND]
	for _ in $(seq 50); do
		eval "${4:-:}" >/dev/null
		[ "$(level "$1")" "$2" "$3" ] && return
		sleep 0.1
	done
	fail "$1 is $(level "$1"), not $2 $3"
}
read_all='cat "$mnt"/[0-9]*'
becomes object_bytes -gt 8000000 "$read_all"
set_it cache_size=2M
becomes object_bytes -le 2097152
set_it cache_size=64M
[ "$("$sievectl" get "$mnt" cache_size)" = cache_size=64M ] || fail "cache_size is not as before"
becomes object_bytes -gt 8000000 "$read_all" # a file that left is brought in again only after a pause

# Whether the kernel keeps that a name is missing
set_it negative_timeout=60
[ ! -e "$mnt/later" ] || fail "later is there"
: >"$work/src/later"
[ ! -e "$mnt/later" ] || fail "negative_timeout=60 has no effect"
set_it negative_timeout=0

# What is refused leaves all as it was
"$sievectl" get "$mnt" >"$work/before"
refused() { # WHAT-IT-SAYS WORD...
	says=$1
	shift
	if "$sievectl" set "$mnt" "$@" 2>"$work/error"; then fail "set $* was taken"; fi
	grep -q "^sievectl: set: $says" "$work/error" || fail "set $*: $(cat "$work/error")"
	"$sievectl" get "$mnt" | cmp - "$work/before" || fail "set $*: refused, and changed"
}
refused 'lgo: unknown option, did you mean log?' settle=9 lgo=debug
refused 'cache_size=much: takes bytes' settle=9 cache_size=much
refused 'log=loud: takes error, warning, info or debug' settle=9 log=loud
refused 'max_read=64K: the mount has 256K; to change it, unmount and mount again' settle=9 max_read=64K
refused 'small_max=256K and cache_size=1M: ' settle=9 cache_size=1M
refused 'ro: not an option of the daemon' settle=9 ro
refused 'takes OPT=VALUE'
set_it max_read=256K # the value that it has

if command -v setpriv >/dev/null; then
	other() { setpriv --reuid 65534 --regid 65534 --clear-groups "$sievectl" "$@"; }
	other get "$mnt" | cmp - "$work/before" || fail "another user may not get"
	if other set "$mnt" log=debug 2>"$work/error"; then fail "another user may set"; fi
	grep -qx 'sievectl: set: only root and the owner of the mount may ask for this' "$work/error" ||
		fail "another user gets: $(cat "$work/error")"
	"$sievectl" get "$mnt" | cmp - "$work/before" || fail "another user changed something"
fi

# Under load
(while :; do cat "$mnt"/[0-9]* || echo failed >"$work/failed"; done) >/dev/null 2>&1 &
load=$!
until=$(($(date +%s) + 3))
while [ "$(date +%s)" -lt $until ]; do
	set_it cache_size=2M attr_timeout=0 entry_timeout=0 write=through
	set_it cache_size=64M attr_timeout=1 entry_timeout=1 write=around
done
kill "$load"
wait "$load" 2>/dev/null || true
load=
[ ! -e "$work/failed" ] || fail "files could not be read while options changed"
cmp "$work/src/1" "$mnt/1" || fail "bytes changed"
"$sievectl" get "$mnt" | cmp - "$work/before" || fail "not as before the load"
echo "all is as it was set"
