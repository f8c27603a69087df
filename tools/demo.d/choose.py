#!/usr/bin/python3
"""Chooses what tools/demo reads in a directory, and writes the lists that hotread takes.

usage: choose.py DIR MOUNTPOINT LISTS

Writes into LISTS: hot.bare, hot.mount (small files, sampled at random with a fixed seed), stream.bare, stream.mount
(large files, the largest first), each name ended by a NUL, below DIR and below MOUNTPOINT. Prints the number of hot
files, their MiB in whole pages, the number of large files and their MiB.
"""
import os
import random
import stat
import sys

HOT_FILES = 4096
HOT_BYTES = 64 << 20
HOT_FILE_MAX_BYTES = 256 << 10
LARGE_MIN_BYTES = 32 << 20  # the mount's default of large_min
LOOK_AT_MAX = 500000  # entries: of a huge directory only the first ones are used


def walk(top):
    """Regular files below top on its own file system that this user can read: (name below top, bytes)."""
    seen = 0
    device = os.stat(top).st_dev
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if os.lstat(os.path.join(folder, name)).st_dev == device]
        for name in names:
            seen += 1
            if seen > LOOK_AT_MAX:
                return
            path = os.path.join(folder, name)
            try:
                st = os.lstat(path)
            except OSError:
                continue
            if stat.S_ISREG(st.st_mode) and st.st_size > 0 and os.access(path, os.R_OK):
                yield os.path.relpath(path, top), st.st_size


def whole_pages(size):
    return (size + 4095) // 4096 * 4096


def choose_hot(files):
    hot, total = [], 0
    small = sorted(name_size for name_size in files if name_size[1] <= HOT_FILE_MAX_BYTES)
    random.Random(1).shuffle(small)
    for name, size in small[:HOT_FILES]:
        if total + whole_pages(size) <= HOT_BYTES:
            hot.append(name)
            total += whole_pages(size)
    return hot, total


def main():
    top, mountpoint, lists = sys.argv[1:]
    files = list(walk(top))
    hot, hot_bytes = choose_hot(files)
    large = sorted(((size, name) for name, size in files if size >= LARGE_MIN_BYTES), reverse=True)
    stream = [name for size, name in large]
    for kind, names in (("hot", hot), ("stream", stream)):
        for side, root in (("bare", top), ("mount", mountpoint)):
            with open(os.path.join(lists, f"{kind}.{side}"), "wb") as out:
                out.writelines(os.fsencode(os.path.join(root, name)) + b"\0" for name in names)
    print(len(hot), hot_bytes >> 20, len(stream), sum(size for size, name in large) >> 20)


main()
