"""A row of results as a bar chart: SVG, by gnuplot."""

import subprocess

import machine

COLOURS = {"native": "#777777", "sievefs": "#1f77b4", "peer": "#ff7f0e"}
LEAST_OF_MOST = 1e-9


def script(row):
    """Bars of the medians with their ranges, one colour for each group; the labels are strings of gnuplot."""
    names = list(row["sides"])
    height = 70 + 22 * len(names)
    most = max(side["most"] for side in row["sides"].values())
    labels = ", ".join(f'"{name}" {-i}' for i, name in enumerate(names)).replace("_", "\\\\_")
    lines = [
        f'set terminal svg size 760,{height} font "sans-serif,12" background "white"',
        "unset key",
        "set border 1",
        "set style fill solid 0.8 noborder",
        "set yrange [%g:0.4]" % -(len(names) - 0.4),
        f"set xrange [0:{max(most * 1.05, LEAST_OF_MOST):g}]",
        f'set xlabel "{row["name"]}, {row["unit"]}: {row["better"]} is better"'.replace("_", "\\\\_"),
        "set xtics nomirror",
        "set grid x",
        f"set ytics nomirror scale 0 ({labels})",
        "plot '-' using 1:2:3:4:5:6:7 with boxxyerror linecolor rgb variable, "
        "'-' using 1:2:3:4 with xerrorbars pointtype -1 linecolor rgb '#000000'",
    ]
    for i, side in enumerate(row["sides"].values()):
        colour = int(COLOURS[side["group"]][1:], 16)
        lines.append(f"{side['median']:g} {-i} 0 {side['median']:g} {-i - 0.35:g} {-i + 0.35:g} {colour}")
    lines.append("e")
    for i, side in enumerate(row["sides"].values()):
        lines.append(f"{side['median']:g} {-i} {side['least']:g} {side['most']:g}")
    return "\n".join([*lines, "e", ""])


def svg(row):
    """The picture's text; None: gnuplot is missing, or failed."""
    if not machine.has("gnuplot"):
        return None
    done = subprocess.run(["gnuplot"], input=script(row), capture_output=True, text=True)
    start = done.stdout.find("<svg")
    return done.stdout[start:] if done.returncode == 0 and start >= 0 else None
