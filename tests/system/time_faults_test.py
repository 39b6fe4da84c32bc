"""Time that lies, leaps and is set, with real chronyds: no answer leaves at a wrong
instant, whoever is told a wrong time stands down, and comes back by itself."""

import signal
import socket
import time
import unittest

import capture
import deployment
import harness
import skewed_site

SLAVES = ("fra", "nyc")
CLIENT = "berlin"
DELAY_MS = 25
TOLERANCE_MS = 5  # two slaves' bounds, and what this machine may be late by
LIE = ["offset 1.0"]


class Site(deployment.Deployment):
    """Time servers at "master" (the true one), and where tests want more."""

    skewed = ()  # hosts whose CLOCK_REALTIME can be set (tests/skewed)

    def start_server(self, host, lines, before=()):
        """A chronyd that serves time at this host's management address."""
        return self._chronyd(host, f"{host}-server",
                             ["allow all", "cmdport 0", f"bindaddress {self.lab.management(host)}", *lines], before)

    def start_slave(self, host):
        if host not in self.skewed:
            return super().start_slave(host)
        path = self.directory / f"{host}.toml"
        path.write_text(deployment.toml(self.slaves[host]))
        return self._start(host, host, ["chrt", "--fifo", "1", harness.BIN / "flagfall-slave-skewed", "0", "0",
                                        "--config", path])

    def follow(self, words=()):
        """What makes a server serve the true one's time."""
        return [" ".join(["server", self.lab.management(self.time_host), "minpoll -4 maxpoll -2 iburst xleave", *words])]


class TimeFaultsTest(unittest.TestCase):
    def setUp(self):
        """A lab a test: each breaks it."""
        self.lab = harness.Lab("two-masters.toml", capture=True)
        self.addCleanup(self.lab.stop)
        self.lab.start_lab()
        self.site = Site(self.lab, SLAVES, delay=f"{DELAY_MS}ms")
        self.asked = 0

    def use_ntp(self, *hosts, servers=("master",)):
        """These daemons ask the chronyds at those hosts themselves, and none of their own."""
        for host in hosts:
            daemons = self.site.masters if host in self.site.masters else self.site.slaves
            daemons[host]["clock"] = {"source": "ntp", "servers": [self.lab.management(s) for s in servers],
                                      "poll_least": "250ms", "poll_most": "1s"}

    def slave(self, name="fra"):
        return next(s for s in self.site.status()["slaves"] if s["name"] == name)

    def ask(self, seconds, until=lambda: False):
        """A query each 20 ms; after so many seconds, or soon after `until` is true."""
        with self.lab.socket(CLIENT, socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                name = f"n{self.asked}.race.example.test"
                client.sendto(skewed_site.query(self.asked & 0xFFFF, name), (self.lab.address("master"), 53))
                self.asked += 1
                time.sleep(0.02)
                if self.asked % 10 == 0 and until():
                    return
            time.sleep(0.3)

    def judge(self):
        """Every answer of a slave left when the query reached the master plus the delay: {slave: how many}."""
        self.lab.stats()  # completes the capture
        asked, late, stood_still = {}, [], 0
        slave_at = {self.lab.address(slave): slave for slave in SLAVES}
        counts = dict.fromkeys(SLAVES, 0)
        for packet in capture.packets(self.lab.capture):
            message = capture.dns(packet.data) if packet.protocol == capture.UDP else None
            if message and not message.response:
                asked[message.name] = packet.stamp_ns
            elif message and message.addresses and message.addresses[0] in slave_at:
                slave = slave_at[message.addresses[0]]
                counts[slave] += 1
                way = self.lab.delay_ms(slave, CLIENT)
                after = (packet.stamp_ns - asked[message.name]) / 1e6 - way - DELAY_MS
                if abs(after) <= TOLERANCE_MS:
                    continue
                if self.stood_still(asked[message.name], packet.stamp_ns):
                    stood_still += 1
                else:
                    late.append((slave, message.name, after))
        self.assertEqual(late, [])
        self.assertLessEqual(stood_still, sum(counts.values()) / 10, "answers while the machine stood still")
        return counts

    @staticmethod
    def stood_still(begin_ns, end_ns):
        """Whether the machine did, between two of the capture's stamps or just beside them."""
        shift = time.time() - time.monotonic()
        begin, end = begin_ns / 1e9 - shift - 0.05, end_ns / 1e9 - shift + 0.05
        return harness.Result.stalls.between(begin, end)[1] > 0

    def stands_down(self, why, slave="fra", seconds=20):
        """Waits for it, with queries all the time."""
        self.ask(seconds, lambda: not self.slave(slave)["fit"])
        self.assertRegex(self.slave(slave)["why_not"] or "fit", why)

    def comes_back(self, seconds=40):
        self.ask(seconds, lambda: self.site.fit() == set(SLAVES))
        self.assertEqual(self.site.fit(), set(SLAVES))
        before = self.judge()
        self.ask(1)
        after = self.judge()
        for slave in SLAVES:
            self.assertGreater(after[slave], before[slave], slave)

    def test_one_liar_among_three_servers_is_outvoted(self):
        self.use_ntp("fra", servers=("master", "standby", "intruder"))
        self.site.start_server("standby", self.site.follow())
        self.site.start_server("intruder", self.site.follow(LIE))
        self.site.start()
        harness.wait_until(lambda: self.slave()["counters"].get("clock_outvoted", 0) > 0 and self.slave()["fit"], 10,
                           "the vote")
        self.ask(3)
        clock = self.slave()["clock"]
        self.assertLess(abs(clock["correction_ms"]), 2)
        counts = self.judge()
        self.assertGreater(counts["fra"], 100)
        self.assertGreater(counts["nyc"], 100)

    def test_a_slave_whose_only_server_lies_is_contradicted_by_its_masters_heartbeats(self):
        self.use_ntp("fra", servers=("intruder",))
        self.site.start_server("intruder", self.site.follow(LIE))
        self.site.start(wait=False)
        self.site.wait_fit(slaves=["nyc"])
        harness.wait_until(lambda: "ahead of the master's" in (self.slave()["why_not"] or ""), 20, "the contradiction")
        self.assertRegex(self.slave()["why_not"], r"our clock is 99\d\.\d+ ms or more ahead of the master's")
        self.ask(1)
        self.assertEqual(self.judge()["fra"], 0)
        self.site.programs["intruder-server"].stop()
        self.site.start_server("intruder", self.site.follow())
        self.comes_back()

    def test_a_server_that_begins_to_lie_stands_its_slave_down(self):
        self.use_ntp("fra", servers=("intruder",))
        self.site.start_server("intruder", self.site.follow())
        self.site.start()
        self.ask(1)
        self.site.programs["intruder-server"].stop()
        self.site.start_server("intruder", self.site.follow(LIE))
        self.stands_down("contradicts its own past|ahead of the master's")
        self.site.programs["intruder-server"].stop()
        self.site.start_server("intruder", self.site.follow())
        self.comes_back()
        self.assertGreater(self.judge()["fra"], 30)

    def test_a_system_clock_that_is_set_by_an_hour_stands_down_who_reads_it(self):
        # fra's chronyd is not told: until it notices, what it says of the clock is an hour wrong.
        self.site.skewed = ("fra",)
        self.site.start()
        self.ask(1)
        for hours in (+1, -1):
            self.set_clock("fra", hours)
            self.stands_down(r"ahead of the master's|system clock was set" if hours > 0 else
                             r"behind the master's|system clock was set")
            self.ask(5)  # and stays down
            self.assertFalse(self.slave()["fit"])
            self.set_clock("fra", -hours)
            self.comes_back()

    def set_clock(self, host, hours):
        """Somebody sets CLOCK_REALTIME (tests/skewed)."""
        self.site.programs[host].process.send_signal(signal.SIGUSR1 if hours > 0 else signal.SIGUSR2)

    def leap(self, *lines):
        """All daemons ask a chronyd that lives in the last seconds of 2016, with a leap second at their end."""
        self.use_ntp("master", *SLAVES, servers=("intruder",))
        lives_in = ["faketime", "-f", "@2016-12-31 23:59:42"]
        self.site.start_server("standby", ["local stratum 5"], lives_in)
        self.site.time_host = "standby"
        self.site.start_server("intruder", [*self.site.follow(), "leapsectz right/UTC", *lines], lives_in)
        self.site.time_host = "master"
        self.midnight = time.monotonic() + 18
        self.site.start()
        self.assertLess(time.monotonic(), self.midnight - 4)
        # It knows of no leap second, and would take the other's for an error.
        self.site.programs["standby-server"].stop()

    def test_nothing_is_raced_beside_a_leap_second(self):
        self.leap()
        self.ask(self.midnight - time.monotonic() + 8)
        self.assertGreater(self.site.status()["fallback"]["leap_second"], 100)  # of 50 queries a second
        self.assertLess(self.site.status()["fallback"]["leap_second"], 400)
        self.comes_back()

    def test_a_smeared_leap_second_is_raced_through(self):
        self.leap("leapsecmode slew", "maxslewrate 1000", "smoothtime 400 0.01 leaponly")
        self.ask(self.midnight - time.monotonic() + 8)
        fallback = self.site.status()["fallback"]
        self.assertEqual(fallback["leap_second"], 0)
        self.assertLess(sum(fallback.values()), self.asked / 5)
        self.comes_back()


if __name__ == "__main__":
    harness.main()
