#!/bin/sh
# The example of libsievefs, linked with the shared library, on a live mount.
#
# usage: test_library.sh SIEVEFS EXAMPLE
set -eu
. "$(dirname "$(readlink -f "$0")")/../support/live.sh"

sievefs=$(readlink -f "$1")
example=$(readlink -f "$2")

make_work library "${SIEVEFS_TEST_DIR:-/var/tmp}"
head -c 5000 /dev/zero >"$work/src/one"
head -c 5000 /dev/zero >"$work/src/two"
truncate -s 100M "$work/src/large"
mount_it -o cache_size=64M,settle=0

"$example" "$work/mnt/one" "$work/mnt/two" "$work/mnt/large" >"$work/out" || fail "the example: $(cat "$work/out")"
for name in one two; do
	grep -q "^$work/mnt/$name: lane .* since .*, cache hit\$" "$work/out" || fail "it says: $(cat "$work/out")"
done
grep -q "^$work/mnt/large: .*, cache too-large\$" "$work/out" || fail "it says: $(cat "$work/out")"
grep -q "^$work/mnt: 2 files of [0-9]* bytes cached, 0 hits and 0 misses\$" "$work/out" || fail "it says: $(cat "$work/out")"
if "$example" "$work/src/one" >/dev/null 2>"$work/error"; then fail "a file on no mount succeeds"; fi
grep -q "^$work/src/one: not a file of a sievefs mount\$" "$work/error" || fail "it says: $(cat "$work/error")"
unmount_it
echo "all answers are right"
