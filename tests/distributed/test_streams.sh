#!/bin/sh
# Sequential reads and writes cause no more requests through sievefs than without it, except for a few.
#
# usage: test_streams.sh SIEVEFS SIEVECTL SYSTEM
set -eu
. "$(dirname "$(readlink -f "$0")")/cluster.sh"

cluster_begin streams "$@"
cluster_start
cluster_mount a

requests_of() { # COMMAND…
	cluster_requests >"$work/before"
	"$@" || fail "$*"
	cluster_requests >"$work/asked"
	awk '{ n += $2 } END { print n + 0 }' "$work/asked"
}

compare() { # WHAT BARE OURS MORE
	[ "$3" -le $(($2 + $4)) ] || fail "$1: $2 requests without sievefs, $3 through it: $(tr '\n' ' ' <"$work/asked")"
}

write_pieces() { dd if=/dev/zero of="$1" bs=64k count=64 status=none; } # FILE: still a small one
bare=$(requests_of write_pieces "$work/net/a/bare")
ours=$(requests_of write_pieces "$work/a/ours")
compare "64 writes" "$bare" "$ours" 32

read_whole() { dd if="$1" of=/dev/null bs=1M status=none; } # FILE
dd if=/dev/zero of="$work/net/b/large" bs=1M count=64 status=none
bare_read=$(requests_of read_whole "$work/net/a/large")
dd if="$work/net/a/large" iflag=nocache count=0 status=none
ours_read=$(requests_of read_whole "$work/a/large")
compare "a stream that is read" "$bare_read" "$ours_read" 32

cluster_unmount a
echo "$system: 64 writes make $bare requests, $ours through sievefs; a stream of 64M that is read $bare_read and $ours_read"
