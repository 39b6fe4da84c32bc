"""Services of datagrams: STUN-like requests that are raced, answered by one server, and abused."""

import collections
import json
import os
import random
import socket
import struct
import time
import unittest

import deployment
import harness
import stun

SLAVES = ("fra", "nyc", "sin")
CLIENTS = ("berlin", "madrid", "boston", "denver", "jakarta", "tokyo")
PREFIX_BURST, RATE, BURST = 600, 50, 100
FORGED = "100.64.7."


def udp_packet(source, to, port, payload):
    """An IPv4 packet with a source of its own; the kernel fills in length and checksum of the header."""
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(to))
    return header + struct.pack("!HHHH", 40000, port, 8 + len(payload), 0) + payload


class UdpTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("race.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = deployment.Deployment(cls.lab, SLAVES, delay="30ms", ordinary_user=True)
        stun.arrange(cls.site, cls.lab.directory, services=("stun", "bound"), amplification=4, max_answer=600)
        for slave in cls.site.slaves.values():
            slave["backend"][0]["proxy"] = True
        master = cls.site.masters["master"]
        master["guard"] = {"rate": 100000, "burst": 100000, "prefix_rate": 5, "prefix_burst": PREFIX_BURST}
        master["udp"] = {"rate": RATE, "burst": BURST}
        master["director"] = {"store": {"database": "run/director.db"}}
        cls.site.services[1]["director"] = {"policies": ["race"]}
        cls.site.services[2]["director"] = {"policies": ["static"], "prefixes": "bound.prefixes"}
        (cls.lab.directory / "bound.prefixes").write_text("0.0.0.0/0 nyc\n::/0 nyc\n")
        cls.responders = {host: stun.start_responder(cls.lab, host) for host in SLAVES}
        cls.site.start()
        for service in ("stun", "bound"):
            stun.wait_ready(cls.site, service, SLAVES)

    def service(self, name="stun"):
        return next(s for s in self.site.status()["services"] if s["name"] == name)

    def slave_status(self, host):
        done = self.lab.run(host, ["curl", "-s", "http://127.0.0.1:4981/status"], check=True)
        return json.loads(done.stdout)

    def since(self, before, name="stun"):
        return {k: n - before[k] for k, n in self.service(name)["udp"].items() if k != "listen" and n != before[k]}

    def settle(self):
        """Nothing of the test before is under way."""
        time.sleep(1)

    def test_1_the_first_answer_is_the_nearest_slaves_and_all_answers_are_of_their_requests(self):
        before, races = self.service()["udp"], self.site.status()["races"]
        finished = self.site.status()["verdicts"]["finished"]
        clients = [stun.Client(self.lab, host, family) for host in CLIENTS for family in (4, 6)]
        rounds = 40
        stun.run(clients, rounds, every=0.02)
        first, counts = collections.Counter(), collections.Counter()
        for client in clients:
            self.assertEqual(client.strange, [])
            near = stun.nearest(self.lab, SLAVES, client.host)
            address, port = client.sock.getsockname()[:2]
            family = socket.AF_INET6 if ":" in client.to[0] else socket.AF_INET
            mine = socket.inet_pton(family, self.lab.address(client.host, 6 if ":" in client.to[0] else 4))
            for answers in client.answers.values():
                counts[len(answers)] += 1
                if answers:
                    first[answers[0].site == near] += 1
                for answer in answers:
                    self.assertEqual(answer.source[:2], client.to)  # the address that was asked
                    self.assertEqual(answer.mapped, (mine, port))   # the backend knew its client
                self.assertEqual(len({a.site for a in answers}), len(answers))
        requests = rounds * len(clients)
        print(f"{requests} requests: answers each {dict(counts)}, nearest first {first[True]}, another {first[False]}")
        self.assertEqual(first.total(), requests)
        self.assertGreaterEqual(first[True], 0.99 * requests)
        self.assertGreaterEqual(counts[3], 0.99 * requests)
        self.assertEqual(self.since(before), {"requests": requests, "races": requests})
        self.assertEqual(self.site.status()["races"] - races, requests)
        harness.wait_until(lambda: self.site.status()["verdicts"]["finished"] - finished >= requests, 10,
                           lambda: "the ledger to let go of all races")
        outcomes = {s["name"]: s["outcomes"] for s in self.site.status()["slaves"]}
        print("outcomes:", outcomes)

    def test_2_a_bound_client_gets_one_answer_of_its_server_at_once(self):
        self.settle()
        before = self.service("bound")["udp"]
        clients = [stun.Client(self.lab, host, family, stun.PORT + 1) for host in CLIENTS for family in (4, 6)]
        stun.run(clients, 10, every=0.05)
        for client in clients:
            for answers in client.answers.values():
                self.assertEqual([a.site for a in answers], ["nyc"], client.host)
        self.assertEqual(self.since(before, "bound"), {"requests": 120, "bound": 120})
        # Without waiting for an instant: master, slave, client, and no delay of 30 ms.
        client = stun.Client(self.lab, "boston", 4, stun.PORT + 1)
        path = sum(self.lab.delay_ms(a, b) for a, b in (("boston", "master"), ("master", "nyc"), ("nyc", "boston")))
        took = []
        for _ in range(20):
            start = time.monotonic()
            identity = client.ask()
            while not client.answers[identity]:
                client.take()
            took.append((time.monotonic() - start) * 1000 - path)
            time.sleep(0.05)
        print(f"bound answers came {sorted(took)[10]:.1f} ms (median) after the least time of the path")
        self.assertLess(sorted(took)[10], 15)

    def test_3_a_site_whose_backend_is_dead_is_not_raced_and_comes_back_with_it(self):
        self.settle()
        for name in ("stun", "bound"):
            self.assertEqual(self.service(name)["why_not"], {})
        self.responders["fra"].stop()
        for name in ("stun", "bound"):
            stun.wait_ready(self.site, name, ("nyc", "sin"))
        why = self.service()["why_not"]["fra"]
        self.assertEqual(why, "has a [[backend]] for service stun that does not answer")
        self.assertEqual([(b["service"], b["up"]) for b in self.slave_status("fra")["backends"]],
                         [("stun", False), ("bound", False)])
        self.assertEqual(self.service("race")["fit"], list(SLAVES))  # DNS goes on
        client = stun.Client(self.lab, "berlin")
        stun.run([client], 20)
        for answers in client.answers.values():
            self.assertEqual([a.site for a in answers], ["nyc", "sin"])
        # A dead bound server is replaced.
        self.responders["nyc"].stop()
        stun.wait_ready(self.site, "bound", ("sin",))
        self.assertEqual(stun.Client(self.lab, "boston", 4, stun.PORT + 1).one().site, "sin")
        for host in ("fra", "nyc"):
            self.responders[host] = stun.start_responder(self.lab, host)
        for name in ("stun", "bound"):
            stun.wait_ready(self.site, name, SLAVES)
        self.assertEqual(stun.Client(self.lab, "berlin").one().site, "fra")

    def test_4_answers_that_amplify_too_much_are_not_sent_and_counted(self):
        self.settle()
        def too_long():
            return {host: self.slave_status(host)["counters"]["orders_too_long"] for host in SLAVES}
        before = too_long()
        client = stun.Client(self.lab, "berlin")
        # 28 octets may have 112: the answer has 20 + 8 + 12 and 4 + the padding.
        for pad, answered in ((68, True), (69, False), (1200, False), (60000, False)):
            for _ in range(5):
                self.assertEqual(client.one(0.4, pad=pad) is not None, answered, pad)
        # And whatever is asked, 600 octets.
        for pad, answered in ((556, True), (557, False)):
            self.assertEqual(client.one(0.4, pad=pad, filler=900) is not None, answered, pad)
        after = too_long()
        self.assertEqual({host: after[host] - before[host] for host in SLAVES}, dict.fromkeys(SLAVES, 5 * 3 + 1))

    def test_5_a_flood_from_one_forged_network_is_bounded(self):
        self.settle()
        raw = self.lab.socket("tokyo", socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        before, started = self.service()["udp"], time.monotonic()
        count = 6000
        for i in range(count):
            raw.sendto(udp_packet(FORGED + str(i % 250), self.lab.address("master"), stun.PORT, stun.request()),
                       (self.lab.address("master"), 0))
            if i % 50 == 0:
                time.sleep(0.01)
        time.sleep(0.5)
        seconds, since = time.monotonic() - started, self.since(before)
        print(f"{count} forged datagrams in {seconds:.1f} s: {since}")
        self.assertGreaterEqual(since["requests"], 0.95 * count)
        self.assertLessEqual(since["races"], PREFIX_BURST + 5 * seconds + 1)
        self.assertLessEqual(since["alone"], BURST + RATE * seconds + 1)
        self.assertEqual(since["races"] + since["alone"] + since["limited"], since["requests"])
        # Others are raced as before.
        self.assertEqual(stun.Client(self.lab, "jakarta").one().site, stun.nearest(self.lab, SLAVES, "jakarta"))

    def test_6_hostile_datagrams_change_only_counters(self):
        self.settle()
        before = self.service()["udp"]
        client = stun.Client(self.lab, "madrid")
        lots = random.Random(6)
        for _ in range(20):
            client.send(b"")
            client.send(bytes(1025))
            client.send(bytes(65507))
            client.send(os.urandom(lots.randrange(1, 1024)))
            client.ask(silent=True)
            time.sleep(0.01)
        harness.wait_until(lambda: self.service()["udp"]["requests"] - before["requests"] >= 100, 5,
                           lambda: f"100 requests to be counted: {self.since(before)}")
        since = self.since(before)
        self.assertEqual(since, {"requests": 100, "races": 40, "empty": 20, "too_big": 40})
        client.take()
        self.assertEqual(client.strange, [])
        time.sleep(0.6)  # the backends' timeout
        for host in SLAVES:
            [backend, _] = self.slave_status(host)["backends"]
            self.assertTrue(backend["up"])
            self.assertGreaterEqual(backend["silent"], 40)
            self.assertLessEqual(backend["waiting"], 1)  # a probe, maybe
            self.assertTrue(self.site.programs[host].running())
        self.assertEqual(self.site.fit(), set(SLAVES))
        stun.run([client], 20)
        asked = client.sent[-20:]
        self.assertTrue(all(len(client.answers[i]) == 3 for i in asked))


if __name__ == "__main__":
    harness.main()
