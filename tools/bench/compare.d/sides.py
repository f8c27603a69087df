"""The ways that are compared, and one measurement of each: fio, tar or a reader on a directory."""

import json
import mmap
import os
import pathlib
import random
import resource
import subprocess
import time

import machine

JOBS = pathlib.Path(__file__).resolve().parent.parent / "jobs"
SETTLE_SECONDS = 1  # what a stream leaves in the page cache is gone by then
COMPARE_BYTES = 1 << 20


class Side:
    """A way to a directory. `daemon` is None for the bare one."""

    def __init__(self, name, directory, engine="psync", depth=1, direct=False, daemon=None):
        self.name, self.directory, self.daemon = name, directory, daemon
        self.engine, self.depth, self.direct = engine, depth, direct

    def daemon_cpu_seconds(self):
        return machine.process_cpu_seconds(self.daemon.pid) if self.daemon else 0

    def settled_cpu_seconds(self):
        """With what it does behind a close."""
        if self.daemon:
            time.sleep(SETTLE_SECONDS)
        return self.daemon_cpu_seconds()


def own_cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def fio(job, **variables):
    environment = dict(os.environ, **{name: str(value) for name, value in variables.items()})
    done = subprocess.run(
        ["fio", "--output-format=json", str(JOBS / f"{job}.fio")], env=environment, capture_output=True, text=True
    )
    start = done.stdout.find("{")
    if done.returncode != 0 or start < 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise machine.Failure(f"fio {job}.fio: {words[-1] if words else done.returncode}")
    return json.loads(done.stdout[start:])["jobs"][0]


def fio_cpu_seconds(job):
    """Of the readers alone: what fio takes to start is left out."""
    return (job["usr_cpu"] + job["sys_cpu"]) / 100 * job["job_runtime"] / 1000


def read_in_order(side, block, name, size, streams=1):
    """One pass over `streams` files: MB a second, and seconds of CPU for a gigabyte."""
    before = side.daemon_cpu_seconds()
    job = fio(
        "read",
        BS=block,
        ENGINE=side.engine,
        DEPTH=side.depth,
        DIRECT=int(side.direct),
        DIR=side.directory,
        NAME=name,
        SIZE=size,
        STREAMS=streams,
    )
    if job["read"]["io_bytes"] != size * streams:
        raise machine.Failure(f"{side.name}: read {job['read']['io_bytes']} bytes of {size * streams}")
    used = fio_cpu_seconds(job) + side.settled_cpu_seconds() - before
    return {
        "MB/s": size * streams / 1e3 / max(job["read"]["runtime"], 1),
        "CPU s/GB": used / (size * streams / 1e9),
    }


class Blocks:
    """What is written: the same for all sides, other bytes in each block, not compressible, aligned for O_DIRECT."""

    def __init__(self, block):
        self.block, self.bytes = block, 2 << 20
        self.memory = mmap.mmap(-1, self.bytes)
        self.memory[:] = random.Random(block).randbytes(self.bytes)

    def __getitem__(self, number):
        start = number * mmap.PAGESIZE % (self.bytes - self.block)
        return memoryview(self.memory)[start : start + self.block]


def write_in_order(side, blocks, name, size, backing):
    """A new file, as dd conv=fsync makes it."""
    path = os.path.join(side.directory, name)
    before, began = side.daemon_cpu_seconds() + own_cpu_seconds(), time.monotonic()
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | (os.O_DIRECT if side.direct else 0)
    fd = os.open(path, flags, 0o600)
    try:
        for number in range(size // blocks.block):
            if os.write(fd, blocks[number]) != blocks.block:
                raise machine.Failure(f"{side.name}: a short write")
        os.fsync(fd)
    finally:
        os.close(fd)
    seconds = time.monotonic() - began
    used = side.settled_cpu_seconds() + own_cpu_seconds() - before
    if os.path.getsize(backing) != size:
        raise machine.Failure(f"{side.name}: the file has {os.path.getsize(backing)} bytes, not {size}")
    return {"MB/s": size / 1e6 / seconds, "CPU s/GB": used / (size / 1e9)}


def compare_written(side, path, blocks, size):
    with open(path, "rb", buffering=0) as file:
        for number in range(size // blocks.block):
            if file.read(blocks.block) != blocks[number]:
                raise machine.Failure(f"{side.name}: block {number} is not what was written")


def compare_bytes(side, names, backing):
    """The side shows the very bytes of the backing files."""
    for name in names:
        with open(os.path.join(side.directory, name), "rb", buffering=0) as shown:
            with open(os.path.join(backing, name), "rb", buffering=0) as file:
                while block := file.read(COMPARE_BYTES):
                    if shown.read(len(block)) != block:
                        raise machine.Failure(f"{side.name}: {name} differs before byte {file.tell()}")


def unpack(side, archive, name):
    target = os.path.join(side.directory, name)
    os.mkdir(target)
    began = time.monotonic()
    machine.run("tar", "-xf", archive, "-C", target)
    return {"s": time.monotonic() - began}


def compare_tree(side, directory, contents):
    for name, expected in contents.items():
        if pathlib.Path(directory, name).read_bytes() != expected:
            raise machine.Failure(f"{side.name}: {name} is not what the archive holds")


def hot_opens(side, lists, seconds, group, hotread):
    """Open, read and close of small files without and with a stream beside them, all within the memory group."""
    hotread_in(group, hotread, "warm", lists["hot"])
    phases = f"{seconds},{seconds * 2},0"
    out = hotread_in(group, hotread, "run", lists["hot"], lists["stream"], lists["backing"], phases)
    values = {key: float(value) for key, value in (line.split("=", 1) for line in out.split() if "=" in line)}
    return {
        "p50 alone, µs": values["before_p50_us"],
        "p99 alone, µs": values["before_p99_us"],
        "p50 beside it, µs": values["during_p50_us"],
        "p99 beside it, µs": values["during_p99_us"],
        "p99 grows by": values["during_p99_us"] / values["before_p99_us"],
        "stream MB/s": values["stream_mb_per_s"],
    }


def hotread_in(group, hotread, *words):
    done = subprocess.run(
        [hotread, *words], capture_output=True, text=True, preexec_fn=lambda: machine.enter(group)
    )
    if done.returncode != 0:
        raise machine.Failure(f"hotread {words[0]}: {done.stderr.strip()}")
    return done.stdout


def random_reads(side, rw, name, size, seconds, again=True):
    """Without `again` no block comes twice: what the mount keeps in a page cache of its own is of no use."""
    job = fio("random", RW=rw, DIR=side.directory, NAME=name, SIZE=size, SECONDS_EACH=seconds, AGAIN=int(again))
    return {"reads/s": job["read"]["iops"]}
