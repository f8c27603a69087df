#!/usr/bin/env python3
"""Operations in a directory whose servers go away: what each of them says.

usage: broken_ops.py DIRECTORY READY GO

DIRECTORY has a file "read", of 10,000 bytes, that this machine has never read. Makes others in DIRECTORY and opens
some, makes the file READY, waits for the file GO, and then tries one operation after the other, each in a process of
its own. Prints a line for each: its name, and "ok", the name of its error, or "waits" where it has not ended after
SECONDS. Those that wait are killed."""

import errno
import os
import select
import signal
import sys
import time

SECONDS = 1.5
directory, ready, go = sys.argv[1:]


def path(name):
    return os.path.join(directory, name)


def make(name):
    with open(path(name), "wb") as file:
        file.write(b"x" * 10000)


for name in ["stat", "open-write", "unlink", "rename", "truncate", "list/one"]:
    os.makedirs(os.path.dirname(path(name)), exist_ok=True)
    make(name)
writer = os.open(path("writer"), os.O_CREAT | os.O_WRONLY, 0o644)
os.write(writer, b"before")
os.fsync(writer)
syncer = os.open(path("syncer"), os.O_CREAT | os.O_WRONLY, 0o644)
closer = os.open(path("closer"), os.O_CREAT | os.O_WRONLY, 0o644)
reader = os.open(path("read"), os.O_RDONLY)


def close_after_write():
    fd = os.open(path("closed"), os.O_CREAT | os.O_WRONLY, 0o644)
    os.close(fd)


operations = {
    "stat": lambda: os.stat(path("stat")),
    "open": lambda: os.open(path("stat"), os.O_RDONLY),
    "open for writing": lambda: os.open(path("open-write"), os.O_WRONLY),
    "read of an open file": lambda: os.pread(reader, 4096, 4096),
    "write to an open file": lambda: os.write(writer, b"after"),
    "write and fsync": lambda: (os.write(syncer, b"after"), os.fsync(syncer)),
    "create": close_after_write,
    "unlink": lambda: os.unlink(path("unlink")),
    "rename": lambda: os.rename(path("rename"), path("renamed")),
    "truncate": lambda: os.truncate(path("truncate"), 10),
    "mkdir": lambda: os.mkdir(path("directory")),
    "list": lambda: os.listdir(path("list")),
    "write and close": lambda: (os.write(closer, b"after"), os.close(closer)),
}


def tell(operation, out):
    try:
        operation()
        said = "ok"
    except OSError as error:
        said = errno.errorcode.get(error.errno, str(error.errno))
    os.write(out, said.encode())
    os._exit(0)


open(ready, "w").close()
while not os.path.exists(go):
    time.sleep(0.02)
started = []
for name, operation in operations.items():
    end, out = os.pipe()
    child = os.fork()
    if child == 0:
        tell(operation, out)
    os.close(out)
    started.append((name, child, end))
deadline = time.monotonic() + SECONDS
for name, child, end in started:
    readable, _, _ = select.select([end], [], [], max(0, deadline - time.monotonic()))
    said = os.read(end, 64).decode() if readable else ""
    if not said:
        os.kill(child, signal.SIGKILL)
    print(f"{name}: {said or 'waits'}", flush=True)
print("end", flush=True)  # to end may take as long as the servers are gone: descriptors are closed
os._exit(0)
