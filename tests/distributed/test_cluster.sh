#!/bin/sh
# Tests of the cluster that the other tests use: two machines see the same files, requests are counted, servers can be
# slowed, stopped, killed and started again.
#
# usage: test_cluster.sh SIEVEFS SIEVECTL SYSTEM
set -eu
. "$(dirname "$(readlink -f "$0")")/cluster.sh"

cluster_begin cluster "$@"
cluster_start
cluster_mount a -o admit=1,settle=0
cluster_mount b -o admit=1,settle=0

# What one machine wrote and closed, the other sees at its next open
echo first >"$work/a/file"
[ "$(cat "$work/b/file")" = first ] || fail "b does not see the new file"
echo another >"$work/b/file"
[ "$(cat "$work/a/file")" = another ] || fail "a does not see what b wrote"
[ "$(cat "$work/net/b/file")" = another ] || fail "it is not in the source"

# Requests are counted
cluster_requests >/dev/null
for i in $(seq 20); do cat "$work/net/a/file" >/dev/null; done
opened=$(cluster_request_count)
[ "$opened" -ge 20 ] || fail "20 opens made $opened requests"
idle=$(cluster_request_count)
[ "$idle" -lt 20 ] || fail "nothing made $idle requests"

# A slow server
seconds() { # COMMAND…: how long it takes
	seconds_start=$(date +%s%N)
	"$@" >/dev/null || fail "$*"
	echo "$((($(date +%s%N) - seconds_start) / 1000000))"
}
cluster_delay 100
slow=$(seconds sh -c 'for i in 1 2 3; do cat "$1"; done' sh "$work/net/b/file")
[ "$slow" -ge 200 ] || fail "with a delay of 100 ms three opens and reads take $slow ms"
cluster_delay 0
quick=$(seconds cat "$work/net/b/file")
[ "$quick" -lt 100 ] || fail "without a delay an open and read takes $quick ms"

# A server that answers no more, and goes on; a client's FUSE request can't be interrupted
cluster_stop_brick
cat "$work/net/a/file" >"$work/late" &
late=$!
sleep 0.5
[ ! -s "$work/late" ] || fail "a server that was stopped answers"
cluster_continue_brick
wait $late || fail "a reader that waited for a server fails"
[ "$(cat "$work/late")" = another ] || fail "a reader that waited for a server reads $(cat "$work/late")"
[ "$(timeout 10 cat "$work/a/file")" = another ] || fail "a server that goes on does not answer"

# A server that is gone, and back
cluster_kill_brick
(cat "$work/net/a/file" >"$work/gone" 2>/dev/null || true) &
gone=$!
sleep 0.5
[ ! -s "$work/gone" ] || fail "a server that was killed answers"
cluster_start_brick
cluster_wait_client a
cluster_wait_client b
wait $gone
[ "$(cat "$work/b/file")" = another ] || fail "the file is gone"
echo third >"$work/a/file"
[ "$(cat "$work/b/file")" = third ] || fail "b does not see what a wrote"

cluster_unmount a
cluster_unmount b
echo "two machines, one $system: opens $opened, idle $idle requests; slow $slow, quick $quick ms"
