"""Slaves whose own clocks are seconds wrong, drift by 100 ppm, and are set by an
hour while they race: what they send leaves at the instant."""

import statistics
import time
import unittest

import harness
import skewed_site

RACES = 60


class SkewTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("skew.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = skewed_site.Site(cls.lab)
        cls.site.start()
        time.sleep(8)  # some dozen questions to the time server

    def check(self, label, during=lambda n: None):
        results = skewed_site.race(self.lab, self.site, RACES, 0.03, label=label, during=during)
        for service in skewed_site.SERVICES:
            apart = [abs(difference) for kind, difference, _ in results if kind == service]
            self.assertGreater(len(apart), RACES * 0.9)
            self.assertLess(statistics.median(apart), 3e6, service)
        outside = [r for r in results if abs(r[1]) > r[2] + 3e6]  # this machine may be late by some ms
        self.assertEqual(outside, [])

    def test_answers_leave_at_one_instant(self):
        self.check("plain")

    def test_a_clock_that_is_set_by_an_hour_either_way_moves_nothing(self):
        def during(n):
            if n % 20 == 10:
                self.site.set_clock("fra", +1)
                self.site.set_clock("nyc", -1)
        self.check("set", during)
        self.assertEqual(self.site.fit(), set(self.site.wanted))


if __name__ == "__main__":
    harness.main()
