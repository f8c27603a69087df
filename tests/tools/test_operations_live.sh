#!/bin/sh
# The times of operations on a live mount: each is counted as often as it happened, also where another thread than
# the one that took the request replies (a slow disk, a lock that is waited for), with the time that it took.
#
# usage: test_operations_live.sh SIEVEFS SIEVECTL
set -eu
. "$(dirname "$(readlink -f "$0")")/../support/live.sh"

sievefs=$(readlink -f "$1")
sievectl=$(readlink -f "$2")
needs python3

make_work operations
echo bytes >"$work/src/file"
head -c 4M /dev/zero >"$work/src/large"

export SIEVEFS_FAULT=read:delay=300ms#1
mount_it -o locks=shared,passthrough=off,large=direct,large_min=1M,attr_timeout=0
unset SIEVEFS_FAULT

python3 - "$sievectl" "$work/mnt" <<'END' || fail "counts or times are wrong"
import fcntl, json, os, subprocess, sys, time

sievectl, mnt = sys.argv[1:]


def operations():
    return json.loads(subprocess.check_output([sievectl, "stat", mnt, "--json"]))["operations"]


def count(of, name):
    return of.get(name, {"count": 0})["count"]


def check(name, done, want):
    if done != want:
        sys.exit(f"{name}: counted {done}, done {want}")


before = operations()
check("requests of sievectl itself", sum(count(before, name) for name in ("open", "read", "write")), 0)
for i in range(20):
    os.close(os.open(f"{mnt}/file", os.O_RDONLY))
for i in range(5):
    fd = os.open(f"{mnt}/new{i}", os.O_WRONLY | os.O_CREAT)
    for j in range(3):
        os.pwrite(fd, b"x", j)
    os.close(fd)
for i in range(4):
    os.mkdir(f"{mnt}/d{i}")
for i in range(2):
    try:
        os.rmdir(f"{mnt}/d{i}/none")
    except FileNotFoundError:
        pass
    os.rmdir(f"{mnt}/d{i}")
for i in range(7):
    try:
        os.stat(f"{mnt}/none{i}")
    except FileNotFoundError:
        pass
fd = os.open(f"{mnt}/large", os.O_RDONLY)
for i in range(4):
    os.pread(fd, 4096, i * 512 * 1024)
os.close(fd)
wanted = {"open": 21, "create": 5, "write": 15, "mkdir": 4, "rmdir": 2, "read": 4, "release": 26}
for _ in range(50):  # RELEASE comes after close(2) has returned
    now = operations()
    if count(now, "release") - count(before, "release") >= wanted["release"]:
        break
    time.sleep(0.1)
for name, want in wanted.items():
    check(name, count(now, name) - count(before, name), want)
if count(now, "lookup") - count(before, "lookup") < 7 + 2:
    sys.exit("failed lookups are not counted")
read = now["read"]
if not 0.3 <= read["max_seconds"] < 5 or read["sum_seconds"] < 0.3 or read["p50_seconds"] > 0.3:
    sys.exit(f"a read of 0.3 s among fast ones: {read}")

held = open(f"{mnt}/file", "r+")
fcntl.lockf(held, fcntl.LOCK_EX)
child = os.fork()
if child == 0:
    mine = open(f"{mnt}/file", "r+")
    fcntl.lockf(mine, fcntl.LOCK_EX)
    os._exit(0)
time.sleep(0.4)
fcntl.lockf(held, fcntl.LOCK_UN)
os.waitpid(child, 0)
lock = operations()["setlk"]
if not 0.2 <= lock["max_seconds"] < 5:
    sys.exit(f"a lock that was waited for: {lock}")
END

"$sievectl" stat "$work/mnt" | grep -q '^open  *2[2-9] ' || fail "the report for people lacks open"
"$sievectl" metrics "$work/mnt" | grep -qx 'sievefs_operation_seconds_count{operation="mkdir"} 4' ||
	fail "the metrics lack mkdir"
"$sievectl" metrics "$work/mnt" | grep -qx 'sievefs_operation_seconds_bucket{operation="read",le="0.262144000"} 3' ||
	fail "the slow read is in no bucket of its own: $("$sievectl" metrics "$work/mnt" | grep 'operation="read"')"
echo "all operations are counted"
