#!/bin/sh
# sievectl trace of a live mount: what is recorded is replayed, open for open; who may, what is refused, how it ends,
# and what a recorder that does not keep up says.
#
# usage: test_trace_live.sh SIEVEFS SIEVECTL REPLAY
set -eu
. "$(dirname "$(readlink -f "$0")")/../support/live.sh"

sievefs=$(readlink -f "$1")
sievectl=$(readlink -f "$2")
replay=$(readlink -f "$3")
needs python3

make_work trace
recorder=
clean_up_test() { [ -z "$recorder" ] || kill -9 "$recorder" 2>/dev/null || true; }
for i in $(seq 0 29); do head -c "$((i * 1000 + 1))" /dev/zero >"$work/src/$i"; done

mount_it

start_recorder() { # FILE
	rm -f "$1"
	"$sievectl" trace "$work/mnt" start "$1" >"$work/said" 2>"$work/error" &
	recorder=$!
	for _ in $(seq 100); do
		[ -e "$1" ] && return
		sleep 0.05
	done
	fail "does not begin: $(cat "$work/error")"
}

await_recorder() {
	wait "$recorder" || fail "the recorder fails: $(cat "$work/error")"
	recorder=
}

opens() { # COUNT
	python3 - "$work/mnt" "$1" <<'END'
import os, sys, threading
def some(first, count):
    for i in range(first, first + count):
        os.close(os.open(f"{sys.argv[1]}/{i * 7 % 30}", os.O_RDONLY))
count = int(sys.argv[2]) // 4
threads = [threading.Thread(target=some, args=(i * count, count)) for i in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
END
}

# Stopped by another, with whom the figures agree
opens 40
start_recorder "$work/trace"
opens 1000
for i in 3 4 5; do echo x >>"$work/mnt/$i"; done
echo new >"$work/mnt/new"
ls "$work/mnt" >/dev/null
if "$sievectl" trace "$work/mnt" start "$work/second" 2>"$work/error2"; then fail "two record at a time"; fi
grep -qx 'sievectl: trace: another one is being recorded' "$work/error2" || fail "a second: $(cat "$work/error2")"
[ ! -e "$work/second" ] || fail "a refused recording makes a file"
"$sievectl" trace "$work/mnt" stop >"$work/stopped" || fail "stop"
grep -qx '1004 records, 0 lost' "$work/stopped" || fail "stop says: $(cat "$work/stopped")"
await_recorder
grep -qx '1000 opens and 4 changes recorded, 0 lost' "$work/said" || fail "start says: $(cat "$work/said")"
opens 40
[ "$(stat -c %s "$work/trace")" = $((8 + 24 * 1004)) ] || fail "the file has $(stat -c %s "$work/trace") bytes"
"$replay" --json --sizes=64M "$work/trace" >"$work/replayed" || fail "it can't be replayed"
python3 - "$work/replayed" "$work/trace" <<'END' || fail "it is replayed as something else: $(cat "$work/replayed")"
import json, struct, sys
replayed = json.load(open(sys.argv[1]))[0]
data = open(sys.argv[2], "rb").read()[8:]
records = [struct.unpack_from("<QQQ", data, i) for i in range(0, len(data), 24)]
sizes = {}
for _, file, rest in records:
    if rest & 255 == 0:
        sizes.setdefault(file, set()).add(rest >> 8)
if sorted(max(size) for size in sizes.values()) != [i * 1000 + 1 for i in range(30)]:
    sys.exit(f"other files: {sizes}")
if [time for time, _, _ in records] != sorted(time for time, _, _ in records):
    sys.exit("time falls")
if (replayed["requests"], replayed["objects"]) != (1000, 30):
    sys.exit("other opens")
END
if "$sievectl" trace "$work/mnt" stop 2>"$work/error2"; then fail "stops what does not run"; fi
grep -qx 'sievectl: trace stop: nothing is being recorded' "$work/error2" || fail "stop again: $(cat "$work/error2")"

# Stopped by a signal
start_recorder "$work/trace"
opens 20
kill -TERM "$recorder"
await_recorder
grep -qx '20 opens and 0 changes recorded, 0 lost' "$work/said" || fail "a signal: $(cat "$work/said")"

# A recorder that does not keep up
start_recorder "$work/trace"
kill -STOP "$recorder"
opens 50000
kill -CONT "$recorder"
"$sievectl" trace "$work/mnt" stop >"$work/stopped" || fail "stop after losses"
await_recorder
got=$(sed -n 's/^\([0-9]*\) opens .*/\1/p' "$work/said")
lost=$(sed -n 's/.* \([0-9]*\) lost$/\1/p' "$work/said")
[ "$lost" -gt 0 ] && [ $((got + lost)) = 50000 ] || fail "after losses: $(cat "$work/said")"
grep -qx "$got records, $lost lost" "$work/stopped" || fail "stop after losses says: $(cat "$work/stopped")"

# What is refused
for words in "" "start" "stop now" "start a b" "begin"; do
	# shellcheck disable=SC2086
	if "$sievectl" trace "$work/mnt" $words 2>"$work/error2"; then fail "takes $words"; fi
	grep -qx 'sievectl: trace: takes start FILE, or stop' "$work/error2" || fail "$words: $(cat "$work/error2")"
done
if "$sievectl" trace "$work/mnt" start "$work/none/trace" 2>"$work/error2"; then fail "writes nowhere"; fi
grep -qx "sievectl: $work/none/trace: No such file or directory" "$work/error2" || fail "nowhere: $(cat "$work/error2")"
if command -v setpriv >/dev/null; then
	for words in "start /dev/null" "stop"; do
		# shellcheck disable=SC2086
		if setpriv --reuid 65534 --regid 65534 --clear-groups "$sievectl" trace "$work/mnt" $words 2>"$work/error2"; then
			fail "another user may $words"
		fi
		grep -q 'only root and the owner of the mount may ask for this$' "$work/error2" ||
			fail "another user gets: $(cat "$work/error2")"
	done
fi

# The mount's end
start_recorder "$work/trace"
opens 8
sleep 0.3
kill_daemon
await_recorder
[ "$(stat -c %s "$work/trace")" = $((8 + 24 * 8)) ] || fail "the mount's end leaves $(stat -c %s "$work/trace") bytes"
echo "all opens are recorded"
