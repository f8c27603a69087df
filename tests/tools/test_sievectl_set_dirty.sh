#!/bin/sh
# sievectl set of the thresholds of what is dirty: their effect on a live mount, where they can't change, and
# set under load.
#
# usage: test_sievectl_set_dirty.sh SIEVEFS SIEVECTL
set -eu
. "$(dirname "$(readlink -f "$0")")/../support/live.sh"

sievefs=$(readlink -f "$1")
sievectl=$(readlink -f "$2")
load=
clean_up_test() { [ -z "$load" ] || kill $load 2>/dev/null || true; }
make_work set
[ "$(stat -f -c %T "$work/src")" != tmpfs ] || skip "needs a file system with a disk, for what is dirty"

! "$sievectl" doctor | grep -q "^cachestat  *missing" || skip "needs cachestat(2)"
set_it() { "$sievectl" set "$mnt" "$@" || fail "set $*"; }
refused() { # WHAT-IT-SAYS WORD...
	says=$1
	shift
	before=$("$sievectl" get "$mnt")
	if "$sievectl" set "$mnt" "$@" 2>"$work/error"; then fail "set $* was taken"; fi
	grep -q "^sievectl: set: $says" "$work/error" || fail "set $*: $(cat "$work/error")"
	[ "$("$sievectl" get "$mnt")" = "$before" ] || fail "set $*: refused, and changed"
}
figure() { sed -n "s/^$1  *\([0-9]*\) .*/\1/p" "$mnt/.sievefs"; }
write_it() { # NAME MEGABYTES
	dd if=/dev/zero of="$mnt/$1" bs=1M count="$2" 2>/dev/null || fail "cannot write $1"
}

# What a mount has no threads for
began='can be changed only if the mount started with'
mount_it -o log=info
refused "dirty_expire: $began dirty_expire, dirty_background or dirty_max" log=debug dirty_expire=1s
refused "dirty_max: $began" dirty_max=1G
set_it dirty_max=kernel # the value that it has
unmount_it
mount_it -o dirty_expire=10m
refused "dirty_max: $began dirty_max" dirty_expire=1m dirty_max=1G

# By age and by amount: 10 minutes pass by nobody, so what is started is started by the new threshold
write_it age0 4
sleep 0.3
[ "$(figure started_bytes)" = 0 ] || fail "written back before its time"
tries=0
while [ "$(figure started_bytes)" = 0 ]; do # others may have had all written back
	[ $((tries += 1)) -le 5 ] || fail "dirty_expire=100ms has no effect"
	set_it dirty_expire=10m
	write_it age$tries 4 # a new name: ext4 writes a file back that was emptied before
	set_it dirty_expire=100ms dirty_writeback=50ms
	sleep 1
done
set_it dirty_expire=10m dirty_writeback=kernel
sleep 0.3
started=$(figure started_bytes)
tries=0
while [ "$(figure started_bytes)" = "$started" ]; do
	[ $((tries += 1)) -le 5 ] || fail "dirty_background=1M has no effect"
	set_it dirty_background=kernel
	write_it amount$tries 4
	set_it dirty_background=1M
	sleep 1
done
refused 'dirty_writeback: takes' dirty_expire=kernel dirty_background=kernel dirty_writeback=1s
unmount_it

# Who writes waits
mount_it -o dirty_max=4G
write_it free 8
[ "$(figure throttled)" = 0 ] || fail "a writer waited"
refused 'dirty_background=2G and dirty_max=1M: ' dirty_background=2G dirty_max=1M
set_it dirty_max=1M
tries=0
while [ "$(figure throttled)" = 0 ]; do
	[ $((tries += 1)) -le 5 ] || fail "dirty_max=1M has no effect"
	write_it waits$tries 8
done
set_it dirty_max=kernel dirty_expire=10m
throttled=$(figure throttled)
write_it free 8
[ "$(figure throttled)" = "$throttled" ] || fail "a writer waited without dirty_max"

# Under load
head -c 3000000 /dev/urandom >"$work/random"
(while :; do
	for i in 1 2 3; do cp "$work/random" "$mnt/$i" && cmp "$work/random" "$mnt/$i" || echo "$i" >>"$work/failed"; done
done) >/dev/null 2>&1 &
load=$!
until=$(($(date +%s) + 3))
while [ "$(date +%s)" -lt $until ]; do
	set_it dirty_max=1M dirty_background=kernel dirty_expire=100ms dirty_writeback=10ms
	set_it dirty_max=64M dirty_background=1M dirty_expire=kernel dirty_writeback=kernel
	set_it dirty_max=kernel dirty_background=kernel
done
kill "$load"
wait "$load" 2>/dev/null || true
load=
[ ! -e "$work/failed" ] || fail "wrong bytes while options changed: $(sort "$work/failed" | uniq -c)"
set_it dirty_max=4G
write_it last 1
! grep -i 'error\|sanitizer' "$work/log" || fail "the daemon complains"
echo "all is as it was set"
