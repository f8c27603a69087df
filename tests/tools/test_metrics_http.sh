#!/bin/sh
# The option metrics on live mounts: what is served at a socket and at a port, who may ask, and refusals, which are the
# mounting program's error.
#
# usage: test_metrics_http.sh SIEVEFS SIEVECTL
set -eu

skip() { echo "skipped: $1"; exit 77; }
fail() { echo "FAILED: $1"; exit 1; }

here=$(dirname "$(readlink -f "$0")")
sievefs=$(readlink -f "$1")
sievectl=$(readlink -f "$2")
[ "$(id -u)" = 0 ] || skip "needs root"
[ -c /dev/fuse ] || skip "needs /dev/fuse"
command -v python3 >/dev/null || skip "needs python3"

work=$(mktemp -d /tmp/sievefs-http-XXXXXX)
holder=
clean_up() {
	for mnt in "$work/mnt" "$work/other"; do
		umount "$mnt" 2>/dev/null || umount -l "$mnt" 2>/dev/null || true
	done
	[ -z "$holder" ] || kill "$holder" 2>/dev/null || true
	rm -rf "$work"
}
trap clean_up EXIT
chmod 755 "$work"
mkdir -p "$work/src" "$work/mnt" "$work/other"
head -c 100000 /dev/urandom >"$work/src/file"

mount_at() { # MOUNTPOINT ADDRESS: in the background, as mount(8) does
	"$sievefs" -o "cache_size=64M,admit=1,settle=0,log=error${2:+,metrics=$2}" "$work/src" "$1" 2>"$work/log"
}
pid_of() { "$sievectl" stat "$1" --json | sed 's/.*"pid":\([0-9]*\),.*/\1/'; }
http_threads() { cat "/proc/$(pid_of "$1")/task/"*/comm | grep -c '^MHD' || true; }
refused() { # ADDRESS REASON
	if mount_at "$work/other" "$1"; then fail "$1 is taken"; fi
	[ "$(cat "$work/log")" = "sievefs: metrics=$1: $2" ] || fail "$1 gives: $(cat "$work/log")"
	! mountpoint -q "$work/other" || fail "$1 is refused, and mounted"
}

# Nobody asked: nothing is served
mount_at "$work/mnt" "" || fail "does not mount: $(cat "$work/log")"
[ "$(http_threads "$work/mnt")" = 0 ] || fail "a thread serves HTTP without the option"
umount "$work/mnt"

socket=unix:$work/socket
if ! mount_at "$work/mnt" "$socket"; then
	grep -q "built without libmicrohttpd" "$work/log" || fail "does not mount: $(cat "$work/log")"
	refused "$socket" "this sievefs was built without libmicrohttpd, which serves metrics; sievectl metrics prints them"
	echo "the refusal is right; this build has no HTTP"
	exit 0
fi
[ "$(http_threads "$work/mnt")" = 1 ] || fail "$(http_threads "$work/mnt") threads serve HTTP"
[ "$(stat -c '%F %a %u' "$work/socket")" = "socket 660 0" ] || fail "the socket: $(stat "$work/socket")"

# The same as sievectl metrics
for _ in 1 2 3; do
	cat "$work/mnt/file" >/dev/null
done
"$sievectl" stat "$work/mnt" --json >"$work/report" || fail "stat"
"$here/scrape.py" "$socket" /metrics >"$work/answer" || fail "nobody answers at the socket"
[ "$(sed -n 1p "$work/answer")" = 200 ] || fail "the status is $(sed -n 1p "$work/answer")"
[ "$(sed -n 2p "$work/answer")" = "application/openmetrics-text; version=1.0.0; charset=utf-8" ] ||
	fail "the type is $(sed -n 2p "$work/answer")"
sed 1,2d "$work/answer" >"$work/metrics"
"$here/check_openmetrics.py" "$work/metrics" "$work/report" || fail "not OpenMetrics, or not what the report says"
[ "$(awk '/^sievefs_opens_total/ { n += $2 } END { print n }' "$work/metrics")" = 3 ] || fail "counts other opens than 3"
[ "$("$here/scrape.py" "$socket" / | sed -n 1p)" = 404 ] || fail "something else is served, too"
if command -v setpriv >/dev/null; then
	if setpriv --reuid 65534 --regid 65534 --clear-groups "$here/scrape.py" "$socket" /metrics >/dev/null 2>&1; then
		fail "another user may connect to the socket"
	fi
fi

# Scrapes while files are opened
for _ in $(seq 10); do
	"$here/scrape.py" "$socket" /metrics >"$work/answer" || fail "a scrape under load"
	[ "$(tail -n 1 "$work/answer")" = "# EOF" ] || fail "a scrape under load is cut"
done &
holder=$!
for _ in $(seq 100); do
	cat "$work/mnt/file" >/dev/null
done
wait "$holder" || fail "scrapes under load"
holder=

# Refusals, while that mount is there and once it is killed
refused "$socket" "another process listens there already"
: >"$work/file"
refused "unix:$work/file" "$work/file exists and is not a socket"
refused "0.0.0.0:9100" "takes a loopback address, since all who reach it can read the metrics"
"$here/scrape.py" "$socket" /metrics >/dev/null || fail "a refused mount took the socket"
kill -9 "$(pid_of "$work/mnt")"
umount "$work/mnt" 2>/dev/null || umount -l "$work/mnt"
[ -S "$work/socket" ] || fail "no stale socket is there to be replaced"
mount_at "$work/mnt" "$socket" || fail "a stale socket is not replaced: $(cat "$work/log")"
"$here/scrape.py" "$socket" /metrics >/dev/null || fail "nobody answers at the socket that was replaced"
umount "$work/mnt"
# on a busy machine a daemon ends later than the two seconds that it is waited for
for _ in 1 2 3 4 5 6 7; do
	mount_at "$work/mnt" "$socket" && break
done
mountpoint -q "$work/mnt" || fail "after umount: $(cat "$work/log")"
umount "$work/mnt"
for _ in $(seq 300); do
	[ -e "$work/socket" ] || break
	sleep 0.1
done
[ ! -e "$work/socket" ] || fail "the socket stays when the mount ends"

# A port, which this machine chooses
python3 -c 'import socket, time
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
time.sleep(60)' >"$work/port" &
holder=$!
for _ in $(seq 50); do
	[ -s "$work/port" ] && break
	sleep 0.1
done
port=127.0.0.1:$(cat "$work/port")
refused "$port" "another process listens there already"
kill "$holder"
wait "$holder" 2>/dev/null || true
holder=
mount_at "$work/mnt" "$port" || fail "$port: $(cat "$work/log")"
"$here/scrape.py" "$port" /metrics | tail -n 1 | grep -qx '# EOF' || fail "nobody answers at $port"
echo "the metrics are served as they should be"
