"""Single measurements of a side: fio, tar or a writer on a directory; and a check that it shows the right bytes."""

import concurrent.futures
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
SETTLE_SECONDS = 1  # by then the pages that a stream left in the page cache are dropped
COMPARE_BYTES = 1 << 20


def settled_cpu_seconds(side):
    """CPU time, including what the side does after a close."""
    if side.daemon:
        time.sleep(SETTLE_SECONDS)
    return side.cpu_seconds()


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
    """CPU time of the readers alone, without the start of fio."""
    return (job["usr_cpu"] + job["sys_cpu"]) / 100 * job["job_runtime"] / 1000


def read_in_order(side, block, name, size, streams=1):
    """One pass over `streams` files: MB per second, and CPU seconds per gigabyte."""
    before = side.cpu_seconds()
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
        raise machine.Failure(f"read {job['read']['io_bytes']} bytes of {size * streams}")
    used = fio_cpu_seconds(job) + settled_cpu_seconds(side) - before
    return {
        "MB/s": size * streams / 1e3 / max(job["read"]["runtime"], 1),
        "CPU s/GB": used / (size * streams / 1e9),
    }


class Blocks:
    """The data to write: the same for all sides, different in each block, incompressible, aligned for O_DIRECT."""

    def __init__(self, block):
        self.block, self.bytes = block, 2 << 20
        self.memory = mmap.mmap(-1, self.bytes)
        self.memory[:] = random.Random(block).randbytes(self.bytes)

    def __getitem__(self, number):
        start = number * mmap.PAGESIZE % (self.bytes - self.block)
        return memoryview(self.memory)[start : start + self.block]


def write_one(side, blocks, name, size):
    """Writes a new file, as dd conv=fsync does."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | (os.O_DIRECT if side.direct else 0)
    fd = os.open(side.path(name), flags, 0o600)
    try:
        for number in range(size // blocks.block):
            if os.write(fd, blocks[number]) != blocks.block:
                raise machine.Failure("a short write")
        os.fsync(fd)
    finally:
        os.close(fd)


def write_in_order(side, blocks, names, size):
    """Writes new files, each by a thread."""
    before, began = side.cpu_seconds() + own_cpu_seconds(), time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: write_one(side, blocks, name, size), names))
    seconds = time.monotonic() - began
    used = settled_cpu_seconds(side) + own_cpu_seconds() - before
    for name in names:
        found = os.path.getsize(os.path.join(side.backing, name))
        if found != size:
            raise machine.Failure(f"the file has {found} bytes, not {size}")
    total = size * len(names)
    return {"MB/s": total / 1e6 / seconds, "CPU s/GB": used / (total / 1e9)}


def compare_written(side, names, blocks, size):
    for name in names:
        with open(os.path.join(side.backing, name), "rb", buffering=0) as file:
            for number in range(size // blocks.block):
                if file.read(blocks.block) != blocks[number]:
                    raise machine.Failure(f"block {number} is not what was written")


def compare_bytes(side, names):
    """Checks that the side shows the bytes of the backing files."""
    for name in names:
        with open(os.path.join(side.directory, name), "rb", buffering=0) as shown:
            with open(os.path.join(side.backing, name), "rb", buffering=0) as file:
                while block := file.read(COMPARE_BYTES):
                    if shown.read(len(block)) != block:
                        raise machine.Failure(f"{name} differs before byte {file.tell()}")


def random_reads(side, rw, name, size, ms, again=True):
    """Reads per second. Without `again` no block is read twice, so that a page cache is of no use."""
    job = fio("random", RW=rw, DIR=side.directory, NAME=name, SIZE=size, FOR=f"{ms}ms", AGAIN=int(again))
    return job["read"]["iops"]
