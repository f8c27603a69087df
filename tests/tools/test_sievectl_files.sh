#!/bin/sh
# sievectl's commands about files on a live mount: explain, warm, evict, flush; as root and as other users.
#
# usage: test_sievectl_files.sh SIEVEFS SIEVECTL STORE
set -eu
. "$(dirname "$(readlink -f "$0")")/../support/live.sh"

sievefs=$(readlink -f "$1")
sievectl=$(readlink -f "$2")
store=$3
needs python3 setpriv

make_work files "${SIEVEFS_TEST_DIR:-/var/tmp}"
mkdir -p "$work/src/small/deep" "$work/src/rules" "$work/src/closed" "$work/src/hidden"
for i in $(seq 40); do head -c 5000 /dev/urandom >"$work/src/small/deep/$i"; done
head -c 3000000 /dev/urandom >"$work/src/mid"
truncate -s 40M "$work/src/large"
echo x >"$work/src/rules/excluded"
echo x >"$work/src/secret"
echo x >"$work/src/closed/file"
echo x >"$work/src/hidden/file"
echo x >"$work/src/own"
chmod 600 "$work/src/secret"
chmod 711 "$work/src/closed"
chmod 700 "$work/src/hidden"
chown 65534 "$work/src/own"
ln -s small/deep/1 "$work/src/link"
ln -s /dev/null "$work/src/out"
ln -s "$work/mnt/own" "$work/in"
printf '[no copies]\npath = /rules/*\nlane = plain\n' >"$work/rules"
sync -f "$work/src"
# others that would empty the whole page cache wait (tests/support/pages.h)
exec 9>>/proc/sys/vm/drop_caches
flock -s 9

mount_it -o "store=$store,cache_size=64M,small_max=1M,large_min=32M,admit=3,settle=0,rules=$work/rules"
cd "$work/mnt"

# value FILE NAME: of the JSON that explain gives
value() {
	"$sievectl" explain "$1" --json | sed -n "s/.*\"$2\":\"\{0,1\}\([^\",}]*\).*/\1/p"
}
is() {
	got=$(value "$1" "$2")
	[ "$got" = "$3" ] || fail "$2 of $1 is $got, not $3"
}
opens() {
	"$sievectl" stat . --json | python3 -c '
import json, sys
print(sum(lane["opens"] for lane in json.load(sys.stdin)["lanes"].values()))'
}
user() { setpriv --reuid 65534 --regid 65534 --clear-groups "$sievectl" "$@"; }

# Explaining opens nothing
before=$(opens)
is small/deep/1 cache seldom
is small/deep/1 wanted 3
is small/deep/1 opens 0
is mid cache too-large
is mid why mid
is large why large
is rules/excluded cache rule
is rules/excluded why rule
is rules/excluded section "no copies"
is link size 5000
is "$work/in" size 2
[ "$(opens)" = "$before" ] || fail "explaining opened files"
cat small/deep/1 >/dev/null
is small/deep/1 opens 1
"$sievectl" explain small/deep/1 >"$work/text" || fail "explain as text"
grep -q "1 of 3 opens" "$work/text" || fail "the text says: $(cat "$work/text")"
grep -q "at most small_max" "$work/text" || fail "the text says: $(cat "$work/text")"
python3 - "$sievectl" <<'PYTHON' || fail "a name that is no UTF-8"
import json, os, subprocess, sys
name = b"small/\xff\"\n"
open(name, "w").write("odd")
out = subprocess.run([sys.argv[1], "explain", name, "--json"], stdout=subprocess.PIPE, check=True).stdout
assert json.loads(out.decode())[0]["size"] == 3
os.unlink(name)
PYTHON

# What can't be explained
refuses() { # TEXT ARGUMENT…
	text=$1
	shift
	if "$sievectl" "$@" >"$work/out" 2>"$work/error"; then fail "$* succeeds"; fi
	grep -q "$text" "$work/error" || fail "$* says: $(cat "$work/error")"
}
refuses "^sievectl: out: not a file of a sievefs mount" explain out
refuses "not a file of a sievefs mount" explain "$work/rules"
refuses "sievectl: nothing: No such file" explain nothing
refuses "directory" explain small
refuses "PATH is missing" explain
for command in warm evict flush; do refuses "sievectl: /proc: not a file of a sievefs mount" $command /proc; done
"$sievectl" explain nothing mid >"$work/out" 2>/dev/null && fail "one of two that is missing is no failure"
grep -q "^mid" "$work/out" || fail "one that is missing hides the other"

# Warming
"$sievectl" warm . >"$work/out" || fail "warm: $(cat "$work/out")"
is small/deep/1 cache hit
is small/deep/40 cache hit
is small/deep/40 cached_bytes 5000
is small/deep/40 uses 0
[ "$(value mid cached_bytes)" -gt 2700000 ] || fail "of mid $(value mid cached_bytes) bytes are in memory"
is rules/excluded cache rule
is large cached_bytes 0
grep -q "^1 files, 2.9 MiB read into the page cache" "$work/out" || fail "warm says: $(cat "$work/out")"
grep -q "^1 files, 0.0 MiB not cached: rule" "$work/out" || fail "warm says: $(cat "$work/out")"
grep -q "^1 files, 40.0 MiB not cached: too-large" "$work/out" || fail "warm says: $(cat "$work/out")"
grep -q "^44 files, 0.2 MiB cached" "$work/out" || fail "warm says: $(cat "$work/out")"
cat small/deep/40 >/dev/null
is small/deep/40 uses 1

# Listing
"$sievectl" ls . >"$work/out" || fail "ls"
[ "$(grep -c /small/deep/ "$work/out")" = 40 ] || fail "ls says: $(cat "$work/out")"
[ "$(sed -n '2s/.* //p' "$work/out")" = /small/deep/40 ] || fail "the file that was opened is not the first: $(cat "$work/out")"
grep -q "mid\|excluded\|large" "$work/out" && fail "ls shows files that are not cached"
"$sievectl" ls . --json | python3 -c '
import json, sys
files = {file["file"]: file for file in json.load(sys.stdin)["files"]}
assert files["/small/deep/40"]["uses"] == 1 and files["/small/deep/40"]["cached"] == 1, files
' || fail "ls --json"
user ls . 2>"$work/error" && fail "a user lists the files of others"
grep -q "only root and the owner of the mount" "$work/error" || fail "says: $(cat "$work/error")"

# Evicting
"$sievectl" evict small/deep/1 mid >"$work/out" || fail "evict: $(cat "$work/out")"
grep -q "^2 files evicted" "$work/out" || fail "evict says: $(cat "$work/out")"
is small/deep/1 cache seldom
is small/deep/1 cached_bytes 0
is mid cached_bytes 0
is small/deep/2 cache hit
"$sievectl" evict small >/dev/null || fail "evict of a directory"
is small/deep/40 cache seldom
"$sievectl" warm small >/dev/null
"$sievectl" evict --all . >"$work/out" || fail "evict --all"
is small/deep/40 cache evicted
is small/deep/40 left 1
is small/deep/40 left_for ""
grep -q "files evicted" "$work/out" || fail "evict --all says: $(cat "$work/out")"

# Flushing
dd if=/dev/zero of=small/dirty bs=64k count=16 status=none
dd if=/dev/zero of=small/dirty2 bs=64k count=16 status=none
"$sievectl" flush --wait small || fail "flush --wait"
is small/dirty dirty_bytes 0
is small/dirty writeback_bytes 0
is small/dirty2 dirty_bytes 0
dd if=/dev/zero of=small/dirty bs=64k count=16 conv=notrunc status=none
"$sievectl" flush small/dirty >"$work/out" || fail "flush of a file"
grep -q "files, .* bytes in writeback" "$work/out" || fail "flush says: $(cat "$work/out")"
"$sievectl" flush . --wait || fail "flush of a mount without thresholds"
rm small/dirty small/dirty2

# What does not fit
mkdir "$work/src/many"
for i in $(seq 100); do head -c 1000000 /dev/zero >"$work/src/many/$i"; done
"$sievectl" warm many >"$work/out" || fail "warm of more than fits"
cached=$(sed -n 's/^\([0-9]*\) files, .* MiB cached$/\1/p' "$work/out")
[ "$cached" -gt 30 ] && [ "$cached" -lt 67 ] || fail "of 100 MB $cached MB are said to be cached in 64 MiB"
grep -q "evicted again\|not cached: no-room" "$work/out" || fail "warm says: $(cat "$work/out")"

found=
for i in $(seq 100); do
	[ "$(value many/$i left)" = 1 ] || continue
	found=$i
	value many/$i left_for | grep -q "^/many/[0-9]*$" || fail "many/$i left for $(value many/$i left_for)"
	"$sievectl" explain many/$i | grep -q "; evicted [0-9]* s ago for /many/" || fail "many/$i: $("$sievectl" explain many/$i)"
	user explain many/$i | grep -q "many/.*many/" && fail "a user is told for whom a file left"
	break
done
[ -n "$found" ] || fail "none is known to have left"

# Other users
user explain own --json >"$work/out" || fail "a user's own file"
user warm own small/deep/3 >"$work/out" || fail "a user warms"
is small/deep/3 cache hit
is own cache hit
user explain closed/file >"$work/out" || fail "a directory that may only be searched"
user explain secret 2>"$work/error" && fail "a file that he may not read"
grep -q "secret: Permission denied" "$work/error" || fail "secret says: $(cat "$work/error")"
user explain hidden/file 2>"$work/error" && fail "a directory that he may not search"
user evict small/deep/3 2>"$work/error" && fail "a user evicts the file of another"
grep -q "only root and the owner of the mount may do this" "$work/error" || fail "says: $(cat "$work/error")"
is small/deep/3 cache hit
user evict own >/dev/null || fail "a user evicts his own file"
is own cache seldom
user evict --all . 2>"$work/error" && fail "a user evicts all"
grep -q "only root and the owner of the mount" "$work/error" || fail "says: $(cat "$work/error")"
user flush own >/dev/null || fail "a user flushes his own file"
# rights by a supplementary group, and by an access list
chgrp 4711 secret && chmod 640 secret
setpriv --reuid 65534 --regid 65534 --groups 12,4711 "$sievectl" explain secret >/dev/null || fail "rights by a group"
user explain secret 2>/dev/null && fail "rights of a group that he is not in"
if command -v setfacl >/dev/null && setfacl -m u:65534:r secret 2>/dev/null; then
	user explain secret >/dev/null || fail "rights by an access list"
fi

cd /
unmount_it
echo "all answers are right"
