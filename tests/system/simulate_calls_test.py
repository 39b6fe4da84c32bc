#!/usr/bin/env python3
"""Wrong calls of the programs beside `flagfall simulate`: scripts/bench."""

import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def call(*command, **more):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, **more)


class Bench(unittest.TestCase):
    def test_a_benchmark_that_sends_asks_for_root_before_anything_is_built_and_quality_does_not(self):
        text = (ROOT / "scripts/bench").read_text()
        # As somebody else, and up to the first thing that would be installed or built.
        text, ends = re.subn(r"^(scripts/install) .*", r"echo \1; exit 0", text.replace('cd "$(dirname "$0")/.."\n', ""),
                             flags=re.MULTILINE)
        self.assertEqual(ends, 1)
        for name, status, words in (("forward", 1, "run as root"), ("quality", 0, "scripts/install")):
            result = call("bash", "-c", "id() { echo 1000; }\n" + text, "scripts/bench", name, cwd=ROOT)
            self.assertEqual(result.returncode, status, result.stderr)
            self.assertIn(words, result.stdout + result.stderr)


if __name__ == "__main__":
    unittest.main()
