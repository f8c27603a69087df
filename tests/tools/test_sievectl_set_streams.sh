#!/bin/sh
# sievectl set of what makes a stream, and how far it is read ahead, around the page cache; and of the window
# of streams in it.
#
# usage: test_sievectl_set_streams.sh SIEVEFS SIEVECTL
set -eu
. "$(dirname "$(readlink -f "$0")")/../support/live.sh"

sievefs=$(readlink -f "$1")
sievectl=$(readlink -f "$2")
load=
clean_up_test() { [ -z "$load" ] || kill $load 2>/dev/null || true; }
make_work set
[ "$(stat -f -c %T "$work/src")" != tmpfs ] || skip "needs a file system with a disk"
head -c 8388608 /dev/urandom >"$work/src/large"

mount_it -o small_max=64K,large_min=1M,large=direct,stream_after=1G,stream_gap=0

set_it() { "$sievectl" set "$mnt" "$@" || fail "set $*"; }
streams() { sed -n '/^I\/O engine of the lane direct/,/^$/s/^streams  *\([0-9]*\) .*/\1/p' "$mnt/.sievefs"; }
found() { # NUMBER WHAT
	[ "$(streams)" = "$1" ] || fail "$2: $(streams) streams were found, not $1"
}

dd if="$mnt/large" of=/dev/null bs=64K 2>/dev/null
found 0 'in order, stream_after=1G'
set_it stream_after=256K
dd if="$mnt/large" of=/dev/null bs=64K 2>/dev/null
found 1 'in order, stream_after=256K'

# A reader who skips some pages, never as many as before
read_with_gaps() {
	for pages in 7 9 8 11 10 12 9 7 13 8 10 7 9 12 11 8; do
		dd bs=4K count=1 skip=$pages of=/dev/null 2>/dev/null
	done <"$mnt/large"
}
set_it stream_after=64K
read_with_gaps
found 1 'with gaps, stream_gap=0'
set_it stream_gap=128K
read_with_gaps
found 2 'with gaps, stream_gap=128K'

# In a file that is open
set_it stream_after=1G
{
	dd bs=64K count=16 of=/dev/null
	found 2 'open, stream_after=1G'
	set_it stream_after=128K
	dd bs=64K count=16 of=/dev/null
	found 3 'open, stream_after=128K'
} <"$mnt/large" 2>/dev/null

# How far streams are read ahead
readahead() { sed -n '/^I\/O engine of the lane direct/,/^$/s/^readahead_bytes  *\([0-9]*\) .*/\1/p' "$mnt/.sievefs"; }
read_ahead() { # prints the bytes that reading the file once brought so
	sync "$work/src/large"
	dd if="$work/src/large" iflag=nocache count=0 2>/dev/null # what is in the page cache is read there
	before=$(readahead)
	dd if="$mnt/large" of=/dev/null bs=64K 2>/dev/null
	echo $(($(readahead) - before))
}
is_read_ahead() { # a stream also tries to do without, and a file that was just written is read straight
	for _ in $(seq 50); do
		[ "$(read_ahead)" -lt 1000000 ] || return 0
		sleep 0.1
	done
	fail "nothing is read ahead $1"
}
is_read_ahead 'by default'
set_it direct_readahead=0
for _ in 1 2 3 4 5; do
	bytes=$(read_ahead)
	[ "$bytes" = 0 ] || fail "direct_readahead=0, and $bytes bytes are read ahead"
done
set_it direct_readahead=2M direct_depth=2
is_read_ahead 'with direct_readahead=2M'
if "$sievectl" set "$mnt" direct_depth=65 2>"$work/error"; then fail "direct_depth=65"; fi

# Under load
(while :; do cmp "$work/src/large" "$mnt/large" || echo large >>"$work/failed"; done) >/dev/null 2>&1 &
load=$!
until=$(($(date +%s) + 2))
while [ "$(date +%s)" -lt $until ]; do
	set_it stream_after=1G stream_gap=0 direct_readahead=0
	set_it direct_readahead=8M direct_depth=64
	set_it stream_after=0 stream_gap=1M direct_readahead=1M direct_depth=1
done
kill "$load"
wait "$load" 2>/dev/null || true
load=
[ ! -e "$work/failed" ] || fail "wrong bytes while options changed"
! grep -i 'error\|sanitizer' "$work/log" || fail "the daemon complains"
umount "$mnt" 2>/dev/null || umount -l "$mnt" # what the load started may still read
wait "$daemon" 2>/dev/null || true
daemon=

# The window of a trailed stream, which the kernel reads
if ! command -v fincore >/dev/null; then
	echo "all is as it was set; stream_window is not looked at, for want of fincore"
	exit
fi
head -c 67108864 /dev/zero >"$work/src/stream"
sync "$work/src/stream"
mount_it -o small_max=64K,large_min=1M,large=trail,direct_memory=256M,stream_window=256M
grep -q '^large_used  *trailed' "$mnt/.sievefs" || { echo "all is as it was set; nothing is trailed here"; exit; }
read_slowly() { # MEGABYTES
	for _ in $(seq $(($1 / 4))); do
		dd bs=1M count=4 of=/dev/null 2>/dev/null
		sleep 0.02
	done
}
resident() { fincore -b -n -o RES "$work/src/stream" | tr -d ' '; }
before=0
for _ in 1 2 3 4 5; do # others may have dropped all meanwhile
	dd if="$work/src/stream" iflag=nocache count=0 2>/dev/null
	exec 3<"$mnt/stream"
	read_slowly 32 <&3
	before=$(resident)
	[ "$before" -lt 30000000 ] || break
	exec 3<&-
	sleep 1
done
[ "$before" -ge 30000000 ] || fail "stream_window=256M, and $before bytes stay"
set_it stream_window=2M
read_slowly 32 <&3
for _ in $(seq 50); do
	[ "$(resident)" -gt 30000000 ] || break
	sleep 0.1
done
[ "$(resident)" -le 30000000 ] || fail "stream_window=2M, and $(resident) bytes of 64M stay"
exec 3<&-
echo "all is as it was set"
