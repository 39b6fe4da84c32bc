#!/usr/bin/env python3
"""scripts/evaluate makes its page of the extract that is carried in bench/data: a small one."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]


def evaluate(*options, **environment):
    known = {"FLAGFALL_BIN": str(ROOT / "build/release/bin"), **os.environ, "FLAGFALL_PLANETLAB": "", **environment}
    return subprocess.run([str(ROOT / "scripts/evaluate"), *options], env=known, capture_output=True, text=True,
                          timeout=300)


class Evaluate(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="flagfall-evaluate-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def made(self, name, *options):
        """The page and its pictures, by file name."""
        out = self.folder / name / "evaluation.md"
        out.parent.mkdir()
        result = evaluate("--requests", "20000", "--out", str(out), *options)
        self.assertEqual(result.returncode, 0, result.stderr)
        pictures = out.with_suffix("").iterdir()
        return {file.name: file.read_text() for file in [out, *pictures]}, result.stderr

    def test_the_page_says_what_was_played_and_is_the_same_when_it_is_made_again(self):
        once, progress = self.made("once", "--draws", "2", "--deep", "1")
        self.assertIn("3 of 3: ", progress)
        page = once["evaluation.md"]
        self.assertIn("`scripts/evaluate --draws 2 --deep 1 --requests 20000`", page)
        self.assertIn("PlanetLab, 200 nodes, 18 slices (the extract)", page)
        self.assertNotIn(str(ROOT), page)
        self.assertNotIn(str(self.folder), page)
        for what in (r"oracle \|.* 1\.000 \| 1\.000 \| 1\.000", r"\*\*flagfall, bound requests\*\* \|", "round robin",
                     "regret", "time to bind", "flaps", r"\| 25 ms \|", r"\| 20 ms \|", "of 2 \\|"):
            self.assertRegex(page, what)
        # Coordinates are known of the invented places only.
        self.assertEqual(len(re.findall(r"^\| GeoIP", page, re.MULTILINE)), 1)
        for picture in re.findall(r"\(evaluation/([a-z]+\.svg)\)", page):
            xml.etree.ElementTree.fromstring(once[picture])
        again, _ = self.made("again", "--draws", "2", "--deep", "1", "--jobs", "1")
        self.assertEqual(once, again)

    def test_what_cannot_be_played_is_said_and_no_page_is_made(self):
        out = self.folder / "evaluation.md"
        result = evaluate("--draws", "1", "--deep", "0", "--sites", "5000", "--out", str(out))
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, "scripts/evaluate: .*sites")
        self.assertEqual(evaluate("--draws", "0").returncode, 2)
        few = evaluate("--draws", "1", "--deep", "0", "--requests", "1", "--out", str(out))
        self.assertEqual((few.returncode, few.stderr.splitlines()[-1]),
                         (1, "scripts/evaluate: no request was answered by a binding: --requests are too few"))
        missing = evaluate("--matrix", str(self.folder / "none.tar.xz"), "--out", str(out))
        self.assertEqual(missing.returncode, 1)
        self.assertIn("none.tar.xz", missing.stderr)
        self.assertFalse(out.exists())


if __name__ == "__main__":
    unittest.main()
