"""The results as one file that a browser shows without any other."""

import html

import facts
import machine
import plot
import report

STYLE = """
body { font: 15px/1.45 sans-serif; max-width: 62em; margin: 2em auto; padding: 0 1em; color: #222; background: #fff }
table { border-collapse: collapse; margin: .6em 0 } .results td:last-child { color: #b00000 }
td, th { padding: .15em .7em; text-align: left; vertical-align: top }
tr:nth-child(even) { background: #f4f4f4 } th { border-bottom: 1px solid #888 }
code { background: #eee; padding: 0 .25em } .mark { color: #b00000 } svg { max-width: 100% }
"""


def escape(text):
    return html.escape(str(text))


def table_of(lines, headings, style=""):
    yield f'<table class="{style}"><tr>' + "".join(f"<th>{escape(word)}</th>" for word in headings) + "</tr>"
    for line in lines:
        yield "<tr>" + "".join(f"<td>{escape(word)}</td>" for word in line) + "</tr>"
    yield "</table>"


def machine_table(found):
    yield "<table>"
    for name, value in found.items():
        if isinstance(value, dict):
            value = "; ".join(f"{program}: {version}" for program, version in value.items())
        yield f"<tr><th>{escape(name.replace('_', ' '))}</th><td>{escape(value)}</td></tr>"
    yield "</table>"


def workload(result):
    yield f'<h3 id="{escape(result["name"])}">{escape(result["name"])}</h3>'
    yield f"<p>{escape(report.about(result))}: <code>{escape(result['command'])}</code></p>"
    if result["skipped"]:
        yield f'<p class="mark">Skipped: {escape(result["skipped"])}</p>'
        return
    for row in result["rows"]:
        yield plot.svg(row) or ""
    yield from table_of(report.lines_of(result), report.HEADINGS, "results")


def page(found):
    yield '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>sievefs beside its peers</title>'
    yield f"<style>{STYLE}</style></head><body><h1>sievefs beside its peers</h1>"
    yield f"<p>{escape(facts.heading(found['machine']))}</p>"
    if not machine.has("gnuplot"):
        yield '<p class="mark">Without plots: gnuplot is not installed.</p>'
    yield "<h2>Machine</h2>"
    yield from machine_table(found["machine"])
    yield "<h2>Sides</h2>"
    yield from table_of(([name, *words] for name, words in found["sides"].items()), ["side", "what it is", "command"])
    yield from (f'<p class="mark">{escape(line)}</p>' for line in report.endings(found))
    yield "<h2>Summary</h2><p>The best sievefs without a mark, by the first measure of each workload.</p>"
    yield from table_of(report.summary_of(found), report.SUMMARY_HEADINGS)
    group = None
    for result in found["workloads"]:
        if result["group"] != group:
            group = result["group"]
            yield f"<h2>{escape(group)}</h2>"
        yield from workload(result)
    yield "</body></html>"


def text(found):
    return "\n".join(page(found)) + "\n"
