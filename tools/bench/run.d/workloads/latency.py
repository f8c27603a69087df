"""2. Open, read to the end, close: how long each takes, on any CPU, and with caller and daemon on one CPU."""

from results import Measure, Workload

CPU = 0
COUNTS = {4 << 10: 4096, 64 << 10: 4096, 1 << 20: 256}
PERCENTILES = ("p50", "p99", "p999")


def opens(size, pinned):
    def run(bench, result):
        count = 64 if bench.arguments.quick else COUNTS[size]
        result.detail = f"{count} files"
        with bench.files({f"small.{n}": size for n in range(count)}) as names, bench.mounts(result) as mounted:
            bench.warm(result, mounted, names)
            if pinned:
                bench.once(result, mounted, lambda side: side.stay_on(CPU))

            def measure(side):
                watch = bench.watch(side)
                names_of = bench.name_list(side, names)
                found = bench.loop("open", names_of, ms=bench.arguments.ms, cpu=CPU if pinned else None)
                figures = {name: found[f"{name}_us"] for name in PERCENTILES}
                return {**figures, "marks": watch.opened(found["operations"])}

            bench.repeat(result, mounted, measure)

    return run


def size_name(size):
    return f"{size >> 20}m" if size >> 20 else f"{size >> 10}k"


WORKLOADS = [
    Workload(
        f"open-{size_name(size)}-{'pinned' if pinned else 'free'}",
        "2 open, read, close",
        f"files of {size >> 10} KiB, read before through each side; each open is of a random one"
        + (f"; caller and daemon on CPU {CPU} alone" if pinned else ""),
        "bench_loop open" + (f" --cpu={CPU}" if pinned else "") + " LIST",
        tuple(Measure(name, "µs") for name in PERCENTILES),
        opens(size, pinned),
    )
    for size in COUNTS
    for pinned in (False, True)
]
