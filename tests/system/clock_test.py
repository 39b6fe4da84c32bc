"""Clocks, with real chronyds: slaves that ask NTP servers themselves, keys that
fit and keys that do not, servers that die and come back."""

import unittest

import capture
import deployment
import harness

SLAVES = ("fra", "nyc")
KEY = "7 AES128 HEX:000102030405060708090a0b0c0d0e0f\n"
OTHER_KEY = "7 AES128 HEX:f0e0d0c0b0a090807060504030201000\n"


class ClockTest(unittest.TestCase):
    def setUp(self):
        """A lab a test: each breaks it."""
        self.lab = harness.Lab("two-masters.toml", capture=True)
        self.addCleanup(self.lab.stop)
        self.lab.start_lab()
        self.site = deployment.Deployment(self.lab, SLAVES)
        self.server = self.lab.management("master")

    def key_file(self, name, text):
        path = self.site.directory / name
        path.write_text(text)
        path.chmod(0o600)
        return name

    def use_ntp(self, slave, **more):
        """This slave asks the time server itself; it has no chronyd of its own to ask."""
        self.site.slaves[slave]["clock"] = {"source": "ntp", "servers": [self.server], "poll_least": "250ms",
                                            "poll_most": "1s", **more}

    def with_keys(self, slaves_key=KEY):
        """The time server signs; fra asks it with this key."""
        self.site.time_server_lines = [f"keyfile {self.site.directory}/{self.key_file('server.keys', KEY)}"]
        self.use_ntp("fra", key_file=self.key_file("fra.keys", slaves_key), key_id=7)

    def slave(self, name="fra"):
        return next(s for s in self.site.status()["slaves"] if s["name"] == name)

    def arrivals(self, client, name):
        """How many answers have reached a client."""
        self.lab.stats()  # completes the capture
        return len(capture.arrivals(self.lab.capture).get((self.lab.address(client), name), []))

    def check_figures(self):
        """What status tells of fra's clock and punctuality, as JSON and as text."""
        fra = harness.wait_until(lambda: self.slave()["stamp_error_us"]["count"] == 1 and self.slave(), 5, "the stamp")
        clock = fra["clock"]
        self.assertLess(0, clock["expected_error_ms"])
        self.assertLess(clock["expected_error_ms"], clock["own_bound_ms"])
        self.assertLess(clock["own_bound_ms"], clock["bound_ms"])
        self.assertLess(clock["updated_ago_ms"], 3000)
        self.assertLess(abs(clock["drift_ppm"]), 150)
        for spread in (clock["own_bounds_ms"], clock["expected_errors_ms"], fra["stamp_error_us"]):
            self.assertGreater(spread["count"], 0)
            self.assertLessEqual(spread["p50"], spread["p99"])
        text = self.lab.run("master", [harness.BIN / "flagfall", "status", "--socket", self.site.socket()]).stdout
        self.assertRegex(text, r"(?m)^fra +ntp +synchronised +-?\d")

    def dig(self, client, name):
        """One datagram, one answer or ''."""
        words = ["dig", f"@{self.lab.address('master')}", name, "A", "+short", "+tries=1", "+timeout=3"]
        return self.lab.run(client, words).stdout.strip()

    def test_a_slave_that_asks_a_signing_ntp_server_races(self):
        self.with_keys()
        self.site.start()
        fra = self.slave()
        self.assertEqual(fra["clock"]["provider"], "ntp")
        self.assertEqual(self.slave("nyc")["clock"]["provider"], "chrony")
        # The way to the server has no delay in the lab, and all hosts share one clock.
        self.assertLess(fra["clock"]["own_bound_ms"], 2)
        self.assertLess(abs(fra["clock"]["correction_ms"]), fra["clock"]["own_bound_ms"])
        self.assertEqual(self.dig("berlin", "signed.race.example.test"), self.lab.address("fra"))
        harness.wait_until(lambda: self.slave()["counters"].get("answers_sent") == 1, 5, "the slave's report")
        self.check_figures()
        counters = self.slave()["counters"]
        self.assertEqual(counters["ntp_forged"], 0)
        self.assertGreater(counters["ntp_replies"], 3)
        self.assertGreater(counters["ntp_kernel_stamps"], 6)

    def test_a_slave_with_a_wrong_key_stands_down_and_says_which(self):
        self.with_keys(slaves_key=OTHER_KEY)
        self.site.start(wait=False)
        self.site.wait_fit(slaves=["nyc"])
        fra = self.site.programs["fra"]
        fra.wait_for(rf"warning: .*standing down: clock: {self.server}:123 .*key 7")
        harness.wait_until(lambda: "key 7" in (self.slave()["why_not"] or ""), 5, "the reason in the status")
        self.assertEqual(self.dig("berlin", "unsigned.race.example.test"), self.lab.address("nyc"))

    def test_a_slave_whose_ntp_server_dies_stands_down_and_comes_back(self):
        self.use_ntp("fra", max_error="2ms")
        self.site.start()
        self.site.programs["time-server"].kill()
        # Without a server the bound grows by 50 us a second; sooner or later it is no longer known at all.
        self.site.programs["fra"].wait_for(r"warning: .*standing down: clock", 60)
        self.site.start_time_server()
        self.site.wait_fit(slaves=SLAVES, seconds=30)
        self.assertEqual(self.dig("berlin", "back.race.example.test"), self.lab.address("fra"))

    def test_a_slave_asks_the_time_servers_that_its_master_names_with_the_key_that_it_tells(self):
        self.site.time_server_lines = [f"keyfile {self.site.directory}/{self.key_file('server.keys', KEY)}"]
        self.site.masters["master"]["clock"]["serve"] = {"addresses": [self.server], "key_file": "server.keys",
                                                         "key_id": 7}
        self.site.slaves["fra"]["clock"] = {"source": "master", "poll_least": "250ms", "poll_most": "1s"}
        self.site.start()
        fra = self.slave()
        self.assertEqual(fra["clock"]["provider"], "master")
        self.assertEqual(fra["counters"]["ntp_forged"], 0)
        self.assertEqual(self.dig("berlin", "named.race.example.test"), self.lab.address("fra"))
        # The server is kept when the session is lost: the slave is back at once.
        self.site.programs["master"].kill()
        self.site.programs["fra"].wait_for("master master .* is lost")
        self.site.start_master()
        self.site.wait_fit(seconds=10)
        self.assertNotIn("standing down: clock: no master", self.site.programs["fra"].output().split(" is lost")[1])

    def test_a_slave_whose_master_names_no_time_server_says_where_to_name_one(self):
        self.site.slaves["fra"]["clock"] = {"source": "master"}
        self.site.start(wait=False)
        self.site.wait_fit(slaves=["nyc"])
        self.site.programs["fra"].wait_for(r"standing down: clock: no master names a time server; see \[clock\.serve\]")

    def use_heartbeats(self, **more):
        """fra has no clock of its own that it could ask; limits that a way of 6 ms fits."""
        self.site.slaves["fra"]["clock"] = {"source": "chrony", "chrony": "127.0.0.1:9", "poll": "500ms",
                                            "max_error": "20ms", **more}
        self.site.masters["master"]["clock"]["max_error"] = "20ms"
        self.site.masters["master"]["control"]["heartbeat"] = "200ms"

    def test_a_slave_without_a_clock_races_by_its_masters_heartbeats(self):
        self.use_heartbeats(sync="relative")
        self.site.start()
        fra = self.slave()
        self.assertEqual(fra["clock"]["provider"], "relative")
        one_way = self.lab.delay_ms("master", "fra")
        self.assertLessEqual(one_way, fra["clock"]["own_bound_ms"])
        self.assertLess(fra["clock"]["own_bound_ms"], one_way + 5)
        # All hosts share one clock, so that the correction is the error.
        self.assertLess(abs(fra["clock"]["correction_ms"]), fra["clock"]["own_bound_ms"])
        self.assertEqual(self.dig("berlin", "relative.race.example.test"), self.lab.address("fra"))
        harness.wait_until(lambda: self.arrivals("berlin", "relative.race.example.test") == len(SLAVES), 5,
                           "the answers of both")

    def test_a_slave_that_loses_its_clock_falls_back_to_its_masters_and_returns_to_its_own(self):
        self.use_heartbeats(fallback="relative", chrony="127.0.0.1:323")
        self.site.start()
        self.assertEqual(self.slave()["clock"]["provider"], "chrony")
        self.site.programs["fra-chronyd"].stop()
        harness.wait_until(lambda: self.slave()["clock"]["provider"] == "relative", 10, "the fallback")
        self.site.wait_fit(seconds=5)
        self.assertEqual(self.dig("berlin", "fallen-back.race.example.test"), self.lab.address("fra"))
        self.site.start_chronyd("fra")
        harness.wait_until(lambda: self.slave()["clock"]["provider"] == "chrony", 20, "its own clock again")
        self.site.wait_fit(seconds=5)


if __name__ == "__main__":
    harness.main()
