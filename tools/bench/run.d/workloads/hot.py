"""1. Files that are in memory and stay open; random reads of a file in the page cache."""

import machine
import transfer
from results import Measure, Workload

HOT_BYTES = 1 << 20
RANDOM_FILE_MOST = 1 << 30


def hot_names(bench):
    return {f"hot.{number}": HOT_BYTES for number in range(8 if bench.arguments.quick else 64)}


def open_files(operation, block, threads):
    """bench_loop on files that stay open."""
    lanes = ("cached", "plain", "cached-write") if operation == "overwrite" else ()

    def run(bench, result):
        result.detail = f"{len(hot_names(bench))} files"
        with bench.files(hot_names(bench)) as names, bench.mounts(result) as mounted:
            bench.warm(result, mounted, names)

            def measure(side):
                watch = bench.watch(side)
                names_of = bench.name_list(side, names)
                found = bench.loop(operation, names_of, ms=bench.arguments.ms, block=block, threads=threads)
                marks = [*watch.opened(len(names), *lanes), *watch.passed_through(found["operations"])]
                return {"rate": found["per_second"], "marks": marks}

            bench.repeat(result, mounted, measure)

    return run


def random_reads(rw):
    """fio, on a file that was opened and read before."""

    def run(bench, result):
        size = min(bench.arguments.size, RANDOM_FILE_MOST)
        with bench.files({"random.0": size}) as names, bench.mounts(result) as mounted:

            def measure(side):
                machine.warm_file(f"{side.backing}/{names[0]}")
                return {"rate": transfer.random_reads(side, rw, "random", size, bench.arguments.ms)}

            bench.once(result, mounted, measure)
            bench.repeat(result, mounted, measure)
            bench.once(result, mounted, lambda side: transfer.compare_bytes(side, names))

    return run


def random_first(bench, result):
    """fio, through a mount that has not seen the file before; no block is read twice."""
    size = min(bench.arguments.size, RANDOM_FILE_MOST)
    with bench.files({"random.0": size}) as names:

        def measure(side):
            machine.warm_file(f"{side.backing}/{names[0]}")
            return {"rate": transfer.random_reads(side, "randread", "random", size, bench.arguments.ms, False)}

        bench.repeat_alone(result, measure)


def rate(unit):
    return (Measure("rate", unit, "higher"),)


def command(operation, block, threads):
    return f"bench_loop {operation} --block={block} --threads={threads} LIST"


WARM = "files of 1 MiB, read before through each side, open; {} of a random block of a random file"
FIO = "a file of up to 1 GiB in the page cache; fio, psync, random reads of 4 KiB, {}"
WORKLOADS = [
    *(
        Workload(
            f"hot-read-{block >> 10}k-t{threads}",
            "1 hot reads",
            WARM.format("pread(2)"),
            command("read", block, threads),
            rate("reads/s"),
            open_files("read", block, threads),
        )
        for block in (4096, 65536)
        for threads in (1, 2, 4)
    ),
    Workload(
        "hot-mmap-4k",
        "1 hot reads",
        WARM.format("a copy out of the mapping"),
        command("mmap", 4096, 1),
        rate("reads/s"),
        open_files("mmap", 4096, 1),
    ),
    Workload(
        "hot-overwrite-4k",
        "1 hot reads",
        WARM.format("pwrite(2)"),
        command("overwrite", 4096, 1),
        rate("writes/s"),
        open_files("overwrite", 4096, 1),
    ),
    Workload(
        "random-ro",
        "1 hot reads",
        FIO.format("opened for reading, from the second open on"),
        "fio random.fio",
        rate("reads/s"),
        random_reads("randread"),
        ("fio",),
    ),
    Workload(
        "random-rw",
        "1 hot reads",
        FIO.format("opened for reading and writing"),
        "fio random.fio",
        rate("reads/s"),
        random_reads("randrw"),
        ("fio",),
    ),
    Workload(
        "random-first",
        "1 hot reads",
        FIO.format("by the first open of a new mount, each block once"),
        "fio random.fio",
        rate("reads/s"),
        random_first,
        ("fio",),
    ),
]
