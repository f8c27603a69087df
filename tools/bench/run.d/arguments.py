"""The command line: what is measured, where, how often, and what is written."""

import argparse
import pathlib
import re

import sides
from workloads import WORKLOADS

TOP = pathlib.Path(__file__).resolve().parents[3]
STREAMS_MOST = 4
GROUPS = list(dict.fromkeys(workload.group.split()[0] for workload in WORKLOADS.values()))
# what --quick reduces, unless the option is given
QUICK = {
    "repeats": 2,
    "ms": 200,
    "size": 256 << 20,
    "files": 2000,
    "memory": 64 << 20,
    "scale_most": 10000,
    "depths": [1, 8],
}
FULL = {
    "repeats": 5,
    "ms": 4000,
    "size": 2 << 30,
    "files": 100000,
    "memory": 512 << 20,
    "scale_most": 1000000,
    "depths": [1, 4, 8, 16],
}


def wrong(text):
    return argparse.ArgumentTypeError(text)


def bytes_of(text):
    match = re.fullmatch(r"(\d+)([KMG]?)", text)
    if not match or not int(match[1]):
        raise wrong(f"{text}: takes bytes with K, M or G")
    return int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2]]


def size_of(text):
    size = bytes_of(text)
    if size % (STREAMS_MOST << 20):
        raise wrong(f"{text}: takes a multiple of {STREAMS_MOST}M")
    return size


def count_of(text):
    if not re.fullmatch(r"[1-9]\d*", text):
        raise wrong(f"{text}: takes a number from 1")
    return int(text)


def ms_of(text):
    return 1000 * count_of(text)


def depths_of(text):
    if not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", text):
        raise wrong(f"{text}: takes numbers with commas between")
    return [int(word) for word in text.split(",")]


def workloads_of(text):
    """Parses a list of workloads: names, beginnings of names, and numbers of groups."""
    chosen = []
    for word in text.split(","):
        found = [n for n, w in WORKLOADS.items() if w.group.split()[0] == word or n == word] or [
            name for name in WORKLOADS if word and name.startswith(word)
        ]
        if not found:
            known = f"{', '.join(WORKLOADS)}, and the groups {', '.join(GROUPS)}"
            raise wrong(f"{word}: no such workload; there are {known}")
        chosen += found
    return [name for name in WORKLOADS if name in chosen]


def names_of(group):
    """A parser of a list of sides: names, or beginnings of names; `none`: no side."""

    def choose(text):
        chosen = []
        for word in filter(None, text.split(",")):
            known = [name for one in group for name in sides.NAMES[one]]
            found = [name for name in known if name.startswith(word)]
            if not found and word != "none":
                raise wrong(f"{word}: there are {', '.join(known)}, and none")
            chosen += [word] if word in found else found
        return chosen

    return choose


def command_of(text):
    if "{source}" not in text or "{mountpoint}" not in text:
        raise wrong(f"{text}: takes a command with {{source}} and {{mountpoint}}")
    return text


def add_where(parser):
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--source", metavar="DIR", help="measure in a new folder of this directory")
    where.add_argument("--device", choices=["ext4", "xfs"], help="measure on a new block device in memory")
    where.add_argument(
        "--loop",
        choices=["ext4", "xfs"],
        default="ext4",
        help="measure on a new file system in a file below --work (ext4)",
    )
    parser.add_argument(
        "--work",
        metavar="DIR",
        default="/var/tmp",
        help="where mount points and the file of --loop are made (/var/tmp)",
    )


def add_what(parser):
    parser.add_argument(
        "--quick",
        action="store_true",
        help="minutes instead of hours: smaller workloads, fewer repeats, wider spreads",
    )
    parser.add_argument(
        "--only",
        type=workloads_of,
        default=list(WORKLOADS),
        metavar="LIST",
        help="workloads by name, by the beginning of a name, or by the number of a group; --list shows them",
    )
    parser.add_argument(
        "--sides",
        type=names_of(["native", "sievefs"]),
        metavar="LIST",
        help="sides, of " + ", ".join([*sides.NAMES["native"], *sides.NAMES["sievefs"]]) + " (all)",
    )
    parser.add_argument(
        "--peers",
        type=names_of(["peer"]),
        metavar="LIST",
        help="peers, of " + ", ".join(sides.NAMES["peer"]) + ", or none (all)",
    )
    parser.add_argument(
        "--peer",
        type=command_of,
        action="append",
        default=[],
        metavar="COMMAND",
        help="another peer, which stays in the foreground: 'bindfs -f {source} {mountpoint}'; repeatable",
    )
    parser.add_argument("--options", metavar="OPTIONS", help="further mount options of sievefs")
    parser.add_argument(
        "--build",
        type=pathlib.Path,
        default=TOP / "build",
        metavar="DIR",
        help="where sievefs was built (build)",
    )
    parser.add_argument("--sievefs", metavar="PATH", help="a sievefs other than that of the build")
    parser.add_argument(
        "--install",
        action="store_true",
        help="install missing Debian packages of peers and programs",
    )
    parser.add_argument(
        "--enable-uring",
        action="store_true",
        help="turn FUSE over io_uring on for the run, for the whole machine, and restore it",
    )


def add_how_much(parser):
    parser.add_argument("--repeats", type=count_of, metavar="N", help="repeats of each side (5)")
    parser.add_argument("--size", type=size_of, metavar="BYTES", help="size of streamed files (2G)")
    parser.add_argument(
        "--files",
        type=count_of,
        metavar="N",
        help="files of the tree; the archive of untar has a fifth of them (100000)",
    )
    parser.add_argument("--seconds", dest="ms", type=ms_of, metavar="N", help="duration of timed workloads (4)")
    parser.add_argument(
        "--memory",
        type=size_of,
        metavar="BYTES",
        help="limit of the memory cgroup of isolation (512M)",
    )
    parser.add_argument("--scale-most", type=count_of, metavar="N", help="most files of scale-files (1000000)")
    parser.add_argument(
        "--depths",
        type=depths_of,
        metavar="LIST",
        help="queue depths of native O_DIRECT, of which the fastest counts (1,4,8,16)",
    )


def add_output(parser):
    form = parser.add_mutually_exclusive_group()
    for name, text in ("markdown", "the tables as Markdown"), ("json", "the results as JSON"):
        form.add_argument(
            f"--{name}",
            action="store_const",
            dest="form",
            const=name,
            default="table",
            help=f"print {text}",
        )
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        metavar="DIR",
        help="write report.txt, report.md, report.json and report.html to DIR",
    )
    parser.add_argument("--list", action="store_true", help="list the workloads and end")


def parse(words=None):
    parser = argparse.ArgumentParser(
        prog="run", description="Compares sievefs with the bare directory and its peers, in one run. Needs root."
    )
    for add in (add_where, add_what, add_how_much, add_output):
        add(parser)
    arguments = parser.parse_args(words)
    for name, value in (QUICK if arguments.quick else FULL).items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    arguments.only = [name for name in arguments.only if WORKLOADS[name].files <= arguments.scale_most]
    arguments.build = arguments.build.resolve()
    arguments.sievefs = arguments.sievefs or str(arguments.build / "fs" / "sievefs")
    arguments.sievectl = str(arguments.build / "tools" / "sievectl")
    arguments.hotread = str(arguments.build / "tools" / "demo.d" / "hotread")
    arguments.loop_program = str(arguments.build / "tools" / "bench" / "bench_loop")
    return arguments
