#!/bin/sh
# Data that fsync acknowledged is there, whichever process was killed meanwhile: the servers, the client daemon,
# sievefs. It is written through sievefs on one machine, in the lanes plain and direct, and read on the other one
# without sievefs.
#
# usage: test_kill.sh SIEVEFS SIEVECTL SYSTEM [ROUNDS]
set -eu
. "$(dirname "$(readlink -f "$0")")/cluster.sh"
here=$(dirname "$(readlink -f "$0")")

cluster_begin kill "$@"
needs python3
python=$(python3 -c 'import sys; print(sys.executable)') # itself, not what chooses one
rounds=${4:-1}
cluster_start
printf '[direct]\npath = /direct*\nlane = direct\n' >"$work/rules"

mount_a() { cluster_mount a -o settle=0,rules="$work/rules"; }

remount_a() {
	cluster_end sievefs.a KILL
	umount -l "$work/a" 2>/dev/null || true
	mount_a
}

kill_and_restart() { # WHAT
	case $1 in
	brick)
		cluster_kill_brick
		sleep 0.3
		cluster_start_brick
		;;
	client)
		cluster_end_client a
		sleep 0.3
		cluster_client a
		remount_a
		;;
	sievefs) remount_a ;;
	esac
}

# At least a few of each, or the kill met nobody
enough() { [ "$(wc -l <"$work/book.plain")" -ge 5 ] && [ "$(wc -l <"$work/book.direct")" -ge 5 ]; }

mount_a
total=0
for round in $(seq "$rounds"); do
	for what in sievefs client brick; do
		rm -f "$work"/book.*
		writers=
		for lane in plain direct; do
			"$python" "$here/kill_writer.py" write "$work/a/$lane.$what.$round" "$work/book.$lane" 2>"$work/said.$lane" &
			writers="$writers $!"
		done
		cluster_until 30 enough || fail "no writers: $(cat "$work"/said.*)"
		for writer in $writers; do
			kill -0 "$writer" 2>/dev/null || fail "a writer ended before anything was killed: $(cat "$work"/said.*)"
		done
		kill_and_restart $what
		cluster_wait_client a
		cluster_wait_client b
		# not waited for: one that is in fsync ends with it
		for writer in $writers; do kill -KILL "$writer" 2>/dev/null || true; done
		for lane in plain direct; do
			found=$("$python" "$here/kill_writer.py" check "$work/net/b/$lane.$what.$round" "$work/book.$lane") ||
				fail "$what killed: lost"
			total=$((total + found))
		done
	done
done
echo "$system: $((3 * rounds)) kills, $total records of 4K were acknowledged, none is lost"
