"""metadata - find, ls -lR, git status and stat over many files: the first time, when client and sievefs know nothing,
and the second time, at once after that."""

import os
import pathlib
import random
import shutil
import subprocess
import time

from cluster import Failure

SIZE_MAX = 32 << 10
LONG = "attr_timeout=60,entry_timeout=60"
STAT_WORKERS = 4


def files_of_the_machine(count):
    """Small files below /usr, directory by directory."""
    found = []
    for directory, names, files in os.walk("/usr"):
        names.sort()
        for name in sorted(files):
            path = pathlib.Path(directory, name)
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= SIZE_MAX:
                found.append(path)
                if len(found) == count:
                    return found
    return found


def git(tree, *arguments):
    who = ["-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "safe.directory=*", "-c", "gc.auto=0"]
    command = ["git", "--no-optional-locks", *who, "-C", tree, *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def make_repository(run):
    """Makes the repository through the client of machine b, so that a knows nothing of it. Returns its files' names."""
    run.cluster.new_client("b", "1s")
    tree, source = run.cluster.client("b") / "repository", run.cluster.work / "repository"
    names = []
    for path in files_of_the_machine(run.arguments.files):
        name = path.relative_to("/usr")
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, source / name)
        names.append(str(name))
    git(source.parent, "init", "-q", source)
    git(source, "add", "-f", ".")
    git(source, "commit", "-q", "-m", "files")
    git(source, "repack", "-a", "-d", "-q")
    subprocess.run(["cp", "-a", source, tree], check=True)
    shutil.rmtree(source)
    time.sleep(1.1)  # git would read files that are as old as the index each time
    subprocess.run(["git", "-C", tree, "-c", "safe.directory=*", "update-index", "-q", "--really-refresh"], check=True)
    random.Random(1).shuffle(names)
    return names


def find(tree, names):
    subprocess.run(["find", tree], check=True, stdout=subprocess.DEVNULL)


def list_long(tree, names):
    subprocess.run(["ls", "-lR", tree], check=True, stdout=subprocess.DEVNULL)


def git_status(tree, names):
    git(tree, "status", "--porcelain")


def stat_files(tree, names):
    children = []
    for worker in range(STAT_WORKERS):
        child = os.fork()
        if child == 0:
            try:
                for name in names[worker::STAT_WORKERS]:
                    os.lstat(f"{tree}/{name}")
                os._exit(0)
            except OSError:
                os._exit(1)
        children.append(child)
    if any([os.waitpid(child, 0)[1] for child in children]):
        raise Failure("stat of a file failed")


COMMANDS = {"find": find, "ls -lR": list_long, "git status": git_status, f"stat, {STAT_WORKERS} workers": stat_files}


def seconds_twice(run, options, sievefs, keeps, command, names):
    """One side: seconds and requests of the first and second time. options: sievefs's; None: the bare client."""
    cluster = run.cluster
    cluster.new_client("a", keeps)
    if options is not None:
        cluster.mount_sievefs("a", options, sievefs)
    tree = (cluster.client("a") if options is None else cluster.mount("a")) / "repository"
    found = {}
    cluster.requests()
    for when in ("first", "second"):
        start = time.monotonic()
        command(tree, names)
        found[f"{when} s"] = round(time.monotonic() - start, 4)
        found[f"{when} requests"] = sum(cluster.requests().values())
    if options is not None:
        cluster.unmount_sievefs("a")
    return found


def measure(run):
    ours = run.arguments.sievefs
    sides = {"client": (None, None), "sievefs": ("", ours), "sievefs 60s": (LONG, ours)}
    if run.arguments.also:
        sides["also"] = ("", pathlib.Path(run.arguments.also).absolute() / "fs" / "sievefs")
    names = make_repository(run)
    for keeps in run.arguments.keeps:
        for label, command in COMMANDS.items():
            found = run.by_turns(list(sides), lambda side: seconds_twice(run, *sides[side], keeps, command, names))
            for when in ("first", "second"):
                values = {side: [one[f"{when} s"] for one in each] for side, each in found.items()}
                requests = {side: [one[f"{when} requests"] for one in each] for side, each in found.items()}
                run.row(f"metadata, client keeps {keeps}", f"{label}, {when} time, s", values, requests=requests)
