"""flagfall tune and flagfall record against a real master, with jitter on the paths:
the recommendation, applied, keeps what it promised."""

import collections
import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

import harness
import load
import tuned_site

TARGET = 0.995
RACES = 4000
# Two samples of this size differ by 0.15 points (one sigma) for no reason.
POINTS = 0.5


class TuneTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("race.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = tuned_site.Site(cls.lab)
        cls.site.start()

    def test_1_before_the_first_race_nothing_is_recommended(self):
        status, out, err = self.site.tool("tune", "race", "--socket", self.site.socket())
        self.assertEqual(status, 1)
        self.assertIn("no races yet", out)
        self.assertIn("race: no races yet; ask again when some were run", err)

    def test_1_an_unknown_service_is_told_which_there_are(self):
        for command in (["tune", "web"], ["record", "web", "-o", self.lab.directory / "none.jsonl"]):
            with self.subTest(command=command[0]):
                status, out, err = self.site.tool(*command, "--socket", self.site.socket())
                self.assertEqual((status, out), (1, ""))
                self.assertIn("no service 'web'; there are: race", err)
        self.assertFalse((self.lab.directory / "none.jsonl").exists())

    def test_1_a_broken_file_is_told_with_its_line(self):
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            for text, complaint in (("", "no header"), ("nonsense\n", f"{file.name}:1: no JSON object"),
                                    ('{"flagfall":"rows","version":7}\n', "rows of version 7")):
                file.seek(0)
                file.truncate()
                file.write(text)
                file.flush()
                status, out, err = self.site.tool("tune", "--file", file.name)
                self.assertEqual((status, out), (1, ""))
                self.assertIn(complaint, err)

    def test_2_the_recommendation_applied_keeps_what_it_promised(self):
        path, said = self.site.record("before.jsonl", RACES)
        self.assertIn(f"{RACES} races in ", said)
        header, races = self.site.rows(path)
        self.assertEqual(len(races), RACES)
        self.assertEqual(len({race["race"] for race in races}), RACES, "no race is there twice")
        self.assertEqual((header["service"], header["slaves"], header["delay_ms"]), ("race", ["fra", "nyc", "sin"], 60))
        times = [race["at_ms"] for race in races]
        self.assertLess(abs(times[-1] / 1000 - time.time()), 20, "Unix time")

        tune = self.site.tune("--file", path, "--on-time", TARGET)
        best = tune["recommended"]
        predicted = best["on_time"]["share"]
        self.assertGreaterEqual(predicted, TARGET)
        # sin's way is 18 to 26 ms, and what this machine adds.
        self.assertGreater(best["delay_ms"], 25)
        self.assertLess(best["delay_ms"], 60)

        self.site.apply(best["delay_ms"])
        self.site.settle()
        before = self.site.outcomes()
        path, _ = self.site.record("after.jsonl", RACES)
        self.site.settle()
        after = self.site.outcomes()
        header, races = self.site.rows(path)
        self.assertEqual(header["delay_ms"], best["delay_ms"])
        seen = tuned_site.on_time_share(races, best["delay_ms"])
        print(f"delay {best['delay_ms']} ms: {100 * predicted:.2f} % of the races on time predicted, "
              f"{100 * seen:.2f} % of {len(races)} seen", flush=True)
        self.assertLess(abs(seen - predicted) * 100, POINTS)
        # The slaves' own reports say the same as the rows, and as was predicted for each.
        for column, slave in enumerate(header["slaves"]):
            sent, orders = (after[slave][i] - before[slave][i] for i in (0, 1))
            self.assertGreaterEqual(orders, RACES)
            share = tuned_site.on_time_share([{"needed_us": [r["needed_us"][column]]} for r in races],
                                             best["delay_ms"])
            self.assertLess(abs(share - sent / orders) * 100, 0.2, slave)
            self.assertLess(abs(sent / orders - best["slaves"][slave]) * 100, POINTS, slave)

    def test_3_a_live_master_tells_the_same_as_its_file(self):
        tune = self.site.tune("race", "--socket", self.site.socket())
        self.assertGreaterEqual(tune["races"], RACES)
        listener = json.loads(self.lab.run("master", ["curl", "-s", "--unix-socket", self.site.socket(),
                                                      "http://master/tune?service=race"], check=True).stdout)
        self.assertEqual(listener["recommended"]["delay_ms"], tune["recommended"]["delay_ms"])
        self.assertEqual(listener["curve"]["on_time"], tune["curve"]["on_time"])
        shifted = self.site.tune("race", "--socket", self.site.socket(), "--what-if", "slave=sin,+15ms")
        # By as much, less what the others had cost.
        grown = shifted["recommended"]["delay_ms"] - tune["recommended"]["delay_ms"]
        self.assertGreater(grown, 12)
        self.assertLess(grown, 15.11)
        near = self.site.tune("race", "--socket", self.site.socket(), "--nearest", 2)
        self.assertLess(near["recommended"]["delay_ms"], 25)
        self.assertEqual([near["slaves"][s]["counted"] for s in tuned_site.SLAVES], [True, True, False])

    def test_3_the_table_the_plot_and_the_picture_are_there(self):
        picture = self.lab.directory / "tune.svg"
        status, out, err = self.site.tool("tune", "race", "--socket", self.site.socket(), "--plot", "--svg", picture,
                                          env={"COLUMNS": "100", "LC_ALL": "C"})
        self.assertEqual((status, err), (0, ""))
        self.assertIn("<= recommended", out)
        self.assertIn("100 % ┤", out)
        self.assertNotIn("\x1b", out)
        self.assertEqual(max(len(line) for line in out.splitlines() if "│" in line[:8]), 99)
        self.assertTrue(picture.read_text().startswith("<svg"))

    def test_3_a_racing_client_tells_the_master_who_won(self):
        def verdicts():
            return self.site.status()["counters"]
        before = verdicts()
        # On another host, over TLS, as it would be; the answers of all slaves arrive within --wait.
        done = self.lab.run("berlin", [harness.BIN / "flagfall", "race", "*.race.example.test", "@192.0.2.1", "--json",
                                       "--count", 20, "--interval", "100ms", "--wait", "300ms",
                                       "--report", "https://192.0.2.1:4980", "--token-file",
                                       self.lab.directory / "report-token", "--ca", self.lab.directory / "admin.crt"],
                            check=True)
        self.assertIn("20 races reported; the master knew 20 of them", done.stderr)
        won = [json.loads(line)["winner"] for line in done.stdout.splitlines()]
        harness.wait_until(lambda: verdicts()["verdicts_client_likely"] - before["verdicts_client_likely"] >= 19, 8,
                           lambda: f"verdicts: {verdicts()}")
        races = json.loads(self.lab.run("master", ["curl", "-s", "--unix-socket", self.site.socket(),
                                                   "http://master/races"], check=True).stdout)["races"]
        told = [r for r in races if r.get("verdict") and r["verdict"]["way"] == "client"]
        self.assertGreaterEqual(len(told), 19, races[:2])
        self.assertEqual({r["verdict"]["certainty"] for r in told}, {"likely"})
        self.assertGreaterEqual(sum(address == self.lab.address("fra") for address in won), 18)
        self.assertGreaterEqual(sum(r["verdict"]["winner"] == "fra" for r in told), 18)
        # Without the token, or with another: nothing.
        (self.lab.directory / "wrong").write_text("0123456789abcdef0123456789abcdef\n")
        (self.lab.directory / "wrong").chmod(0o600)
        done = self.lab.run("berlin", [harness.BIN / "flagfall", "race", "*.race.example.test", "@192.0.2.1", "-c", 1,
                                       "--report", "https://192.0.2.1:4980", "--token-file", self.lab.directory / "wrong",
                                       "--ca", self.lab.directory / "admin.crt"])
        self.assertRegex(done.stderr, "0 races reported; .*1 could not be reported: .*token")
        self.assertIn("-> is --report the master's admin listener", done.stderr)
        self.assertEqual(done.returncode, 3)

    def test_3_the_token_for_reports_opens_nothing_else_and_not_too_often(self):
        url, token = "https://192.0.2.1:4980", (self.lab.directory / "report-token").read_text().strip()

        def curl(*words):
            done = self.lab.run("master", ["curl", "-s", "-w", "%{http_code}\n", "--cacert", self.lab.directory / "admin.crt",
                                           "-H", f"Authorization: Bearer {token}", *words], check=True)
            return done.stdout.split()
        for path in ("/", "/status", "/races", "/metrics", "/client-report"):
            self.assertEqual(curl("-o", "/dev/null", url + path), ["403"], path)
        for path in ("/pause-racing", "/reload", "/sources", "/client-report/", "/nothing"):
            self.assertEqual(curl("-o", "/dev/null", "-d", "{}", url + path), ["403"], path)
        self.assertFalse(self.site.status()["racing"]["paused"])
        codes = collections.Counter(curl("-Z", "-d", '{"races": []}', *["-o", "/dev/null", url + "/client-report"] * 400))
        self.assertEqual(set(codes), {"200", "429"}, codes)
        self.assertGreaterEqual(codes["200"], 60)
        self.assertEqual(self.site.status()["control"]["client_reports_limited"], codes["429"])

    def test_4_recording_ends_at_ctrl_c_and_goes_on_over_a_restart(self):
        path = self.lab.directory / "restart.jsonl"
        recorder = harness.Program(
            "record", [harness.BIN / "flagfall", "record", "race", "--socket", self.site.socket(), "-o", path],
            self.lab.directory / "record.log")
        self.addCleanup(recorder.stop)
        with load.Load(self.lab, tuned_site.CLIENT, self.lab.address("master", 4), ["race"], 50):
            harness.wait_until(lambda: path.exists() and len(self.site.rows(path)[1]) >= 20, 15, "races in the file")
            self.site.programs["master"].stop()
            recorder.wait_for("nobody listens there; .*; waiting for it")
            self.site.apply(45)
            recorder.wait_for("the master answers again")
            count = len(self.site.rows(path)[1])
            harness.wait_until(lambda: len(self.site.rows(path)[1]) >= count + 20, 15, "races of the new process")
        recorder.process.send_signal(signal.SIGINT)
        self.assertEqual(recorder.wait(), 0, recorder.output())
        self.assertIn("1 restarts of the master", recorder.output())
        tune = self.site.tune("--file", path)
        self.assertEqual(tune["races"], len(self.site.rows(path)[1]))
        status, _, err = self.site.tool("record", "race", "--socket", self.site.socket(), "-o", path)
        self.assertEqual(status, 1)
        self.assertIn("it is there already", err)

    def test_4_a_full_disk_is_said_and_the_file_ends_with_a_whole_race(self):
        folder = self.lab.directory / "small"
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", folder], check=True)
        self.addCleanup(subprocess.run, ["umount", folder], check=True)
        path = folder / "rows.jsonl"
        with load.Load(self.lab, tuned_site.CLIENT, self.lab.address("master", 4), ["race"], 150):
            status, _, err = self.site.tool("record", "race", "--socket", self.site.socket(), "-o", path,
                                            "--duration", "30s")
        self.assertEqual(status, 1)
        self.assertIn("No space left on device; it ends with a whole race", err)
        self.assertTrue(path.read_text().endswith("\n"))
        self.assertGreater(self.site.tune("--file", path)["races"], 50)


if __name__ == "__main__":
    os.nice(-10)  # other work on this machine is no jitter of these paths
    harness.main()
