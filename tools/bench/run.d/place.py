"""Where to measure: a folder of a directory, or a new file system on a device in memory or on a loop device."""

import contextlib
import os
import pathlib
import shutil
import tempfile
import time

import machine
from machine import Failure, write_to
from mounts import unmount

ZRAM_CONTROL = "/sys/class/zram-control"
RELEASE_SECONDS = 10
# so that nothing is left to be initialised in the background, and there are inodes for many small files
MKFS_OPTIONS = {"ext4": ["-q", "-i", "8192", "-E", "lazy_itable_init=0,lazy_journal_init=0"], "xfs": ["-q", "-f"]}
LEAST_BYTES = 512 << 20  # mkfs.xfs takes no less than 300 MiB


class Place:
    """Folders to measure in, on one file system. With a node, this run owns the file system, and can make it again."""

    def __init__(self, directory, kind=None, node=None):
        self.directory, self.kind, self.node = directory, kind, node
        self.top = os.path.join(directory, f"sievefs-bench.{os.getpid()}")
        self.folders = []
        os.mkdir(self.top)

    def folder(self, name):
        path = os.path.join(self.top, name)
        if path not in self.folders:
            os.mkdir(path)
            self.folders.append(path)
        return path

    def renew(self):
        """Makes the file system again if this run owns it: ext4 searches long for inodes after many were freed."""
        if not self.node:
            return
        unmount(self.directory)
        make_file_system(self.kind, self.node, self.directory)
        os.mkdir(self.top)
        for path in self.folders:
            os.mkdir(path)

    def remove(self):
        machine.remove_tree(self.top)


def make_file_system(kind, node, directory):
    machine.run(f"mkfs.{kind}", *MKFS_OPTIONS[kind], node)
    machine.run("mount", node, directory)


@contextlib.contextmanager
def zram(size):
    number = pathlib.Path(ZRAM_CONTROL, "hot_add").read_text().strip()
    try:
        write_to(f"/sys/block/zram{number}/disksize", str(size))
        yield f"/dev/zram{number}"
    finally:
        remove_zram(number)


def remove_zram(number):
    """Tries for a while, since a program that examines new devices may have it open for a moment."""
    for patience in range(RELEASE_SECONDS, -1, -1):
        try:
            write_to(f"/sys/block/zram{number}/reset", "1")
            write_to(f"{ZRAM_CONTROL}/hot_remove", number)
            return
        except Failure as failure:
            if patience == 0:
                raise Failure(f"{failure}: it stays, and holds its memory") from failure
        time.sleep(1)


@contextlib.contextmanager
def loop(image, size, *options):
    with open(image, "wb") as file:
        file.truncate(size)
    try:
        device = machine.run("losetup", "--find", "--show", *options, image).strip()
    except Failure:  # not every file system can do what the options ask for
        device = machine.run("losetup", "--find", "--show", image).strip()
    try:
        yield device
    finally:
        machine.run("losetup", "--detach", device)
        os.unlink(image)


@contextlib.contextmanager
def loop_over_memory(size, work):
    memory = tempfile.mkdtemp(dir=work)
    machine.run("mount", "-t", "tmpfs", "-o", f"size={size + (64 << 20)}", "sievefs-bench", memory)
    try:
        with loop(f"{memory}/image", size) as device:
            yield device
    finally:
        machine.run("umount", memory)


def loop_over_file(kind, size, work):
    """Reads and writes the file around the page cache, so that a page is cached once."""
    return loop(os.path.join(work, f"{kind}.image"), size, "--direct-io=on")


def check_memory(size):
    """Fails unless there is memory for a device in memory, the page cache of everything on it, and the programs."""
    needed = 2 * size + (2 << 30)
    words = pathlib.Path("/proc/meminfo").read_text().split()
    available = int(words[words.index("MemAvailable:") + 1]) << 10
    if available < needed:
        less = "less by --size, --memory, --files, --scale-most or --only"
        raise Failure(f"takes {needed >> 30} GiB of memory, {available >> 30} are available: {less}")


def check_disk(size, work):
    free = shutil.disk_usage(work).free
    if free < size:
        less = "less by --size, --memory, --files, --scale-most or --only, or another --work"
        raise Failure(f"{work} has {free >> 30} GiB free, {size >> 30} are needed: {less}")


@contextlib.contextmanager
def new_file_system(kind, size, work, in_memory):
    """A Place on a file system of its own."""
    if not machine.has(f"mkfs.{kind}"):
        raise Failure(f"mkfs.{kind} is not installed")
    size = max(size, LEAST_BYTES)
    if in_memory:
        check_memory(size)
        device = zram(size) if os.path.exists(ZRAM_CONTROL) else loop_over_memory(size, work)
    else:
        check_disk(size, work)
        device = loop_over_file(kind, size, work)
    with device as node:
        directory = tempfile.mkdtemp(dir=work, prefix=f"{kind}.")
        make_file_system(kind, node, directory)
        try:
            yield Place(directory, kind, node)
        finally:
            unmount(directory)


@contextlib.contextmanager
def folder_of(directory):
    place = Place(os.path.abspath(directory))
    try:
        yield place
    finally:
        place.remove()
