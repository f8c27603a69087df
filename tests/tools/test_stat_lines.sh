#!/bin/sh
# sievectl stat -i: its lines while a mount is used, when it is mounted anew, and when it goes.
#
# usage: test_stat_lines.sh SIEVEFS SIEVECTL
set -eu
. "$(dirname "$(readlink -f "$0")")/../support/live.sh"

sievefs=$(readlink -f "$1")
sievectl=$(readlink -f "$2")

make_work lines
reader=
clean_up_test() { [ -z "$reader" ] || kill "$reader" 2>/dev/null || true; }
echo bytes >"$work/src/file"
options=cache_size=64M,admit=1,settle=0,log=error
lines() { grep -c '^[0-9][0-9]:[0-9][0-9]:[0-9][0-9] ' "$1" || true; }
wait_for() { # FILE COUNT: of lines
	for _ in $(seq 100); do
		[ ! -e "$1" ] || [ "$(lines "$1")" -lt "$2" ] || return 0
		sleep 0.1
	done
	fail "$1 has $(lines "$1") lines, not $2: $(cat "$1")"
}

# As many lines as asked for; opens are those of the time between
mount_it -o "$options"
cat "$mnt/file" >/dev/null
"$sievectl" stat "$mnt" -i 1 -c 3 >"$work/out" &
reader=$!
wait_for "$work/out" 1
for _ in $(seq 40); do
	cat "$mnt/file" >/dev/null
done
wait "$reader" || fail "the lines end with an error"
reader=
[ "$(lines "$work/out")" = 3 ] || fail "not 3 lines: $(cat "$work/out")"
[ "$(grep -c open/s "$work/out")" = 1 ] || fail "not one header: $(cat "$work/out")"
# the 40 opens are those of the second and third line, of about a second each
opens=$(awk '/^[0-9]/ && NR > 2 { n += $2 } END { print int(n + 0.5) }' "$work/out")
if [ "$opens" -lt 36 ] || [ "$opens" -gt 42 ]; then fail "$opens opens, not about 40: $(cat "$work/out")"; fi
awk '$1 ~ /:/ && $3 == "100.0" && $4 == 100 { found = 1 } END { exit !found }' "$work/out" ||
	fail "no line of hits on the lane cached: $(cat "$work/out")"
awk '$1 ~ /:/ && $11 != "64M" { wrong = 1 } END { exit wrong }' "$work/out" || fail "not the budget: $(cat "$work/out")"

# The header comes again each screenful
"$sievectl" stat -i 0.1 "$mnt" -c 30 >"$work/out" || fail "30 lines"
[ "$(grep -n open/s "$work/out" | cut -d: -f1 | tr '\n' ' ')" = "1 25 " ] || fail "headers: $(cat "$work/out")"
[ "$(lines "$work/out")" = 30 ] || fail "not 30 lines"

# Mounted anew between two lines
rm "$work/out" # the shell in the background makes it anew, perhaps later than it is first looked for
"$sievectl" stat "$mnt" -i 2 >"$work/out" 2>"$work/error" &
reader=$!
wait_for "$work/out" 1
umount "$mnt"
mount_it -o "$options"
for _ in 1 2 3 4; do
	cat "$mnt/file" >/dev/null
done
wait_for "$work/out" 2
grep -q '^the mount was restarted at 20..-..-..T..:..:..Z; the counters begin there$' "$work/out" ||
	fail "a new daemon is not told: $(cat "$work/out")"
[ "$(tail -n 1 "$work/out" | awk '{ print ($2 > 1.5 && $2 < 2.5) }')" = 1 ] || fail "not 4 opens in 2 s: $(cat "$work/out")"

# Gone
umount "$mnt"
if wait "$reader"; then fail "a mount that is gone is no error"; fi
reader=
[ "$(cat "$work/error")" = "sievectl: $mnt: not in a sievefs mount" ] || fail "gone: $(cat "$work/error")"

# Whoever reads the lines goes: sievectl ends, and says nothing
mount_it -o "$options"
"$sievectl" stat "$mnt" -i 0.1 2>"$work/error" | head -n 2 >/dev/null
[ ! -s "$work/error" ] || fail "a reader that went: $(cat "$work/error")"
echo "all lines are right"
