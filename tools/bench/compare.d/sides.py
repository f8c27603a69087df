"""The ways that are compared, and one measurement of each: fio, tar or a reader on a directory."""

import json
import mmap
import os
import pathlib
import resource
import subprocess
import time

import machine

JOBS = pathlib.Path(__file__).resolve().parent.parent / "jobs"


class Side:
    """A way to a directory. `daemon` is None for the bare one."""

    def __init__(self, name, directory, engine="psync", depth=1, direct=False, daemon=None):
        self.name, self.directory, self.daemon = name, directory, daemon
        self.engine, self.depth, self.direct = engine, depth, direct

    def cpu_seconds(self):
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        mine = resource.getrusage(resource.RUSAGE_SELF)
        own = used.ru_utime + used.ru_stime + mine.ru_utime + mine.ru_stime
        return own + (machine.process_cpu_seconds(self.daemon.pid) if self.daemon else 0)


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


def read_in_order(side, block, name, size, streams=1):
    """One pass over `streams` files: MB a second, and seconds of CPU for a gigabyte."""
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
        raise machine.Failure(f"{side.name}: read {job['read']['io_bytes']} bytes of {size * streams}")
    return {
        "MB/s": size * streams / 1e3 / max(job["read"]["runtime"], 1),
        "CPU s/GB": (side.cpu_seconds() - before) / (size * streams / 1e9),
    }


def write_in_order(side, block, name, size):
    """A new file, as dd conv=fsync makes it."""
    path = os.path.join(side.directory, name)
    buffer = mmap.mmap(-1, block)
    buffer.write(os.urandom(block))
    before, began = side.cpu_seconds(), time.monotonic()
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | (os.O_DIRECT if side.direct else 0)
    fd = os.open(path, flags, 0o600)
    try:
        for _ in range(size // block):
            if os.write(fd, buffer) != block:
                raise machine.Failure(f"{side.name}: a short write")
        os.fsync(fd)
    finally:
        os.close(fd)
    seconds = time.monotonic() - began
    return {"MB/s": size / 1e6 / seconds, "CPU s/GB": (side.cpu_seconds() - before) / (size / 1e9)}


def unpack(side, archive, name):
    target = os.path.join(side.directory, name)
    os.mkdir(target)
    began = time.monotonic()
    machine.run("tar", "-xf", archive, "-C", target)
    return {"s": time.monotonic() - began}


def hot_opens(side, names, seconds, group, hotread):
    """p99 of open, read and close of small files without and with a stream beside them."""
    for step in ("drop", names["backing"]), ("warm", names["hot"]):
        machine.run(hotread, *step)
    out = subprocess.run(
        [hotread, "run", names["hot"], names["stream"], names["backing_stream"], f"{seconds},{seconds * 2},0"],
        capture_output=True,
        text=True,
        preexec_fn=lambda: machine.enter(group),
    )
    if out.returncode != 0:
        raise machine.Failure(f"hotread: {out.stderr.strip()}")
    values = dict(line.split("=", 1) for line in out.stdout.split() if "=" in line)
    return {
        "p99 alone, µs": float(values["before_p99_us"]),
        "p99 beside it, µs": float(values["during_p99_us"]),
        "stream MB/s": float(values["stream_mb_per_s"]),
    }


def random_reads(side, rw, name, size, seconds):
    job = fio("random", RW=rw, DIR=side.directory, NAME=name, SIZE=size, SECONDS_EACH=seconds)
    return {"reads/s": job["read"]["iops"]}
