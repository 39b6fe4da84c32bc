"""Queries that wait: a network's first answer names its nearest server already, by pings that the query waited
for; who is silent to pings is answered when the time is over."""

import re
import subprocess
import unittest

import choices
import harness

SLAVES = ("fra", "nyc", "sin")
NEAREST = {"berlin": "fra", "madrid": "fra", "boston": "nyc", "jakarta": "sin"}  # by round trip, here
SILENT = "tokyo"
WAIT_MS = 900
OTHERWISE = "nyc"


class WaitTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("race.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = choices.Site(cls.lab, SLAVES, {"web": {"policies": ["ping", "weighted"], "wait": f"{WAIT_MS}ms"}})
        for slave in cls.site.service("web")["slave"]:
            slave["capacity"] = {"weight": 1 if slave["name"] == OTHERWISE else 0}
        cls.site.masters["master"]["director"]["coarsest_v6"] = 48
        for slave in SLAVES:
            cls.lab.link(SILENT, slave, loss=1)
        cls.site.start()
        cls.asked = 0

    def ask(self, client):
        """By IPv6, where each client is a network of its own: (slave, milliseconds)."""
        type(self).asked += 1
        done = subprocess.run([str(word) for word in self.lab.inside(client, [
            "dig", f"@{self.lab.address('master', 6)}", f"q{self.asked}.web.example.test", "A", "+tries=1", "+timeout=4"])],
            capture_output=True, text=True, check=True, timeout=10)
        owners = {self.lab.address(slave): slave for slave in SLAVES}
        address = re.search(r"\bA\s+(192\.\S+)", done.stdout)
        self.assertIsNotNone(address, done.stdout)
        return owners[address[1]], int(re.search(r"Query time: (\d+) msec", done.stdout)[1])

    def test_1_the_first_answer_is_by_pings(self):
        for client, nearest in NEAREST.items():
            slave, took = self.ask(client)
            print(f"{client}: {slave} after {took} ms ... ", end="", flush=True)
            self.assertEqual(slave, nearest, client)
            self.assertLess(took, WAIT_MS)
        counters = self.site.status()["counters"]
        self.assertEqual((counters["dns_held"], counters["dns_held_in_vain"]), (len(NEAREST), 0))

    def test_2_what_is_known_is_answered_at_once(self):
        held = self.site.status()["counters"]["dns_held"]
        for client, nearest in NEAREST.items():
            self.assertEqual(self.ask(client)[0], nearest, client)
        self.assertEqual(self.site.status()["counters"]["dns_held"], held)

    def test_3_who_is_silent_is_answered_when_the_time_is_over(self):
        slave, took = self.ask(SILENT)
        print(f"{SILENT}: {slave} after {took} ms ... ", end="", flush=True)
        self.assertEqual(slave, OTHERWISE)
        self.assertGreaterEqual(took, WAIT_MS)
        self.assertEqual(self.site.status()["counters"]["dns_held_in_vain"], 1)
        self.assertLess(self.ask(SILENT)[1], WAIT_MS, "asked again, it waits no more")


if __name__ == "__main__":
    harness.main()
