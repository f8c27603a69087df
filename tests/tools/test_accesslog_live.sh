#!/bin/sh
# sievectl accesslog of a live mount: what its lines say, what it says of lines that were lost, who may read it, and
# how it ends.
#
# usage: test_accesslog_live.sh SIEVEFS SIEVECTL
set -eu
. "$(dirname "$(readlink -f "$0")")/../support/live.sh"

sievefs=$(readlink -f "$1")
sievectl=$(readlink -f "$2")
needs python3

make_work accesslog
reader=
clean_up_test() { [ -z "$reader" ] || kill -9 "$reader" 2>/dev/null || true; }
mkdir "$work/src/a dir"
echo bytes >"$work/src/a dir/file"

mount_it -o passthrough=off,negative_timeout=0

# The reader listens when an operation shows up.
start_reader() {
	"$sievectl" accesslog "$work/mnt" >"$work/lines" 2>"$work/error" &
	reader=$!
	for _ in $(seq 100); do
		stat "$work/mnt/begins" 2>/dev/null || true
		grep -q ' lookup /begins ENOENT ' "$work/lines" && return
		sleep 0.05
	done
	fail "nothing is shown: $(cat "$work/error")"
}

await_line() { # PATTERN
	for _ in $(seq 50); do
		grep -Eq "$1" "$work/lines" && return
		sleep 0.1
	done
	fail "no line like $1 in: $(cat "$work/lines")"
}

start_reader
time='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}Z'
python3 - "$work/mnt" >"$work/pid" <<'END'
import os, sys
mnt = sys.argv[1]
fd = os.open(f"{mnt}/a dir/file", os.O_RDONLY)
os.read(fd, 100)
os.close(fd)
os.mkdir(f"{mnt}/new\tdir\\")
for call in (lambda: os.stat(f"{mnt}/a dir/none"), lambda: os.rmdir(f"{mnt}/a dir")):
    try:
        call()
    except OSError:
        pass
print(os.getpid())
END
pid=$(cat "$work/pid")
seconds='[0-9]+\.[0-9]{9}'
await_line "^$time $pid open /a\\\\040dir/file 0 $seconds\$"
await_line "^$time $pid read /a\\\\040dir/file 6 $seconds\$"
await_line "^$time [0-9]+ release /a\\\\040dir/file 0 $seconds\$"
await_line "^$time $pid mkdir /new\\\\011dir\\\\134 0 $seconds\$"
await_line "^$time $pid lookup /a\\\\040dir/none ENOENT $seconds\$"
await_line "^$time $pid rmdir /a\\\\040dir ENOTEMPTY $seconds\$"
now=$(date -u +%s)
then=$(date -u +%s -d "$(grep -m 1 ' mkdir ' "$work/lines" | cut -d' ' -f1)")
[ "$((now - then))" -ge 0 ] && [ "$((now - then))" -lt 60 ] || fail "a line of $then at $now"
# It would feed on itself otherwise.
if grep -Eq ' (read|write|release) (\?|/\.sievefs) ' "$work/lines"; then fail "shows its own requests"; fi
sleep 0.5
[ "$(grep -c . "$work/lines")" -lt 200 ] || fail "shows more than was done"

# A reader that does not keep up
kill -STOP "$reader"
python3 - "$work/mnt" <<'END'
import os, sys
for i in range(40000):
    try:
        os.stat(f"{sys.argv[1]}/gone{i}")
    except FileNotFoundError:
        pass
END
kill -CONT "$reader"
await_line '^# [0-9]+ lines lost$'
stat "$work/mnt/last" 2>/dev/null || true
await_line ' lookup /last ENOENT '
python3 - "$work/lines" <<'END' || fail "lines and losses are not what was done"
import re, sys
lines = open(sys.argv[1]).read().splitlines()  # a request for the root may be among those lost
shown = [int(n) for n in re.findall(r" lookup /gone(\d+) ENOENT ", "\n".join(lines))]
lost = sum(int(n) for n in re.findall(r"^# (\d+) lines lost$", "\n".join(lines), re.M))
if shown != sorted(shown) or not 5000 < len(shown) < 40000 or not 0 <= len(shown) + lost - 40000 < 20:
    sys.exit(f"{len(shown)} shown, {lost} lost")
bad = [line for line in lines if len(line.split()) != 6 and not line.startswith("# ")]
if bad:
    sys.exit(f"no line: {bad[0]}")
END

# Its end: Ctrl-C; nobody who reads; the mount's
kill -INT "$reader" # a shell's background job ignores it
kill "$reader"
wait "$reader" 2>/dev/null || true
reader=
"$sievectl" accesslog "$work/mnt" | head -n 1 >/dev/null &
reader=$!
for _ in $(seq 50); do
	kill -0 "$reader" 2>/dev/null || break
	stat "$work/mnt/head" >/dev/null 2>&1 || true
	sleep 0.1
done
if kill -0 "$reader" 2>/dev/null; then fail "goes on without a reader"; fi
reader=

# Owner and root only
if command -v setpriv >/dev/null; then
	if setpriv --reuid 65534 --regid 65534 --clear-groups "$sievectl" accesslog "$work/mnt" 2>"$work/error"; then
		fail "another user may read it"
	fi
	grep -qx 'sievectl: accesslog: only root and the owner of the mount may ask for this' "$work/error" ||
		fail "another user gets: $(cat "$work/error")"
fi

start_reader
kill_daemon
for _ in $(seq 50); do
	kill -0 "$reader" 2>/dev/null || break
	sleep 0.1
done
if kill -0 "$reader" 2>/dev/null; then fail "goes on after the mount's end"; fi
wait "$reader" || fail "the mount's end makes it fail: $(cat "$work/error")"
reader=
echo "the log is right"
