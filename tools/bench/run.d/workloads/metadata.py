"""5. Names and attributes: a tree of small files, archives, a git repository."""

import io
import os
import pathlib
import random
import shutil
import tarfile
import time

import machine
from results import Measure, Workload

FOLDER_FILES = 200
ARCHIVE_PART = 5  # of the tree's files are in the archive that is unpacked and removed
GIT_PART = 20  # of the tree's files are in the repository
GIT_SOURCES = ("/usr/include", "/usr/share/doc", "/usr/share", "/usr/lib")
GIT_MOST_BYTES = 256 << 10
GIT_SETTINGS = ("safe.directory=*", "core.checkStat=minimal", "core.trustctime=false", "gc.auto=0")
GIT = ("git", *(word for setting in GIT_SETTINGS for word in ("-c", setting)))


# --- data


def archive_of(bench, count):
    """Small files, 200 to a folder. Returns the archive, which is made once, and its contents by name."""
    path, source = os.path.join(bench.work, f"small.{count}.tar"), random.Random(1)
    names = (f"{number // FOLDER_FILES}/{number}" for number in range(count))
    contents = {name: source.randbytes(source.randrange(1, 8192)) for name in names}
    if not os.path.exists(path):
        with tarfile.open(path, "w") as archive:
            for name, content in contents.items():
                info = tarfile.TarInfo(name)
                info.size, info.mtime = len(content), int(time.time())
                archive.addfile(info, io.BytesIO(content))
    return path, contents


def unpack(archive, target):
    os.mkdir(target)
    machine.run("tar", "-xf", archive, "-C", target)


def tree(bench, kinds):
    """Makes the tree in the folder of each side; it stays for the workloads that follow."""
    missing = [folder for folder in bench.folders(kinds) if not os.path.isdir(os.path.join(folder, "tree"))]
    if missing:
        bench.say(f"making a tree of {bench.arguments.files} files")
        archive, contents = archive_of(bench, bench.arguments.files)
        for folder in missing:
            unpack(archive, os.path.join(folder, "tree"))
        bench.sync()
        os.unlink(archive)
        bench.tree_names = [f"tree/{name}" for name in contents]
    return bench.tree_names


def machine_files(count):
    for top in GIT_SOURCES:
        for directory, _, names in os.walk(top):
            for name in sorted(names):
                path = os.path.join(directory, name)
                if os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path) <= GIT_MOST_BYTES:
                    yield path
                    count -= 1
                    if not count:
                        return


def repository(bench, kinds):
    """Makes a git repository of this machine's own files in the folder of each side."""
    made = os.path.join(bench.work, "repository")
    if not os.path.isdir(made):
        for path in machine_files(max(bench.arguments.files // GIT_PART, 1)):
            target = made + path
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(path, target)
        machine.run(*GIT, "-C", made, "init", "-q")
        machine.run(*GIT, "-C", made, "add", "-A", "-f")
        machine.run(
            *GIT,
            "-c",
            "user.name=bench",
            "-c",
            "user.email=bench@invalid",
            "-C",
            made,
            "commit",
            "-q",
            "-m",
            "all",
        )
    for folder in bench.folders(kinds):
        if not os.path.isdir(os.path.join(folder, "repository")):
            machine.run("cp", "-a", made, os.path.join(folder, "repository"))
    bench.sync()


# --- measuring


def timed(*command, **options):
    began = time.monotonic()
    output = machine.run(*command, **options)
    return time.monotonic() - began, output


def over_the_tree(program, *words, cold=False):
    """A program that looks at each file of the tree."""

    def run(bench, result):
        kinds = bench.one_store()
        tree(bench, kinds)
        result.detail = f"{bench.arguments.files} files"
        with bench.mounts(result, kinds) as mounted:

            def measure(side):
                return {"time": timed(program, side.path("tree"), *words)[0]}

            if not cold:
                bench.once(result, mounted, measure)
            bench.repeat(result, mounted, measure, before=bench.drop_caches if cold else None)

    return run


def stat_storm(bench, result):
    kinds = bench.one_store()
    names = tree(bench, kinds)
    result.detail = f"{len(names)} files"
    with bench.mounts(result, kinds) as mounted:
        bench.once(result, mounted, lambda side: timed("find", side.path("tree"), "-size", "+1G"))

        def measure(side):
            found = bench.loop("stat", bench.name_list(side, names), ms=bench.arguments.ms)
            return {"rate": found["per_second"], "p50": found["p50_us"], "p99": found["p99_us"]}

        bench.repeat(result, mounted, measure)


def make_names(bench, result):
    count, number = bench.arguments.files // ARCHIVE_PART, 0
    result.detail = f"{count} files, in one directory"

    def measure(side):
        nonlocal number
        number += 1
        directory = side.path(f"names.{number}")
        os.mkdir(directory)
        watch = bench.watch(side)
        try:
            found = bench.loop("make", directory, str(count))
        finally:
            machine.remove_tree(os.path.join(side.backing, f"names.{number}"))
        values = {name: found[f"{name}_us"] for name in ("create", "rename", "unlink")}
        return {**values, "marks": watch.asked("unlink", count)}

    with bench.mounts(result, bench.one_store()) as mounted:
        bench.repeat(result, mounted, measure)


def remove_tree(bench, result):
    archive, contents = archive_of(bench, bench.arguments.files // ARCHIVE_PART)
    result.detail = f"{len(contents)} files"
    number = 0

    def measure(side):
        nonlocal number
        number += 1
        unpack(archive, os.path.join(side.backing, f"removed.{number}"))
        watch = bench.watch(side)
        seconds, _ = timed("rm", "-r", side.path(f"removed.{number}"))
        return {"time": seconds, "marks": watch.asked("unlink", len(contents))}

    with bench.mounts(result, bench.one_store()) as mounted:
        bench.repeat(result, mounted, measure)


def untar(bench, result):
    archive, contents = archive_of(bench, bench.arguments.files // ARCHIVE_PART)
    made = "an empty file system each time" if bench.place.node else "a new folder each time"
    result.detail = f"{len(contents)} files, {made}"
    unpacked = []

    def measure(kind):
        bench.place_of(kind).renew()
        name = f"untar.{len(unpacked)}"
        with bench.mount(kind) as side:
            # not removed before the end: ext4 searches long for inodes after many were freed
            unpacked.append(os.path.join(side.backing, name))
            watch = bench.watch(side)
            os.mkdir(side.path(name))
            seconds, _ = timed("tar", "-xf", archive, "-C", side.path(name))
            marks = [*watch.asked("create", len(contents)), *bench.configuration(side)]
            compare_tree(os.path.join(side.backing, name), contents)
            return {"time": seconds, "marks": marks}

    try:
        bench.repeat(result, bench.one_store(), measure)
    finally:
        for directory in unpacked:
            machine.remove_tree(directory)


def compare_tree(directory, contents):
    for name, expected in contents.items():
        if pathlib.Path(directory, name).read_bytes() != expected:
            raise machine.Failure(f"{name} is not what the archive holds")


def git_status(bench, result):
    def measure(side):
        environment = dict(os.environ, GIT_OPTIONAL_LOCKS="0")
        seconds, output = timed(*GIT, "-C", side.path("repository"), "status", "--porcelain", env=environment)
        if output:
            raise machine.Failure(f"git status sees a change: {output.splitlines()[0]}")
        return {"time": seconds}

    git(bench, result, measure)


def git_clone(bench, result):
    number = 0

    def measure(side):
        nonlocal number
        number += 1
        clone = f"clone.{number}"
        try:
            seconds, _ = timed(*GIT, "clone", "-q", "--local", side.path("repository"), side.path(clone))
            return {"time": seconds}
        finally:
            machine.remove_tree(os.path.join(side.backing, clone))

    git(bench, result, measure)


def git(bench, result, measure):
    kinds = bench.one_store()
    repository(bench, kinds)
    result.detail = f"{max(bench.arguments.files // GIT_PART, 1)} files of this machine"
    with bench.mounts(result, kinds) as mounted:
        bench.once(result, mounted, lambda side: machine.run(*GIT, "-C", side.path("repository"), "status"))
        bench.repeat(result, mounted, measure)


SECONDS = (Measure("time", "s"),)
GROUP = "5 metadata"
WARM, COLD = "the tree, seen before through each side", "the tree, after the caches are dropped"
WORKLOADS = [
    Workload("find", GROUP, WARM, "find tree -size +1G", SECONDS, over_the_tree("find", "-size", "+1G")),
    Workload(
        "find-cold", GROUP, COLD, "find tree -size +1G", SECONDS, over_the_tree("find", "-size", "+1G", cold=True)
    ),
    Workload("ls-lR", GROUP, WARM, "ls -lR tree", SECONDS, over_the_tree("ls", "-lR")),
    Workload(
        "stat-storm",
        GROUP,
        f"{WARM}; each stat(2) is of a random file",
        "bench_loop stat LIST",
        (Measure("rate", "calls/s", "higher"), Measure("p50", "µs"), Measure("p99", "µs")),
        stat_storm,
    ),
    Workload(
        "names",
        GROUP,
        "empty files are created, renamed, unlinked",
        "bench_loop make DIRECTORY COUNT",
        tuple(Measure(name, "µs") for name in ("create", "rename", "unlink")),
        make_names,
    ),
    Workload("rm-r", GROUP, "a tree that was just unpacked beside the mount", "rm -r tree", SECONDS, remove_tree),
    Workload(
        "git-status",
        GROUP,
        "a repository, seen before through each side",
        "git -c core.checkStat=minimal status",
        SECONDS,
        git_status,
        ("git",),
    ),
    Workload(
        "git-clone",
        GROUP,
        "a repository, seen before through each side",
        "git clone --local",
        SECONDS,
        git_clone,
        ("git",),
    ),
    # last, since it makes the file system again
    Workload("untar", GROUP, "files of up to 8 KiB are made, without fsync", "tar -xf ARCHIVE", SECONDS, untar),
]
