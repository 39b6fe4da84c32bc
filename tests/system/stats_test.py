"""Winning-server statistics of real races: `flagfall stats` says what the clients
got; kill -9 costs a second at most; a full disk costs statistics only."""

import csv
import errno
import io
import json
import os
import subprocess
import threading
import time
import unittest

import deployment
import digs
import harness

SLAVES = ("fra", "nyc", "sin")
CLIENTS = ("berlin", "boston", "tokyo")
NAMES = 25  # a client and family
DISK = 12288  # KiB: with the log that SQLite writes ahead


class StatsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("race.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = deployment.Deployment(cls.lab, SLAVES)
        cls.disk = cls.lab.directory / "disk"
        cls.disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}k", "tmpfs", cls.disk], check=True)
        cls.addClassCleanup(subprocess.run, ["umount", "-l", cls.disk], check=False)
        cls.database = cls.disk / "statistics.db"
        # A prefix a client.
        cls.site.masters["master"]["stats"] = {"database": str(cls.database), "prefix_v4": 32, "prefix_v6": 64}
        cls.site.start()
        harness.wait_until(cls.database.exists, 10, "the database, which a thread of its own opens")
        cls.slave_of = {cls.lab.address(s, family): s for s in SLAVES for family in (4, 6)}
        cls.round = 0

    def flagfall(self, *words, before=(), check=True):
        done = subprocess.run([*before, harness.BIN / "flagfall", *(str(w) for w in words)], capture_output=True,
                              text=True, check=False, timeout=60)
        if check:
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done

    def stats(self, *words):
        return json.loads(self.flagfall("stats", "--json", "--socket", self.site.socket(), *words).stdout)

    def from_file(self, *words):
        return json.loads(self.flagfall("stats", "--json", "--database", self.database, *words).stdout)

    def keeping(self):
        return self.site.status()["statistics"]

    def ask(self, clients=CLIENTS, names=NAMES):
        """{client's address: {slave: how often its answer was the one}} and the number of questions."""
        type(self).round += 1
        asked = digs.Digs(self.lab)
        for client in clients:
            for family, rtype in ((4, "A"), (6, "AAAA")):
                batch = [f"{client}-{family}-{self.round}-{n}.race.example.test" for n in range(names)]
                asked.ask(client, self.lab.address("master", family), batch, rtype)
        got = {}
        for (client, answers), family in zip(asked.finish(), (4, 6) * len(clients)):
            counts = got[self.lab.address(client, family)] = {slave: 0 for slave in SLAVES}
            for answer in answers:
                self.assertTrue(answer.addresses, f"{client}: {answer}")  # whatever happens, everybody is answered
                if answer.addresses[0] in self.slave_of:
                    counts[self.slave_of[answer.addresses[0]]] += 1
        return got, 2 * names * len(clients)

    def wait_for_races(self, n):
        harness.wait_until(lambda: self.stats()["totals"]["races"] >= n, 20,
                           lambda: f"{n} races in the statistics; {self.stats()['totals']}; {self.keeping()}")

    def prefix_of(self, address):
        return next(p for p in self.rows if p.split("/")[0] == address or
                    (":" in address and address.split("::")[0] == p.split("::")[0]))

    def test_1_wins_by_prefix_are_what_the_clients_got(self):
        before = self.stats()["totals"]["races"]
        got, asked = self.ask()
        self.wait_for_races(before + asked)
        answer = self.stats("--by", "prefix")
        self.assertEqual(answer["totals"]["races"], before + asked)
        self.rows = {row["prefix"]: row for row in answer["rows"]}
        self.assertEqual(len(self.rows), len(got))
        verdicts = 0
        for address, counts in got.items():
            row = self.rows[self.prefix_of(address)]
            self.assertEqual(row["races"], sum(counts.values()), address)
            for slave, answers in counts.items():
                # Not every race has a verdict; but none says that somebody won whom the client did not hear first.
                self.assertLessEqual(row["wins"].get(slave, {}).get("won", 0), answers, (address, slave, row))
            verdicts += row["verdicts"]
            self.assertEqual(row["verdicts"] + row["without_verdict"], row["races"])
        self.assertGreater(verdicts, len(got))  # hosts limit ICMP errors: six, then one a second
        self.assertEqual(answer["totals"]["verdicts"], verdicts)
        servers = {row["server"]: row for row in self.stats()["rows"]}
        for slave in SLAVES:
            self.assertEqual(servers[slave]["won"],
                             sum(row["wins"].get(slave, {}).get("won", 0) for row in self.rows.values()))
            self.assertEqual(servers[slave]["ran"], sum(servers[slave]["fates"].values()))
        self.assertEqual(sum(row["races"] for row in self.stats("--by", "hour")["rows"]), before + asked)
        self.assertEqual(self.stats("race")["totals"]["races"], before + asked)

    def test_2_tables_and_csv_say_the_same(self):
        self.ask(CLIENTS[:1], 3)
        harness.wait_until(lambda: self.stats()["rows"], 20, "races in the statistics")
        socket = ("--socket", self.site.socket())
        for by in ("server", "prefix", "service", "hour"):
            text = self.flagfall("stats", "--by", by, *socket).stdout
            self.assertRegex(text, r"(?m)^races +\d+$")
            self.assertRegex(text, rf"(?m)^{by}  ")
            self.assertIn("saved: second best, ms", self.flagfall("stats", "--by", by, "--benefit", *socket).stdout)
            rows = list(csv.DictReader(io.StringIO(self.flagfall("stats", "--csv", "--by", by, *socket).stdout)))
            self.assertEqual(len(rows), len(self.stats("--by", by)["rows"]))
        text = self.flagfall("status", *socket).stdout
        self.assertRegex(text, rf"(?m)^stats +kept in {self.database}")

    def test_3_what_cannot_be_answered_is_said(self):
        for words, status, text in ((("nothing",), 1, "no service has that name"),
                                    (("--since", "yesterday"), 2, "is no time"),
                                    (("--by", "colour"), 2, "--by"),
                                    (("--json", "--csv"), 2, "excludes")):
            done = self.flagfall("stats", *words, "--socket", self.site.socket(), check=False)
            self.assertEqual(done.returncode, status, done)
            self.assertIn(text, done.stderr)
        done = self.flagfall("stats", "--database", self.lab.directory / "master.toml", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("it is no database of flagfall's", done.stderr)

    def test_4_kill_9_costs_a_second_and_a_restart_goes_on(self):
        seen = []  # (when, races that the statistics had been told of)
        end = threading.Event()

        def watch():
            while not end.is_set():
                began = time.monotonic()
                if status := self.site.status():
                    seen.append((began, status["statistics"]["races"]))
                time.sleep(0.05)
        first = self.keeping()["races_kept"]
        before = self.from_file()["totals"]["races"]
        asker = threading.Thread(target=self.ask, args=(CLIENTS[:2], 120))
        watcher = threading.Thread(target=watch)
        asker.start()
        watcher.start()
        try:
            # Races finish some seconds after they were run: kill it while they do.
            asker.join()
            harness.wait_until(lambda: self.keeping()["races"] >= first + 350, 20, "races to finish")
            killed = time.monotonic()
            self.site.programs["master"].kill()
        finally:
            end.set()
            watcher.join()
        # A second between two transactions, and what a loaded machine takes to write one.
        old = max((races for when, races in seen if when < killed - 1.5), default=first)
        there = self.from_file()["totals"]["races"]
        self.assertGreater(old, first, seen)
        self.assertGreaterEqual(there, before + old - first)
        start = self.from_file()["first"]
        self.site.start_master()
        self.site.wait_fit()
        asked = self.ask(CLIENTS[:1], 5)[1]
        self.wait_for_races(there + asked)
        self.assertEqual(self.stats()["totals"]["races"], there + asked)
        self.assertEqual(self.stats()["first"], start)

    def test_5_a_full_disk_costs_statistics_and_nothing_else(self):
        ballast = self.disk / "ballast"
        self.addCleanup(ballast.unlink, missing_ok=True)
        try:
            with open(ballast, "wb", buffering=0) as out:
                while out.write(b"x" * 4096):
                    pass
        except OSError as error:
            self.assertEqual(error.errno, errno.ENOSPC)
        before = self.stats()["totals"]["races"]  # reading goes on
        asked = self.ask(CLIENTS[:1])[1]
        harness.wait_until(lambda: self.keeping()["why_not"], 20, "the trouble to be noticed")
        self.assertIn("no space left", self.keeping()["why_not"])
        self.assertEqual(self.fit(), set(SLAVES))
        self.assertRegex(self.flagfall("status", "--socket", self.site.socket()).stdout,
                         r"(?m)^stats +not kept in .*no space left")
        ballast.unlink()
        # What waited in memory was not lost.
        self.wait_for_races(before + asked)
        harness.wait_until(lambda: not self.keeping()["why_not"], 20, "the trouble to be over")
        output = self.site.programs["master"].output()
        self.assertEqual(output.count("there is no space left"), 1)  # said once
        self.assertEqual(output.count("statistics: kept again"), 1)

    def fit(self):
        return self.site.fit()

    def test_6_a_stopped_masters_file_can_be_read_by_who_may_write_nothing(self):
        live = self.stats()["totals"]["races"]
        self.site.programs["master"].stop()
        os.chmod(self.disk, 0o755)
        os.chmod(self.database, 0o644)
        self.assertFalse(self.database.with_name("statistics.db-wal").exists())
        done = self.flagfall("stats", "--json", "--database", self.database,
                             before=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
        self.assertGreaterEqual(json.loads(done.stdout)["totals"]["races"], live)
        self.assertFalse(self.database.with_name("statistics.db-wal").exists())
        self.site.start_master()
        self.site.wait_fit()

    def test_7_what_is_saved_follows_from_the_paths(self):
        # Every race teaches, and slowly enough that the client's host sends all its ICMP errors.
        self.site.programs["master"].stop()
        self.site.masters["master"]["verdicts"] = {"teach": 1.0}
        self.site.start_master()
        self.site.wait_fit()
        server = self.lab.address("master", 6)
        asking = [subprocess.Popen(self.lab.inside(client, [
            "sh", "-c", f"for i in $(seq 36); do dig +tries=1 +timeout=1 @{server} {client}-t$i.race.example.test AAAA;"
                        " sleep 0.25; done"]), stdout=subprocess.DEVNULL) for client in CLIENTS]
        for process in asking:
            process.wait(60)

        def measured(client):
            network = self.lab.address(client, 6).split("::")[0]
            row = next(r for r in self.stats("--by", "prefix")["rows"] if r["prefix"].startswith(network + "::"))
            return row if len(row["arrivals"]) == len(SLAVES) and row["saved_ms"]["races"] > 0 else None
        for client in CLIENTS:
            row = harness.wait_until(lambda c=client: measured(c), 20, f"the arrivals at {client} to be known")
            delays = {slave: self.lab.delay_ms(client, slave) for slave in SLAVES}
            nearest = min(delays, key=delays.get)
            self.assertEqual(row["arrivals"][0]["server"], nearest)
            for place in row["arrivals"]:
                self.assertAlmostEqual(place["behind_ms"], delays[place["server"]] - delays[nearest], delta=2, msg=row)
            self.assertGreater(row["saved_ms"]["random"], 0)


if __name__ == "__main__":
    harness.main()
