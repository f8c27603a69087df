"""Daemons, mounts and memory cgroups. All of them are removed at the end."""

import contextlib
import ctypes
import os
import pathlib
import resource
import signal
import subprocess
import time

import memory_groups
from machine import Failure, enter, run

PR_SET_PDEATHSIG = 1
MOUNT_SECONDS = 10
libc = ctypes.CDLL(None, use_errno=True)


def unmount(directory):
    for _ in range(50):
        if subprocess.run(["umount", directory], capture_output=True).returncode == 0:
            return
        time.sleep(0.1)
    run("umount", directory)


def allow_open_files():
    """Raises the limit of descriptors: some peers keep one for each file that they know, and would run out of them in
    the tree."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = int(pathlib.Path("/proc/sys/fs/nr_open").read_text())
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (OSError, ValueError):  # for example in a container
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def begin(group=None):
    """Called in a new process: it ends with this one, and runs within the memory cgroup."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    allow_open_files()
    enter(group)


@contextlib.contextmanager
def process(command, group=None, output=subprocess.DEVNULL):
    """A program that runs meanwhile, and is ended."""
    try:
        # in a session of its own, so that ^C does not reach it: it is ended when nothing uses it any more
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=lambda: begin(group),
        )
    except OSError as error:
        raise Failure(f"{command[0]}: {error.strerror}") from error
    try:
        yield child
    finally:
        if child.poll() is None:
            child.terminate()
        wait(child)


def wait(child):
    try:
        child.wait(20)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


@contextlib.contextmanager
def mounted(command, mountpoint, log, group=None):
    """A mount, by a daemon in the foreground. Yields its process."""
    with open(log, "wb") as output, process(command, group, output) as daemon:
        end = time.monotonic() + MOUNT_SECONDS
        while not os.path.ismount(mountpoint) and daemon.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        try:
            if not os.path.ismount(mountpoint):
                words = pathlib.Path(log).read_text(errors="replace").strip().splitlines()
                raise Failure(f"did not mount: {words[-1] if words else daemon.poll()}")
            yield daemon
        finally:
            if os.path.ismount(mountpoint):
                unmount(mountpoint)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    daemon.wait(20)


def processes_of(pid):
    """The process and its children: sievefs's keepers hold its pinned pages."""
    pids = [pid]
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            pids += [int(word) for word in path.read_text().split()]
    return pids


@contextlib.contextmanager
def memory_group(limit, what="all"):
    """A memory cgroup. Yields its directory."""
    try:
        group = memory_groups.make(limit, what)
    except OSError as error:
        raise Failure(f"a memory cgroup: {error.strerror}") from error
    try:
        yield group
    finally:
        memory_groups.remove(group)
