#!/usr/bin/env python3
"""Wrong calls of the programs beside `flagfall simulate`: flagfall-campaign and scripts/bench."""

import os
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CAMPAIGN = pathlib.Path(os.environ.get("FLAGFALL_BIN", ROOT / "build/release/bin")) / "flagfall-campaign"


def call(*command, **more):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, **more)


class Campaign(unittest.TestCase):
    def test_no_worlds_at_all_are_refused(self):
        result = call(CAMPAIGN, "--seeds", "0")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("--seeds: Value 0 not in range", result.stderr)
        self.assertEqual(call(CAMPAIGN, "--seeds", "1", "--seconds", "10", "--queries", "1").returncode, 0)

    def test_schedules_are_printed_alone_or_not_at_all(self):
        self.assertEqual(call(CAMPAIGN, "--schedules").returncode, 0)
        for others in (["--seeds", "2"], ["--from", "2"], ["--new"], ["--minutes", "1"], ["--jobs", "1"],
                       ["--seconds", "20"], ["--queries", "5"], ["--seed", "1"], ["--seed", "1", "--trace"],
                       ["--json"]):
            result = call(CAMPAIGN, "--schedules", *others)
            self.assertNotEqual(result.returncode, 0, others)
            self.assertRegex(result.stderr, "excludes.*--schedules|--schedules excludes")


class Bench(unittest.TestCase):
    def test_a_benchmark_that_sends_asks_for_root_before_anything_is_built_and_quality_does_not(self):
        text = (ROOT / "scripts/bench").read_text()
        # As somebody else, and up to the first thing that would be installed or built.
        text = text.replace('cd "$(dirname "$0")/.."\n', "")
        text, ends = re.subn(r"^(scripts/install) .*", r"echo \1; exit 0", text, flags=re.MULTILINE)
        self.assertEqual(ends, 1)
        for name, status, words in (("forward", 1, "run as root"), ("quality", 0, "scripts/install")):
            result = call("bash", "-c", "id() { echo 1000; }\n" + text, "scripts/bench", name, cwd=ROOT)
            self.assertEqual(result.returncode, status, result.stderr)
            self.assertIn(words, result.stdout + result.stderr)


if __name__ == "__main__":
    unittest.main()
