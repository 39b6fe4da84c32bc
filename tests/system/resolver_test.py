"""Clients behind resolvers: who fetches a unique name is known to be a client of the resolver that asked for it, and
what is measured of the client then binds the resolver."""

import json
import subprocess
import time
import unittest

import choices
import deployment
import harness

SLAVES = ("fra", "sin")
RESOLVER, CLIENT = "tokyo", "berlin"  # the client's nearest slave is not its resolver's
NEAREST = "fra"


class ResolverTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("race.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = choices.Site(cls.lab, SLAVES, {"web": {"policies": ["tcp-rtt"]}})
        cls.site.zone += f"*.u IN A {cls.lab.address('master')}\n"
        master = cls.site.masters["master"]
        master["director"] |= {"coarsest_v4": 32, "finest_v4": 32, "unique_names": "u.example.test"}
        master["http"] = {"listen": [deployment.endpoint(cls.lab.address("master"), 80)]}
        cls.site.service("web")["http"] = {"hosts": ["www.example.test"]}
        for slave in cls.site.service("web")["slave"]:
            slave["location"] = "{scheme}://" + slave["name"] + ".example.test{path}"
        for slave in SLAVES:
            cls.site.slaves[slave]["collect"]["prefix_v4"] = 32
        cls.site.start()
        cls.site.start_servers()
        cls.site.start_unbound(RESOLVER, options=(f"interface: {cls.lab.address(RESOLVER)}",
                                                  "access-control: 0.0.0.0/0 allow", "do-ip6: no"))
        cls.names = 0

    def get(self, path):
        done = subprocess.run(["curl", "-s", "--max-time", "5", "--unix-socket", self.site.socket(),
                               f"http://master{path}"], capture_output=True, text=True, check=True)
        return done.stdout

    def clients(self):
        return json.loads(self.get(f"/explain?address={self.lab.address(RESOLVER)}")).get("clients")

    def counters(self):
        return self.site.status()["director"]["clients"]

    def fetch(self, ask=True):
        """What a page makes its reader do: a name that nobody has asked for yet, and a request to it."""
        type(self).names += 1
        name = f"n{self.names:08x}.u.example.test"
        master = self.lab.address("master")
        if ask:
            out = self.lab.run(CLIENT, ["dig", "+short", "+tries=2", "+timeout=3", f"@{self.lab.address(RESOLVER)}", name],
                               check=True).stdout
            self.assertEqual(out.strip(), master)
        out = self.lab.run(CLIENT, ["curl", "-s", "--max-time", "5", "-o", "/dev/null", "-w", "%{http_code}",
                                    "--resolve", f"{name}:80:{master}", f"http://{name}/pixel?x=1"], check=True).stdout
        self.assertEqual(out, "200")

    def test_1_nothing_is_known_before(self):
        self.assertIsNone(self.clients())
        self.assertEqual(self.counters()["resolvers"], 0)
        self.fetch(ask=False)
        harness.wait_until(lambda: self.counters()["unasked"] == 1, 5, "a name that nobody asked for to be counted")
        self.assertIsNone(self.clients())

    def test_2_who_fetches_a_unique_name_is_behind_the_resolver_that_asked_for_it(self):
        for _ in range(4):
            self.fetch()
            time.sleep(2.1)  # one network counts once in two seconds
        told = harness.wait_until(self.clients, 5, "the resolver's clients")
        network = f"{self.lab.address(CLIENT)}/32"
        self.assertEqual(told["networks"], [{"network": network, "share": 1.0}])
        self.assertGreater(told["seen"], 2.5)
        text = self.lab.run("master", [harness.BIN / "flagfall", "explain", self.lab.address(RESOLVER), "--socket",
                                       self.site.socket()], check=True).stdout
        self.assertRegex(text, rf"(?m)^clients behind it +share\n{network} +100\.0 %$")
        counted = self.counters()
        self.assertEqual((counted["resolvers"], counted["fetched"]), (1, 4))
        self.assertIn('flagfall_director_clients_total{event="fetched"} 4', self.get("/metrics"))

    def test_3_what_is_measured_of_the_client_binds_its_resolver(self):
        self.site.start_client(CLIENT, "short", SLAVES, octets=1000, hold=1.5, many=2)
        took = self.site.until("web", RESOLVER, NEAREST)
        print(f"bound after {took:.1f} s ... ", end="", flush=True)
        [fra] = [c for c in self.site.explain("web", RESOLVER)["candidates"] if c["server"] == NEAREST]
        self.assertGreater(fra["pieces"].get("tcp-rtt", 0), 0)
        self.assertGreater(self.counters()["credited"], 0)


if __name__ == "__main__":
    harness.main()
