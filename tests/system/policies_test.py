"""Policies by the paths of real packets: pings, round trips and rates of real TCP connections over links that
change. Each choice follows its own input."""

import unittest

import choices
import harness

SLAVES = ("fra", "nyc")


class PoliciesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("race.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = choices.Site(cls.lab, SLAVES, {name: {"policies": [name]} for name in ("ping", "tcp-rtt", "tcp-rate")})
        cls.site.masters["master"]["director"]["finest_v4"] = 32
        # In bulk to jakarta, where fra's link is the thinner one, from the beginning on; short ones to berlin.
        cls.set_rates("1Mbit", "6Mbit")
        cls.site.start()
        cls.site.start_servers()
        cls.site.start_client("jakarta", "bulk", SLAVES, octets=2_000_000_000)
        cls.site.start_client("berlin", "short", SLAVES, octets=1000, hold=1.5, many=2)

    @classmethod
    def set_rates(cls, fra, nyc):
        for slave, rate in (("fra", fra), ("nyc", nyc)):
            cls.lab.link(slave, "jakarta", one_way=True, rate=rate)

    def follows(self, service, client, slave):
        took = self.site.until(service, client, slave)
        print(f"{service}: {slave} after {took:.1f} s ... ", end="", flush=True)

    def test_1_each_is_bound_by_its_own_evidence(self):
        self.follows("ping", "berlin", "fra")
        self.follows("tcp-rtt", "berlin", "fra")
        self.follows("tcp-rate", "jakarta", "nyc")
        [told] = {p["says"] for p in self.site.explain("tcp-rate", "jakarta")["policies"]}
        self.assertTrue(told.startswith("nyc: "), told)

    def test_2_paths_that_grow_are_left_and_the_larger_rate_is_followed(self):
        self.lab.link("berlin", "fra", delay="90ms")
        self.set_rates("6Mbit", "1Mbit")
        self.follows("ping", "berlin", "nyc")
        self.follows("tcp-rtt", "berlin", "nyc")
        self.follows("tcp-rate", "jakarta", "fra")

    def test_3_a_server_that_is_silent_to_pings_is_left(self):
        self.lab.link("berlin", "nyc", loss=1)
        self.follows("ping", "berlin", "fra")


if __name__ == "__main__":
    harness.main()
