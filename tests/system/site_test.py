"""An anycast site: a master and a slave on one host, which has the service
addresses itself, and another slave elsewhere."""

import collections
import copy
import unittest

import deployment
import digs
import harness

LOCAL = {4: "198.51.100.77", 6: "2001:db8:77::77"}  # what the slave beside the master answers


class SiteTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("three-hosts.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = deployment.Deployment(cls.lab, ("slave",), delay="50ms")
        cls.site.services[0]["slave"].append({"name": "local", "answers": [LOCAL[4], LOCAL[6]]})
        cls.site.make_keys("local")
        cls.site.start()
        config = copy.deepcopy(cls.site.slaves["slave"])
        config["control"].update(certificate="local.crt", key="local.key")
        path = cls.lab.directory / "local.toml"
        path.write_text(deployment.toml(config))
        cls.site.programs["local"] = cls.lab.start(
            "master", "local", ["chrt", "--fifo", "1", harness.BIN / "flagfall-slave", "--config", path])
        cls.site.wait_fit(slaves=["slave", "local"])

    def winners(self, family, label):
        """Of 20 races; every one is answered."""
        asked = digs.Digs(self.lab)
        asked.ask("client", self.lab.address("master", family), [f"{label}-{n}.race.example.test" for n in range(20)],
                  "A" if family == 4 else "AAAA")
        (_, answers), = asked.finish()
        self.assertEqual([answer.name for answer in answers if len(answer.addresses) != 1], [])
        return collections.Counter(answer.addresses[0] for answer in answers)

    def test_both_slaves_race_and_the_nearest_wins(self):
        for family in (4, 6):
            with self.subTest(family=family):
                near = self.winners(family, f"near-{family}")
                self.assertGreaterEqual(near[self.lab.address("slave", family)], 19, near)
                self.lab.link("client", "slave", delay="60ms")
                self.addCleanup(self.lab.link, "client", "slave", delay="5ms")
                far = self.winners(family, f"far-{family}")
                self.lab.link("client", "slave", delay="5ms")
                self.assertGreaterEqual(far[LOCAL[family]], 19, far)
        sent = {slave["name"]: slave["outcomes"]["sent"] for slave in self.site.status()["slaves"]}
        self.assertGreater(sent["local"], 0)

    def test_the_master_keeps_its_port_over_both_transports(self):
        for transport in ("+notcp", "+tcp"):
            out = self.lab.run("client", ["dig", f"@{self.lab.address('master')}", "plain.example.test", "+short",
                                          "+tries=1", transport], check=True).stdout.strip()
            self.assertEqual(out, "192.0.2.98")


if __name__ == "__main__":
    harness.main()
