"""One run: the places, the mounts of them, interleaved repeats, and files to measure on."""

import contextlib
import os
import pathlib
import subprocess
import sys
import time

import check
import machine
import mounts
import sides
from machine import Failure
from sides import Side

ERRORS = (Failure, OSError, subprocess.SubprocessError, KeyError, ValueError)
WARM_SECONDS = 30  # after both passes


class Bench:
    """What all workloads share."""

    def __init__(self, arguments, kinds, place, xfs, work):
        self.arguments, self.place, self.xfs, self.work = arguments, place, xfs, work
        self.all_kinds, self.kinds = kinds, kinds  # kinds: those of the present workload
        self.progress = ""
        self.shown_commands = {}
        self.tree_names = []

    # --- sides

    def place_of(self, kind):
        return self.xfs if kind.name == "xfs" else self.place

    def data_of(self, kind):
        """The directory of its backing files. Mounts that copy have one of their own: what a mount has mapped, to
        pin it, another does not read from its copies."""
        return self.place_of(kind).folder("copy" if kind.store == "copy" else "data")

    def folders(self, kinds=None):
        """The directories of backing files that the sides use."""
        return list(dict.fromkeys(self.data_of(kind) for kind in (self.kinds if kinds is None else kinds)))

    def one_store(self):
        """One sievefs of each transport: the others treat what is not cached in the same way."""
        kept = {}
        for kind in self.kinds:
            alike = kind.group == "sievefs" and not kind.groups
            kept.setdefault((kind.group, kind.uring) if alike else kind.name, kind)
        return list(kept.values())

    @contextlib.contextmanager
    def mount(self, kind, group=None):
        """The side of this kind, while it is mounted."""
        data = self.data_of(kind)
        if not kind.command:
            yield Side(kind.name, data, data, kind)
            return
        mountpoint = os.path.join(self.work, f"mount.{kind.name}")
        os.makedirs(mountpoint, exist_ok=True)
        words = sides.command_of(kind, self.arguments, data, mountpoint)
        self.shown_commands[kind.name] = " ".join([os.path.basename(words[0]), *kind.command[1:]])
        with mounts.mounted(words, mountpoint, f"{mountpoint}.log", group) as daemon:
            yield Side(kind.name, mountpoint, data, kind, daemon)

    @contextlib.contextmanager
    def mounts(self, result, kinds=None):
        """The sides, all mounted at once; a side that can't be mounted is a failure of the result."""
        with contextlib.ExitStack() as stack:
            mounted = []
            for kind in self.kinds if kinds is None else kinds:
                try:
                    side = stack.enter_context(self.mount(kind))
                    mounted.append(side)
                    result.add(side, {"marks": self.configuration(side)})
                except ERRORS as error:
                    result.fail(kind.name, error)
            yield mounted

    def configuration(self, side):
        """Marks, if the side is not mounted as it says."""
        return check.configuration(side, self.stat(side))

    def stat(self, side):
        return check.stat(side, self.arguments.sievectl)

    def watch(self, side):
        return check.Watch(side, self.arguments.sievectl)

    # --- measuring

    def say(self, text):
        print(f"bench: {self.progress}{text}", file=sys.stderr, flush=True)

    def repeat(self, result, measured, measure, before=None, repeats=None):
        """Measures each side in turn, `repeats` times, beginning with another one each time. measure(side) returns
        {name: value}."""
        repeats = repeats or self.arguments.repeats
        for number in range(repeats):
            turn = number % max(len(measured), 1)
            for side in [*measured[turn:], *measured[:turn]]:
                if side.name in result.failures:
                    continue
                self.say(f"{number + 1}/{repeats} {side.name}")
                try:
                    if before:
                        before()
                    result.add(side, measure(side))
                except ERRORS as error:
                    result.fail(side.name, error)

    def once(self, result, mounted, prepare):
        """Prepares each side before anything is measured; a side that fails is not measured."""
        for side in mounted:
            try:
                prepare(side)
            except ERRORS as error:
                result.fail(side.name, error)

    def repeat_alone(self, result, measure, kinds=None, repeats=None, before=None):
        """As repeat(), but each side is mounted for its measurement only."""

        def mounted(kind):
            with self.mount(kind) as side:
                values = measure(side)
                return {**values, "marks": [*values.get("marks", []), *self.configuration(side)]}

        self.repeat(result, self.kinds if kinds is None else kinds, mounted, before, repeats)

    def drop_caches(self):
        for folder in self.folders():
            machine.drop_caches(folder)

    def sync(self):
        for folder in self.folders():
            machine.sync(folder)

    # --- files

    @contextlib.contextmanager
    def files(self, sizes, kinds=None):
        """Files of bytes that don't compress: {name: bytes}. Removed at the end."""
        try:
            for folder in self.folders(kinds):
                for name, size in sizes.items():
                    make_file(os.path.join(folder, name), size)
            self.sync()
            yield list(sizes)
        finally:
            for folder in self.folders(kinds):
                for name in sizes:
                    pathlib.Path(folder, name).unlink(missing_ok=True)

    def name_list(self, side, names, what="names"):
        """Writes a file of the names as that side shows them, for the C programs. Returns its path."""
        path = os.path.join(self.work, f"{what}.{side.name}")
        pathlib.Path(path).write_bytes(b"".join(os.fsencode(side.path(name)) + b"\0" for name in names))
        return path

    def warm(self, result, mounted, names):
        """Reads each file twice through each side, and again until a sievefs that caches has cached it."""
        waiting, end = [side for side in mounted if side.name not in result.failures], None
        for number in range(1000):
            for side in waiting:
                try:
                    self.loop("touch", self.name_list(side, names))
                except ERRORS as error:
                    result.fail(side.name, error)
            if number == 0:
                continue
            end = end or time.monotonic() + WARM_SECONDS
            waiting = [side for side in waiting if self.is_cold(side, len(names))]
            if not waiting or time.monotonic() > end:
                return
            time.sleep(0.3)

    def is_cold(self, side, count):
        """Whether a cache lacks more than one in a thousand of so many files."""
        shown = self.stat(side)
        return bool(shown and side.kind.lane == "cached" and shown["cache"]["objects"] < count - count // 1000)

    def loop(self, operation, *words, group=None, cpu=None, **options):
        """Runs bench_loop. Returns its figures."""
        given = [f"--{key}={value}" for key, value in options.items() if value is not None]
        if cpu is not None:
            given.append(f"--cpu={cpu}")
        return machine.pairs(machine.run_in(group, self.arguments.loop_program, operation, *given, *words))


def make_file(path, size):
    block = os.urandom(min(size, 8 << 20))
    with open(path, "wb") as file:
        for start in range(0, size, len(block)):
            file.write(block[: size - start])
