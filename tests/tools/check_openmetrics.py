#!/usr/bin/env python3
"""Checks that a file is OpenMetrics 1.0 text as sievectl metrics prints it, stricter than most readers are.

usage: check_openmetrics.py FILE [REPORT.json]   REPORT: of sievectl stat --json, asked for just before; no
counter may be lower than it was then.
"""
import json
import re
import sys

NAME = r"[a-z][a-z0-9_]*"
ESCAPED = r'"(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({NAME}={ESCAPED}(?:,{NAME}={ESCAPED})*)\}})? (\d+(?:\.\d+)?)")
LABEL = re.compile(rf"({NAME})=({ESCAPED})")
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "info": ("_info",), "histogram": ("_bucket", "_count", "_sum")}
UNITS = ("bytes", "seconds")


def names(family, kind):
    return [family + suffix for suffix in SUFFIXES[kind]]


def check(text):
    """The samples, (name, labels): value, or ValueError with what is wrong."""
    if not text.endswith("\n# EOF\n"):
        raise ValueError("does not end with # EOF")
    families, samples, family, kind, described = set(), {}, None, None, []
    for line in text[: -len("# EOF\n")].splitlines():
        if line.startswith("#"):
            words = line.split(" ", 3)
            if len(words) != 4 or words[1] not in ("TYPE", "UNIT", "HELP"):
                raise ValueError(f"no descriptor: {line}")
            if words[1] == "TYPE":
                if family and not any(name in names(family, kind) for name, _ in samples):
                    raise ValueError(f"{family} has no sample")
                family, kind, described = words[2], words[3], []
                if family in families or kind not in SUFFIXES:
                    raise ValueError(f"a second time, or of no type: {line}")
                families.add(family)
            if words[2] != family or words[1] in described:
                raise ValueError(f"out of place: {line}")
            if words[1] == "UNIT" and (words[3] not in UNITS or not family.endswith("_" + words[3])):
                raise ValueError(f"no unit of the name: {line}")
            if words[1] == "HELP" and (not words[3] or re.search(r'\\(?!["\\n])', words[3])):
                raise ValueError(f"help is empty or badly escaped: {line}")
            described.append(words[1])
            continue
        match = SAMPLE.fullmatch(line)
        if not match:
            raise ValueError(f"no sample: {line}")
        name, labels = match[1], tuple(sorted(LABEL.findall(match[2] or "")))
        if family is None or name not in names(family, kind):
            raise ValueError(f"not of the family {family}: {line}")
        if "HELP" not in described or ("UNIT" in described) != family.endswith(UNITS):
            raise ValueError(f"{family} lacks HELP or UNIT")
        if (name, labels) in samples or len({key for key, _ in labels}) != len(labels):
            raise ValueError(f"a second time: {line}")
        if not name.startswith("sievefs_"):
            raise ValueError(f"without the prefix: {line}")
        if name != "sievefs_build_info" and any("/" in value for _, value in labels):
            raise ValueError(f"a path is a label: {line}")
        samples[name, labels] = float(match[3])
    if not any(name in names(family, kind) for name, _ in samples):
        raise ValueError(f"{family} has no sample")
    return samples


def check_histogram(samples, family):
    """How often each operation is counted: its buckets rise to that, by their bounds."""
    counts = {}
    for (name, labels), value in samples.items():
        if name == family + "_bucket":
            bound = float(dict(labels)["le"].strip('"'))
            counts.setdefault(dict(labels)["operation"].strip('"'), []).append((bound, value))
    for operation, buckets in counts.items():
        values = [value for _, value in buckets]
        labels = (("operation", f'"{operation}"'),)
        if buckets != sorted(buckets) or values != sorted(values) or buckets[-1][0] != float("inf"):
            raise ValueError(f"{operation}: its buckets do not rise to +Inf: {buckets}")
        if samples[family + "_count", labels] != values[-1] or (family + "_sum", labels) not in samples:
            raise ValueError(f"{operation}: count and sum are not of its buckets")
    return {operation: buckets[-1][1] for operation, buckets in counts.items()}


def compare(samples, report):
    """As many samples as counters, and lookups and opens that agree with them."""
    lists = list(report["lanes"].values()) + [report[key] for key in ("cache", "direct", "trail", "dirty")
                                              if key in report]
    counters = sum(len(counted) for counted in lists)
    plain = [name for name, _ in samples if not name.startswith("sievefs_operation_seconds_")]
    if len(plain) != counters + 2:
        raise ValueError(f"{len(plain)} samples, of {counters} counters and two of the daemon")
    operations = check_histogram(samples, "sievefs_operation_seconds")
    for operation, timed in report["operations"].items():
        if operations.get(operation, 0) < timed["count"]:
            raise ValueError(f"{operation}: was counted {timed['count']} times before")
    for lane, counted in report["lanes"].items():
        if samples["sievefs_opens_total", (("lane", f'"{lane}"'),)] < counted["opens"]:
            raise ValueError(f"opens of the lane {lane} are fewer than {counted['opens']}")
    for result, counter in (("hit", "hits"), ("miss", "misses")):
        if samples["sievefs_cache_lookups_total", (("result", f'"{result}"'),)] != report["cache"][counter]:
            raise ValueError(f"{result}: not {report['cache'][counter]}")


def main():
    with open(sys.argv[1], encoding="utf-8", newline="") as file:
        samples = check(file.read())
    if len(sys.argv) > 2:
        with open(sys.argv[2], encoding="utf-8") as file:
            compare(samples, json.load(file))
    print(f"{len(samples)} samples")


try:
    main()
except (ValueError, KeyError) as error:
    sys.exit(f"{sys.argv[1]}: {error}")
