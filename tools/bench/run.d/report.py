"""The results as a table, as Markdown, or as JSON."""

import json

import facts

HEADINGS = ["measure", "side", "median (range)", "÷ native", "÷ best peer", ""]


def number(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def spread(side):
    """The median, and in brackets the range."""
    return f"{number(side['median'])} ({number(side['least'])}–{number(side['most'])})"


def ratio(value, reference, name):
    """The ratio as text; "1" for the side that the others are compared with."""
    if value is None:
        return ""
    return "1" if reference == name else f"{value:.2f}" if 0.1 <= value < 1000 else number(value)


def measure_of(row):
    return row["name"] if row["name"] == row["unit"] else f"{row['name']}, {row['unit']}"


def lines_of(result):
    """The table of one workload: a line for each measure of each side, then the sides without figures."""
    for row in result["rows"]:
        for name, side in row["sides"].items():
            yield [
                measure_of(row),
                name,
                spread(side),
                ratio(side["native"], row["best_native"], name),
                ratio(side["peer"], row["best_peer"], name),
                "; ".join(side["marks"]),
            ]
    for name, why in result["failures"].items():
        yield ["", name, "failed", "", "", why]


SUMMARY_HEADINGS = ["workload", "measure", "", "best sievefs", "median", "÷ native", "÷ best peer", "best peer"]


def summary_of(report):
    """For each workload's first measure: the best sievefs, compared with the bare directory and the best peer."""
    for result in report["workloads"]:
        for row in result["rows"][:1]:
            best = max if row["better"] == "higher" else min
            sides = row["sides"]
            ours = [name for name, side in sides.items() if side["group"] == "sievefs" and not side["marks"]]
            if ours:
                name = best(ours, key=lambda name: sides[name]["median"])
                native, peer = (ratio(sides[name][to], row[f"best_{to}"], name) for to in ("native", "peer"))
                better, median = f"{row['better']} is better", number(sides[name]["median"])
                yield [result["name"], measure_of(row), better, name, median, native, peer, row["best_peer"] or ""]


def aligned(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        yield "  " + "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()


def piped(lines):
    for line in [lines[0], ["---"] * len(lines[0]), *lines[1:]]:
        yield "| " + " | ".join(word.replace("|", "\\|") for word in line) + " |"


def about(result):
    detail = f" ({result['detail']})" if result["detail"] else ""
    return f"{result['state']}{detail}"


def table(report):
    yield facts.heading(report["machine"])
    for result in report["workloads"]:
        yield f"\n{result['name']}: {about(result)}\n  {result['command']}"
        if result["skipped"]:
            yield f"  skipped: {result['skipped']}"
            continue
        yield from aligned([HEADINGS, *lines_of(result)])
    yield "\nSummary: the best sievefs without a mark, by the first measure of each workload"
    yield from aligned([SUMMARY_HEADINGS, *summary_of(report)])
    yield from endings(report)


def groups_of(report):
    """(name of the group, its results), in the order of the report."""
    groups = {}
    for result in report["workloads"]:
        groups.setdefault(result["group"], []).append(result)
    return groups.items()


def cell(row, name):
    """The median, its ratio to the bare directory, and a sign for each mark."""
    side = row["sides"].get(name)
    if side is None:
        return ""
    against = ratio(side["native"], row["best_native"], name)
    shown = number(side["median"])
    return (shown if against in ("", "1") else f"{shown} ({against})") + ("*" if side["marks"] else "")


def widest_range(row):
    """Of the sides: the range in parts of the median."""
    parts = [(side["most"] - side["least"]) / side["median"] for side in row["sides"].values() if side["median"]]
    return f"{100 * max(parts):.0f} %" if parts else ""


def matrix_of(results):
    """A line for each measure of each workload, a column for each side."""
    rows = [(result["name"], row) for result in results for row in result["rows"]]
    names = list(dict.fromkeys(name for _, row in rows for name in row["sides"]))
    yield ["workload", "measure", *names, "widest range"]
    for workload, row in rows:
        yield [workload, measure_of(row), *(cell(row, name) for name in names), widest_range(row)]


def remarks_of(result):
    if result["skipped"]:
        yield f"- {result['name']}: skipped: {result['skipped']}"
    for name, why in result["failures"].items():
        yield f"- {result['name']}, {name}: failed: {why}"
    marks = {name: side["marks"] for row in result["rows"] for name, side in row["sides"].items() if side["marks"]}
    for name, words in marks.items():
        yield f"- {result['name']}, {name}: * {'; '.join(words)}"


def markdown(report):
    yield facts.heading(report["machine"])
    yield "\nMedians; in brackets the ratio to the bare directory."
    for group, results in groups_of(report):
        yield f"\n### {group}\n"
        yield from (f"- `{result['name']}`: {about(result)}: `{result['command']}`" for result in results)
        yield ""
        yield from piped(list(matrix_of(results)))
        remarks = [line for result in results for line in remarks_of(result)]
        yield from ["", *remarks] if remarks else []
    yield "\n### Summary\n\nThe best sievefs without a mark, by the first measure of each workload.\n"
    yield from piped([SUMMARY_HEADINGS, *summary_of(report)])
    yield from endings(report)


def endings(report):
    if report["left_out"]:
        yield "\nSides that are left out:"
        yield from (f"- {name}: {why}" for name, why in report["left_out"].items())
    if report["interrupted"]:
        yield "\nInterrupted: what was not measured by then is missing."


def as_json(report):
    yield json.dumps(report, indent=1, ensure_ascii=False)


FORMS = {"table": table, "markdown": markdown, "json": as_json}


def text(report, form):
    return "\n".join(FORMS[form](report)) + "\n"
