"""7. Many files, and many threads: how long an open takes then, and the memory of the daemon."""

import contextlib
import os
import pathlib
import time

import machine
from results import Measure, Workload

FOLDER_FILES = 1000
COUNTS = [10**power for power in range(3, 7)]
THREADS = (1, 2, 4, 8)
PAGE = 4096
PATIENCE_SECONDS = 120  # and one more for a thousand files
REPEATS = 3


def many_files(folder, count):
    """Makes files of one page each, a thousand to a directory, unless they are there already."""
    for first in range(0, count, FOLDER_FILES):
        directory = os.path.join(folder, "many", str(first // FOLDER_FILES))
        if os.path.isdir(directory):
            continue
        os.makedirs(directory)
        for number in range(first, first + FOLDER_FILES):
            pathlib.Path(directory, str(number)).write_bytes(bytes([number & 255]) * PAGE)


def names_of(count):
    return [f"many/{number // FOLDER_FILES}/{number}" for number in range(count)]


def anonymous_bytes(side):
    """Private memory of the daemon and its children."""
    total = 0
    for pid in side.processes():
        with contextlib.suppress(OSError, ValueError):
            words = pathlib.Path(f"/proc/{pid}/status").read_text().split()
            total += int(words[words.index("RssAnon:") + 1]) << 10
    return total


def make_room(bench, side, count):
    """Lets the cache hold the files, if it caches any: twice their bytes."""
    shown = bench.stat(side)
    if shown and side.kind.lane == "cached" and shown["options"]["cache_size"] < 2 * PAGE * count:
        machine.run(bench.arguments.sievectl, "set", side.directory, f"cache_size={2 * PAGE * count}")


def known_and_cached(bench, side, listed, count):
    """Opens each file until it is cached, if it can be."""
    make_room(bench, side, count)
    end = time.monotonic() + PATIENCE_SECONDS + count // 1000
    for number in range(1000):
        bench.loop("touch", listed)
        if number and not (bench.is_cold(side, count) and time.monotonic() < end):
            return
        time.sleep(1 if number else 0)


def files(count):
    def run(bench, result):
        names = names_of(count)
        for folder in bench.folders():
            many_files(folder, count)
        bench.sync()

        def measure(side):
            before, listed = anonymous_bytes(side), bench.name_list(side, names)
            known_and_cached(bench, side, listed, count)
            watch = bench.watch(side)
            found = bench.loop("open", listed, ms=bench.arguments.ms)
            values = {name: found[f"{name}_us"] for name in ("p50", "p99")}
            if side.daemon:
                values["daemon's memory"] = (anonymous_bytes(side) - before) / count
            return {**values, "marks": watch.opened(found["operations"])}

        try:
            bench.repeat_alone(result, measure, repeats=min(REPEATS, bench.arguments.repeats))
        finally:
            if count == max(c for c in COUNTS if c <= bench.arguments.scale_most):
                for folder in bench.folders():
                    machine.remove_tree(os.path.join(folder, "many"))

    return run


def threads(number):
    def run(bench, result):
        with bench.files({f"small.{n}": PAGE for n in range(256)}) as names, bench.mounts(result) as mounted:
            bench.warm(result, mounted, names)

            def measure(side):
                watch = bench.watch(side)
                found = bench.loop("open", bench.name_list(side, names), ms=bench.arguments.ms, threads=number)
                values = {"rate": found["per_second"], "p50": found["p50_us"], "p99": found["p99_us"]}
                return {**values, "marks": watch.opened(found["operations"])}

            bench.repeat(result, mounted, measure)

    return run


GROUP = "7 scale"
WORKLOADS = [
    *(
        Workload(
            f"scale-files-{count}",
            GROUP,
            f"{count:,} files of 4 KiB, each opened before, through a mount of its own; each open is of a random one",
            "bench_loop open LIST",
            (Measure("p50", "µs"), Measure("p99", "µs"), Measure("daemon's memory", "bytes a file")),
            files(count),
            files=count,
        )
        for count in COUNTS
    ),
    *(
        Workload(
            f"scale-threads-{number}",
            GROUP,
            f"256 files of 4 KiB, read before through each side; threads that open a random one: {number}",
            f"bench_loop open --threads={number} LIST",
            (Measure("rate", "opens/s", "higher"), Measure("p50", "µs"), Measure("p99", "µs")),
            threads(number),
        )
        for number in THREADS
    ),
]
