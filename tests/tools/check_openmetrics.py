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
SUFFIX = {"counter": "_total", "gauge": "", "info": "_info"}
UNITS = ("bytes", "seconds")


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
                if family and not any(name == family + SUFFIX[kind] for name, _ in samples):
                    raise ValueError(f"{family} has no sample")
                family, kind, described = words[2], words[3], []
                if family in families or kind not in SUFFIX:
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
        if family is None or name != family + SUFFIX[kind]:
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
    if not any(name == family + SUFFIX[kind] for name, _ in samples):
        raise ValueError(f"{family} has no sample")
    return samples


def compare(samples, report):
    """As many samples as counters, and lookups and opens that agree with them."""
    lists = list(report["lanes"].values()) + [report[key] for key in ("cache", "direct", "trail", "dirty")
                                              if key in report]
    counters = sum(len(counted) for counted in lists)
    if len(samples) != counters + 2:
        raise ValueError(f"{len(samples)} samples, of {counters} counters and two of the daemon")
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
