#!/bin/sh
# The control file and sievectl on a live mount, as root and as another user, and after the daemon is gone.
#
# usage: test_sievectl_live.sh SIEVEFS SIEVECTL
set -eu
. "$(dirname "$(readlink -f "$0")")/../support/live.sh"

sievefs=$(readlink -f "$1")
sievectl=$(readlink -f "$2")

clean_up_test() { umount "$work/foreign" 2>/dev/null || true; }

make_work live
mkdir -p "$work/src/a/b"
echo bytes >"$work/src/a/b/file"
echo hidden >"$work/src/.sievefs"

mount_it -o cache_size=64M,admit=1,settle=0
control=$work/mnt/.sievefs

# What it answers
"$sievectl" stat "$work/mnt" >"$work/report" || fail "stat of the mount point"
grep -q "^source  *$work/src\$" "$work/report" || fail "the report does not name the source"
grep -q '^options .*cache_size=64M,' "$work/report" || fail "the report does not show the options"
"$sievectl" stat "$work/mnt/a/b/file" >/dev/null || fail "stat of a file inside"
(cd "$work/mnt/a" && "$sievectl" stat .) >/dev/null || fail "stat of a relative path"
grep -q '^version ' "$control" || fail "reading without a request"
cat "$work/mnt/a/b/file" >/dev/null
"$sievectl" stat "$work/mnt" --json >"$work/json" || fail "stat --json"
"$sievectl" stat "$work/mnt" | head -n 3 >"$work/first" || fail "stat again"
grep -qx 'dirty  *not known: mounted without dirty_expire, dirty_background and dirty_max' "$work/first" ||
	fail "the report does not begin with what is dirty: $(cat "$work/first")"
grep -qx 'hit_ratio  *0.0 %, 0 of 1 opens of files that may be cached' "$work/first" ||
	fail "the report does not begin with hits: $(cat "$work/first")"
grep -qx 'budget  *[0-9.]* of 64.0 MiB, [01] files' "$work/first" ||
	fail "the report does not begin with the budget: $(cat "$work/first")"
grep -q '"cache_size":67108864,' "$work/json" || fail "--json lacks an option"
grep -q '"misses":1,' "$work/json" || fail "--json does not count the file that was read"
if command -v python3 >/dev/null; then
	python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$work/json" || fail "--json is no JSON"
fi

# The hottest files: those that were opened most since they were cached
ask() { # REQUEST, by the control file alone
	exec 3<>"$control"
	if printf '%s' "$1" 2>/dev/null >&3; then cat <&3; else cat <&3; exec 3>&-; return 1; fi
	exec 3>&-
}
echo other >"$work/src/a/oth er"
for _ in 1 2 3 4 5 6 7 8 9; do
	cat "$work/mnt/a/b/file" >/dev/null
	sleep 0.05
done
cat "$work/mnt/a/oth er" >/dev/null
for _ in $(seq 50); do # until it is cached, too
	cat "$work/mnt/a/oth er" >/dev/null
	[ "$(ask 'hottest 0 5' | wc -l)" = 3 ] && break
	sleep 0.1
done
for _ in $(seq 60); do
	cat "$work/mnt/a/oth er" >/dev/null
done
ask 'hottest 0 5' >"$work/hottest" || fail "hottest: $(cat "$work/hottest")"
[ "$(head -n 1 "$work/hottest")" = end ] || fail "the hottest of few files take several requests"
[ "$(sed 1d "$work/hottest" | cut -d ' ' -f 2-)" = "6 /a/oth er
6 /a/b/file" ] || fail "the hottest files are: $(cat "$work/hottest")"
[ "$(ask 'hottest 0 1' | sed 1d | cut -d ' ' -f 2-)" = "6 /a/oth er" ] || fail "the hottest file is: $(ask 'hottest 0 1')"
for wrong in hottest 'hottest 0' 'hottest 64 1' 'hottest 0 0' 'hottest 0 257' 'hottest -1 1' 'hottest 0 1x'; do
	if ask "$wrong" >"$work/hottest"; then fail "$wrong is taken"; fi
	grep -qx 'hottest: takes the number of a part, 0 to 63, and how many files, 1 to 256' "$work/hottest" ||
		fail "$wrong: $(cat "$work/hottest")"
done
if command -v setpriv >/dev/null; then
	# shellcheck disable=SC2016 # the other shell expands it
	if setpriv --reuid 65534 --regid 65534 --clear-groups sh -c 'printf "hottest 0 1" >"$1"' sh "$control" 2>/dev/null; then
		fail "another user may ask for names"
	fi
fi
rm "$work/src/a/oth er"

# What it is to other programs
[ -f "$control" ] && [ "$(stat -c '%a %u' "$control")" = "666 0" ] || fail "stat(1) says: $(stat "$control")"
ls -A "$work/mnt" | grep -qx a || fail "the directory lists nothing"
! ls -A "$work/mnt" | grep -q sievefs || fail "the file is listed"
if (echo nonsense >"$control") 2>/dev/null; then fail "nonsense was taken"; fi
if rm -f "$control" 2>/dev/null; then fail "it could be removed"; fi
if mv "$work/mnt/a" "$control" 2>/dev/null; then fail "it could be replaced"; fi
[ "$(cat "$work/src/.sievefs")" = hidden ] || fail "a file of that name in the source was touched"

# Requests by ioctl(2) that it refuses, and what follows an accepted one
if command -v python3 >/dev/null; then
	python3 - "$control" <<-'END' || fail "the ioctl(2) of the control file"
	import errno, fcntl, struct, sys
	NUMBER = 1 << 30 | 8200 << 16 | ord("s") << 8 | 0xF7
	def ask(version, length, text=b"nonsense", number=NUMBER, times=1):
	    with open(sys.argv[1], "rb", buffering=0) as control:
	        for _ in range(times):
	            try:
	                fcntl.ioctl(control, number, bytearray(struct.pack("II8192s", version, length, text)))
	                code = 0
	            except OSError as error:
	                code = error.errno
	        return code
	assert ask(1, 4, b"stat") == 0
	assert ask(1, 8) == errno.EINVAL
	assert ask(2, 4, b"stat") == errno.EPROTO
	assert ask(1, 8193) == errno.EMSGSIZE
	assert ask(1, 4, b"stat", times=2) == errno.EBUSY
	assert ask(1, 4, b"stat", number=NUMBER + 1) == errno.ENOTTY
	END
fi

# A file of that name on another FUSE file system is no mount of ours, and stays as it is
if command -v bindfs >/dev/null; then
	mkdir "$work/foreign"
	bindfs "$work/src" "$work/foreign" || fail "bindfs"
	if "$sievectl" set "$work/foreign" log=info 2>"$work/error"; then fail "a foreign file is asked"; fi
	umount "$work/foreign"
	grep -qx "sievectl: $work/foreign: not in a sievefs mount" "$work/error" ||
		fail "a foreign file gives: $(cat "$work/error")"
	[ "$(cat "$work/src/.sievefs")" = hidden ] || fail "a foreign file was written to"
fi

# Other users may ask
if command -v setpriv >/dev/null; then
	setpriv --reuid 65534 --regid 65534 --clear-groups "$sievectl" stat "$work/mnt/a" --json >"$work/other" ||
		fail "another user may not ask"
	grep -q '"cache":{' "$work/other" || fail "another user gets: $(cat "$work/other")"
fi

# A read-only mount
unmount_it
mount_it -o ro,cache_size=64M,admit=1,settle=0
if (: >"$work/mnt/a/new") 2>/dev/null; then fail "the mount is not read-only"; fi
"$sievectl" stat "$work/mnt" >"$work/report" || fail "stat of a read-only mount"
"$sievectl" set "$work/mnt" cache_size=32M || fail "set of a read-only mount"
"$sievectl" warm "$work/mnt/a/b/file" >/dev/null || fail "warm in a read-only mount"
"$sievectl" evict "$work/mnt/a/b/file" >/dev/null || fail "evict in a read-only mount"
if "$sievectl" set "$work/mnt" cache_size=1 2>"$work/error"; then fail "a read-only mount takes any size"; fi
grep -q 'cache_size' "$work/error" || fail "a read-only mount refuses with: $(cat "$work/error")"

# The daemon is gone
kill_daemon -9
if "$sievectl" stat "$work/mnt" 2>"$work/error"; then fail "a dead mount answers"; fi
grep -qx "sievectl: $work/mnt: the daemon of this mount is gone; umount it" "$work/error" ||
	fail "a dead mount gives: $(cat "$work/error")"
umount "$work/mnt"
if "$sievectl" stat "$work/mnt" 2>"$work/error"; then fail "an unmounted directory answers"; fi
grep -qx "sievectl: $work/mnt: not in a sievefs mount" "$work/error" ||
	fail "an unmounted directory gives: $(cat "$work/error")"
echo "all answers are right"
