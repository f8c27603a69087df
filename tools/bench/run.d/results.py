"""What a workload is, its values, and the rows that are made of these: medians, ranges, ratios."""

import dataclasses
import re
import statistics
import typing

FIGURE = re.compile(r"[\d.]+")  # marks that differ only in their figures count as one


@dataclasses.dataclass(frozen=True)
class Measure:
    name: str
    unit: str
    better: str = "lower"
    beside: tuple = ()  # the sides to compare with, of which the best is taken; empty: the native ones


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    group: str
    state: str  # what is cold and what is warm
    command: str
    measures: tuple
    run: typing.Callable  # (bench, result)
    needs: tuple = ()  # programs that must be installed
    files: int = 0  # it needs so many, and is left out if --scale-most is less


class Result:
    """The values of one workload by side; why a side has none; marks: what to know about its values."""

    def __init__(self, workload):
        self.workload = workload
        self.values, self.failures, self.marks, self.groups = {}, {}, {}, {}
        self.skipped = None
        self.detail = ""

    def fail(self, side, why):
        self.failures[side] = str(why)

    def add(self, side, values):
        self.groups[side.name] = side.group
        for mark in values.pop("marks", []):
            self.marks.setdefault(side.name, {}).setdefault(FIGURE.sub("", mark), mark)
        for name, value in values.items():
            self.values.setdefault(side.name, {}).setdefault(name, []).append(value)

    def rows(self):
        for measure in self.workload.measures:
            row = self.row(measure)
            if row["sides"]:
                yield row

    def row(self, measure):
        sides = {name: summary(of[measure.name]) for name, of in self.values.items() if measure.name in of}
        best = max if measure.better == "higher" else min

        def reference(names):
            medians = {name: sides[name]["median"] for name in names if name in sides and sides[name]["median"]}
            return best(medians, key=medians.get) if medians else None

        # xfs is shown, but no reference: the other sides are not on that file system
        bare = measure.beside or [n for n, group in self.groups.items() if group == "native" and n != "xfs"]
        native = reference(bare)
        peer = reference([n for n, group in self.groups.items() if group == "peer" and n not in self.marks])
        for name, side in sides.items():
            side["group"] = self.groups[name]
            side["native"] = side["median"] / sides[native]["median"] if native else None
            side["peer"] = side["median"] / sides[peer]["median"] if peer else None
            side["marks"] = list(self.marks.get(name, {}).values())
        return {**dataclasses.asdict(measure), "best_native": native, "best_peer": peer, "sides": sides}

    def as_dict(self):
        kept = {key: getattr(self.workload, key) for key in ("name", "group", "state", "command")}
        return {
            **kept,
            "detail": self.detail,
            "skipped": self.skipped,
            "failures": self.failures,
            "rows": list(self.rows()),
        }


def summary(values):
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "values": values}
