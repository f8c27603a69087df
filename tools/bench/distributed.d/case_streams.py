"""streams - large files, read and written in order by 1 and 4 programs: MB/s, CPU seconds of programs and daemon per GB,
and how much of the files is left in the client's page cache. With --memory the page cache is full, like that of a
machine that has been up for a while: new pages replace others."""

import contextlib
import os
import subprocess
import time

import memory_groups
from cluster import Failure

SIZE, QUICK_SIZE = 1 << 30, 40 << 20
PIECE = 1 << 20
SIDES = {
    "client": None,
    "stream": "large=stream",
    "direct": "large=direct",
    "trail": "large=trail,large_write=trail",
    "plain": "large=plain",
}


def read_file(path, size):
    buffer, descriptor, total = bytearray(PIECE), os.open(path, os.O_RDONLY), 0
    while count := os.readv(descriptor, [buffer]):
        total += count
    if total != size:
        raise OSError(f"{path} has {total} bytes")


def write_file(path, size):
    buffer, descriptor = os.urandom(PIECE), os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for _ in range(size // PIECE):
        os.write(descriptor, buffer)
    os.fsync(descriptor)
    os.close(descriptor)


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def memory_group(mib):
    """A memory cgroup. Yields its directory; None: no limit."""
    group = memory_groups.make(mib << 20, "streams") if mib else None
    try:
        yield group
    finally:
        if group:
            memory_groups.remove(group)


def at_once(work, paths, size, group=None):
    """Runs a process for each path, within the memory cgroup. Returns seconds of time, and of CPU time."""
    start, children, taken = time.monotonic(), [], 0
    for path in paths:
        child = os.fork()
        if child == 0:
            try:
                if group:
                    memory_groups.enter(group)
                work(path, size)
                os._exit(0)
            except OSError:
                os._exit(1)
        children.append(child)
    failed = False
    for child in children:
        _, status, usage = os.wait4(child, 0)
        failed, taken = failed or status, taken + usage.ru_utime + usage.ru_stime
    if failed:
        raise Failure("a stream could not be read or written")
    return time.monotonic() - start, taken


def resident(path):
    return int(subprocess.check_output(["fincore", "-b", "-n", "-o", "RES", path]))


def stream(run, options, work, names, size):
    cluster, total = run.cluster, size * len(names)
    cluster.new_client("a", "1s")
    if options is not None:
        cluster.mount_sievefs("a", options)
    tree = cluster.client("a") if options is None else cluster.mount("a")
    daemon = None if options is None else int(cluster.do("cluster_pid sievefs.a"))
    before = processor_seconds(daemon) if daemon else 0
    cluster.requests()
    with memory_group(run.arguments.memory) as group:
        seconds, taken = at_once(work, [tree / name for name in names], size, group)
    requests = sum(cluster.requests().values())
    if daemon:
        time.sleep(1)  # the pages that are left of a stream are dropped half a second after its close
        taken += processor_seconds(daemon) - before
    left = sum(resident(cluster.client("a") / name) for name in names)
    if daemon:
        cluster.unmount_sievefs("a")
    return {
        "MB/s": round(total / seconds / 1e6, 1),
        "CPU s/GB": round(taken / total * 1e9, 3),
        "left, %": round(100 * left / total, 1),
        "requests": requests,
    }


def measure(run):
    size = QUICK_SIZE if run.arguments.quick else SIZE
    names = [f"stream{number}" for number in range(4)]
    for name in names:
        write_file(run.cluster.client("b") / name, size)
    for label, work in (("read", read_file), ("written", write_file)):
        for count in (1, 4):
            found = run.by_turns(
                list(SIDES), lambda side: stream(run, SIDES[side], work, names[:count], size)  # noqa: B023
            )
            requests = {side: [one["requests"] for one in each] for side, each in found.items()}
            for measure in ("MB/s", "CPU s/GB", "left, %"):
                values = {side: [one[measure] for one in each] for side, each in found.items()}
                run.row(f"{count} streams {label}", measure, values, requests=requests if measure == "MB/s" else None)
