"""The machine's page cache, its CPU time, and its programs."""

import ctypes
import fcntl
import os
import pathlib
import shutil
import subprocess

import memory_groups

DROP_CACHES = "/proc/sys/vm/drop_caches"
SYS_CACHESTAT = 451
CLONE_NEWNS = 0x20000
MS_REC_PRIVATE = 0x4000 | 0x40000
PROGRAMS = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"


class Failure(Exception):
    """Its text is a line for the user: what could not be done, and why."""


def has(program):
    return shutil.which(program, path=PROGRAMS)


def run(*command, **options):
    """Runs a program. Returns what it printed."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)
    except OSError as error:
        raise Failure(f"{command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)}: {complaint(done.stdout + done.stderr) or done.returncode}")
    return done.stdout


def complaint(text):
    """The most useful line of the text: the last one with an error, or the last."""
    lines = text.strip().splitlines()
    return next((line for line in reversed(lines) if "error" in line.lower()), lines[-1] if lines else None)


def run_in(group, *command, **options):
    """As run(), within a memory cgroup; None: in that of this process."""
    return run(*command, preexec_fn=lambda: enter(group), **options)


def enter(group):
    if group:
        memory_groups.enter(group)


def remove_tree(directory):
    subprocess.run(["rm", "-rf", "--one-file-system", directory], check=False)


def pairs(text):
    """Lines of key=value, as numbers."""
    return {key: float(value) for key, value in (line.split("=", 1) for line in text.split() if "=" in line)}


def write_to(path, text):
    try:
        pathlib.Path(path).write_text(text)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from error


def keep_mounts_private():
    """Takes a mount namespace of its own: namespaces that are made meanwhile don't keep what is mounted here."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0 or libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None) != 0:
        raise Failure(f"mount namespace: {os.strerror(ctypes.get_errno())}")


def sync(directory):
    """Writes back this file system only: others may be slow, or hang."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(directory, os.O_RDONLY)
    try:
        if libc.syncfs(fd) != 0:
            raise Failure(f"syncfs: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(fd)


def drop_caches(directory):
    """Writes back the file system, and drops all clean pages of the machine. Waits for other programs that measure what
    the page cache keeps, which hold a lock on DROP_CACHES."""
    sync(directory)
    try:
        with open(DROP_CACHES, "w", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write("3")
    except OSError as error:
        raise Failure(f"{DROP_CACHES}: {error.strerror}") from error


def cached_bytes(path):
    """Bytes of the file in the page cache, by cachestat(2); None before Linux 6.5."""
    counts = (ctypes.c_uint64 * 5)()
    span = (ctypes.c_uint64 * 2)(0, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(path, os.O_RDONLY)
    try:
        if libc.syscall(SYS_CACHESTAT, fd, span, counts, 0) != 0:
            return None
    finally:
        os.close(fd)
    return counts[0] * os.sysconf("SC_PAGESIZE")


def process_cpu_seconds(pid):
    """User and system time of a process with all of its threads, io_uring's workers among them."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def warm_file(path):
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 20):
            pass


