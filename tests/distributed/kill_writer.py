#!/usr/bin/env python3
"""Writes records to a file, each followed by fsync, and keeps book of those that were acknowledged; or checks them.

usage: kill_writer.py write FILE BOOK	until it is killed or an operation fails
       kill_writer.py check FILE BOOK	prints how many there are; fails where one of them is not in FILE"""

import os
import sys

SIZE = 4096
what, path, book = sys.argv[1:]


def record(i):
    return (f"{i:015d}\n".encode() * (SIZE // 16))[:SIZE]


def write():
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
    with open(book, "w", buffering=1) as acknowledged:
        for i in range(1 << 20):
            at = 0
            while at < SIZE:
                at += os.pwrite(fd, record(i)[at:], i * SIZE + at)
            os.fsync(fd)
            acknowledged.write(f"{i}\n")


def check():
    with open(book) as acknowledged, open(path, "rb") as file:
        count = 0
        for line in acknowledged:
            if not line.endswith("\n"):
                break  # the writer was killed
            i = int(line)
            file.seek(i * SIZE)
            if file.read(SIZE) != record(i):
                sys.exit(f"{path}: record {i} was acknowledged, and is not there")
            count += 1
    print(count)


write() if what == "write" else check()
