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
    """The side that the ratio is to is said where it is."""
    if value is None:
        return ""
    return "1" if reference == name else f"{value:.2f}" if 0.1 <= value < 1000 else number(value)


def lines_of(result):
    """Of a workload's dictionary: a line for each measure of each side, then who has no figures."""
    for row in result["rows"]:
        for name, side in row["sides"].items():
            yield [
                f"{row['name']}, {row['unit']}" if row["name"] != row["unit"] else row["name"],
                name,
                spread(side),
                ratio(side["native"], row["best_native"], name),
                ratio(side["peer"], row["best_peer"], name),
                "; ".join(side["marks"]),
            ]
    for name, why in result["failures"].items():
        yield ["", name, "failed", "", "", why]


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
        lines = [HEADINGS, *lines_of(result)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(HEADINGS))]
        for line in lines:
            yield "  " + "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()
    yield from endings(report)


def markdown(report):
    yield facts.heading(report["machine"])
    for result in report["workloads"]:
        yield f"\n### {result['name']}\n\n{about(result)}: `{result['command']}`\n"
        if result["skipped"]:
            yield f"Skipped: {result['skipped']}"
            continue
        for line in [HEADINGS, ["---"] * len(HEADINGS), *lines_of(result)]:
            yield "| " + " | ".join(word.replace("|", "\\|") for word in line) + " |"
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
