"""The operator's command against real daemons: race, status, pause-racing,
resume-racing, reload; and the daemons' --print-config."""

import json
import os
import re
import signal
import subprocess
import unittest

import deployment
import harness

SLAVES = ("fra", "nyc", "sin")
CLIENT = "berlin"


class OperatorTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("race.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = deployment.Deployment(cls.lab, SLAVES)
        cls.site.masters["master"]["dns"]["nsid"] = "master-1"  # and slaves name themselves, too
        cls.audit = cls.lab.directory / "audit" / "commands.jsonl"  # a folder that is not there yet
        cls.site.masters["master"]["admin"]["audit"] = str(cls.audit)
        cls.site.start()

    def race(self, *words, family=4, check=True):
        address = self.lab.address("master", family)
        argv = [harness.BIN / "flagfall", "race", "*.race.example.test", "@" + deployment.endpoint(address, 53), *words]
        done = self.lab.run(CLIENT, argv)
        if check:
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def races(self, *words, family=4):
        lines = self.race("--json", "--interval", "20ms", "--wait", "800ms", *words, family=family)
        return [json.loads(line) for line in lines.splitlines()]

    def flagfall(self, *words, before=()):
        socket = self.site.socket()
        return subprocess.run([*before, harness.BIN / "flagfall", *words, "--socket", socket], capture_output=True,
                              text=True, check=False, timeout=20)

    def check_every_slave_arrives(self, family, *words):
        address_of = {self.lab.address(slave, family): slave for slave in SLAVES}
        races = self.races("--count", "10", *words, family=family)
        self.assertEqual([race["race"] for race in races], list(range(1, 11)))
        for race in races:
            arrivals = race["arrivals"]
            self.assertEqual({address_of.get(a["server"]) for a in arrivals}, set(SLAVES), race)
            self.assertEqual(race["winner"], arrivals[0]["server"])
            self.assertEqual(arrivals[0]["gap_ms"], 0)
            self.assertEqual([a["ms"] for a in arrivals], sorted(a["ms"] for a in arrivals))
        # The paths differ by what the topology says, and so do the gaps.
        nearest, second = sorted(self.lab.delay_ms(CLIENT, slave) for slave in SLAVES)[:2]
        gaps = sorted(race["arrivals"][1]["gap_ms"] for race in races)
        self.assertAlmostEqual(gaps[len(gaps) // 2], second - nearest, delta=2)

    def test_race_shows_every_slave_in_order_of_arrival(self):
        self.check_every_slave_arrives(4)

    def test_race_works_over_ipv6_with_random_case(self):
        self.check_every_slave_arrives(6, "--type", "AAAA", "--random-case")

    def test_race_for_a_person_ends_with_a_summary(self):
        text = self.race("--count", "3", "--interval", "50ms")
        nearest = self.lab.address(min(SLAVES, key=lambda slave: self.lab.delay_ms(CLIENT, slave)))
        self.assertEqual(len(re.findall(r"^race \d: .* ms  \* first", text, re.M)), 3)
        self.assertEqual(len(re.findall(r"^race \d: .* ms +\+[\d.]+ ms", text, re.M)), 6)
        self.assertIn("3 queries, 3 answered (0.0% unanswered), 3 by more than one server, 9 arrivals\n", text)
        self.assertRegex(text, rf"(?m)^{re.escape(nearest)} +3  100\.0% +3 ")

    def test_race_ends_on_an_interrupt_with_its_summary(self):
        argv = [harness.BIN / "flagfall", "race", "*.race.example.test", "@" + self.lab.address("master"),
                "--interval", "100ms"]
        with subprocess.Popen(self.lab.inside(CLIENT, argv), stdout=subprocess.PIPE, text=True) as program:
            for _ in range(4):
                program.stdout.readline()  # until it has had an answer
            program.send_signal(signal.SIGINT)
            text = program.communicate(timeout=10)[0]
        self.assertEqual(program.returncode, 0)
        self.assertIn("unanswered)", text)

    def test_status_shows_slaves_clocks_and_counters(self):
        self.race("--count", "2", "--interval", "20ms")
        done = self.flagfall("status")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"(?m)^racing +yes$")
        self.assertRegex(done.stdout, r"(?m)^clock +synchronised \(chrony\), bound [\d.]+ ms of 5\.000 ms allowed, "
                                      r"expected error [\d.]+ ms$")
        for slave in SLAVES:
            self.assertRegex(done.stdout, rf"(?m)^{slave} +chrony +synchronised( +-?[\d.]+| +/)+$")
            self.assertRegex(done.stdout, rf"(?m)^{slave} .* races$")
        self.assertRegex(done.stdout, r"(?m)^dns_queries +\d+$")
        self.assertRegex(done.stdout, r"(?m)^race +25\.000 +send +3 of 3 +fra, nyc, sin")

    def test_races_within_the_slaves_errors_are_marked(self):
        self.races("--count", "20")  # stamps for every slave's report
        harness.wait_until(lambda: all(s["stamp_error_us"]["p99"] is not None for s in self.site.status()["slaves"]),
                           10, "a report of every slave's transmit stamps")
        for race in self.races("--count", "5", "--status", self.site.socket()):
            self.assertGreater(race["error_ms"], 0)
            self.assertFalse(race["within_error"], race)  # a fraction of a millisecond against six
        status = self.site.status()
        for slave in status["slaves"]:
            slave["clock"]["expected_error_ms"] = 50
        file = self.lab.directory / "status.json"
        file.write_text(json.dumps(status))
        for race in self.races("--count", "5", "--status", file):
            self.assertTrue(race["within_error"], race)
        self.assertRegex(self.race("--count", "2", "--interval", "20ms", "--wait", "500ms", "--status", file),
                         r"(?m)^2 of 2 races within error")

    def test_pause_racing_stops_races_at_once_and_nobody_is_left_unanswered(self):
        before = self.site.status()["fallback"]["paused"]
        done = self.flagfall("pause-racing")
        self.addCleanup(self.flagfall, "resume-racing")
        self.assertEqual((done.returncode, done.stdout), (0, "racing is paused\n"))
        for race in self.races("--count", "5"):
            self.assertEqual([a["server"] for a in race["arrivals"]], [self.lab.address("master")])
        self.assertEqual(self.site.status()["fallback"]["paused"], before + 5)
        self.assertIn("paused by an operator", self.flagfall("status").stdout)
        done = self.flagfall("resume-racing")
        self.assertEqual((done.returncode, done.stdout), (0, "racing is resumed\n"))
        self.assertEqual(len(self.races("--count", "1")[0]["arrivals"]), 3)

    def test_reload_takes_a_good_zone_and_keeps_the_old_one_of_a_bad(self):
        zone = self.lab.directory / "example.test.zone"
        good = zone.read_text()
        self.addCleanup(lambda: (zone.write_text(good), self.flagfall("reload")))
        zone.write_text(good + "new IN A 192.0.2.77\n")
        self.assertEqual(self.flagfall("reload").returncode, 0)
        dig = ["dig", "+short", "@" + self.lab.address("master"), "new.example.test"]
        harness.wait_until(lambda: self.lab.run(CLIENT, dig).stdout == "192.0.2.77\n", 5, "the new record")
        zone.write_text(good + "broken IN A 192.0.2.777\n")
        done = self.flagfall("reload")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^flagfall reload: .*example\.test\.zone:\d+: ")
        self.assertEqual(self.lab.run(CLIENT, dig).stdout, "192.0.2.77\n")

    def test_every_command_is_in_the_audit_file_and_the_log_with_who_gave_it(self):
        master = self.site.programs["master"]
        self.assertEqual(master.output().count(f"audit file {self.audit}: No such file or directory"), 1)
        lost = self.site.status()["control"]["audit_lost"]  # what other tests asked for
        self.audit.parent.mkdir()
        self.flagfall("status")  # changes nothing: no command
        self.flagfall("pause-racing")
        self.flagfall("resume-racing", before=["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=-all"])
        zone = self.lab.directory / "example.test.zone"
        good = zone.read_text()
        self.addCleanup(zone.write_text, good)
        zone.write_text(good + "broken IN A 192.0.2.777\n")
        self.flagfall("reload")
        zone.write_text(good)
        os.kill(master.pid, signal.SIGHUP)

        def entries():
            return [json.loads(line) for line in self.audit.read_text().splitlines()]
        harness.wait_until(lambda: len(entries()) == 4, 10, lambda: f"four entries: {entries()}")
        told = [(e["command"], e["user"], e["peer"], e["done"]) for e in entries()]
        self.assertEqual(told, [("POST /pause-racing", "root", "the admin socket", True),
                                ("POST /resume-racing", "nobody", "the admin socket", True),
                                ("POST /reload", "root", "the admin socket", False),
                                ("SIGHUP", None, "a signal", True)])
        self.assertRegex(entries()[2]["result"], r"example\.test\.zone:\d+: ")
        self.assertRegex(entries()[0]["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        self.assertRegex(master.output(), r"operator: POST /resume-racing by nobody \(uid 65534, pid \d+\) over the "
                                          r"admin socket: done")
        self.assertEqual(self.site.status()["control"]["audit_lost"], lost)
        # A file that cannot be written stops nothing, and is said once.
        self.audit.unlink()
        self.audit.symlink_to("/dev/full")
        for _ in range(2):
            self.assertEqual(self.flagfall("pause-racing").returncode, 0)
            self.assertEqual(self.flagfall("resume-racing").returncode, 0)
        self.assertEqual(master.output().count(f"audit file {self.audit}: No space left on device"), 1)
        self.assertEqual(self.site.status()["control"]["audit_lost"], lost + 4)

    def test_who_may_not_open_the_socket_is_told_how(self):
        os.chmod(self.lab.directory, 0o755)
        done = self.flagfall("status", before=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
        self.assertEqual(done.returncode, 1)
        self.assertIn("permission denied; join the group", done.stderr)

    def test_what_print_config_prints_means_the_same(self):
        for program, host in (("flagfall-master", "master"), ("flagfall-slave", "fra")):
            with self.subTest(program=program):
                def printed(file):
                    done = subprocess.run([harness.BIN / program, "--config", file, "--print-config"],
                                          capture_output=True, text=True, check=False, timeout=20)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    return done.stdout
                first = printed(self.lab.directory / f"{host}.toml")
                copy = self.lab.directory / f"{host}-printed.toml"
                copy.write_text(first)
                self.assertEqual(printed(copy), first)
                self.assertIn("# ", first)

    def test_a_wrong_key_is_one_line_with_its_place(self):
        file = self.lab.directory / "wrong.toml"
        file.write_text((self.lab.directory / "master.toml").read_text().replace("[dns]\n", "[dns]\nudp_sise = 1400\n"))
        done = subprocess.run([harness.BIN / "flagfall-master", "--config", file], capture_output=True, text=True,
                              check=False, timeout=20)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"^flagfall-master: \S+wrong\.toml:\d+: dns\.udp_sise: no such key; "
                                      r"did you mean udp_size\?\n$")


if __name__ == "__main__":
    harness.main()
