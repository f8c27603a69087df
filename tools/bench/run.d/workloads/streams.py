"""4. Large files in order, one and four at a time: MB/s, CPU, and what is left in the page cache."""

import os
import pathlib

import machine
import transfer
from results import Measure, Workload
from sides import Side

LEFT = "left cached"


def left_cached(side, names):
    """Percent of the files in the page cache, if the kernel tells."""
    paths = [os.path.join(side.backing, name) for name in names]
    cached = [machine.cached_bytes(path) for path in paths]
    return {} if None in cached else {LEFT: 100 * sum(cached) / sum(os.path.getsize(path) for path in paths)}


def with_direct(mounted, depth=1, engine="psync"):
    """The sides, and the bare directory by O_DIRECT."""
    direct = [
        Side("native-direct", side.directory, side.backing, direct=True, depth=depth, engine=engine)
        for side in mounted
        if side.name == "native"
    ]
    return [*mounted[:1], *direct, *mounted[1:]]


def best_depth(bench, result, block, size, streams):
    """The fastest queue depth of native O_DIRECT, by one pass with each."""
    found = []
    data = bench.place.folder("data")
    for depth in bench.arguments.depths:
        side = Side("native-direct", data, data, direct=True, depth=depth, engine="io_uring")
        try:
            bench.drop_caches()
            found.append((transfer.read_in_order(side, block, "stream", size, streams)["MB/s"], depth))
        except machine.Failure as failure:
            result.fail(side.name, failure)
            return None
    return max(found)[1]


def read(block, streams):
    def run(bench, result):
        size = bench.arguments.size // streams
        kinds = bench.one_store()
        sizes = {f"stream.{number}": size for number in range(streams)}
        with bench.files(sizes, kinds) as names, bench.mounts(result, kinds) as mounted:
            result.detail, depth = f"{streams} × {size >> 20} MiB", None
            if any(side.name == "native" for side in mounted):
                depth = best_depth(bench, result, block, size, streams)
                result.detail += f", O_DIRECT at depth {depth}" if depth else ""

            def measure(side):
                watch = bench.watch(side)
                values = transfer.read_in_order(side, block, "stream", size, streams)
                return {**values, **left_cached(side, names), "marks": watch.opened_large(streams, size)}

            measured = with_direct(mounted, depth or 1, "io_uring")
            bench.repeat(result, measured, measure, before=bench.drop_caches)
            bench.once(result, mounted, lambda side: transfer.compare_bytes(side, names))

    return run


def write(block, streams):
    def run(bench, result):
        size, blocks = bench.arguments.size // streams, transfer.Blocks(block)
        names = [f"written.{number}" for number in range(streams)]
        result.detail = f"{streams} × {size >> 20} MiB"

        def measure(side):
            try:
                values = {**transfer.write_in_order(side, blocks, names, size), **left_cached(side, names)}
                transfer.compare_written(side, names, blocks, size)
                return values
            finally:
                for name in names:
                    pathlib.Path(side.backing, name).unlink(missing_ok=True)

        with bench.mounts(result, bench.one_store()) as mounted:
            bench.repeat(result, with_direct(mounted), measure, before=bench.drop_caches)

    return run


def measures(*beside):
    return (
        Measure("MB/s", "MB/s", "higher", beside),
        Measure("CPU s/GB", "s", "lower", ("native",)),
        Measure(LEFT, "%", "lower", ("native",)),
    )


def name_of(way, block, streams):
    return f"{way}{streams if streams > 1 else ''}-{'1m' if block == '1M' else block}"


WORKLOADS = [
    *(
        Workload(
            name_of("read", block, streams),
            "4 streams",
            "cold: the page cache is dropped before; one reader a file, in order",
            f"fio read.fio, requests of {block}",
            measures(),
            read(block, streams),
            ("fio",),
        )
        for streams in (1, 4)
        for block in ("1M", "128k")
    ),
    *(
        Workload(
            name_of("write", block, streams),
            "4 streams",
            "new files with fsync; one writer a file, in order, O_DIRECT one request at a time",
            f"write(2) of {block}, fsync(2), as dd conv=fsync",
            measures(),
            write(size, streams),
        )
        for streams in (1, 4)
        for block, size in (("1M", 1 << 20), ("128k", 128 << 10))
    ),
]
