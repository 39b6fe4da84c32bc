#!/usr/bin/env python3
"""`flagfall simulate` on the extract of measured round trips that is carried in bench/data."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "lib"))
import planetlab  # noqa: E402

FLAGFALL = pathlib.Path(os.environ.get("FLAGFALL_BIN", ROOT / "build/release/bin")) / "flagfall"

COSTS = ("seconds", "events_per_second", "requests_per_second", "peak_memory_mib")


def simulate(*options):
    return subprocess.run([str(FLAGFALL), "simulate", *options], capture_output=True, text=True, timeout=300)


class Benchmark(unittest.TestCase):
    def quality(self, *options):
        return subprocess.run([sys.executable, "-B", ROOT / "bench/quality.py", *options], capture_output=True,
                              env={**os.environ, "FLAGFALL_BIN": str(FLAGFALL.parent), "FLAGFALL_PLANETLAB": ""},
                              text=True, timeout=300)

    def test_a_draw_is_told_of_with_its_ratios(self):
        result = self.quality("--requests", "20000", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertGreater(json.loads(result.stdout.splitlines()[-1])["ratio"], 1)

    def test_too_few_requests_are_said_to_be_too_few(self):
        result = self.quality("--requests", "1")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr,
                         "bench quality: no request was answered by a binding: --requests are too few\n")


class Simulate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="flagfall-simulate-")
        cls.paths, cls.data = planetlab.matrix_files(cls.folder.name, "")
        cls.options = ["--matrix", *cls.paths[:6], "--json"]

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def play(self, requests, *options):
        result = simulate(*self.options, "--requests", str(requests), *options)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_bound_clients_are_near_the_oracle_and_far_from_every_other_way(self):
        out = self.play(400000, "--seed", "2")
        self.assertEqual(out["requests"], 400000)
        self.assertGreater(out["peak_memory_mib"], 1)
        self.assertLess(out["peak_memory_mib"], 512)
        self.assertAlmostEqual(out["requests_per_second"] * out["seconds"], 400000, delta=1)
        self.assertLess(out["ratio"], 1.08)
        self.assertLess(out["ratio_all"], 1.15)
        self.assertLess(out["races_per_1000"], 30)
        oracle = out["others"]["oracle"]["mean"]
        for other in ("best single site", "round robin", "random"):
            self.assertGreater(out["others"][other]["mean"], 1.2 * oracle)

    def test_the_same_seed_gives_the_same_figures_and_another_one_others(self):
        def figures(seed):
            out = self.play(50000, "--seed", seed)
            return {key: value for key, value in out.items() if key not in COSTS}
        once = figures("7")
        self.assertEqual(once, figures("7"))
        self.assertNotEqual(once["site_names"], figures("8")["site_names"])

    def test_a_delay_that_few_orders_meet_costs_quality(self):
        good = self.play(100000)
        short = self.play(100000, "--delay", "10ms")
        self.assertGreater(short["late_orders"], 0.5)
        self.assertGreater(short["ratio"], good["ratio"])

    def refused(self, status, words, *options):
        """What is wrong with these options is said in one line, and nothing is printed."""
        result = simulate(*options)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertRegex(result.stderr, words)
        self.assertEqual(result.stdout, "")

    def file(self, name, text):
        path = pathlib.Path(self.folder.name) / name
        path.write_text(text)
        return str(path)

    def test_a_matrix_of_all_by_all_takes_two_rows(self):
        self.refused(1, "takes two rows at least", "--matrix", self.file("one.txt", "0\n"))
        self.refused(1, "takes two rows at least", "--matrix", self.file("named.txt", "ms,a\na,0\n"))
        two = simulate("--matrix", self.file("two.txt", "0 9\n9 0\n"), "--requests", "10", "--json")
        self.assertEqual(json.loads(two.stdout)["sites"], 1)

    def test_a_figure_out_of_its_range_is_refused(self):
        for option, values in (("--networks", ("0", "257", "4294967295")), ("--places-per-16", ("0", "257")),
                               ("--resolvers", ("0", "251")), ("--nearest", ("65",)), ("--sites", ("0", "4097"))):
            for value in values:
                self.refused(2, f"{option}: .*not in range", *self.options, option, value)
        self.refused(2, "6000 slices of 8760 hours are more than five years", *self.options, "--period", "8760h",
                     "--rounds", "1000")

    def test_what_would_not_be_looked_at_is_refused(self):
        self.refused(2, "write where sites and clients are")
        for odd in ("10", "x", "0x9", "10x", "4097x9", "9x1000001", "1 x2", ""):
            self.refused(2, "write", "--random-places", odd)
        places = ["--places", self.file("places.txt", "site,a,1,1\nclient,b,2,2\n")]
        invented = ["--random-places", "2x2"]
        for words in ([*self.options, *invented], [*places, *invented], [*invented, "--site", "1"],
                      [*places, "--sites", "3"], [*self.options, "--site", "1", "--sites", "3"]):
            self.refused(2, "excludes|requires", *words)

    def test_what_cannot_be_read_or_written_is_said_before_anything_is_played(self):
        long = [*self.options, "--requests", "1000000000"]  # hours
        self.refused(2, "--delays nonsense: a time such as", *long, "--delays", "25ms,nonsense")
        self.refused(2, "--clock-errors -1ms: a time such as", *long, "--clock-errors=0ms,-1ms")
        self.refused(1, "/none/it.svg: cannot be written", *long, "--svg", f"{self.folder.name}/none/it.svg")

    def test_a_picture_that_finds_the_disk_full_costs_no_figures(self):
        result = simulate(*self.options, "--requests", "1000", "--svg", "/dev/full")
        self.assertEqual(result.returncode, 1)
        self.assertIn("/dev/full: cannot be written", result.stderr)
        self.assertEqual(json.loads(result.stdout)["requests"], 1000)

    def test_what_is_wrong_in_a_file_is_said_with_its_line(self):
        path = pathlib.Path(self.folder.name) / "bad.txt"
        path.write_text("0 1\n1 x\n")
        result = simulate("--matrix", str(path))
        self.assertEqual(result.returncode, 1)
        self.assertIn("bad.txt:2: figure 2: 'x' is no time", result.stderr)


if __name__ == "__main__":
    unittest.main()
