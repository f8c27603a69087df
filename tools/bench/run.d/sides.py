"""The sides: the bare directory, sievefs in its configurations, and its peers; a row each. What each side needs."""

import contextlib
import dataclasses
import os
import pathlib
import shlex
import sys

import examples
import machine
import mounts
from machine import Failure

URING = pathlib.Path("/sys/module/fuse/parameters/enable_uring")


@dataclasses.dataclass(frozen=True)
class Kind:
    """A side that can be mounted; without a command: a directory."""

    name: str
    group: str  # native, sievefs or peer
    about: str
    command: tuple = ()  # with {source} and {mountpoint}; the first word may be {sievefs} or {example}
    package: str = ""  # the Debian package of a peer's program
    uring: bool = False  # its requests travel over io_uring
    lane: str = ""  # the lane of hot files in a sievefs
    store: str = ""
    passthrough: bool = False  # the kernel should read the open files without the daemon
    groups: tuple = ()  # numbers of the groups of workloads that have this side; empty: all


def sievefs(name, about, options, **more):
    # large_keep=0: each pass over a large file is like its first
    command = ("{sievefs}", "-f", "-o", f"{options},large_keep=0{{options}}", "{source}", "{mountpoint}")
    return Kind(name, "sievefs", about, command, passthrough=True, **more)


def passthrough_ll(name, about, options, **more):
    command = ("{passthrough_ll}", "-f", "-o", f"source={{source}},cache=always{options}", "{mountpoint}")
    return Kind(name, "peer", about, command, **more)


CATALOGUE = [
    Kind("native", "native", "the bare directory"),
    Kind("xfs", "native", "a bare xfs on a device of the same sort"),
    *(
        sievefs(
            f"sievefs-{way}-{transport}",
            f"{about}, {how}",
            f"{options},transport={transport}",
            uring=transport == "uring",
            **more,
        )
        for way, about, options, more in (
            ("pin", "hot files pinned", "store=pin", {"lane": "cached", "store": "pin"}),
            ("copy", "hot files copied", "store=copy", {"lane": "cached", "store": "copy"}),
            ("plain", "nothing cached", "admit=0", {"lane": "plain"}),
        )
        for transport, how in (("uring", "FUSE over io_uring"), ("dev", "/dev/fuse"))
    ),
    sievefs(
        "sievefs-kept-dev",
        "hot files pinned; names and attributes kept for a day and no extended attributes, as passthrough_ll has it",
        "store=pin,transport=dev,attr_timeout=86400,entry_timeout=86400,xattr=off",
        lane="cached",
        store="pin",
        groups=("5",),
    ),
    Kind(
        "mergerfs",
        "peer",
        "mergerfs with its defaults",
        ("mergerfs", "-f", "-o", "minfreespace=0", "{source}", "{mountpoint}"),
        package="mergerfs",
    ),
    Kind("bindfs", "peer", "bindfs with its defaults", ("bindfs", "-f", "{source}", "{mountpoint}"), package="bindfs"),
    passthrough_ll(
        "passthrough_ll-uring", "libfuse's example, cache=always, FUSE over io_uring", ",io_uring", uring=True
    ),
    passthrough_ll("passthrough_ll-dev", "libfuse's example, cache=always, /dev/fuse", ""),
    Kind(
        "passthrough_hp",
        "peer",
        "libfuse's example with passthrough, /dev/fuse",
        ("{passthrough_hp}", "--foreground", "{source}", "{mountpoint}"),
        passthrough=True,
    ),
]
NAMES = {group: [kind.name for kind in CATALOGUE if kind.group == group] for group in ("native", "sievefs", "peer")}


def of_command(text, known):
    """A peer by its command; a second one of the same program gets a number."""
    words = tuple(shlex.split(text))
    name = os.path.basename(words[0])
    again = sum(kind.name.partition("#")[0] == name for kind in known)
    return Kind(f"{name}#{again + 1}" if again else name, "peer", text, words)


class Side:
    """One way to the files of a folder. `daemon` is None for the bare directory; the files appear in `directory`."""

    def __init__(self, name, directory, backing, kind=None, daemon=None, direct=False, engine="psync", depth=1):
        self.name, self.directory, self.backing = name, directory, backing
        self.kind, self.daemon = kind, daemon
        self.direct, self.engine, self.depth = direct, engine, depth

    @property
    def group(self):
        return self.kind.group if self.kind else "native"

    def processes(self):
        return mounts.processes_of(self.daemon.pid) if self.daemon else []

    def cpu_seconds(self):
        return sum(machine.process_cpu_seconds(pid) for pid in self.processes())

    def path(self, name):
        return os.path.join(self.directory, name)

    def stay_on(self, cpu):
        for pid in self.processes():
            for thread in os.listdir(f"/proc/{pid}/task"):
                os.sched_setaffinity(int(thread), {cpu})


def uring_is_on():
    return URING.exists() and URING.read_text().strip() == "Y"


@contextlib.contextmanager
def uring_enabled():
    """Turns FUSE over io_uring on, for the whole machine, during the run."""
    if uring_is_on():
        yield
        return
    machine.write_to(URING, "Y")
    print(f"bench: {URING} is Y for this run", file=sys.stderr)
    try:
        yield
    finally:
        machine.write_to(URING, "N")


def program_of(kind, arguments):
    """The path of its program, or a Failure that says what is missing and how to get it."""
    word = kind.command[0]
    if word == "{sievefs}":
        return arguments.sievefs
    if word.startswith("{"):
        return examples.built(word.strip("{}"), arguments.build)
    path = machine.has(word)
    if not path:
        how = f": --install, or apt-get install {kind.package}" if kind.package else ""
        raise Failure(f"{word} is not installed{how}")
    return path


def command_of(kind, arguments, source, mountpoint):
    if kind.uring and not uring_is_on():
        raise Failure(f"left out: {URING} is not Y (--enable-uring sets it for the run)")
    options = f",{arguments.options}" if arguments.options else ""
    words = [word.format(source=source, mountpoint=mountpoint, options=options) for word in kind.command[1:]]
    return [program_of(kind, arguments), *words]
