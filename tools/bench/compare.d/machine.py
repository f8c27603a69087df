"""What the comparison runs on: a device, a mount, the page cache, a memory cgroup. All of it is undone at the end."""

import contextlib
import ctypes
import fcntl
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

DROP_CACHES = "/proc/sys/vm/drop_caches"
ZRAM_CONTROL = "/sys/class/zram-control"
SYS_CACHESTAT = 451
CLONE_NEWNS = 0x20000
MS_REC_PRIVATE = 0x4000 | 0x40000
RELEASE_SECONDS = 10
DEVICE_ROOM = 3 << 29  # for the file of the random reads and the archive, beside what is streamed
# nothing is left to be initialised in the background, and there are inodes for many small files
MKFS_OPTIONS = {"ext4": ["-q", "-i", "8192", "-E", "lazy_itable_init=0,lazy_journal_init=0"], "xfs": ["-q"]}


class Failure(Exception):
    """A line for the user: what could not be done, and why."""


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise Failure(f"{' '.join(command)}: {words[-1] if words else done.returncode}")
    return done.stdout


def write_to(path, text):
    try:
        pathlib.Path(path).write_text(text)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from error


def keep_mounts_private():
    """A mount namespace of our own: others that are made meanwhile don't hold on to what is mounted here."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0 or libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None) != 0:
        raise Failure(f"mount namespace: {os.strerror(ctypes.get_errno())}")


def sync(directory):
    """Of this file system alone: others may be slow, or hang."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(directory, os.O_RDONLY)
    try:
        if libc.syncfs(fd) != 0:
            raise Failure(f"syncfs: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(fd)


def drop_caches(directory):
    """Waits for whoever measures beside it what the page cache keeps, and says so by a lock on that file."""
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


@contextlib.contextmanager
def zram(size):
    number = pathlib.Path(ZRAM_CONTROL, "hot_add").read_text().strip()
    try:
        write_to(f"/sys/block/zram{number}/disksize", str(size))
        yield f"/dev/zram{number}"
    finally:
        remove_zram(number)


def remove_zram(number):
    """Whoever looks at new devices may have it open for a moment."""
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
def loop_over_memory(size, work):
    memory = tempfile.mkdtemp(dir=work)
    run("mount", "-t", "tmpfs", "-o", f"size={size + (64 << 20)}", "sievefs-compare", memory)
    try:
        image = f"{memory}/image"
        with open(image, "wb") as file:
            file.truncate(size)
        device = run("losetup", "--find", "--show", image).strip()
        try:
            yield device
        finally:
            run("losetup", "--detach", device)
    finally:
        run("umount", memory)


def warm_file(path):
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 20):
            pass


def check_memory(size):
    """A device in memory, beside it the page cache of all that is on it, and something to work with."""
    needed = 2 * size + (2 << 30)
    words = pathlib.Path("/proc/meminfo").read_text().split()
    available = int(words[words.index("MemAvailable:") + 1]) << 10
    if available < needed:
        raise Failure(f"takes {needed >> 30} GiB of memory, {available >> 30} are available: a smaller --size")


@contextlib.contextmanager
def fast_device(kind, streamed, work):
    """A new file system of this kind on a block device in memory, with room for what is streamed: its directory."""
    if os.geteuid() != 0:
        raise Failure(f"--device={kind}: only root may make a device")
    if not shutil.which(f"mkfs.{kind}"):
        raise Failure(f"--device={kind}: mkfs.{kind} is not installed")
    size = streamed + DEVICE_ROOM
    check_memory(size)
    device = zram(size) if os.path.exists(ZRAM_CONTROL) else loop_over_memory(size, work)
    with device as node:
        run(f"mkfs.{kind}", *MKFS_OPTIONS[kind], node)
        directory = tempfile.mkdtemp(dir=work)
        run("mount", node, directory)
        try:
            yield directory
        finally:
            unmount(directory)


def unmount(directory):
    for _ in range(50):
        if subprocess.run(["umount", directory], capture_output=True).returncode == 0:
            return
        time.sleep(0.1)
    run("umount", directory)


@contextlib.contextmanager
def mounted(command, mountpoint, group=None):
    """The daemon of a mount, in the foreground: its process."""
    try:
        # in a session of its own: ^C is for us, who unmount when nothing uses it any more
        daemon = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=lambda: enter(group)
        )
    except OSError as error:
        raise Failure(f"{command[0]}: {error.strerror}") from error
    try:
        for _ in range(100):
            if os.path.ismount(mountpoint) or daemon.poll() is not None:
                break
            time.sleep(0.05)
        if not os.path.ismount(mountpoint):
            raise Failure(f"{command[0]}: did not mount")
        yield daemon
    finally:
        if os.path.ismount(mountpoint):
            unmount(mountpoint)
        else:
            daemon.terminate()
        try:
            daemon.wait(20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def enter(group):
    if group:
        pathlib.Path(group, "cgroup.procs").write_text(str(os.getpid()))


@contextlib.contextmanager
def memory_group(limit):
    """A memory cgroup of either version: its directory."""
    v1, v2 = "/sys/fs/cgroup/memory", "/sys/fs/cgroup"
    root, name = (v1, "memory.limit_in_bytes") if os.path.exists(f"{v1}/memory.limit_in_bytes") else (v2, "memory.max")
    group = f"{root}/sievefs-compare.{os.getpid()}"
    try:
        if root == v2 and "memory" not in pathlib.Path(v2, "cgroup.subtree_control").read_text().split():
            write_to(f"{v2}/cgroup.subtree_control", "+memory")
        os.mkdir(group)
    except OSError as error:
        raise Failure(f"{group}: {error.strerror}") from error
    try:
        write_to(f"{group}/{name}", str(limit))
        yield group
    finally:
        for _ in range(50):
            with contextlib.suppress(OSError):
                os.rmdir(group)
                break
            time.sleep(0.1)


def file_system(directory):
    """Of the directory: ("ext4", "zram0")."""
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


def transport(pid):
    """How this sievefs gets its requests: its threads tell."""
    names = [path.read_text() for path in pathlib.Path(f"/proc/{pid}/task").glob("*/comm")]
    return "FUSE over io_uring" if any(name.startswith("fuse-ring") for name in names) else "FUSE over /dev/fuse"


def facts(directory):
    """The machine in one line, without its name."""
    kernel = ".".join(os.uname().release.split(".")[:2])
    kind, device = file_system(directory)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return (
        f"{os.cpu_count()} CPUs ({processor()}), {memory:.0f} GiB of memory, Linux {kernel}, "
        f"{kind} on {device}"
    )
