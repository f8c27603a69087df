"""8. What an operation costs: context switches, system calls, CPU time, and bytes that go through the daemon."""

import contextlib
import os
import pathlib
import signal
import subprocess
import time

import machine
from machine import Failure
from results import Measure, Workload

EVENTS = ("context-switches", "raw_syscalls:sys_enter", "task-clock")
ATTACH_SECONDS = 0.3
FILES, BYTES = 64, 64 << 10


def perf(output, *rest):
    return [machine.has("perf"), "stat", "-x,", "-e", ",".join(EVENTS), "-o", output, *rest]


def counts(path):
    """(switches, system calls, ms of CPU) from perf's output."""
    found = {}
    for line in pathlib.Path(path).read_text().splitlines():
        fields = line.split(",")
        if len(fields) > 2 and fields[2] in EVENTS:
            try:
                found[fields[2]] = float(fields[0])
            except ValueError as error:
                raise Failure(f"perf: {fields[2]} is {fields[0]}") from error
    if len(found) != len(EVENTS):
        raise Failure("perf counted nothing")
    return [found[event] for event in EVENTS]


@contextlib.contextmanager
def daemon_counted(side, path):
    """Meanwhile counts what the daemon and its children do, into the file."""
    if not side.daemon:
        pathlib.Path(path).write_text("".join(f"0,,{event}\n" for event in EVENTS))
        yield
        return
    pids = ",".join(str(pid) for pid in side.processes())
    counting = subprocess.Popen(perf(path, "-p", pids), stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        time.sleep(ATTACH_SECONDS)
        yield
    finally:
        counting.send_signal(signal.SIGINT)
        counting.wait()


def bytes_of(side):
    """Bytes that the daemon has read and written by system calls."""
    total = 0
    for pid in side.processes():
        words = pathlib.Path(f"/proc/{pid}/io").read_text().split()
        total += int(words[words.index("rchar:") + 1]) + int(words[words.index("wchar:") + 1])
    return total


def cost(bench, side, command, operations_of):
    """operations_of(output) returns how many operations the command made, and the bytes of each."""
    paths = [os.path.join(bench.work, f"perf.{who}") for who in ("caller", "daemon")]
    before = bytes_of(side)
    with daemon_counted(side, paths[1]):
        output = machine.run(*perf(paths[0], *command))
    passed = bytes_of(side) - before
    operations, size = operations_of(output)
    (switches, calls, ms), (daemon_switches, daemon_calls, daemon_ms) = (counts(path) for path in paths)
    values = {
        "switches": (switches + daemon_switches) / operations,
        "caller's calls": calls / operations,
        "daemon's calls": daemon_calls / operations,
        "CPU": 1000 * (ms + daemon_ms) / operations,
    }
    if not (side.kind and side.kind.uring):  # the kernel does not count what goes over a ring
        values["through the daemon"] = passed / (operations * size)
    return values


def looped(size):
    def operations_of(output):
        return machine.pairs(output)["operations"], size

    return operations_of


def hot(operation, block):
    def run(bench, result):
        with bench.files({f"hot.{n}": BYTES for n in range(FILES)}) as names, bench.mounts(result) as mounted:
            bench.warm(result, mounted, names)

            def measure(side):
                watch = bench.watch(side)
                options = [f"--ms={bench.arguments.ms}", f"--block={block}"]
                command = [bench.arguments.loop_program, operation, *options, bench.name_list(side, names)]
                values = cost(bench, side, command, looped(block))
                return {**values, "marks": watch.opened(FILES)}

            bench.repeat(result, mounted, measure)

    return run


def first(bench, result):
    with bench.files({f"first.{n}": BYTES for n in range(16 * FILES)}) as names:

        def measure(side):
            for name in names:
                machine.warm_file(os.path.join(side.backing, name))
            command = [bench.arguments.loop_program, "touch", bench.name_list(side, names)]
            return cost(bench, side, command, looped(BYTES))

        bench.repeat_alone(result, measure)


def stream(bench, result):
    size, kinds = bench.arguments.size, bench.one_store()
    with bench.files({"stream": size}, kinds), bench.mounts(result, kinds) as mounted:

        def measure(side):
            watch = bench.watch(side)
            command = ["dd", f"if={side.path('stream')}", "of=/dev/null", "bs=1M", "status=none"]
            values = cost(bench, side, command, lambda output: (size >> 20, 1 << 20))
            return {**values, "marks": watch.opened_large(1, size)}

        bench.repeat(result, mounted, measure, before=bench.drop_caches)


MEASURES = (
    Measure("switches", "an operation"),
    Measure("caller's calls", "an operation"),
    Measure("daemon's calls", "an operation"),
    Measure("CPU", "µs"),
    Measure("through the daemon", "bytes a byte"),
)
GROUP = "8 cost"
WORKLOADS = [
    Workload(
        "cost-read-4k",
        GROUP,
        "files of 64 KiB that are in memory and open; an operation is a pread(2) of 4 KiB",
        "perf stat bench_loop read --block=4096",
        MEASURES,
        hot("read", 4096),
        ("perf",),
    ),
    Workload(
        "cost-send-32k",
        GROUP,
        "files of 64 KiB that are in memory and open; an operation is a pread(2) of 32 KiB and a send(2) of it",
        "perf stat bench_loop send --block=32768",
        MEASURES,
        hot("send", 32 << 10),
        ("perf",),
    ),
    Workload(
        "cost-sendfile-32k",
        GROUP,
        "files of 64 KiB that are in memory and open; an operation is a sendfile(2) of 32 KiB",
        "perf stat bench_loop sendfile --block=32768",
        MEASURES,
        hot("sendfile", 32 << 10),
        ("perf",),
    ),
    Workload(
        "cost-open-64k",
        GROUP,
        "files of 64 KiB, read before through each side; an operation is open, read and close",
        "perf stat bench_loop open",
        MEASURES,
        hot("open", BYTES),
        ("perf",),
    ),
    Workload(
        "cost-first-64k",
        GROUP,
        "files of 64 KiB in the page cache, through a mount that has not seen them; open, read and close, once each",
        "perf stat bench_loop touch",
        MEASURES,
        first,
        ("perf",),
    ),
    Workload(
        "cost-stream-1m",
        GROUP,
        "a large file from a cold page cache; an operation is a read(2) of 1 MiB",
        "perf stat dd bs=1M",
        MEASURES,
        stream,
        ("perf", "dd"),
    ),
]
