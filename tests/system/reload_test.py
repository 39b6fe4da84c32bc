"""A changed configuration under load: what can be taken over is, without losing a query or a binding,
what needs a restart is named, and a bad file changes nothing. And what others ask of a master:
whether it is ready, and which servers a client should use."""

import json
import signal
import subprocess
import time
import unittest

import deployment
import harness
import load

SLAVES = ("fra", "nyc", "sin")
RATE = 300


class ReloadTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("race.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = deployment.Deployment(cls.lab, SLAVES, names=("race", "slow"))
        cls.site.services[0]["director"] = {"policies": ["static", "race"], "prefixes": "race.prefixes"}
        cls.prefixes(("203.0.113.0/24", "sin"))
        cls.config = cls.site.masters["master"]
        cls.config["director"] = {"sample": 0.5, "store": {"database": "run/director.db"}}
        cls.site.start()

    @classmethod
    def prefixes(cls, *lines):
        text = "".join(f"{prefix} {server}\n" for prefix, server in lines)
        (cls.lab.directory / "race.prefixes").write_text(text)

    def write(self, text=None):
        (self.lab.directory / "master.toml").write_text(text or deployment.toml(self.config))

    def flagfall(self, *words):
        return subprocess.run([harness.BIN / "flagfall", *words, "--socket", self.site.socket()], capture_output=True,
                              text=True, check=False, timeout=20)

    def curl(self, path, body=None):
        data = ["-d", json.dumps(body)] if body is not None else []
        done = subprocess.run(["curl", "-s", "-w", "\n%{http_code}", "--max-time", "10", "--unix-socket",
                               self.site.socket(), *data, f"http://master{path}"], capture_output=True, text=True,
                              check=True)
        text, code = done.stdout.rsplit("\n", 1)
        return int(code), text

    def lookup(self, host):
        code, text = self.curl(f"/lookup?client={self.lab.address(host)}&service=race")
        self.assertEqual(code, 200, text)
        return json.loads(text)

    def asked(self, host):
        """What DNS says: (TTL, first address). TCP is never raced."""
        done = self.lab.run(host, ["dig", f"@{self.lab.address('master')}", "+tcp", "+noall", "+answer",
                                   f"t{time.monotonic_ns()}.race.example.test"], check=True)
        fields = done.stdout.split()
        return int(fields[1]), fields[4]

    def bindings(self):
        return {(b["prefix"], b["servers"][0]) for b in json.loads(self.curl("/bindings")[1])["bindings"]
                if b["servers"] and b["cause"] == "by hand"}

    def test_1_changes_under_load_lose_no_query_and_no_binding(self):
        client = "denver"
        self.curl("/bind", {"service": "race", "prefix": self.lab.address(client) + "/32", "server": "sin"})
        for n in range(200):
            self.curl("/bind", {"service": "race", "prefix": f"10.{n}.0.0/16", "server": SLAVES[n % 3]})
        before = self.bindings()
        self.assertEqual(len(before), 201)
        harness.wait_until(lambda: self.lookup(client)["servers"][0]["server"] == "sin", 5, "the binding")
        self.assertEqual(self.asked(client), (60, self.lab.address("sin")))
        service = self.site.services[0]
        with load.Counted(self.lab, "berlin", self.lab.address("master"), ["race", "slow"], RATE) as asking:
            time.sleep(1)
            for turn in range(6):
                service["ttl_bound"] = 100 + turn
                service["ttl"] = 31 + turn
                service["delay"] = ["40ms", {"on_time": 0.9, "at_most": "60ms"}][turn % 2]
                service["director"]["policies"] = [["static", "race", "weighted"], ["static", "race"]][turn % 2]
                service["slave"][0]["capacity"] = {"weight": 2 + turn}
                self.site.services[1]["race_share"] = 0.5 + turn / 20
                self.config["director"]["sample"] = 0.1 + turn / 100
                self.write()
                done = self.flagfall("reload")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                for key in ("service.race.ttl_bound", "service.race.ttl", "service.race.delay",
                            "service.race.director.policies", "service.slow.race_share", "director.sample",
                            "service.race.slave.fra.capacity.weight"):
                    self.assertRegex(done.stdout, rf"(?m)^  {key}: .* -> ")
                self.assertNotIn("restart", done.stdout)
                harness.wait_until(lambda: self.asked(client) == (100 + turn, self.lab.address("sin")), 5,
                                   lambda: f"the new TTL: {self.asked(client)}")
                time.sleep(0.3)
        print(f"{len(asking.answers)} of {asking.asked} answered ... ", end="", flush=True)
        self.assertLess(asking.asked, 65536)
        self.assertEqual(len(asking.answers), asking.asked)
        self.assertEqual(self.bindings(), before)
        self.site.wait_fit()
        self.assertEqual(self.lookup(client)["ttl"], 105)

    def test_2_a_dry_run_says_it_and_changes_nothing(self):
        was = self.site.services[0]["ttl_bound"] = self.lookup("denver")["ttl"]
        self.site.services[0]["ttl_bound"] = 77
        self.write()
        done = self.flagfall("reload", "--dry-run")
        self.assertEqual(done.stdout, "all files are good; nothing was changed\nwould change:\n"
                                      f"  service.race.ttl_bound: {was} -> 77\n")
        self.assertEqual(self.lookup("denver")["ttl"], was)
        self.assertEqual(self.flagfall("reload").returncode, 0)
        self.assertEqual(self.lookup("denver")["ttl"], 77)

    def test_3_what_needs_a_restart_is_named_each_time_and_the_rest_is_taken(self):
        self.config["dns"]["udp_size"] = 1400
        self.site.services[0]["ttl_bound"] = 78
        self.write()
        for _ in range(2):
            done = self.flagfall("reload")
            self.assertIn("needs a restart:\n  dns.udp_size: 1232 -> 1400\n", done.stdout)
        self.assertEqual(self.lookup("denver")["ttl"], 78)
        del self.config["dns"]["udp_size"]
        self.write()
        self.assertNotIn("restart", self.flagfall("reload").stdout)

    def test_4_a_bad_file_changes_nothing_and_says_why(self):
        self.site.services[0]["ttl_bound"] = 79
        good = deployment.toml(self.config)
        self.write(good.replace("ttl_bound = 79", "ttl_bound = 79\nttl_bund = 3"))
        done = self.flagfall("reload")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"master\.toml:\d+: service\.ttl_bund: no such key; did you mean ttl_bound\?")
        self.write(good)
        self.prefixes(("203.0.113.0/24", "nowhere"))
        done = self.flagfall("reload")
        self.assertEqual(done.returncode, 1)
        self.assertIn("race.prefixes:1:", done.stderr)
        self.assertEqual(self.lookup("denver")["ttl"], 78)
        self.assertEqual(self.lookup("tokyo")["servers"][0]["server"], "sin")
        master = self.site.programs["master"]
        master.process.send_signal(signal.SIGHUP)
        master.wait_for(r"reload: .*race\.prefixes:1:.*all stays as it was|race\.prefixes:1:.*all stays as it is")
        self.assertTrue(master.running())

    def test_5_a_static_file_is_read_anew_by_sighup(self):
        self.prefixes(("203.0.113.0/24", "fra"))
        master = self.site.programs["master"]
        master.process.send_signal(signal.SIGHUP)
        harness.wait_until(lambda: self.lookup("tokyo")["servers"][0]["server"] == "fra", 5, "the new file")
        told = self.lookup("tokyo")
        self.assertEqual(told["method"], "static")
        self.assertEqual(self.asked("tokyo")[1], self.lab.address("fra"))
        master.wait_for(r"reload: service\.race\.ttl_bound: 78 -> 79")

    def test_6_ready_while_each_service_has_a_fit_slave(self):
        self.assertEqual(self.curl("/readyz"), (200, "ready: 2 services have fit slaves\n"))
        for slave in SLAVES:
            self.curl("/drain", {"server": slave})
        harness.wait_until(lambda: self.curl("/readyz")[0] == 503, 5, "nobody to be fit")
        self.assertEqual(self.curl("/readyz")[1], "service race has no fit slave: fra is drained by an operator; nyc is drained by an "
                               "operator; sin is drained by an operator\n")
        self.curl("/undrain", {"server": "nyc"})
        harness.wait_until(lambda: self.curl("/readyz")[0] == 200, 5, "one to be enough")
        for slave in SLAVES:
            self.site.programs[slave].kill()
        harness.wait_until(lambda: self.curl("/readyz")[0] == 503, 10, "the master to miss them")
        self.assertRegex(self.curl("/readyz")[1], r"(?m)^service slow has no fit slave: fra ")
        # The same over HTTP, as a speaker's hook on the host asks.
        done = self.lab.run("master", ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                                       "http://127.0.0.1:4980/readyz"])
        self.assertEqual(done.stdout, "503")
        self.site.start_slave("nyc")
        harness.wait_until(lambda: self.curl("/readyz")[0] == 200, 20,
                           lambda: f"one slave to be enough: {self.curl('/readyz')}")


if __name__ == "__main__":
    harness.main()
