#!/bin/sh
# What one machine wrote and closed, the other sees at its next open: single cases, and random operations that are
# checked against an oracle.
#
# usage: test_coherence.sh SIEVEFS SIEVECTL SYSTEM CASES COHERENCE [ARGUMENT…]
# ARGUMENTs are passed to COHERENCE; with --bare, the first one, all runs on the clients' mounts, without sievefs.
set -eu
. "$(dirname "$(readlink -f "$0")")/cluster.sh"

cluster_begin coherence "$@"
cases=$(readlink -f "$4")
coherence=$(readlink -f "$5")
shift 5
bare=
[ "${1-}" != --bare ] || { bare=yes && shift; }

# How long a file must have been left alone before it is copied, for the system's time stamps to tell versions apart:
# the ticks of the brick's disk, or whole seconds.
case $system in
gluster) settle=50ms quiet=400 pause=8000 late= ;;
# Its master has the time of an overwrite a moment after the chunk servers have its bytes: a copy of the file as it was is
# used until then.
moosefs) settle=2s quiet=4000 pause=20000 late=late ;;
esac

cluster_start
if [ -n "$bare" ]; then
	mkdir "$work/net/a/files" "$work/net/a/cases"
	"$cases" "$work/net/a/cases" "$work/net/b/cases" bare || fail "cases, without sievefs"
	"$coherence" "$work/net/a/files" "$work/net/b/files" --quiet=$quiet --pause=$pause "$@" || fail "without sievefs"
	exit 0
fi
mount_both() { # OPTIONS
	for machine in a b; do
		# names and attributes are asked for each time, as the clients do
		cluster_mount $machine -o "admit=1,settle=$settle,small_max=256K,large_min=1M,attr_timeout=0,entry_timeout=0,$1"
	done
}
unmount_both() { for machine in a b; do cluster_unmount $machine; done; }

# Where nothing is passed through, all that is read is opened by the daemon alone.
mount_both large=direct,passthrough=off
mkdir "$work/a/served"
"$cases" "$work/a/served" "$work/b/served" $late || fail "cases, without passthrough"
unmount_both

mount_both large=direct
mkdir "$work/a/cases" "$work/a/files"
"$cases" "$work/a/cases" "$work/b/cases" $late || fail "cases"
# Each random operation would have to wait for the late times.
if [ -n "$late" ]; then
	unmount_both
	exit 0
fi
"$coherence" "$work/a/files" "$work/b/files" --quiet=$quiet --pause=$pause "$@" ||
	fail "a: $(tail -n 3 "$work/log.sievefs.a") b: $(tail -n 3 "$work/log.sievefs.b")"

# Of what is not cached, it says nothing
for machine in a b; do
	cluster_stat $machine '"%s: %d hits, %d misses, %d copies made, %d found stale, %d direct opens" % ("'$machine'",
		s["cache"]["hits"], s["cache"]["misses"], s["cache"]["fills"], s["cache"]["stale"], s["lanes"]["direct"]["opens"])'
	cluster_stat $machine 's["cache"]["hits"] > 100 and s["cache"]["stale"] > 10 and s["lanes"]["direct"]["opens"] > 10' |
		grep -q True || fail "hardly anything was cached and changed, or large, on $machine"
	cluster_unmount $machine
done
