# shellcheck shell=sh disable=SC2154
# live - shared by the shell tests of a live mount: a folder, one mount in it, and clean-up in all cases.
#
# A test sources it by its own path, after set -eu:
#
#	. "$(dirname "$(readlink -f "$0")")/../support/live.sh"
#
# It sets $sievefs, the program that is mounted. make_work and mount_it set
#	$work		a folder of the test's own, removed at its end
#	$work/src	the source, empty
#	$mnt		the mount point: $work/mnt, unless the test makes another one and sets $mnt before it mounts
#	$daemon		the process of the mount, empty where there is none
#	$work/log	what the daemon of the last mount_it says on stderr
#
# At the test's end, also when it fails or is terminated, clean_up unmounts, ends the daemon and removes $work. A test
# that starts other processes defines clean_up_test after sourcing; it runs first, and may not fail.

work=
mnt=
daemon=

skip() { echo "skipped: $1"; exit 77; }
fail() { echo "FAILED: $1"; exit 1; }

needs() { # COMMAND…: skips the test where one is not installed
	for command; do
		command -v "$command" >/dev/null || skip "needs $command"
	done
}

clean_up_test() { :; }

clean_up() {
	cd /
	clean_up_test
	# a stopped daemon would hang umount
	[ -z "$daemon" ] || kill -CONT "$daemon" 2>/dev/null || true
	if ! umount "$mnt" 2>/dev/null; then
		umount -l "$mnt" 2>/dev/null || true
		[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
	fi
	for _ in $(seq 100); do # it ends by itself, and may write until then
		[ -n "$daemon" ] || break
		kill -0 "$daemon" 2>/dev/null || daemon=
		sleep 0.1
	done
	[ -z "$daemon" ] || kill -9 "$daemon" 2>/dev/null || true
	rm -rf "$work"
}

make_work() { # NAME [DIRECTORY]: $work is a folder of that name in DIRECTORY, or in /tmp; skips the test without root or FUSE
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ -c /dev/fuse ] || skip "needs /dev/fuse"
	work=$(mktemp -d "${2:-/tmp}/sievefs-$1-XXXXXX")
	mnt=$work/mnt
	trap clean_up EXIT
	trap 'exit 1' HUP INT TERM
	chmod 755 "$work" # for other users
	mkdir "$work/src" "$mnt"
}

mount_it() { # ARGUMENT…: of sievefs, before the source; skips the test where store=pin is asked for and not supported
	"$sievefs" -f "$@" "$work/src" "$mnt" 2>"$work/log" &
	daemon=$!
	for _ in $(seq 100); do
		! mountpoint -q "$mnt" || return 0
		kill -0 "$daemon" 2>/dev/null || break
		sleep 0.1
	done
	! grep -q "store=pin: " "$work/log" || skip "$(cat "$work/log")"
	fail "does not mount: $(cat "$work/log")"
}

unmount_it() { # fails the test unless the daemon ends well
	umount "$mnt" || fail "umount"
	wait "$daemon" || fail "the daemon ends with $?: $(cat "$work/log")"
	daemon=
}

kill_daemon() { # [-SIGNAL]: SIGTERM unless another is given; how it ends is not looked at
	kill "${1:--TERM}" "$daemon"
	wait "$daemon" 2>/dev/null || true
	daemon=
}
