#!/bin/sh
# sievectl top on a terminal, as tmux shows it: at 80x24, after a resize, paused, with a daemon that hangs, and when the
# mount goes; and without a terminal.
#
# usage: test_top.sh SIEVEFS SIEVECTL
set -eu
. "$(dirname "$(readlink -f "$0")")/../support/live.sh"
fail() {
	echo "FAILED: $1"
	[ ! -s "$work/screen" ] || cat "$work/screen"
	exit 1
}

sievefs=$(readlink -f "$1")
sievectl=$(readlink -f "$2")

make_work top
export LC_ALL=C.UTF-8
server=0 # each is another one: the one before may be about to end
in_tmux() { tmux -u -S "$work/tmux$server" -f /dev/null "$@"; }
clean_up_test() { in_tmux kill-server 2>/dev/null || true; }
echo bytes >"$work/src/file"
options=cache_size=64M,admit=1,settle=0,dirty_expire=5,log=error

# A build without ncurses says so
mount_it -o "$options"
touch "$work/lines" "$work/error"
"$sievectl" top "$mnt" >"$work/lines" 2>"$work/error" </dev/null &
lines=$!
for _ in $(seq 150); do
	[ "$(wc -l <"$work/lines")" -lt 3 ] || break
	! grep -q "built without ncurses" "$work/error" || skip "this sievectl was built without ncurses, and says so"
	sleep 0.1
done

# Without a terminal: lines, as stat -i 1
kill "$lines"
wait "$lines" 2>/dev/null || true
head -n 1 "$work/lines" | grep -q '^    time open/s ' || fail "no lines without a terminal: $(cat "$work/lines")"
[ "$(grep -c '^..:..:.. ' "$work/lines")" -ge 2 ] || fail "too few lines without a terminal: $(cat "$work/lines")"

command -v tmux >/dev/null || skip "needs tmux"

start() { # COLUMNS COMMAND: of 24 rows; the screen stays when it ends
	in_tmux kill-server 2>/dev/null || true
	server=$((server + 1))
	in_tmux new-session -d -x "$1" -y 24 "$2; echo status \$?; exec sleep 1000"
}
top="'$sievectl' top -i 0.2 '$mnt'"
# expect EXPRESSION: an extended expression that a line of the screen has to match
expect() {
	for _ in $(seq 100); do
		in_tmux capture-pane -p >"$work/screen"
		! grep -qE -- "$1" "$work/screen" || return 0
		sleep 0.1
	done
	fail "the screen lacks \"$1\""
}
expect_size() { # COLUMNS ROWS: the clock is at the end of the first row, the keys are in the last
	for _ in $(seq 100); do
		in_tmux capture-pane -p >"$work/screen"
		[ "$(wc -l <"$work/screen")" = "$2" ] && row 1 | grep -qE "^.{$(($1 - 8))}[0-9:]{8}\$" &&
			row "$2" | grep -q '^s sort' && return 0
		sleep 0.1
	done
	fail "the screen is not one of $1x$2"
}
keys() { in_tmux send-keys "$@"; }
resize() { in_tmux resize-window -x "$1" -y "$2"; }
row() { sed -n "$1p" "$work/screen"; }

start 80 "$top"
expect "^sievefs $mnt  up .*  pid $daemon +[0-9:]{8}\$"
expect_size 80 24
expect '^s sort: lane  p pause  q quit$'
while [ ! -e "$work/enough" ]; do
	cat "$mnt/file" >/dev/null
	sleep 0.05
done &
reader=$!
expect '^hit ratio  100.0% .*█$'
expect '^cached +[0-9.]+K? of 64M, 0%, 1 files$'
expect '^dirty +0, oldest    -, '
expect '^lane +open/s share +bytes/s$'
expect '^cached +[0-9.]+ +100% +[▁▂▃▄▅▆▇█ ]*[▁▂▃▄▅▆▇█] +-$'
expect '^served +0 '
expect '^ opens  bytes hottest files$'
expect '^ +[0-9.K]+ +6 /file$' # opens of a file of 6 bytes
: >"$work/enough"
wait "$reader"

# Another size: all rows and columns are used, and no more
resize 120 40
expect_size 120 40
resize 40 10
expect_size 40 10
expect '^lane +open/s share bytes/s$'
expect '^cached +0 +- +-$' # the opens are over
resize 80 24
expect_size 80 24

# Sorted: of all lanes only direct has bytes
keys s
expect '^s sort: opens '
keys s
expect '^s sort: bytes '
( for _ in $(seq 12); do
	dd if=/dev/zero of="$mnt/written" bs=1M count=64 2>/dev/null
	sleep 0.1
done ) &
writer=$!
for _ in $(seq 100); do
	in_tmux capture-pane -p >"$work/screen"
	row 8 | grep -qE '^(direct|served) .* [0-9.]+[KMG] +[▁▂▃▄▅▆▇█ ]*[▁▂▃▄▅▆▇█]$' && break
	sleep 0.1
done
row 8 | grep -qE '^(direct|served) ' || fail "the lane with the bytes is not the first"
wait "$writer"
keys s
expect '^s sort: lane '

# Paused: nothing changes, whatever happens
keys p
expect ' PAUSED [0-9:]{8}$'
cp "$work/screen" "$work/before"
for _ in $(seq 12); do
	cat "$mnt/file" >/dev/null
	sleep 0.1
done
in_tmux capture-pane -p >"$work/screen"
cmp -s "$work/before" "$work/screen" || fail "it changes while it is paused"
keys p
expect '^s sort: lane  p pause  q quit$'
! grep -q PAUSED "$work/screen" || fail "it stays paused"

# q ends it, with the screen as it was
keys q
expect '^status 0$'

# A daemon that hangs: it is told, and q still ends
start 80 "$top"
expect "^sievefs $mnt "
kill -STOP "$daemon"
expect ' NO ANSWER FOR [0-9]+ s [0-9:]{8}$'
keys q
expect '^status 0$'
kill -CONT "$daemon"

# The mount goes
start 80 "$top"
expect "^sievefs $mnt "
umount "$mnt" || { sleep 0.5; umount "$mnt"; } || fail "top keeps the mount busy"
expect "^sievectl: $mnt: not in a sievefs mount\$"
expect '^status 1$'

# A mount that is started anew between two samples; a terminal that is unknown
mount_it -o "$options"
start 80 "'$sievectl' top -i 3 '$mnt'"
expect "pid $daemon "
umount "$mnt"
mount_it -o "$options"
expect 'STARTED ANEW [0-9:]{8}$'
expect "pid $daemon "
# stat -i on a terminal: as many columns as fit, and a header each screenful
start 80 "'$sievectl' stat -i 0.1 -c 50 '$mnt'"
expect '^status 0$'
[ "$(grep -c '^    time open/s .* age  wait$' "$work/screen")" -ge 1 ] || fail "no header on a screen"
[ "$(grep -cE '^[0-9:]{8} .{71}$' "$work/screen")" -ge 20 ] || fail "lines that are not 80 columns wide"

start 120 "TERM=no-such '$sievectl' top '$mnt'"
expect '^sievectl: top: the terminal type no-such is not known; sievectl stat -i 1 prints lines$'
expect '^status 1$'
echo "all screens are right"
