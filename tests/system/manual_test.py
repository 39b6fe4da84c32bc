"""The manuals: clean by mandoc's lint, and no option of a program is missing in its page.
Also the systemd units, as systemd-analyze reads them. No lab, no privileges."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("FLAGFALL_BIN", ROOT / "build" / "release" / "bin"))
MAN = ROOT / "docs" / "man"

# page -> the command whose --help it documents
PAGES = {
    "flagfall.1": [["flagfall"], ["flagfall", "status"], ["flagfall", "pause-racing"], ["flagfall", "resume-racing"],
                   ["flagfall", "reload"], ["flagfall", "bindings"], ["flagfall", "explain"], ["flagfall", "bind"],
                   ["flagfall", "unbind"], ["flagfall", "drain"], ["flagfall", "undrain"]],
    "flagfall-stats.1": [["flagfall", "stats"]],
    "flagfall-race.1": [["flagfall", "race"]],
    "flagfall-check.1": [["flagfall", "check"]],
    "flagfall-borders.1": [["flagfall", "borders"]],
    "flagfall-tune.1": [["flagfall", "tune"]],
    "flagfall-record.1": [["flagfall", "record"]],
    "flagfall-keygen.1": [["flagfall", "keygen"]],
    "flagfall-master.8": [["flagfall-master"]],
    "flagfall-slave.8": [["flagfall-slave"]],
    "flagfall-lab.8": [["flagfall-lab"]],
}


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, check=False)


def options(help_text):
    """The options in a --help: '-c', '--config'. Only their own lines, which begin with them."""
    found = set()
    for line in help_text.splitlines():
        match = re.match(r"\s+((?:-\w|--[\w-]+)(?:,(?:-\w|--[\w-]+))*)", line)
        if match:
            found.update(match.group(1).split(","))
    return found


def documented(page, option):
    """mdoc writes -c as `Fl c` and --config as `Fl -config`."""
    return re.search(r"\bFl (?:[^\n]*[ |])?" + re.escape(option[1:]) + r"(?=[\s,|])", page) is not None


class Manual(unittest.TestCase):
    def test_mandoc_has_nothing_to_say(self):
        # Pages that are not installed here, or not in this host's index, are no fault of ours.
        ignored = re.compile(r"referenced manual not found|outdated mandoc\.db|mandoc\.db: |STYLE: lower case character")
        pages = sorted(MAN.glob("*.[18]"))
        self.assertGreaterEqual(len(pages), len(PAGES))
        result = run("mandoc", "-Tlint", *pages)
        complaints = [line for line in (result.stdout + result.stderr).splitlines() if not ignored.search(line)]
        self.assertEqual(complaints, [])

    def test_lint_finds_a_fault(self):
        with tempfile.NamedTemporaryFile("w", suffix=".1") as page:
            page.write((MAN / "flagfall.1").read_text() + ".Xx nonsense\n")
            page.flush()
            self.assertIn("skipping unknown macro", run("mandoc", "-Tlint", page.name).stdout)

    def test_every_option_is_in_its_page(self):
        for name, commands in PAGES.items():
            page = (MAN / name).read_text()
            for command in commands:
                with self.subTest(page=name, command=command):
                    help_text = run(BIN / command[0], *command[1:], "--help")
                    self.assertEqual(help_text.returncode, 0, help_text.stderr)
                    found = options(help_text.stdout)
                    self.assertIn("--help", found)
                    missing = [option for option in sorted(found) if not documented(page, option)]
                    self.assertEqual(missing, [])

    def test_an_option_that_is_not_there_is_missed(self):
        self.assertFalse(documented((MAN / "flagfall-master.8").read_text(), "--colour"))
        self.assertTrue(documented(".Op Fl c Ar file\n.It Fl c , Fl -config Ar file\n", "--config"))
        self.assertFalse(documented(".It Fl -config-file Ar file\n", "--config"))


class Units(unittest.TestCase):
    def test_systemd_accepts_the_units(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("systemd-analyze is not installed")
        with tempfile.TemporaryDirectory() as folder:
            for unit in sorted((ROOT / "configs" / "systemd").glob("*.service")):
                text = unit.read_text().replace("/usr/bin/flagfall", str(BIN / "flagfall"))
                text = re.sub(r"^Documentation=.*\n", "", text, flags=re.M)  # pages are not installed
                copy = pathlib.Path(folder) / unit.name
                copy.write_text(text)
                for drop_in in (ROOT / "configs" / "systemd").glob(f"{unit.stem}-*.conf"):
                    place = pathlib.Path(folder) / f"{unit.name}.d"
                    place.mkdir(exist_ok=True)
                    shutil.copy(drop_in, place)
                result = run("systemd-analyze", "verify", "--man=no", copy)
                self.assertEqual((result.returncode, result.stderr), (0, ""), unit.name)

    def test_the_units_run_as_an_ordinary_user_with_just_what_is_needed(self):
        units = {"master": "CAP_NET_BIND_SERVICE", "slave": "CAP_NET_RAW CAP_NET_BIND_SERVICE"}
        for program, capabilities in units.items():
            lines = (ROOT / "configs" / "systemd" / f"flagfall-{program}.service").read_text().splitlines()
            self.assertIn("User=flagfall", lines)
            self.assertIn(f"AmbientCapabilities={capabilities}", lines)
            self.assertIn(f"CapabilityBoundingSet={capabilities}", lines)


if __name__ == "__main__":
    unittest.main()
