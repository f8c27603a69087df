"""What tools/bench/run makes of values, without measuring any: rows, ratios, marks, reports. Argument: tools/bench."""

import ctypes
import html.parser
import json
import os
import pathlib
import sys
import tempfile
import threading
import unittest

sys.dont_write_bytecode = True
top = pathlib.Path(sys.argv.pop(1))
sys.path[:0] = [str(top / "run.d"), str(top / "common.d")]

import arguments  # noqa: E402
import check  # noqa: E402
import html_report  # noqa: E402
import report  # noqa: E402
import sides  # noqa: E402
from results import Measure, Result, Workload  # noqa: E402


class Named:
    def __init__(self, name, group):
        self.name, self.group = name, group


NATIVE, XFS = Named("native", "native"), Named("xfs", "native")
OURS, PEER, OTHER = Named("sievefs-pin-dev", "sievefs"), Named("bindfs", "peer"), Named("mergerfs", "peer")


def result_of(better, *values):
    workload = Workload("one", "1 group", "warm", "command | x", (Measure("time", "s", better),), None)
    result = Result(workload)
    for side, numbers, *marks in values:
        for value in numbers:
            result.add(side, {"time": value, "marks": list(marks)})
    return result


def report_of(result):
    machine = dict.fromkeys(("date", "processor", "kernel", "disk", "build", "fuse_over_io_uring"), "<x>")
    machine |= {"cpus": 2, "memory_gib": 1, "load_before": 0.5, "repeats": 3, "versions": {}}
    return {
        "machine": machine,
        "sides": {"native": ["the bare directory", ""]},
        "left_out": {"bindfs": "bindfs is not installed"},
        "workloads": [result.as_dict()],
        "interrupted": False,
    }


class Rows(unittest.TestCase):
    def test_ratios_are_to_the_best_native_side_and_the_best_peer(self):
        row = next(result_of("lower", (NATIVE, [2, 1, 9]), (OURS, [4]), (PEER, [8]), (OTHER, [16])).rows())
        self.assertEqual((row["best_native"], row["best_peer"]), ("native", "bindfs"))
        self.assertEqual((row["sides"][OURS.name]["native"], row["sides"][OURS.name]["peer"]), (2, 0.5))
        self.assertEqual([row["sides"]["native"][name] for name in ("least", "median", "most")], [1, 2, 9])

    def test_the_best_is_the_highest_where_higher_is_better(self):
        row = next(result_of("higher", (NATIVE, [8]), (OURS, [4]), (PEER, [1]), (OTHER, [2])).rows())
        self.assertEqual((row["best_peer"], row["sides"][OURS.name]["peer"]), ("mergerfs", 2))

    def test_no_ratio_is_to_xfs_which_is_another_disk(self):
        row = next(result_of("lower", (NATIVE, [2]), (XFS, [1]), (OURS, [4])).rows())
        self.assertEqual(row["best_native"], "native")

    def test_a_peer_with_a_mark_is_not_the_best(self):
        row = next(result_of("lower", (NATIVE, [1]), (PEER, [2], "not passed through"), (OTHER, [4])).rows())
        self.assertEqual(row["best_peer"], "mergerfs")
        self.assertEqual(row["sides"]["bindfs"]["marks"], ["not passed through"])

    def test_the_same_mark_with_other_figures_is_one(self):
        result = result_of("lower", (OURS, [1], "3 of 4 opens"), (OURS, [1], "2 of 4 opens"))
        self.assertEqual(next(result.rows())["sides"][OURS.name]["marks"], ["3 of 4 opens"])


class Reports(unittest.TestCase):
    def setUp(self):
        result = result_of("lower", (NATIVE, [1]), (OURS, [2], "0 of 8 opens were cached"), (PEER, [3]))
        result.fail("mergerfs", "did not mount: <no>")
        self.report = report_of(result)

    def test_each_form_names_failures_marks_and_who_is_left_out(self):
        for form in report.FORMS:
            text = report.text(self.report, form)
            for words in ("did not mount: <no>", "0 of 8 opens were cached", "bindfs is not installed"):
                self.assertIn(words, text, form)

    def test_markdown_has_a_column_for_each_side(self):
        rows = [line for line in report.text(self.report, "markdown").splitlines() if line.startswith("|")]
        self.assertEqual(rows[0], "| workload | measure | native | sievefs-pin-dev | bindfs | widest range |")
        self.assertEqual(rows[2], "| one | time, s | 1 | 2 (2.00)* | 3 (3.00) | 0 % |")

    def test_a_side_without_a_figure_has_an_empty_cell_in_markdown(self):
        other = result_of("lower", (NATIVE, [1])).as_dict()
        self.report["workloads"].append(other | {"name": "two"})
        rows = [line for line in report.text(self.report, "markdown").splitlines() if line.startswith("| two")]
        self.assertEqual(rows, ["| two | time, s | 1 |  |  | 0 % |"])

    def test_json_is_what_was_measured(self):
        found = json.loads(report.text(self.report, "json"))["workloads"][0]
        self.assertEqual(found["rows"][0]["sides"], self.report["workloads"][0]["rows"][0]["sides"])
        self.assertEqual(found["failures"], {"mergerfs": "did not mount: <no>"})

    def test_html_is_escaped_and_closed(self):
        parser, open_tags = html.parser.HTMLParser(), []
        parser.handle_starttag = lambda tag, _: open_tags.append(tag) if tag != "meta" else None
        parser.handle_startendtag = lambda tag, _: None
        parser.handle_endtag = lambda tag: self.assertEqual(open_tags.pop(), tag)
        text = html_report.text(self.report)
        parser.feed(text)
        self.assertEqual(open_tags, [])
        self.assertIn("did not mount: &lt;no&gt;", text)

    def test_the_summary_leaves_out_sides_with_a_mark(self):
        self.assertEqual(list(report.summary_of(self.report)), [])


class Sides(unittest.TestCase):
    def test_io_uring_is_turned_on_for_the_run_and_off_again(self):
        with tempfile.TemporaryDirectory() as directory:
            sides.URING = pathlib.Path(directory, "enable_uring")
            sides.URING.write_text("N\n")
            with self.assertRaises(KeyboardInterrupt), sides.uring_enabled():
                self.assertTrue(sides.uring_is_on())
                raise KeyboardInterrupt
            self.assertFalse(sides.uring_is_on())

    def test_a_side_over_io_uring_is_left_out_where_that_is_off(self):
        kind = next(kind for kind in sides.CATALOGUE if kind.uring)
        with tempfile.TemporaryDirectory() as directory:
            sides.URING = pathlib.Path(directory, "enable_uring")
            with self.assertRaisesRegex(sides.Failure, "is not Y"):
                sides.command_of(kind, arguments.parse([]), "source", "mountpoint")

    def test_a_program_that_is_missing_names_its_package(self):
        kind = sides.Kind("x", "peer", "", ("no-such-program", "{source}", "{mountpoint}"), package="some-package")
        with self.assertRaisesRegex(sides.Failure, "no-such-program is not installed.*some-package"):
            sides.command_of(kind, arguments.parse([]), "source", "mountpoint")

    def test_the_transport_that_was_chosen_is_looked_at(self):
        kind = next(kind for kind in sides.CATALOGUE if kind.name == "sievefs-pin-uring")
        side = sides.Side(kind.name, "", "", kind)
        shown = {"transport_used": "uring", "store_used": "pin", "passthrough_used": "on"}
        self.assertEqual(check.configuration(side, shown), [])
        self.assertEqual(
            check.configuration(side, {**shown, "transport_used": "dev", "passthrough_used": "off"}),
            ["transport is dev, not uring", "passthrough is off"],
        )


    def test_a_daemon_rides_on_io_uring_where_a_thread_of_libfuse_does(self):
        self.assertFalse(check.rides_on_io_uring(os.getpid()))
        done = threading.Event()

        def ring():
            ctypes.CDLL(None).prctl(15, b"fuse-ring-0")  # PR_SET_NAME
            done.wait()

        thread = threading.Thread(target=ring)
        thread.start()
        try:
            self.assertTrue(check.rides_on_io_uring(os.getpid()))
        finally:
            done.set()
            thread.join()


class Arguments(unittest.TestCase):
    def test_quick_is_less_and_what_is_given_holds(self):
        given = arguments.parse(["--quick", "--repeats=7"])
        self.assertEqual((given.repeats, given.files), (7, arguments.QUICK["files"]))

    def test_workloads_are_chosen_by_name_beginning_and_group(self):
        self.assertEqual(arguments.parse(["--only=untar"]).only, ["untar"])
        self.assertEqual(arguments.parse(["--only=3,read4"]).only, ["isolation", "read4-1m", "read4-128k"])

    def test_counts_beyond_scale_most_are_left_out(self):
        given = arguments.parse(["--only=scale-files", "--scale-most=10000"])
        self.assertEqual(given.only, ["scale-files-1000", "scale-files-10000"])

    def test_what_is_unknown_is_refused(self):
        sys.stderr = open(os.devnull, "w")
        for word in ("--only=nothing", "--peers=nothing", "--size=3", "--peer=bindfs", "--depths=0"):
            with self.assertRaises(SystemExit):
                arguments.parse([word])


if __name__ == "__main__":
    unittest.main()
