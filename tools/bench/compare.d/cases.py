"""The cases: what each side does, how the side is reached, and which of the others sievefs is set beside."""

import contextlib
import os
import pathlib
import random
import shlex
import statistics
import sys
import tarfile
import tempfile

import machine
import sides
from sides import Side

MEMORY_LIMIT = 512 << 20
HOT_FILES = 1000
RANDOM_FILE_MOST = 1 << 30


class Run:
    """What all cases share: the directory, the mounts of it, and the results."""

    def __init__(self, arguments, source, work):
        self.arguments, self.source, self.work = arguments, source, work
        self.data = os.path.join(source, f"sievefs-compare.{os.getpid()}")
        self.rows = []
        self.transports = set()  # more than one where somebody else turned it on or off meanwhile
        os.mkdir(self.data)

    def commands(self):
        """The daemons by name, each with its command but for the directories."""
        # each pass over a large file is to be its first
        options = ["-o", ",".join(["large_keep=0", *filter(None, [self.arguments.options])])]
        commands = {"sievefs": [self.arguments.sievefs, "-f", *options, "{source}", "{mountpoint}"]}
        for peer in self.arguments.peer:
            words = shlex.split(peer)
            name = os.path.basename(words[0])
            # the same program again, with other options or of another build
            again = sum(known.partition(" #")[0] == name for known in commands)
            commands[f"{name} #{again + 1}" if again else name] = words
        return commands

    @contextlib.contextmanager
    def mount(self, name, group=None):
        """The side of a daemon, while it is mounted."""
        mountpoint = os.path.join(self.work, f"mount.{name}")
        os.makedirs(mountpoint, exist_ok=True)
        words = [word.format(source=self.data, mountpoint=mountpoint) for word in self.commands()[name]]
        with machine.mounted(words, mountpoint, group) as daemon:
            if name == "sievefs":
                self.transports.add(machine.transport(daemon.pid))
            yield Side(name, mountpoint, daemon=daemon)

    @contextlib.contextmanager
    def mounts(self):
        """The sides of all daemons, sievefs first."""
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(self.mount(name)) for name in self.commands()]

    def drop_caches(self):
        machine.drop_caches(self.data)

    def backing(self, name):
        return os.path.join(self.data, name)

    @contextlib.contextmanager
    def files(self, names, size):
        """Files of bytes that don't compress, while the case runs: no more than one case's are there at a time."""
        try:
            for name in names:
                make_file(self.backing(name), size)
            yield [self.backing(name) for name in names]
        finally:
            for name in names:
                pathlib.Path(self.backing(name)).unlink(missing_ok=True)

    def repeat(self, measured, measure, before=None):
        """Each side in turn, again and again: {side: {column: [values]}}."""
        machine.sync(self.data)
        values = {name_of(side): {} for side in measured}
        for number in range(self.arguments.repeats):
            for side in measured:
                print(f"compare:   {number + 1}/{self.arguments.repeats} {name_of(side)}", file=sys.stderr)
                (before or self.drop_caches)()
                for column, value in measure(side).items():
                    values[name_of(side)].setdefault(column, []).append(value)
        return values

    def add(self, case, values, column, beside=(), best=min):
        """A row; its ratio is to the best median of the sides in `beside`."""
        medians = {side: statistics.median(of[column]) for side, of in values.items() if column in of}
        others = {side: medians[side] for side in beside if medians.get(side)}
        reference = best(others, key=others.get) if others else None
        self.rows.append(
            {
                "case": case,
                "measure": column,
                "sides": medians,
                "spread": {side: [min(of[column]), max(of[column])] for side, of in values.items() if column in of},
                "beside": reference,
                "ratio": medians["sievefs"] / others[reference] if reference else None,
            }
        )


def name_of(side):
    return side if isinstance(side, str) else side.name


def make_file(path, size):
    block = os.urandom(min(size, 8 << 20))
    with open(path, "wb") as file:
        for start in range(0, size, len(block)):
            file.write(block[: size - start])


def with_cache_left(result, paths):
    cached = [machine.cached_bytes(path) for path in paths]
    if None not in cached:
        result["left cached, %"] = 100 * sum(cached) / sum(os.path.getsize(path) for path in paths)
    return result


def add_transfer(run, case, values, beside):
    run.add(case, values, "MB/s", beside, max)
    run.add(case, values, "CPU s/GB", ["buffered"])
    if "left cached, %" in values["sievefs"]:
        run.add(case, values, "left cached, %")


def best_depth(run, block, name, size, streams):
    """Native O_DIRECT at the depth that is fastest here, by one pass each."""
    found = []
    for depth in run.arguments.depths:
        side = Side("O_DIRECT", run.data, "io_uring", depth, True)
        run.drop_caches()
        found.append((sides.read_in_order(side, block, name, size, streams)["MB/s"], depth))
    return max(found)[1]


def case_read(run, block, streams):
    size = run.arguments.size // streams
    names = [f"stream.{number}" for number in range(streams)]

    with run.files(names, size) as paths, run.mounts() as through:
        depth = best_depth(run, block, "stream", size, streams)
        native = [Side("buffered", run.data), Side("O_DIRECT", run.data, "io_uring", depth, True)]

        def measure(side):
            return with_cache_left(sides.read_in_order(side, block, "stream", size, streams), paths)

        values = run.repeat([*native, *through], measure)
        for side in through:
            sides.compare_bytes(side, names, run.data)
    case = f"{'read4' if streams > 1 else 'read'}-{block.lower()} (depth {depth})"
    add_transfer(run, case, values, ["buffered", "O_DIRECT"])


def case_write(run, block):
    path, size, blocks = run.backing("written"), run.arguments.size, sides.Blocks(block)

    def measure(side):
        try:
            result = with_cache_left(sides.write_in_order(side, blocks, "written", size, path), [path])
            if side.daemon:
                sides.compare_written(side, path, blocks, size)
            return result
        finally:
            pathlib.Path(path).unlink(missing_ok=True)

    with run.mounts() as through:
        native = [Side("buffered", run.data), Side("O_DIRECT", run.data, direct=True)]
        values = run.repeat([*native, *through], measure)
    add_transfer(run, "write-1m" if block == 1 << 20 else f"write-{block >> 10}k", values, ["O_DIRECT"])


def case_random(run, rw):
    size = min(run.arguments.size, RANDOM_FILE_MOST)

    with run.files(["random.0"], size) as paths, run.mounts() as through:
        for side in through:
            machine.warm_file(paths[0])
            sides.random_reads(side, rw, "random", size, 1)
        values = run.repeat(
            [Side("buffered", run.data), *through],
            lambda side: sides.random_reads(side, rw, "random", size, run.arguments.seconds),
            before=lambda: machine.warm_file(paths[0]),
        )
        for side in through:
            sides.compare_bytes(side, ["random.0"], run.data)
    run.add("random-ro" if rw == "randread" else "random-rw", values, "reads/s", ["buffered"])


def case_random_first(run):
    """Every measurement has a mount of its own, which has not seen the file before."""
    size = min(run.arguments.size, RANDOM_FILE_MOST)
    peers = [name for name in run.commands() if name != "sievefs"]

    def measure(side):
        with run.mount(side) if isinstance(side, str) else contextlib.nullcontext(side) as reached:
            return sides.random_reads(reached, "randread", "random", size, run.arguments.seconds, False)

    with run.files(["random.0"], size) as paths:
        values = run.repeat(
            [Side("buffered", run.data), "sievefs", *peers], measure, before=lambda: machine.warm_file(paths[0])
        )
    run.add("random-first", values, "reads/s", peers or ["buffered"], max)


def case_untar(run):
    archive = os.path.join(run.work, "small.tar")
    contents = make_archive(archive, run.arguments.files)
    count = 0

    def measure(side):
        nonlocal count
        count += 1
        # Not removed before the end: ext4 searches long for inodes while many were freed just before.
        result = sides.unpack(side, archive, f"untar.{count}")
        sides.compare_tree(side, run.backing(f"untar.{count}"), contents)
        return result

    try:
        with run.mounts() as through:
            values = run.repeat([Side("buffered", run.data), *through], measure)
    finally:
        for number in range(count):
            machine.run("rm", "-rf", run.backing(f"untar.{number + 1}"))
    run.add("untar", values, "s", ["buffered"])


def make_archive(path, count):
    """Small files, 200 to a folder: what is in them by name."""
    source, contents = random.Random(1), {}
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as directory:
        with tarfile.open(path, "w") as archive:
            small = os.path.join(directory, "small")
            for number in range(count):
                name = f"{number // 200}/{number}"
                contents[name] = source.randbytes(source.randrange(1, 8192))
                pathlib.Path(small).write_bytes(contents[name])
                archive.add(small, name)
    return contents


def case_hot_opens(run):
    hot = [f"hot.{number}" for number in range(HOT_FILES)]

    def list_on(directory, what, files):
        name = os.path.join(run.work, f"names.{what}")
        pathlib.Path(name).write_bytes(b"".join(os.path.join(directory, file).encode() + b"\0" for file in files))
        return name

    def measure(side):
        with machine.memory_group(MEMORY_LIMIT) as group:
            with run.mount(side, group) if isinstance(side, str) else contextlib.nullcontext(side) as reached:
                lists = {
                    "hot": list_on(reached.directory, "hot", hot),
                    "stream": list_on(reached.directory, "stream", ["stream.0"]),
                    "backing": list_on(run.data, "backing", ["stream.0"]),
                }
                return sides.hot_opens(reached, lists, run.arguments.seconds, group, str(run.arguments.hotread))

    with contextlib.ExitStack() as stack:
        for number, name in enumerate(hot):
            stack.enter_context(run.files([name], 4096 * (1 + number % 16)))
        stack.enter_context(run.files(["stream.0"], run.arguments.size))
        values = run.repeat([Side("buffered", run.data), *run.commands()], measure)
    for column in values["sievefs"]:
        run.add("hot-opens", values, column, ["buffered"], max if "MB/s" in column else min)


CASES = {
    "read-1m": lambda run: case_read(run, "1M", 1),
    "read-128k": lambda run: case_read(run, "128k", 1),
    "read4-1m": lambda run: case_read(run, "1M", 4),
    "read4-128k": lambda run: case_read(run, "128k", 4),
    "write-1m": lambda run: case_write(run, 1 << 20),
    "write-128k": lambda run: case_write(run, 128 << 10),
    "random-rw": lambda run: case_random(run, "randrw"),
    "random-ro": lambda run: case_random(run, "randread"),
    "random-first": case_random_first,
    "untar": case_untar,
    "hot-opens": case_hot_opens,
}
