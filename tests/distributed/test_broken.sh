#!/bin/sh
# SOURCE that is slow, does not answer, or is gone: requests that need nothing of it are answered, the others fail with
# SOURCE's own errors, and all goes on when it is back, without a new mount.
#
# usage: test_broken.sh SIEVEFS SIEVECTL SYSTEM
set -eu
. "$(dirname "$(readlink -f "$0")")/cluster.sh"
here=$(dirname "$(readlink -f "$0")")

cluster_begin broken "$@"
needs python3
python=$(python3 -c 'import sys; print(sys.executable)') # itself, not what chooses one
cluster_start
options=admit=1,settle=0,revalidate=1h,entry_timeout=3600,attr_timeout=3600
readers_count=100 # readers at a time: more than threads

# Within SECONDS, and what it prints
within() { # SECONDS WHAT COMMAND…
	within_seconds=$1
	within_what=$2
	shift 2
	timeout -s KILL "$within_seconds" "$@" || fail "$within_what: not within $within_seconds s ($?)" >&2
}

served() { # WHEN: what is cached and within revalidate
	[ "$(within 10 "$1, a cached file" cat "$work/a/hot")" = hot ] || fail "$1: another content"
	within 10 "$1, fstat, read and mmap" "$python" - "$work/a/hot" "$work/a/other" <<-'PYTHON'
		import mmap, os, sys
		for path in sys.argv[1:]:
		    fd = os.open(path, os.O_RDONLY)
		    size = os.fstat(fd).st_size
		    with mmap.mmap(fd, size, prot=mmap.PROT_READ) as mapped:
		        assert mapped[:] == os.pread(fd, size, 0), path
		    assert os.stat(path).st_size == size
	PYTHON
	within 10 "$1, sievectl stat" "$sievectl" stat "$work/a" >/dev/null
}

unasked() { "$sievectl" stat "$work/a" | awk '$1 == "unasked" { print $2 }'; }
is_unasked() { # FILE: whether opening it asks nobody
	before=$(unasked)
	cat "$1" >/dev/null
	[ "$(unasked)" -gt "$before" ]
}

still() { kill -0 "$1" 2>/dev/null; } # PID
gone() { ! still "$1"; } # PID

echo hot >"$work/net/a/hot"
echo other >"$work/net/a/other"
mkdir "$work/net/a/cold"
for i in $(seq $readers_count); do echo "cold $i" >"$work/net/a/cold/$i"; done
echo unread >"$work/net/a/cold/unread"
cluster_mount a -o $options
# What other tests drop is names as well, which would have to be asked for
exec 9>>/proc/sys/vm/drop_caches && flock -s 9
for file in hot other; do
	cluster_until 20 is_unasked "$work/a/$file" || fail "$file is not used without asking"
done
ls "$work/a/cold" >/dev/null
sleep 3 # descriptors that nobody uses are closed by then

# It does not answer: more readers than the daemon has threads wait for it
cluster_stop_brick
served "stopped"
readers=
for i in $(seq $readers_count); do
	cat "$work/a/cold/$i" >"$work/read.$i" 2>&1 &
	readers="$readers $!"
done
sleep 1.2
for i in 1 $readers_count; do [ ! -s "$work/read.$i" ] || fail "a server that was stopped answers"; done
served "with $readers_count that wait"
# A reader that was killed is let go, whether a thread has its request or none has
for reader in $(echo "$readers" | awk '{ print $1, $2, $(NF - 1), $NF }'); do kill -KILL "$reader"; done
for reader in $(echo "$readers" | awk '{ print $1, $2, $(NF - 1), $NF }'); do
	cluster_until 4 gone "$reader" || fail "a reader that was killed waits on"
	wait "$reader" || true
done
# It answers, after more than 2 s, and nobody has noticed more than that
cluster_continue_brick
for reader in $readers; do wait "$reader" || true; done
for i in $(seq 3 $((readers_count - 2))); do
	[ "$(cat "$work/read.$i")" = "cold $i" ] || fail "a reader that waited reads $(cat "$work/read.$i")"
done
[ "$(within 10 "an answer" cat "$work/a/cold/1")" = "cold 1" ] || fail "it answers wrong"

# It is gone: the same errors as without sievefs, on each lane, and what is cached is still there
for lane in plain direct; do
	printf '[%s]\npath = /ops-%s/**\nlane = %s\n' $lane $lane $lane
done >"$work/rules"
cluster_mount b -o $options,rules="$work/rules"
for ops in bare plain direct; do
	mkdir "$work/net/a/ops-$ops"
	head -c 10000 /dev/zero >"$work/net/a/ops-$ops/read" # there: what b's page cache has needs no server
done
ops() { # NAME DIRECTORY
	"$python" "$here/broken_ops.py" "$2" "$work/ready.$1" "$work/go" >"$work/said.$1" 2>&1 &
}
ops bare "$work/net/b/ops-bare"
ops plain "$work/b/ops-plain"
ops direct "$work/b/ops-direct"
for ops in bare plain direct; do
	cluster_until 20 [ -e "$work/ready.$ops" ] || fail "no operations $ops: $(cat "$work/said.$ops")"
done
cluster_kill_brick
sleep 0.5
touch "$work/go"
for ops in bare plain direct; do
	cluster_until 20 grep -q '^end$' "$work/said.$ops" || fail "operations $ops: $(cat "$work/said.$ops")"
done
for ops in plain direct; do
	# MooseFS's client keeps a write, or waits with it
	for said in bare $ops; do
		sed -e 's/^\(write to an open file\): ok$/\1: waits/' "$work/said.$said" >"$work/compared.$said"
	done
	diff "$work/compared.bare" "$work/compared.$ops" >"$work/differs" || fail "bare and $ops differ: $(cat "$work/differs")"
done
served "gone"
cluster_start_brick
cluster_wait_client a
cluster_wait_client b
[ "$(within 10 "when it is back" cat "$work/a/cold/1")" = "cold 1" ] || fail "it is back and answers wrong"
within 10 "a new file" sh -c 'echo new >"$1"' sh "$work/b/new"
[ "$(within 10 "the new file" cat "$work/a/new")" = new ] || fail "the new file is another"
cluster_until 20 umount "$work/b" || fail "umount of b" # the operations end only now
wait "$(cluster_pid sievefs.b)" || fail "the daemon of b ends with $?: $(cat "$work/log.sievefs.b")"
rm "$work/pid.sievefs.b"

# It does not answer, and the mount is taken away: umount asks for the mount point
cluster_stop_brick
cat "$work/a/cold/unread" >/dev/null 2>&1 &
reader=$!
sleep 0.2
[ -z "$(timeout 10 umount "$work/a" 2>&1 >/dev/null | grep -v busy)" ] || fail "umount does not say that it is busy"
kill -KILL $reader
cluster_until 4 gone $reader || fail "the last reader waits on"
within 10 "umount" umount "$work/a"
! mountpoint -q "$work/a" || fail "it is still mounted"
cluster_continue_brick
cluster_until 10 gone "$(cluster_pid sievefs.a)" || fail "the daemon does not end when SOURCE is back"
wait "$(cluster_pid sievefs.a)" || fail "the daemon ends with $?: $(cat "$work/log.sievefs.a")"
rm "$work/pid.sievefs.a"
echo "$system: while it is gone: $(tr '\n' ',' <"$work/said.bare")"
