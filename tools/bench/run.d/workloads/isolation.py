"""3. A hot set while a large file is read, within a memory limit; and the first touch of the hot set after that."""

import contextlib
import os
import pathlib
import time

import machine
import memory_groups
import mounts
from results import Measure, Workload

HOT_FILES = 1000  # of 4 to 64 KiB, or as many as are a tenth of the limit
STREAM_TIMES = 10  # the limit
SCANNER_PART = 8  # of the limit is that of the scanner's own cgroup, if it has one
TIME_TO_CACHE = 3


def hot_sizes(limit):
    count = min(HOT_FILES, limit // 10 // (34 << 10))
    return {f"hot.{number}": 4096 * (1 + number % 16) for number in range(count)}


class Turn:
    """A side, or the bare directory with its scanner in a memory cgroup of its own."""

    def __init__(self, kind, name=None):
        self.kind, self.name, self.group = kind, name or kind.name, kind.group
        self.apart = bool(name)


def turns(bench):
    for kind in bench.kinds:
        yield Turn(kind)
        if kind.name == "native":
            yield Turn(kind, "native-scanner-group")


@contextlib.contextmanager
def groups(turn, limit):
    """Yields the memory cgroups (of the readers and the daemon, of the scanner)."""
    with contextlib.ExitStack() as stack:
        if not turn.apart:
            group = stack.enter_context(mounts.memory_group(limit))
            yield group, group
            return
        part = limit // SCANNER_PART
        yield (
            stack.enter_context(mounts.memory_group(limit - part, "readers")),
            stack.enter_context(mounts.memory_group(part, "scanner")),
        )


def hot_reads(bench, group, names, seconds):
    """A thousand opens a second of random files of the hot set."""
    empty = os.path.join(bench.work, "names.empty")
    pathlib.Path(empty).write_bytes(b"")
    words = ("run", names, empty, empty, f"{seconds},0,0")
    found = machine.pairs(machine.run_in(group, bench.arguments.hotread, *words))
    return found["before_p50_us"], found["before_p99_us"], found["before_reads"]


SCAN = 'while [ "$2" != 0 ]; do dd if="$1" of=/dev/null bs=1M 2>/dev/null; set -- "$1" $(($2 - 1)); done'


def scan(path, passes):
    """The scanner's command: reads the file so many times from its start; -1: without end."""
    return ["sh", "-c", SCAN, "sh", path, str(passes)]


def dropped(side, names):
    """Drops the pages of the files, so that none is charged to another memory cgroup."""
    for name in names:
        with open(os.path.join(side.backing, name), "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure_side(bench, side, hot, group, scanner_group):
    seconds = max(bench.arguments.ms // 1000, 1)
    names, stream = bench.name_list(side, hot, "hot"), side.path("stream")
    machine.run_in(group, bench.arguments.hotread, "warm", names)
    p50_alone, p99_alone, _ = hot_reads(bench, group, names, seconds)
    watch = bench.watch(side)
    with mounts.process(scan(stream, -1), scanner_group):
        time.sleep(0.5)
        p50, p99, reads = hot_reads(bench, group, names, 2 * seconds)
        resident = machine.cached_bytes(os.path.join(side.backing, "stream"))
    marks = watch.opened(reads)
    began = time.monotonic()
    machine.run_in(scanner_group, *scan(stream, 1))
    took = time.monotonic() - began
    touched = bench.loop("touch", names, group=group)
    return {
        "p50 alone": p50_alone,
        "p99 alone": p99_alone,
        "p50 beside it": p50,
        "p99 beside it": p99,
        "p99 grows by": p99 / p99_alone,
        "opens beside it": reads / (2 * seconds),
        "first touch p50": touched["p50_us"],
        "first touch p99": touched["p99_us"],
        "stream": os.path.getsize(os.path.join(side.backing, "stream")) / 1e6 / took,
        **({} if resident is None else {"stream's page cache": resident / (1 << 20)}),
        "marks": marks,
    }


def isolation(bench, result):
    limit = bench.arguments.memory
    hot = hot_sizes(limit)
    sizes = {**hot, "stream": STREAM_TIMES * limit}
    result.detail = (
        f"{len(hot)} files, {sum(hot.values()) >> 20} MiB; a stream of {sizes['stream'] >> 20} MiB; a limit of "
        f"{limit >> 20} MiB, of which a scanner with a group of its own has 1/{SCANNER_PART}; "
        f"cgroup v{memory_groups.files()[2]}"
    )
    if not memory_groups.may_be_made():
        raise machine.Failure("no memory cgroup can be made")
    with bench.files(sizes):

        def measure(turn):
            dropped_first = [*hot, "stream"]
            with groups(turn, limit) as (group, scanner_group), bench.mount(turn.kind, group) as side:
                dropped(side, dropped_first)
                values = measure_side(bench, side, hot, group, scanner_group)
                return {**values, "marks": [*values["marks"], *bench.configuration(side)]}

        bench.repeat(result, list(turns(bench)), measure, before=bench.drop_caches)


MEASURES = (
    *(Measure(f"{p} {when}", "µs", beside=("native",)) for when in ("beside it", "alone") for p in ("p99", "p50")),
    Measure("p99 grows by", "×", beside=("native",)),
    Measure("opens beside it", "opens/s", "higher", ("native",)),
    Measure("first touch p50", "µs", beside=("native",)),
    Measure("first touch p99", "µs", beside=("native",)),
    Measure("stream", "MB/s", "higher", ("native",)),
    Measure("stream's page cache", "MiB", beside=("native",)),
)
WORKLOADS = [
    Workload(
        "isolation",
        "3 isolation",
        "readers, scanner and daemon within one memory cgroup; the hot set read three times before, then 1,000 opens a "
        "second, alone and beside the stream; then the stream once more without readers, and each hot file once",
        "hotread run; dd bs=1M of the stream, again and again; bench_loop touch",
        MEASURES,
        isolation,
    )
]
