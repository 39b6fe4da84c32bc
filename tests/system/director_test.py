"""The director in the lab: client networks are bound to their nearest server by
their first races, parts of one prefix apart; a path that grows or breaks is left;
operators bind, drain and ask why. What is said is measured: `-v` prints it."""

import json
import subprocess
import time
import unittest

import deployment
import digs
import harness
import name_servers

SLAVES = ("fra", "nyc", "sin")
# Of one /16, and of one /24 in it; tokyo is elsewhere.
CLIENTS = ("berlin", "boston", "tokyo")
RESOLVER = "madrid"
PAUSE = 0.25  # between two look-ups of one client
LIMIT = 10  # seconds within which a path that is cut is left


class DirectorTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("race.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = deployment.Deployment(cls.lab, SLAVES, ordinary_user=True)
        name_servers.make_name_servers(cls.site, SLAVES)
        service = cls.site.services[0]
        service["director"] = {"policies": ["race"]}
        service["winner_beacon"] = {"sample": 1.0}  # for the resolver; dig asks as stubs do
        cls.site.masters["master"]["director"] = {"finest_v4": 32, "finest_v6": 128, "sample": 0.5,
                                                   "store": {"database": "run/director.db"}}
        # Bound networks race by twos, paced for each client, so that its host's errors tell who lost.
        cls.site.masters["master"]["verdicts"] = {}
        cls.site.start()
        cls.site.start_unbound(RESOLVER)
        cls.asked = 0

    def say(self, text):
        print(f"{text} ... ", end="", flush=True)

    def nearest(self, client, among=SLAVES):
        return min(among, key=lambda slave: self.lab.delay_ms(client, slave))

    def slave_of(self, address):
        return next((s for s in SLAVES if address in (self.lab.address(s, 4), self.lab.address(s, 6))), None)

    def curl(self, path, body=None):
        data = ["-d", json.dumps(body)] if body is not None else []
        done = subprocess.run(["curl", "-s", "--max-time", "5", "--unix-socket", self.site.socket(), *data,
                               f"http://master{path}"], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def explain(self, client):
        return self.curl(f"/explain?address={self.lab.address(client)}")["services"][0]

    def look_up(self, client, server=None):
        """The slave whose address one look-up of a new name gave."""
        type(self).asked += 1
        name = f"q{self.asked}.race.example.test"
        asked = digs.Digs(self.lab)
        asked.ask(client, server or self.lab.address("master"), [name], options=("+tries=2", "+timeout=2"))
        [(_, [answer])] = asked.finish()
        self.assertTrue(answer.addresses, f"{client} got an answer: {answer}")
        return self.slave_of(answer.addresses[-1])

    def look_up_until(self, client, condition, seconds, server=None):
        """Asks at a steady pace; (look-ups, seconds) until the condition holds."""
        began, lookups = time.monotonic(), 0
        while time.monotonic() - began < seconds:
            self.look_up(client, server)
            lookups += 1
            if condition():
                return lookups, time.monotonic() - began
            time.sleep(PAUSE)
        self.fail(f"{client} after {seconds} s: {json.dumps(self.explain(client), indent=1)}")

    def bound_to(self, client, slave):
        told = self.explain(client)
        return told["action"] == "answer" and told["servers"][:1] == [slave]

    def test_1_first_races_bind_each_network_to_its_nearest_slave(self):
        for client in CLIENTS:
            slave = self.nearest(client)
            lookups, seconds = self.look_up_until(client, lambda: self.bound_to(client, slave), 60)
            self.say(f"{client}: {slave} after {lookups} look-ups, {seconds:.1f} s")
        before = self.site.status()
        for client in CLIENTS:
            got = [self.look_up(client) for _ in range(8)]
            self.assertEqual(set(got), {self.nearest(client)}, client)
        counted = lambda: self.site.status()["bound"] > before["bound"]
        self.look_up_until(CLIENTS[0], counted, 20)  # half of them race

    def test_2_parts_of_one_prefix_have_bindings_of_their_own(self):
        berlin, boston = self.explain("berlin"), self.explain("boston")
        self.assertNotEqual(berlin["cluster"], boston["cluster"])
        self.assertNotEqual(berlin["servers"][0], boston["servers"][0])
        self.say(f"{berlin['cluster']} {berlin['servers'][0]}, {boston['cluster']} {boston['servers'][0]}")

    def test_3_a_path_that_grows_is_left_and_taken_back_when_it_heals(self):
        client, old = "boston", self.nearest("boston")
        was = self.lab.delay_ms(client, old)
        self.lab.link(client, old, delay=f"{was + 80}ms")
        second = self.nearest(client, [s for s in SLAVES if s != old])
        other = lambda: self.explain(client)["servers"][:1] not in ([], [old])
        lookups, seconds = self.look_up_until(client, other, 40)
        self.say(f"{old} is left after {lookups} look-ups, {seconds:.1f} s")
        self.assertLessEqual(seconds, LIMIT)
        lookups, seconds = self.look_up_until(client, lambda: self.bound_to(client, second), 40)
        self.say(f"for {second} after {seconds:.1f} s more")
        self.lab.link(client, old, delay=f"{was}ms")
        lookups, seconds = self.look_up_until(client, lambda: self.bound_to(client, old), 60)
        self.say(f"back after {seconds:.1f} s")

    def test_4_a_path_that_breaks_is_left(self):
        slave = self.nearest(RESOLVER)
        lookups, seconds = self.look_up_until(RESOLVER, lambda: self.bound_to(RESOLVER, slave), 90, "127.0.0.1")
        self.say(f"{RESOLVER}: {slave} after {lookups} look-ups")
        self.lab.link(RESOLVER, slave, loss=1)
        try:
            other = lambda: self.explain(RESOLVER)["servers"][:1] not in ([], [slave])
            lookups, seconds = self.look_up_until(RESOLVER, other, 40, "127.0.0.1")
            self.say(f"left after {lookups} look-ups, {seconds:.1f} s")
            self.assertLessEqual(seconds, LIMIT)
        finally:
            self.lab.link(RESOLVER, slave, loss=0)

    def test_5_a_drained_server_answers_nobody_until_it_is_undrained(self):
        client, slave = "tokyo", self.nearest("tokyo")
        self.assertEqual(self.curl("/drain", {"server": slave}), {"done": True, "drained": True, "server": slave})
        time.sleep(0.5)
        self.assertNotIn(slave, [self.look_up(client) for _ in range(8)])
        candidate = next(c for c in self.explain(client)["candidates"] if c["server"] == slave)
        self.assertEqual((candidate["fit"], candidate["why_not"]), (False, "is drained by an operator"))
        self.curl("/undrain", {"server": slave})
        harness.wait_until(lambda: self.look_up(client) == slave, 3, "and it is back")

    def test_6_an_operator_binds_and_unbinds(self):
        client = "denver"
        far = max(SLAVES, key=lambda s: self.lab.delay_ms(client, s))
        self.assertTrue(self.curl("/bind", {"prefix": self.lab.address(client) + "/32", "server": far})["done"])
        mine = self.lab.address(client) + "/32"
        harness.wait_until(lambda: self.explain(client)["cluster"] == mine, 3, "the binding is there")
        time.sleep(0.5)
        self.assertEqual({self.look_up(client) for _ in range(5)}, {far})
        [binding] = self.curl("/bindings?cause=by%20hand")["bindings"]
        self.assertEqual((binding["prefix"], binding["servers"][0]), (self.lab.address(client) + "/32", far))
        self.assertTrue(self.curl("/unbind", {"prefix": self.lab.address(client) + "/32"})["done"])
        self.assertEqual(self.curl("/bindings?cause=by%20hand")["bindings"], [])
        self.assertIn("error", self.curl("/unbind", {"prefix": self.lab.address(client) + "/32"}))

    def test_7_a_master_that_is_killed_knows_its_bindings_again(self):
        def bound():
            told = self.curl("/bindings")["bindings"]
            return {b["prefix"]: b["servers"][0] for b in told if b["servers"]}
        self.curl("/bind", {"prefix": "192.0.2.128/25", "server": "sin"})
        self.curl("/drain", {"server": "nyc"})
        harness.wait_until(lambda: bound().get("192.0.2.128/25") == "sin", 3, "the binding is there")
        time.sleep(1.2)
        before = bound()
        self.assertGreaterEqual(len(before), 3)
        self.site.programs["master"].kill()
        self.site.start_master()
        self.site.programs["master"].wait_for("request loops")
        self.assertEqual(bound(), before)
        self.assertEqual(self.site.status()["director"]["drained"], ["nyc"])
        self.say(f"{len(before)} bindings")
        self.curl("/undrain", {"server": "nyc"})
        self.curl("/unbind", {"prefix": "192.0.2.128/25"})
        self.site.wait_fit()

    def test_8_a_site_that_dies_is_left_by_all_its_networks(self):
        client, slave = "berlin", self.nearest("berlin")
        self.look_up_until(client, lambda: self.bound_to(client, slave), 60)
        self.site.programs[slave].kill()
        began = time.monotonic()
        harness.wait_until(lambda: slave not in {self.look_up(client) for _ in range(6)}, 10, "its clients go elsewhere")
        self.say(f"left after {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    harness.main()
