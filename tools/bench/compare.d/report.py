"""The results as a table or as JSON."""

import json


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def cell(row, side):
    """The median, and in brackets the range."""
    if side not in row["sides"]:
        return ""
    least, most = row["spread"][side]
    return f"{number(row['sides'][side])} ({number(least)}–{number(most)})"


def lines_of(rows):
    names = list(dict.fromkeys(name for row in rows for name in row["sides"] if name != "sievefs")) + ["sievefs"]
    yield ["case", "measure", *names, "sievefs ÷"]
    for row in rows:
        ratio = f"{row['ratio']:.2f} × {row['beside']}" if row["beside"] else ""
        yield [row["case"], row["measure"], *(cell(row, name) for name in names), ratio]


def print_table(rows, heading):
    lines = list(lines_of(rows))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    print(f"{heading}\n")
    for line in lines:
        print("  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip())


def print_markdown(rows, heading):
    lines = list(lines_of(rows))
    lines.insert(1, ["---"] * len(lines[0]))
    print(f"{heading}\n")
    for line in lines:
        print("| " + " | ".join(line) + " |")


def print_json(rows, heading):
    print(json.dumps({"machine": heading, "rows": rows}, indent=1))


FORMS = {"table": print_table, "markdown": print_markdown, "json": print_json}
