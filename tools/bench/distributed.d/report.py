"""The rows as tables or as JSON."""

import json


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def cell(side):
    """Median (range) = ratio, requests."""
    text = f"{number(side['median'])} ({number(side['least'])}–{number(side['most'])})"
    if "ratio" in side:
        text += f" = {side['ratio']:.2f}×"
    return f"{text}, {side['requests']:.0f} r" if "requests" in side else text


def tables_of(rows):
    """Rows with the same sides share a table."""
    tables = {}
    for row in rows:
        tables.setdefault(tuple(row["sides"]), []).append(row)
    for sides, rows_of_them in tables.items():
        yield [["case", "measure", *sides]] + [
            [row["case"], row["measure"], *(cell(row["sides"][side]) for side in sides)] for row in rows_of_them
        ]


NOTE = "×: beside the bare client; r: requests to the servers"


def print_table(rows, heading):
    print(f"{heading}; {NOTE}")
    for lines in tables_of(rows):
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        print()
        for line in lines:
            print("  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip())


def print_markdown(rows, heading):
    print(f"{heading}; {NOTE}")
    for lines in tables_of(rows):
        lines.insert(1, ["---"] * len(lines[0]))
        print()
        for line in lines:
            print("| " + " | ".join(line) + " |")


def print_json(rows, heading):
    print(json.dumps({"heading": heading, "rows": rows}, indent=1))


FORMS = {"table": print_table, "markdown": print_markdown, "json": print_json}
