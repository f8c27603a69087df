"""Whether a side did what it says: from what sievectl shows, and whether a daemon was woken. Returns marks."""

import contextlib
import json
import pathlib
import time

import machine

ENOUGH = 0.98  # of the opens; a few may come before a file is cached, or during an eviction
WOKEN_MOST = 0.02  # per read that the kernel should make without the daemon


def stat(side, sievectl):
    """`sievectl stat --json` of a sievefs, else None."""
    if not side.kind or side.kind.group != "sievefs":
        return None
    return json.loads(machine.run(sievectl, "stat", side.directory, "--json"))


def switches(pid):
    """Context switches of a process with its threads."""
    count = 0
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue
        count += sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)
    return count


def rides_on_io_uring(pid):
    """Whether a daemon gets its requests over io_uring: from the names of libfuse's threads, which may start a
    little after the mount."""
    for _ in range(20):
        for path in pathlib.Path(f"/proc/{pid}/task").glob("*/comm"):
            with contextlib.suppress(OSError):
                if path.read_text().startswith("fuse-ring"):
                    return True
        time.sleep(0.05)
    return False


def configuration(side, shown):
    """Checks what is chosen once, at the mount."""
    marks = []
    if side.daemon and side.kind.uring and not rides_on_io_uring(side.daemon.pid):
        marks.append("its requests travel over /dev/fuse")
    if not shown:
        return marks
    transport = "uring" if side.kind.uring else "dev"
    if shown["transport_used"] != transport:
        marks.append(f"transport is {shown['transport_used']}, not {transport}")
    if side.kind.store and shown["store_used"] != side.kind.store:
        marks.append(f"store is {shown['store_used']}, not {side.kind.store}")
    if shown["passthrough_used"] != "on":
        marks.append("passthrough is off")
    return marks


class Watch:
    """What a side shows now, to be compared with what it shows later."""

    def __init__(self, side, sievectl):
        self.side, self.sievectl = side, sievectl
        self.shown = stat(side, sievectl)
        self.switches = self.switches_now()

    def switches_now(self):
        return switches(self.side.daemon.pid) if self.side.daemon else 0

    def opens(self, lanes):
        now = stat(self.side, self.sievectl)
        return sum(now["lanes"][lane]["opens"] - self.shown["lanes"][lane]["opens"] for lane in lanes)

    def opened(self, count, *lanes):
        """A mark unless so many opens took these lanes; without lanes: the lane that hot files take there."""
        if not self.shown:
            return []
        lanes = lanes or (self.side.kind.lane,)
        found = self.opens(lanes)
        return [] if found >= ENOUGH * count else [f"{found} of {count:.0f} opens were {' or '.join(lanes)}"]

    def opened_large(self, count, size):
        """The same for large files. The lane depends on where they are: in memory alone, nothing needs trailing."""
        if not self.shown or size < self.shown["options"]["large_min"]:
            return []
        return self.opened(count, self.shown["large_used"], "direct")

    def asked(self, operation, count):
        """A mark unless the daemon had at least so many requests for an operation, so that what was measured went
        through the mount."""
        if not self.shown:
            return []
        before, now = (
            shown["operations"].get(operation, {"count": 0})["count"]
            for shown in (self.shown, stat(self.side, self.sievectl))
        )
        return [] if now - before >= count else [f"{now - before} requests for {operation}, not {count}"]

    def passed_through(self, reads):
        """A mark if the daemon was woken for reads that the kernel should have made without it."""
        if not self.side.kind or not self.side.kind.passthrough:
            return []
        woken = (self.switches_now() - self.switches) / max(reads, 1)
        return [] if woken <= WOKEN_MOST else [f"the daemon was woken {woken:.2f} times an operation"]
