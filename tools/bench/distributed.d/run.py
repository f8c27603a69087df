"""What the cases share: measuring sides in turn, medians, rows."""

import statistics
import sys


class Run:
    """rows: one for each measure, as report.py takes them."""

    def __init__(self, arguments, cluster):
        self.arguments, self.cluster, self.rows = arguments, cluster, []

    def by_turns(self, sides, measure):
        """
        measure(side) for each side in turn, --repeats times; it returns a dict of what it measured. Returns, for each
        side, a list of these.
        """
        found = {side: [] for side in sides}
        for turn in range(self.arguments.repeats):
            for side in sides if turn % 2 == 0 else reversed(sides):
                found[side].append(measure(side))
                print(f"distributed: {side}: {found[side][-1]}", file=sys.stderr)
        return found

    def row(self, case, measure, values, beside="client", requests=None):
        """
        values: for each side a list of figures; ratio: of each side's median to that of the side `beside`.
        requests: for each side a list of the counts that belong to them.
        """
        row = {"case": case, "measure": measure, "beside": beside, "sides": {}}
        medians = {side: statistics.median(figures) for side, figures in values.items() if figures}
        for side, figures in values.items():
            if not figures:
                continue
            row["sides"][side] = {"median": medians[side], "least": min(figures), "most": max(figures)}
            if requests:
                row["sides"][side]["requests"] = statistics.median(requests[side])
            if side != beside and medians.get(beside):
                row["sides"][side]["ratio"] = medians[side] / medians[beside]
        self.rows.append(row)
