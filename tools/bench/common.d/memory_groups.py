"""Memory cgroups, of either version."""

import contextlib
import os
import pathlib
import time

V1, V2 = "/sys/fs/cgroup/memory", "/sys/fs/cgroup"


def files():
    """Returns (root, name of the limit's file, version)."""
    if os.path.exists(f"{V1}/memory.limit_in_bytes"):
        return V1, "memory.limit_in_bytes", 1
    return V2, "memory.max", 2


def may_be_made():
    return any(os.access(path, os.W_OK) for path in (f"{V1}/cgroup.procs", f"{V2}/cgroup.subtree_control"))


def make(limit, what):
    """Makes a group. Returns its directory; OSError: there can be none."""
    root, name, version = files()
    control = pathlib.Path(V2, "cgroup.subtree_control")
    group = pathlib.Path(root, f"sievefs-bench.{os.getpid()}.{what}")
    if version == 2 and "memory" not in control.read_text().split():
        control.write_text("+memory")
    group.mkdir()
    try:
        (group / name).write_text(str(limit))
    except OSError:
        remove(group)
        raise
    return str(group)


def remove(group):
    """Removes the group, once its processes have ended."""
    for _ in range(50):
        with contextlib.suppress(OSError):
            os.rmdir(group)
            break
        time.sleep(0.1)


def enter(group):
    pathlib.Path(group, "cgroup.procs").write_text(str(os.getpid()))
