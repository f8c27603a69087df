#!/usr/bin/env python3
"""Checks that a Grafana dashboard asks only for metrics, and labels of them, that a mount has.

usage: check_dashboard.py DASHBOARD METRICS   METRICS: what sievectl metrics printed of a mount with all parts
"""
import json
import re
import sys

# What Prometheus adds of its own.
ADDED = {"instance", "job"}


def known(path):
    """The labels of each metric."""
    labels = {}
    with open(path, encoding="utf-8") as file:
        for name, text in re.findall(r"^(sievefs_\w+)(?:\{(.*)\})? ", file.read(), re.M):
            labels.setdefault(name, set()).update(re.findall(r'(\w+)="', text))
    return labels


def main():
    metrics = known(sys.argv[2])
    with open(sys.argv[1], encoding="utf-8") as file:
        dashboard = json.load(file)
    asked = [(target["expr"], target["legendFormat"], panel["title"])
             for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [(variable["query"], "", variable["name"]) for variable in dashboard["templating"]["list"]]
    wrong, count = [], 0
    for query, legend, where in asked:
        for name, matchers in re.findall(r"(sievefs_\w+)(?:\{([^}]*)\})?", query):
            count += 1
            labels = set(re.findall(r"(\w+)=", matchers)) | set(re.findall(r"\{\{(\w+)\}\}", legend))
            if name not in metrics:
                wrong.append(f"{where}: there is no {name}")
            elif labels - metrics[name] - ADDED:
                wrong.append(f"{where}: {name} has no label {labels - metrics[name] - ADDED}")
            elif name.endswith(("_total", "_bucket", "_count", "_sum")) != (f"rate({name}" in query):
                wrong.append(f"{where}: {name} is a counter without rate(), or a level with it")
    if count < len(dashboard["panels"]):
        wrong.append("a panel asks for nothing")
    sys.exit("\n".join(wrong) if wrong else 0)


main()
