#!/bin/sh
# The example of libsievefs, linked with the shared library, on a live mount.
#
# usage: test_library.sh SIEVEFS EXAMPLE
set -eu

skip() { echo "skipped: $1"; exit 77; }
fail() { echo "FAILED: $1"; exit 1; }

sievefs=$(readlink -f "$1")
example=$(readlink -f "$2")
[ "$(id -u)" = 0 ] || skip "needs root"
[ -c /dev/fuse ] || skip "needs /dev/fuse"

work=$(mktemp -d "${SIEVEFS_TEST_DIR:-/var/tmp}/sievefs-library-XXXXXX")
daemon=
clean_up() {
	umount "$work/mnt" 2>/dev/null || umount -l "$work/mnt" 2>/dev/null || true
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
	rm -rf "$work"
}
trap clean_up EXIT
mkdir "$work/src" "$work/mnt"
head -c 5000 /dev/zero >"$work/src/one"
head -c 5000 /dev/zero >"$work/src/two"
truncate -s 100M "$work/src/large"
"$sievefs" -f -o cache_size=64M,settle=0 "$work/src" "$work/mnt" 2>"$work/log" &
daemon=$!
for _ in $(seq 100); do
	mountpoint -q "$work/mnt" && break
	sleep 0.1
done
mountpoint -q "$work/mnt" || fail "does not mount: $(cat "$work/log")"

"$example" "$work/mnt/one" "$work/mnt/two" "$work/mnt/large" >"$work/out" || fail "the example: $(cat "$work/out")"
for name in one two; do
	grep -q "^$work/mnt/$name: lane .* since .*, cache hit\$" "$work/out" || fail "it says: $(cat "$work/out")"
done
grep -q "^$work/mnt/large: .*, cache too-large\$" "$work/out" || fail "it says: $(cat "$work/out")"
grep -q "^$work/mnt: 2 files of [0-9]* bytes cached, 0 hits and 0 misses\$" "$work/out" || fail "it says: $(cat "$work/out")"
if "$example" "$work/src/one" >/dev/null 2>"$work/error"; then fail "a file on no mount succeeds"; fi
grep -q "^$work/src/one: no file of a mount of sievefs\$" "$work/error" || fail "it says: $(cat "$work/error")"
umount "$work/mnt" || fail "umount"
wait "$daemon" || fail "the daemon ends with $?"
daemon=
echo "all answers are right"
