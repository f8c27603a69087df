#!/bin/sh
# sievectl pin and unpin, and the option pins=, over changes of the files and over a new mount.
#
# usage: test_sievectl_pins.sh SIEVEFS SIEVECTL STORE
set -eu
. "$(dirname "$(readlink -f "$0")")/../support/live.sh"

sievefs=$(readlink -f "$1")
sievectl=$(readlink -f "$2")
store=$3
needs python3 setpriv

make_work pins "${SIEVEFS_TEST_DIR:-/var/tmp}"
mkdir -p "$work/src/dir" "$work/src/many"
for name in a b c edited removed; do head -c 5000 /dev/urandom >"$work/src/dir/$name"; done
head -c 3000000 /dev/urandom >"$work/src/mid"
truncate -s 20M "$work/src/large"
for i in $(seq 100); do head -c 1000000 /dev/zero >"$work/src/many/$i"; done
odd=$(printf 'with\nnew \\ line, and \303\244')
echo odd >"$work/src/$odd"
printf '[rest]\npath = /dir/*\nlane = plain\n' >"$work/rules"
sync -f "$work/src"

options="store=$store,cache_size=64M,small_max=1M,large_min=32M,admit=3,settle=0,rules=$work/rules"
value() {
	"$sievectl" explain "$1" --json | sed -n "s/.*\"$2\":\"\{0,1\}\([^\",}]*\).*/\1/p"
}
is() {
	got=$(value "$1" "$2")
	[ "$got" = "$3" ] || fail "$2 of $1 is $got, not $3"
}
becomes() { # FILE NAME VALUE
	for _ in $(seq 50); do
		[ "$(value "$1" "$2")" = "$3" ] && return
		sleep 0.1
	done
	fail "$2 of $1 is $(value "$1" "$2"), not $3"
}

# A file is pinned whatever rules and sizes say
mount_it -o "$options,pins=$work/pins"
cd "$work/mnt"
is dir/a cache rule
"$sievectl" pin dir/a dir/edited dir/removed mid "$odd" >"$work/out" || fail "pin: $(cat "$work/out")"
grep -qx "5 files pinned" "$work/out" || fail "pin says: $(cat "$work/out")"
for file in dir/a mid "$odd"; do
	is "$file" cache hit
	is "$file" pinned 1
	is "$file" kept 1
done
is dir/a why pinned
is dir/b pinned 0
if "$sievectl" pin large 2>"$work/error"; then fail "a file larger than its part is pinned"; fi
grep -q "large: it is larger than an eighth of cache_size" "$work/error" || fail "says: $(cat "$work/error")"
if "$sievectl" evict dir/a >/dev/null 2>"$work/error"; then fail "a pinned file is evicted"; fi
grep -q "it is pinned" "$work/error" || fail "says: $(cat "$work/error")"
chmod 666 dir/c
chown 65534 dir/c
if setpriv --reuid 65534 --regid 65534 --clear-groups "$sievectl" pin dir/c 2>"$work/error"; then fail "a user pins"; fi
grep -q "only root and the owner of the mount" "$work/error" || fail "says: $(cat "$work/error")"

# Others do not displace it, nor does a reload of the rules
"$sievectl" warm many >/dev/null || fail "warm"
"$sievectl" reload . >/dev/null || fail "reload"
"$sievectl" evict --all . >/dev/null || fail "evict --all"
"$sievectl" warm many >/dev/null || fail "warm"
cat dir/a mid >/dev/null
is dir/a cache hit
is mid cache hit
is mid kept 1
[ "$("$sievectl" stat . --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["cache"]["pinned_bytes"] > 3000000)')" = True ] ||
	fail "stat does not count what is pinned"

# Who takes the name takes the pin; a removed file has none
head -c 6000 /dev/urandom >dir/new
mv dir/new dir/edited
is dir/edited pinned 1
becomes dir/edited cache hit
cmp dir/edited "$work/src/dir/edited" || fail "another file's bytes"
mv dir/a dir/moved
is dir/moved pinned 1
rm dir/removed
echo again >dir/removed
is dir/removed pinned 0

# Unpinned, it follows the rules again
"$sievectl" unpin mid dir/b >"$work/out" || fail "unpin"
grep -qx "1 files unpinned" "$work/out" || fail "unpin says: $(cat "$work/out")"
is mid cache too-large
is mid pinned 0
"$sievectl" pin mid >/dev/null

# The file of the option, over a kill and over a new mount
for _ in $(seq 50); do
	grep -qx /mid "$work/pins" && grep -qx /dir/moved "$work/pins" && ! grep -q removed "$work/pins" && break
	sleep 0.1
done
kill_daemon -9
cd /
umount "$work/mnt"
sort "$work/pins" >"$work/sorted"
printf '%s\n' /dir/edited /dir/moved /mid '/with\nnew \\ line, and ä' | sort | cmp - "$work/sorted" ||
	fail "the file has: $(cat "$work/pins")"
echo /gone/for/now >>"$work/pins"
mount_it -o "$options,admit=0,pins=$work/pins"
cd "$work/mnt"
for file in dir/edited dir/moved mid "$odd"; do
	becomes "$file" cache hit
	is "$file" pinned 1
done
is dir/b cache rule
"$sievectl" unpin . >"$work/out" || fail "unpin of all"
grep -qx "4 files unpinned" "$work/out" || fail "unpin says: $(cat "$work/out")"
cd /
unmount_it
grep -q "pins=$work/pins: /gone/for/now: not pinned: No such file" "$work/log" || fail "the log says: $(cat "$work/log")"
[ "$(cat "$work/pins")" = /gone/for/now ] || fail "the file has: $(cat "$work/pins")"

# What the option takes
refuses() { # TEXT VALUE
	if "$sievefs" -f -o "pins=$2" "$work/src" "$work/mnt" 2>"$work/error"; then fail "pins=$2 mounts"; fi
	grep -q "$1" "$work/error" || fail "pins=$2 says: $(cat "$work/error")"
}
refuses "pins=/proc: takes a regular file" /proc
refuses "takes a file outside MOUNTPOINT" "$work/mnt/pins"
refuses "No such file or directory" "$work/nowhere/pins"
echo "all answers are right"
