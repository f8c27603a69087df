"""The machine in words, without its name."""

import datetime
import json
import os
import pathlib
import subprocess

import machine

TOP = pathlib.Path(__file__).resolve().parents[3]


def file_system(directory):
    """The file system of the directory and its device, such as ("ext4", "zram0")."""
    number = os.stat(directory).st_dev
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, after = line.partition(" - ")
        if fields.split()[2] == f"{os.major(number)}:{os.minor(number)}":
            kind, device = after.split()[:2]
            return kind, os.path.basename(device) if device.startswith("/dev/") else "no block device"
    return "unknown", "unknown"


def processor():
    words = [line for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return words[0].partition(":")[2].strip() if words else os.uname().machine


def kernel():
    return ".".join(os.uname().release.split(".")[:2])


def memory_gib():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)


def first_line(*command):
    """The first line that a program prints of its version, on stdout or stderr, even if it ends with an error."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = (done.stdout.strip() or done.stderr.strip()).splitlines()
    return words[0].strip() if words else None


def disk(directory, below):
    """The file system, its device, and for a loop device what that is on."""
    kind, device = file_system(directory)
    text = f"{kind} on {device}"
    if device.startswith("loop"):
        under = file_system(below)
        text += f" over a file, {under[0]} on {under[1]}"
    return text


VERSIONS = {
    "mergerfs": ("mergerfs", "-V"),
    "bindfs": ("bindfs", "-V"),
    "fio": ("fio", "--version"),
    "nginx": ("nginx", "-v"),
    "sqlite": ("sqlite3", "--version"),
    "git": ("git", "--version"),
    "rsync": ("rsync", "--version"),
    "wrk": ("wrk", "-v"),
}


def versions(arguments):
    found = {"sievefs": first_line(arguments.sievefs, "--version")}
    found["commit"] = first_line(
        "git",
        "-c",
        f"safe.directory={TOP}",
        "-C",
        str(TOP),
        "describe",
        "--always",
        "--dirty",
    )
    libfuse = sorted((TOP / "subprojects").glob("fuse-*/meson.build"))
    found["libfuse"] = libfuse[0].parent.name if libfuse else first_line("pkg-config", "--modversion", "fuse3")
    for name, command in VERSIONS.items():
        if machine.has(command[0]):
            found[name] = first_line(machine.has(command[0]), *command[1:])
    return {name: version for name, version in found.items() if version}


def facts(arguments, place, xfs, work):
    """What figures depend on."""
    enabled = pathlib.Path("/sys/module/fuse/parameters/enable_uring")
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "cpus": os.cpu_count(),
        "processor": processor(),
        "memory_gib": round(memory_gib(), 1),
        "kernel": kernel(),
        "disk": disk(place.directory, work),
        **({"xfs": disk(xfs.directory, work)} if xfs else {}),
        "load_before": os.getloadavg()[0],
        "fuse_over_io_uring": enabled.read_text().strip() if enabled.exists() else "unknown to this kernel",
        "build": build_type(arguments.build),
        "repeats": arguments.repeats,
        "sievefs_options": arguments.options or "",
        "versions": versions(arguments),
    }


def build_type(build):
    """The type of the build: a debug build is slower."""
    try:
        options = json.loads((build / "meson-info" / "intro-buildoptions.json").read_text())
    except (OSError, ValueError):
        return "unknown"
    return next((option["value"] for option in options if option["name"] == "buildtype"), "unknown")


def heading(found):
    return (
        f"{found['date']}; {found['cpus']} CPUs ({found['processor']}), {found['memory_gib']:.0f} GiB of memory, "
        f"Linux {found['kernel']}, {found['disk']}; {found['build']} build; "
        f"enable_uring {found['fuse_over_io_uring']}; load {found['load_before']:.1f} at the start; "
        f"{found['repeats']} runs of each side, interleaved: median (range)"
    )
