"""epochs - a training job: each file once an epoch, in another order each time, by four workers."""

import os
import pathlib
import random
import time

from cluster import Failure

WORKERS = 4
EPOCHS = 3
SIZE_MIN, SIZE_MAX = 20 << 10, 200 << 10
PAGE = 4096
QUICK_FILES = 100
OF_A_FILE = 2304  # bytes that the cache charges for a file besides its pages
BUFFER = 1 << 20
SETTLES = 2.2  # seconds: a younger file is not cached, as the option settle says
LONG = "revalidate=1h,entry_timeout=3600,attr_timeout=3600"


def make_files(run):
    """Makes the files on machine b, so that a's client knows nothing of them. Returns their names, and the bytes of a
    cache that all of them take."""
    tree, chance = run.cluster.client("b") / "epochs", random.Random(1)
    content, names, charged = os.urandom(SIZE_MAX), [], 0
    for number in range(min(run.arguments.files, QUICK_FILES) if run.arguments.quick else run.arguments.files):
        name = pathlib.Path(f"{number // 500:03}", f"{number:06}")
        size = chance.randint(SIZE_MIN, SIZE_MAX)
        if number % 500 == 0:
            (tree / name).parent.mkdir(parents=True)
        (tree / name).write_bytes(content[:size])
        charged += -(-size // PAGE) * PAGE + OF_A_FILE
        names.append(str(name))
    os.sync()
    time.sleep(SETTLES)
    return names, charged


def read_file(path, buffer):
    descriptor = os.open(path, os.O_RDONLY)
    while os.readv(descriptor, [buffer]):
        pass
    os.close(descriptor)


def read_all(tree, names):
    children = []
    for worker in range(WORKERS):
        child = os.fork()
        if child == 0:
            try:
                buffer = bytearray(BUFFER)
                for name in names[worker::WORKERS]:
                    read_file(f"{tree}/{name}", buffer)
                os._exit(0)
            except OSError:
                os._exit(1)
        children.append(child)
    if any([os.waitpid(child, 0)[1] for child in children]):
        raise Failure("a worker could not read its files")


def epochs(run, options, names):
    """One side: for each epoch its seconds, requests, and hits in percent of the opens."""
    cluster, found, hits = run.cluster, [], 0
    cluster.new_client("a", "0")
    if options is not None:
        cluster.mount_sievefs("a", options)
    tree = (cluster.client("a") if options is None else cluster.mount("a")) / "epochs"
    cluster.requests()
    for epoch in range(EPOCHS):
        random.Random(epoch).shuffle(order := list(names))
        start = time.monotonic()
        read_all(tree, order)
        found.append({"s": round(time.monotonic() - start, 3), "requests": sum(cluster.requests().values())})
        if options is not None:
            now = int(cluster.stat("a", 's["cache"]["hits"]'))
            found[-1]["hits"], hits = round(100 * (now - hits) / len(names), 1), now
    if options is not None:
        cluster.unmount_sievefs("a")
    return {"epochs": found}


def measure(run):
    names, charged = make_files(run)
    budgets = {"half": charged // 2, "all": charged + charged // 8}
    sides = {"client": None}
    for budget, size in budgets.items():
        sides[f"{budget}"] = f"admit=1,cache_size={size}"
        sides[f"{budget}, 1h"] = f"admit=1,cache_size={size},{LONG}"
        sides[f"{budget}, 1h, admit=2"] = f"admit=2,cache_size={size},{LONG}"
    found = run.by_turns(list(sides), lambda side: epochs(run, sides[side], names))
    for epoch in range(EPOCHS):
        of = {side: [one["epochs"][epoch] for one in each] for side, each in found.items()}
        values = {side: [one["s"] for one in each] for side, each in of.items()}
        requests = {side: [one["requests"] for one in each] for side, each in of.items()}
        run.row("epochs", f"epoch {epoch + 1}, s", values, requests=requests)
        hits = {side: [one["hits"] for one in each] for side, each in of.items() if side != "client"}
        run.row("epochs", f"epoch {epoch + 1}, hits, %", hits, beside=None)
