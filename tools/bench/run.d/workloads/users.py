"""6. Programs that people run on a file system: a web server, a database, a build, a backup."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import time

import machine
import mounts
from machine import Failure
from results import Measure, Workload

from workloads.metadata import timed, tree
from workloads.streams import LEFT, left_cached

TOP = pathlib.Path(__file__).resolve().parents[4]
SMALL_FILES, SMALL_BYTES = 1000, 16 << 10
CONNECTIONS = 8
BUILD_REPEATS = 3

NGINX = """
daemon off; worker_processes 1; user root; pid {work}/nginx.pid; error_log {work}/nginx.log;
events {{ worker_connections 256; }}
http {{
    access_log off; sendfile on; default_type application/octet-stream; {more}
    client_body_temp_path {work}/nginx.body; proxy_temp_path {work}/nginx.proxy; fastcgi_temp_path {work}/nginx.fastcgi;
    uwsgi_temp_path {work}/nginx.uwsgi; scgi_temp_path {work}/nginx.scgi;
    server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""
KEEP_OPEN = f"open_file_cache max={2 * SMALL_FILES};"
WRK = 'request = function() return wrk.format("GET", "/small." .. math.random(0, %d)) end\n'


# --- a web server


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def nginx(bench, side, more=""):
    """A server of the side's directory, with more directives. Yields its address."""
    port, path = free_port(), os.path.join(bench.work, "nginx.conf")
    pathlib.Path(path).write_text(NGINX.format(work=bench.work, port=port, root=side.directory, more=more))
    with open(f"{bench.work}/nginx.out", "wb") as output:
        with mounts.process([machine.has("nginx"), "-p", bench.work, "-c", path], output=output) as server:
            for _ in range(100):
                if server.poll() is not None:
                    raise Failure(f"nginx: {pathlib.Path(output.name).read_text().strip()}")
                if answers(port):
                    break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"


def served_small(kept):
    """kept: nginx keeps the files open."""

    def run(bench, result):
        names = {f"small.{number}": SMALL_BYTES for number in range(SMALL_FILES)}
        result.detail = f"{SMALL_FILES} files of {SMALL_BYTES >> 10} KiB, {CONNECTIONS} connections, one worker"
        script = os.path.join(bench.work, "wrk.lua")
        pathlib.Path(script).write_text(WRK % (SMALL_FILES - 1))
        seconds = max(bench.arguments.ms // 1000, 1)

        def measure(side):
            watch = bench.watch(side)
            with nginx(bench, side, KEEP_OPEN if kept else "") as address:
                output = machine.run("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", script, address)
            words = output.split()
            if "Non-2xx" in output or "Requests/sec:" not in words:
                raise Failure(f"wrk: {output.strip().splitlines()[-1]}")
            rate = float(words[words.index("Requests/sec:") + 1])
            if kept:  # most files were asked for at least once, and opened then
                return {"rate": rate, "marks": watch.opened(SMALL_FILES / 2)}
            return {"rate": rate, "marks": watch.opened(rate * seconds)}

        with bench.files(names) as made, bench.mounts(result) as mounted:
            bench.warm(result, mounted, made)
            bench.repeat(result, mounted, measure)

    return run


def served_large(bench, result):
    size, kinds = bench.arguments.size, bench.one_store()
    result.detail = f"{size >> 20} MiB"

    def measure(side):
        watch = bench.watch(side)
        with nginx(bench, side) as address:
            seconds, output = timed("curl", "-s", "-o", "/dev/null", "-w", "%{size_download}", f"{address}/large")
            if int(output) != size:
                raise Failure(f"curl got {output} bytes of {size}")
        time.sleep(1)  # by then the pages that a stream left in the page cache are dropped
        return {"MB/s": size / 1e6 / seconds, **left_cached(side, ["large"]), "marks": watch.opened_large(1, size)}

    with bench.files({"large": size}, kinds), bench.mounts(result, kinds) as mounted:
        bench.repeat(result, mounted, measure, before=bench.drop_caches)


# --- a database, a build, a backup


def sqlite(bench, result):
    count, number = 50 if bench.arguments.quick else 1000, 0
    result.detail = f"{count} transactions of one row, each with its fsync"
    script = "create table t(k integer primary key, v text);\n"
    script += "".join(f"insert into t values({i}, '{i:0100}');\n" for i in range(count))

    def measure(side):
        nonlocal number
        number += 1
        name = f"database.{number}"
        try:
            began = time.monotonic()
            done = subprocess.run(["sqlite3", "-bail", side.path(name)], input=script, capture_output=True, text=True)
            seconds = time.monotonic() - began
            if done.returncode != 0:
                raise Failure(f"sqlite3: {done.stderr.strip()}")
            found = machine.run("sqlite3", os.path.join(side.backing, name), "select count(*) from t")
            if int(found) != count:
                raise Failure(f"the database has {found.strip()} rows, not {count}")
            return {"rate": count / seconds}
        finally:
            pathlib.Path(side.backing, name).unlink(missing_ok=True)

    with bench.mounts(result, bench.one_store()) as mounted:
        bench.repeat(result, mounted, measure)


def not_source(directory, names):
    """Names to leave out at the top: build directories, and .git."""
    top = pathlib.Path(directory) == TOP
    return [name for name in names if top and (name == ".git" or os.path.exists(f"{directory}/{name}/build.ninja"))]


def build(bench, result):
    kinds, number = bench.one_store(), 0
    targets = ["tools/sievefs-tracegen"] if bench.arguments.quick else []
    result.detail = f"ninja {' '.join(targets)}".strip() + ", after meson setup"

    def measure(side):
        nonlocal number
        number += 1
        source, target = side.path("source"), side.path(f"objects.{number}")
        try:
            machine.run("meson", "setup", "-Dtests=disabled", target, source)
            seconds, _ = timed("ninja", "-C", target, *targets)
            if not os.path.exists(os.path.join(side.backing, f"objects.{number}", "tools", "sievefs-tracegen")):
                raise Failure("the program was not built")
            return {"time": seconds}
        finally:
            machine.remove_tree(os.path.join(side.backing, f"objects.{number}"))

    folders = [os.path.join(folder, "source") for folder in bench.folders(kinds)]
    try:
        for folder in folders:
            shutil.copytree(TOP, folder, symlinks=True, ignore=not_source)
        bench.sync()
        with bench.mounts(result, kinds) as mounted:
            bench.repeat(result, mounted, measure, repeats=min(BUILD_REPEATS, bench.arguments.repeats))
    finally:
        for folder in folders:
            machine.remove_tree(folder)


def rsync(bench, result):
    kinds, number = bench.one_store(), 0
    tree(bench, kinds)
    result.detail = f"{bench.arguments.files} files"

    def measure(side):
        nonlocal number
        number += 1
        copy = f"copy.{number}"
        try:
            seconds, _ = timed("rsync", "-a", side.path("tree/"), side.path(copy))
            machine.run("diff", "-rq", os.path.join(side.backing, "tree"), os.path.join(side.backing, copy))
            return {"time": seconds}
        finally:
            machine.remove_tree(os.path.join(side.backing, copy))

    with bench.mounts(result, kinds) as mounted:
        bench.repeat(result, mounted, measure)


GROUP = "6 programs"
WORKLOADS = [
    Workload(
        "nginx-small",
        GROUP,
        "files read before through each side; wrk asks for a random one each time",
        f"nginx with sendfile; wrk -t1 -c{CONNECTIONS}",
        (Measure("rate", "requests/s", "higher"),),
        served_small(kept=False),
        ("nginx", "wrk"),
    ),
    Workload(
        "nginx-kept",
        GROUP,
        "the same files, which nginx keeps open",
        f"nginx with sendfile and open_file_cache; wrk -t1 -c{CONNECTIONS}",
        (Measure("rate", "requests/s", "higher"),),
        served_small(kept=True),
        ("nginx", "wrk"),
    ),
    Workload(
        "nginx-large",
        GROUP,
        "one download, from a cold page cache",
        "nginx with sendfile; curl",
        (Measure("MB/s", "MB/s", "higher"), Measure(LEFT, "%")),
        served_large,
        ("nginx", "curl"),
    ),
    Workload(
        "sqlite",
        GROUP,
        "a new database each time",
        "sqlite3 with its defaults",
        (Measure("rate", "transactions/s", "higher"),),
        sqlite,
        ("sqlite3",),
    ),
    Workload(
        "c-build",
        GROUP,
        "this project's own sources, in a new build directory each time",
        "ninja",
        (Measure("time", "s"),),
        build,
        ("meson", "ninja", "cc"),
    ),
    Workload(
        "rsync",
        GROUP,
        "the tree, into a new one beside it",
        "rsync -a tree/ copy",
        (Measure("time", "s"),),
        rsync,
        ("rsync",),
    ),
]
