"""Slaves as name servers of their own: beacons through real resolvers, delegated
services, and the way from a delegated service to a raced one."""

import collections
import json
import re
import subprocess
import unittest

import deployment
import digs
import harness
import name_servers

SLAVES = ("fra", "nyc", "sin")
UNBOUNDS = ("berlin", "boston")
BIND = "jakarta"
LABEL = re.compile(r"CNAME\s+([0-9a-v]{32})\.(\w+)\.beacon\.example\.test\.")


class BeaconTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("race.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = deployment.Deployment(cls.lab, SLAVES, names=("race", "slow"), ordinary_user=True)
        for service in cls.site.services:
            service["winner_beacon"] = {"sample": 1.0}
        cls.site.services.append(cls.site._service("novel", SLAVES, "25ms") | {"winner_beacon": "unknown"})
        cls.site.zone += "*.novel IN A 192.0.2.1\n        IN AAAA 2001:db8::1\n"
        name_servers.make_name_servers(cls.site, SLAVES)
        name_servers.delegate(cls.site, SLAVES, "cdn", "delegate")
        name_servers.delegate(cls.site, SLAVES, "auto", "auto")
        cls.site.start()
        for host in UNBOUNDS:
            cls.site.start_unbound(host)
        name_servers.start_bind(cls.site, BIND)

    def dig(self, host, *words):
        return self.lab.run(host, ["dig", "+tries=1", "+timeout=3", *words], check=True).stdout

    def nearest(self, client):
        return min(SLAVES, key=lambda slave: self.lab.delay_ms(client, slave))

    def slave_of(self, address):
        return next((s for s in SLAVES if address in (self.lab.address(s, 4), self.lab.address(s, 6))), None)

    def counters(self, name):
        """By slave, as of its last report."""
        return {s["name"]: s["counters"].get(name, 0) for s in self.site.status()["slaves"]}

    def resolve(self, names):
        """[(client, its answer)], each resolver asked for all names."""
        asked = digs.Digs(self.lab)
        for host in (*UNBOUNDS, BIND):
            asked.ask(host, "127.0.0.1", [f"{host}-{name}" for name in names])
        return [(client, answer) for client, answers in asked.finish() for answer in answers]

    def post(self, path, body):
        done = subprocess.run(["curl", "-s", "--max-time", "5", "--unix-socket", self.site.socket(), "-d",
                               json.dumps(body), f"http://master{path}"], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def get(self, path):
        done = subprocess.run(["curl", "-s", "--max-time", "5", "--unix-socket", self.site.socket(),
                               f"http://master{path}"], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def client_of(self, race):
        """The host that asked, by its address."""
        address = race["client"].rsplit(":", 1)[0].strip("[]")
        return next((h for h in (*UNBOUNDS, BIND) if address in (self.lab.address(h, 4), self.lab.address(h, 6))), None)

    def beacon(self, client, name):
        """Asks the master as resolvers do, and returns the CNAME's label and slave."""
        found = LABEL.search(self.dig(client, "+norecurse", f"@{self.lab.address('master')}", name))
        self.assertTrue(found, "the answer is a name in a slave's zone")
        return found[1], found[2]

    def test_resolvers_follow_beacons_to_the_winner_and_the_winner_reports_it(self):
        before = self.counters("beacon_wins")
        answers = self.resolve([f"follow{n}.race.example.test" for n in range(30)])
        unanswered = [a.name for _, a in answers if len(a.addresses) != 1]
        self.assertEqual(unanswered, [])
        winners = collections.Counter((client, self.slave_of(a.addresses[0])) for client, a in answers)
        near = sum(n for (client, slave), n in winners.items() if slave == self.nearest(client))
        self.assertGreaterEqual(near / len(answers), 0.95, winners)
        # What the ledger says is what the clients got, one for one.
        def judged():
            races = [r for r in self.get("/races")["races"] if r["verdict"] and r["service"] == "race"]
            found = collections.Counter((self.client_of(r), r["verdict"]["winner"]) for r in races)
            return found == winners and races
        races = harness.wait_until(judged, 10, lambda: f"verdicts like {winners}, not {self.get('/races')['races'][:3]}")
        self.assertEqual({r["verdict"]["way"] for r in races}, {"beacon"})
        certain = sum(r["verdict"]["certainty"] == "certain" for r in races)
        self.assertGreater(certain, 0, "who asks the master and the slave over one family is certain")
        self.assertEqual(sum(self.counters("beacon_wins").values()) - sum(before.values()), len(answers))

    def test_with_unknown_beacons_end_with_the_first_verdict(self):
        self.site.start_unbound("tokyo", options=("do-ip6: no",))  # one family, one network
        before = self.site.status()

        def resolve(*names):
            asked = digs.Digs(self.lab)
            asked.ask("tokyo", "127.0.0.1", [f"{name}.novel.example.test" for name in names])
            (_, answers), = asked.finish()
            self.assertEqual([self.slave_of(a.addresses[0]) for a in answers], [self.nearest("tokyo")] * len(names))
            status = self.site.status()
            return status["races"] - before["races"], status["beacon_races"] - before["beacon_races"]
        self.assertEqual(resolve("first"), (1, 1))

        def judged():
            return next((r for r in self.get("/races")["races"] if r["service"] == "novel" and r["verdict"]), None)
        verdict = harness.wait_until(judged, 10, "the first race's verdict")["verdict"]
        self.assertEqual((verdict["way"], verdict["winner"]), ("beacon", self.nearest("tokyo")))
        self.assertEqual(resolve(*(f"then{n}" for n in range(5))), (6, 1))
        text = self.lab.run("master", [harness.BIN / "flagfall", "status", "--socket", self.site.socket()], check=True).stdout
        self.assertRegex(text, r"(?m)^races +\d+ \(\d+ with beacons\)$")
        self.assertRegex(text, r"(?m)^verdicts .*beacon \d+ (certain|likely)")

    def test_with_unknown_who_never_follows_is_tried_thrice_and_then_rarely(self):
        master = f"@{self.lab.address('master')}"
        answers = [self.dig("denver", "+norecurse", master, f"{n}.novel.example.test") for n in range(8)]
        followed = [bool(LABEL.search(out)) for out in answers]
        self.assertEqual(followed, [True] * 3 + [False] * 5)
        for out in answers[3:]:
            self.assertIn(self.lab.address(self.nearest("denver")), out)

    def test_a_label_counts_once_and_is_answered_always(self):
        label, slave = self.beacon("madrid", "once.slow.example.test")
        before = {name: self.counters(name)[slave] for name in ("beacon_wins", "beacon_repeated", "beacon_forged")}
        server = f"@{self.lab.address(slave)}"
        name = f"{label.upper()}.{slave}.beacon.example.test"
        for transport in ("+notcp", "+tcp", "+notcp"):
            out = self.dig("madrid", transport, "+norecurse", server, name, "A")
            self.assertIn("status: NOERROR", out)
            self.assertIn(" aa", out)
            self.assertRegex(out, rf"30\s+IN\s+A\s+{re.escape(self.lab.address(slave))}")
        forged = label[:-1] + ("0" if label[-1] != "0" else "1")
        self.assertIn("status: NOERROR", self.dig("madrid", server, f"{forged}.{slave}.beacon.example.test"))
        wanted = {"beacon_wins": 1, "beacon_repeated": 2, "beacon_forged": 1}

        def counted():
            return {n: self.counters(n)[slave] - before[n] for n in before} == wanted
        harness.wait_until(counted, 5, lambda: f"{wanted} more than {before}")

    def test_the_beacon_zone_is_a_zone_like_any_other(self):
        server = f"@{self.lab.address('nyc')}"
        apex = "nyc.beacon.example.test"
        self.assertRegex(self.dig("madrid", server, apex, "SOA"), r"SOA\s+ns-nyc\.example\.test\. hostmaster\.nyc")
        self.assertRegex(self.dig("madrid", server, apex, "NS"), r"NS\s+ns-nyc\.example\.test\.")
        for name in ("x", "0" * 32, "0" * 31 + "w", "a." + "0" * 32):
            out = self.dig("madrid", server, f"{name}.{apex}")
            self.assertIn("status: NXDOMAIN", out, name)
            self.assertRegex(out, r"60\s+IN\s+SOA", "the SOA says for how long")
        label, slave = self.beacon("madrid", "zone.slow.example.test")
        out = self.dig("madrid", f"@{self.lab.address(slave)}", f"{label}.{slave}.beacon.example.test", "TXT")
        self.assertIn("status: NOERROR", out)
        self.assertRegex(out, r"ANSWER: 0.*\n(.*\n)*.*SOA")
        self.assertIn("status: REFUSED", self.dig("madrid", server, "www.example.test"))
        self.assertIn("Transfer failed", self.dig("madrid", server, apex, "AXFR"))

    def test_who_asks_for_recursion_gets_an_address_at_once(self):
        out = self.dig("madrid", f"@{self.lab.address('master')}", "stub.race.example.test")
        self.assertNotIn("CNAME", out)
        self.assertRegex(out, r"\sA\s+192\.0\.2\.\d+")

    def test_a_delegated_service_is_left_to_the_slaves(self):
        out = self.dig("madrid", "+norecurse", f"@{self.lab.address('master')}", "x.cdn.example.test")
        self.assertIn("ANSWER: 0", out)
        self.assertEqual(set(re.findall(r"cdn\.example\.test\.\s+\d+\s+IN\s+NS\s+(\S+)", out)),
                         {f"ns-{s}.example.test." for s in SLAVES})
        races = self.site.status()["races"]
        answers = self.resolve([f"d{n}.cdn.example.test" for n in range(20)])
        self.assertEqual([a.name for _, a in answers if self.slave_of((*a.addresses, "")[0]) is None], [])
        self.assertEqual(self.site.status()["races"], races, "nothing of it is raced")
        for slave in SLAVES:
            out = self.dig("madrid", "+norecurse", f"@{self.lab.address(slave)}", "y.cdn.example.test", "AAAA")
            self.assertIn(self.lab.address(slave, 6), out)
            self.assertIn(" aa", out)

    def test_auto_is_delegated_until_every_slaves_packets_are_known_to_arrive(self):
        master = f"@{self.lab.address('master')}"
        sources = [deployment.endpoint(self.lab.address("master", family), 53) for family in (4, 6)]

        def delegated():
            return "ANSWER: 0" in self.dig("madrid", "+norecurse", master, "x.auto.example.test")

        def tell(**arrives):
            seen = [{"slave": s, "source": source, "arrives": good} for s, good in arrives.items() for source in sources]
            return next(s for s in self.post("/sources", {"sources": seen})["services"] if s["name"] == "auto")
        self.assertTrue(delegated())
        self.assertIn("sin", tell(fra=True, nyc=True)["why"])
        self.assertIn("error", self.post("/sources", {"sources": [{"slave": "lhr", "source": "::1", "arrives": True}]}))
        self.assertTrue(delegated(), "not before the last slave")
        self.assertEqual(tell(sin=True)["why"], "")
        harness.wait_until(lambda: not delegated(), 5, "the delegation to go")
        races = self.site.status()["races"]
        out = self.dig("berlin", master, "raced.auto.example.test")
        self.assertIn(self.lab.address("fra"), out)
        self.assertEqual(self.site.status()["races"], races + 1)
        # Caches know the delegation for a while: the slaves still answer.
        self.assertIn(" aa", self.dig("madrid", "+norecurse", f"@{self.lab.address('sin')}", "x.auto.example.test"))
        self.assertIn("nyc", tell(nyc=False)["why"])
        harness.wait_until(delegated, 5, "the delegation to come back")


if __name__ == "__main__":
    harness.main()
