"""A server that is asked more than it can take sheds whole client networks, and regains them: real masters and
slaves in the lab, queries that tell many client subnets (RFC 7871)."""

import json
import random
import socket
import struct
import subprocess
import threading
import time
import unittest

import deployment
import harness

SLAVES = ("fra", "nyc", "sin")
LIMIT = 200  # requests a second, of fra
NETWORKS = [f"10.0.{i}.0" for i in range(8)]
ELSEWHERE = "172.16.5.0"  # always sin's
ADDRESS = {"192.0.2.10": "fra", "192.0.2.20": "nyc", "192.0.2.30": "sin"}


def query(number, subnet):
    """An A query with an EDNS client subnet of /24."""
    name = b"".join(bytes([len(part)]) + part for part in (b"www", b"race", b"example", b"test")) + b"\0"
    octets = bytes(int(part) for part in subnet.split(".")[:3])
    option = struct.pack(">HHHBB", 8, 4 + len(octets), 1, 24, 0) + octets
    return (struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 1) + name + struct.pack(">HH", 1, 1) + b"\0" +
            struct.pack(">HHIH", 41, 1232, 0, len(option)) + option)


def server_of(answer):
    """Of the answer's first record: the name takes 23 octets, then a pointer."""
    header, question = 12, 23 + 4
    count = struct.unpack(">H", answer[6:8])[0]
    at = header + question + 10
    return ADDRESS.get(".".join(str(octet) for octet in answer[at + 2:at + 6])) if count else None


class Asker:
    """Asks at a steady rate, each time from a network by lot; keeps who answered whom in the last seconds."""

    def __init__(self, lab, master):
        self.socket = lab.socket("berlin", socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(0.2)
        self.socket.connect((master, 53))
        self.rate = 0
        self.networks = [*NETWORKS, ELSEWHERE]
        self.waiting = {}
        self.seen = []  # (when, network, server)
        self.lots = random.Random(5)
        self.ended = False
        self.threads = [threading.Thread(target=work) for work in (self.ask, self.hear)]
        for thread in self.threads:
            thread.start()

    def ask(self):
        number, due = 0, time.monotonic()
        while not self.ended:
            if self.rate == 0:
                time.sleep(0.05)
                due = time.monotonic()
                continue
            due = max(due + 1 / self.rate, time.monotonic() - 0.5)  # a host that stalls does not make up for it
            time.sleep(max(0, due - time.monotonic()))
            number = number % 0xffff + 1
            network = self.lots.choice(self.networks)
            self.waiting[number] = network
            self.socket.send(query(number, network))

    def hear(self):
        while not self.ended:
            try:
                answer = self.socket.recv(2048)
            except TimeoutError:
                continue
            network = self.waiting.pop(struct.unpack(">H", answer[:2])[0], None)
            if network:
                self.seen.append((time.monotonic(), network, server_of(answer)))

    def lately(self, seconds=2.0):
        """{network: {servers}} and each server's share of all answers."""
        since = time.monotonic() - seconds
        recent = [s for s in self.seen[-5000:] if s[0] >= since]
        servers, share = {}, dict.fromkeys((*SLAVES, None), 0)
        for _, network, server in recent:
            servers.setdefault(network, set()).add(server)
            share[server] += 1 / len(recent)
        return servers, share

    def end(self):
        self.ended = True
        for thread in self.threads:
            thread.join()
        self.socket.close()


class OverloadTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("race.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = deployment.Deployment(cls.lab, SLAVES)
        service = cls.site.services[0]
        (cls.lab.directory / "web.prefixes").write_text("10.0.0.0/8 fra nyc sin\n172.16.0.0/12 sin fra\n")
        service["director"] = {"policies": ["static"], "prefixes": "web.prefixes"}
        service["slave"][0]["capacity"] = {"requests": LIMIT}
        cls.site.masters["master"]["director"] = {
            "store": {"database": "run/director.db"},
            "shed": {"settle": "4s", "rest": "4s", "back": 0.2}}
        cls.site.start()
        cls.asker = Asker(cls.lab, cls.lab.address("master"))
        cls.addClassCleanup(cls.asker.end)

    def say(self, text):
        print(f"{text} ... ", end="", flush=True)

    def shed(self):
        return self.site.status()["director"]["services"][0]["shed"]

    def explain(self, address):
        done = subprocess.run(["curl", "-s", "--max-time", "5", "--unix-socket", self.site.socket(),
                               f"http://master/explain?address={address}"], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)["services"][0]

    def test_groups_are_shed_whole_and_come_home(self):
        asker = self.asker
        asker.rate = LIMIT // 2
        home = {**{n: {"fra"} for n in NETWORKS}, ELSEWHERE: {"sin"}}
        harness.wait_until(lambda: asker.lately()[0] == home, 10, lambda: f"all at home: {asker.lately()}")
        self.assertEqual(self.shed()["moved"], 0)

        asker.rate = 2 * LIMIT
        # fra has had eight networks of nine; no more than LIMIT of 2 * LIMIT are four and a half.
        began = time.monotonic()
        harness.wait_until(lambda: asker.lately()[1]["fra"] <= 0.55, 30, lambda: f"fra to be relieved: {asker.lately()}")
        self.say(f"relieved after {time.monotonic() - began:.1f} s")
        time.sleep(6)  # a second shedding would be due
        servers, share = asker.lately()
        self.assertTrue(0.2 < share["fra"] <= 0.55, share)
        self.assertTrue(all(len(who) == 1 for who in servers.values()), f"networks move whole: {servers}")
        self.assertEqual(servers[ELSEWHERE], {"sin"})
        away = [n for n in NETWORKS if servers[n] == {"nyc"}]
        self.assertEqual({n for n in NETWORKS if servers[n] == {"fra"}} | set(away), set(NETWORKS))
        told = self.shed()
        self.assertEqual(told["away"], len(away))
        self.assertEqual(self.explain(away[0])["shed"], {"from": "fra", "to": "nyc"})
        self.say(f"{len(away)} of 8 networks away, fra has {share['fra'] * 2 * LIMIT:.0f} a second")

        asker.rate = LIMIT // 4
        began = time.monotonic()
        harness.wait_until(lambda: self.shed()["away"] == 0, 60, lambda: f"all to come home: {self.shed()}")
        self.say(f"home after {time.monotonic() - began:.1f} s")
        self.assertGreater(time.monotonic() - began, 4)
        harness.wait_until(lambda: asker.lately()[0] == home, 10, lambda: f"all at home: {asker.lately()}")
        told = self.shed()
        self.assertEqual(told["moved"], told["returned"])


if __name__ == "__main__":
    harness.main()
