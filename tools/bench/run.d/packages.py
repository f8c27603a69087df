"""--install: Debian's packages of the peers and of the programs that workloads need."""

import os
import sys

import machine
from machine import Failure
from sides import CATALOGUE
from workloads import WORKLOADS

PACKAGES = {
    "c++": "g++",
    "curl": "curl",
    "fio": "fio",
    "git": "git",
    "gnuplot": "gnuplot-nox",
    "meson": "meson",
    "mkfs.xfs": "xfsprogs",
    "nginx": "nginx-light",
    "ninja": "ninja-build",
    "perf": "linux-perf",
    "rsync": "rsync",
    "sqlite3": "sqlite3",
    "strace": "strace",
    "wrk": "wrk",
}


def missing(arguments):
    programs = {program: PACKAGES.get(program) for name in arguments.only for program in WORKLOADS[name].needs}
    programs |= {program: PACKAGES[program] for program in ("gnuplot", "mkfs.xfs", "c++")}
    programs |= {kind.command[0]: kind.package for kind in CATALOGUE if kind.package}
    return sorted({package for program, package in programs.items() if package and not machine.has(program)})


def install(arguments):
    wanted = missing(arguments)
    if not wanted:
        return
    if not machine.has("apt-get"):
        raise Failure(f"this machine has no apt-get; install what Debian calls: {' '.join(wanted)}")
    print(f"bench: installing {' '.join(wanted)}", file=sys.stderr)
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    command = ["apt-get", "-qq", "-y", "-o", "DPkg::Lock::Timeout=300", "install", "--no-install-recommends", *wanted]
    try:
        machine.run(*command, env=environment)
    except Failure:  # the package lists may be missing or old
        machine.run("apt-get", "-qq", "update")
        machine.run(*command, env=environment)
