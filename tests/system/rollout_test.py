"""A careful roll-out: races in the shadow, and for a share of the queries only."""

import json
import unittest

import deployment
import harness

SLAVES = ("fra", "nyc", "sin")
CLIENT = "berlin"


class RolloutTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("race.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = deployment.Deployment(cls.lab, SLAVES, names=("race", "slow"))
        cls.site.services[0]["mode"] = "shadow"
        cls.site.services[1]["race_share"] = 0.25
        cls.site.start()

    def race(self, name, *words):
        argv = [harness.BIN / "flagfall", "race", name, "@" + self.lab.address("master"), "--json", "--interval", "10ms",
                "--wait", "500ms", *words]
        done = self.lab.run(CLIENT, argv)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return [json.loads(line) for line in done.stdout.splitlines()]

    def outcomes(self):
        return {slave["name"]: slave["outcomes"] for slave in self.site.status()["slaves"]}

    def test_in_the_shadow_clients_hear_the_master_at_once_and_slaves_time_what_they_withhold(self):
        before, withheld = self.site.status(), self.outcomes()
        races = self.race("*.race.example.test", "--count", "40")
        for race in races:
            self.assertEqual([a["server"] for a in race["arrivals"]], [self.lab.address("master")], race)
        # There and back, and none of the 25 ms that a race takes.
        times = sorted(race["arrivals"][0]["ms"] for race in races)
        self.assertLess(times[len(times) // 2], 2 * self.lab.delay_ms(CLIENT, "master") + 8)

        def reported():
            return all(now["withheld"] - withheld[name]["withheld"] == 40 for name, now in self.outcomes().items())
        harness.wait_until(reported, 10, lambda: f"40 withheld answers of each slave: {self.outcomes()}")
        after = self.site.status()
        self.assertEqual(after["shadow_races"] - before["shadow_races"], 40)
        self.assertEqual(after["races"], before["races"])
        for slave in after["slaves"]:
            self.assertTrue(slave["fit"], slave)  # what is withheld is not held against it
            self.assertEqual(slave["outcomes"]["failed"], 0)
            self.assertGreaterEqual(slave["on_time_share"], 0.9)
            way = self.lab.delay_ms("master", slave["name"])
            self.assertGreater(slave["one_way_ms"]["p50"], way - 2)

    def test_a_share_of_the_queries_is_raced_and_every_one_is_answered(self):
        before = self.site.status()
        races = self.race("*.slow.example.test", "--count", "200")
        raced = [race for race in races if len(race["arrivals"]) == len(SLAVES)]
        plain = [race for race in races if [a["server"] for a in race["arrivals"]] == [self.lab.address("master")]]
        self.assertEqual(len(raced) + len(plain), 200)
        self.assertTrue(20 < len(raced) < 80, len(raced))  # 50 +- 6: five standard deviations
        after = self.site.status()
        self.assertEqual(after["races"] - before["races"], len(raced))
        self.assertEqual(after["fallback"]["not_sampled"] - before["fallback"]["not_sampled"], len(plain))

    def test_status_says_how_each_service_is_rolled_out(self):
        done = self.lab.run("master", [harness.BIN / "flagfall", "status", "--socket", self.site.socket()])
        self.assertRegex(done.stdout, r"(?m)^race .* fra, nyc, sin +shadow +\*\.race\.example\.test$")
        self.assertRegex(done.stdout, r"(?m)^slow .* fra, nyc, sin +race 25% +\*\.slow\.example\.test$")


if __name__ == "__main__":
    harness.main()
