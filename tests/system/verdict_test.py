"""Who won, as the master learns it: right for dig over IPv4 and IPv6 and through
unbound; unmoved by forged ICMP errors; never certain and wrong when packets are
lost. Clients' hosts have Linux's own limits on such errors."""

import ipaddress
import os
import select
import socket
import struct
import time
import unittest

import capture
import deployment
import harness
import verdicts

SLAVES = ("fra", "nyc", "sin")
CLEAN, LOSSY, FORGED = ("dig1", "dig2", "dig3", "dig4"), ("dig5", "dig6", "dig7"), "dig8"
IPPROTO_RAW = 255


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(source, destination, protocol, payload):
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0,
                         ipaddress.IPv4Address(source).packed, ipaddress.IPv4Address(destination).packed)
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + payload


def unreachable(offender, service, client, port, answer, *, code=3):
    """An ICMP error as `offender` would send it about an answer from the service to the client's port."""
    quoted = ipv4(service, client, 17, struct.pack(">HHHH", 53, port, 8 + len(answer), 0) + answer)
    icmp = struct.pack(">BBHI", 3, code, 0, 0) + quoted[:548]
    return ipv4(offender, service, 1, icmp[:2] + struct.pack(">H", checksum(icmp)) + icmp[4:])


def query(name, ident):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", ident, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)


class VerdictTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("verdicts.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = deployment.Deployment(cls.lab, SLAVES, ordinary_user=True)
        verdicts.teach_always(cls.site)
        cls.site.start()

    def look_up(self, plan):
        """[(host, server, names, type, kind)], all at once; look-ups with their races."""
        races = verdicts.Races(self.site.socket())
        clients = verdicts.Clients(self.lab)
        try:
            for host, server, names, rtype, kind in plan:
                clients.ask(host, server, names, rtype, 0.2, kind=kind)
            lookups = clients.wait()
        finally:
            found = races.stop()
        return verdicts.match(lookups, found)

    def digs(self, hosts, label, count):
        """The first look-ups of a host find its budget of errors full, for three races."""
        return [(host, self.lab.address("master", family),
                 [f"{label}-{host}-{family}-{n}.race.example.test" for n in range(count)], rtype, "dig")
                for host in hosts for family, rtype in ((4, "A"), (6, "AAAA"))]

    def score(self, lookups):
        return verdicts.score(lookups, verdicts.slave_of(self.lab, SLAVES))

    def test_verdicts_are_what_clients_got_with_dig_and_through_unbound(self):
        plan = self.digs(CLEAN, "clean", 3)
        for host in ("unbound1", "unbound2"):
            self.site.start_unbound(host)
            plan.append((host, "127.0.0.1", [f"clean-{host}-{n}.race.example.test" for n in range(3)], "A", "unbound"))
        lookups = self.look_up(plan)
        result, wrong = self.score(lookups)
        self.assertEqual(result["races"], len(lookups), [lookup for lookup in lookups if not lookup.race])
        self.assertEqual(wrong, [])
        # Where processors are busy, dig wakes up after the loser's answer has come to its open port.
        self.assertGreaterEqual(result["verdict_share"], 0.3, result)
        self.assertGreater(result["certain"], 0, result)
        self.assertGreater(result["kinds"]["unbound"]["verdict_share"], 0, result)
        self.assertGreater(result["with_margin"], 0, result)
        errors = sorted(abs(error) for error in verdicts.margin_errors(lookups, self.lab))
        self.assertLess(errors[len(errors) // 2], 1.0, "a margin is what the paths differ by")
        status = self.site.status()["verdicts"]
        self.assertGreaterEqual(status["judged"], result["judged"])

    def test_lost_packets_make_no_certain_verdict_wrong(self):
        for host in LOSSY:
            self.lab.link(host, "*", loss=0.15)
        lookups = self.look_up(self.digs(LOSSY, "lossy", 6))
        for host in LOSSY:
            self.lab.link(host, "*", loss=0)
        result, wrong = self.score(lookups)
        self.assertGreater(result["races"], 10, result)
        self.assertEqual(result["wrong_certain"], 0, wrong)

    def forge(self, packets):
        """From a host that is neither client nor slave in this, with any source address."""
        raw = self.lab.socket("unbound2", socket.AF_INET, socket.SOCK_RAW, IPPROTO_RAW)
        with raw:
            for packet in packets:
                raw.sendto(packet, (self.lab.address("master"), 0))

    def race_of_a_patient_client(self, name):
        """A client that never closes its port, so that no true error comes; its endpoint, and the answers."""
        client = self.lab.address(FORGED)
        sock = self.lab.socket(FORGED, socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sock.close)
        sock.bind((client, 0))
        sock.sendto(query(name, 0x4242), (self.lab.address("master"), 53))
        answers = []
        deadline = time.monotonic() + 2
        while len(answers) < 2 and select.select([sock], [], [], deadline - time.monotonic())[0]:
            answers.append(sock.recv(2000))
        self.assertEqual(len(answers), 2)
        return client, sock.getsockname()[1], answers

    def counters(self):
        return self.site.status()["counters"]

    def test_forged_errors_change_nothing_but_counters(self):
        service = self.lab.address("master")
        name = f"forged-{os.getpid()}.race.example.test"
        before = self.counters()
        client, port, answers = self.race_of_a_patient_client(name)
        last = answers[1]
        other = self.lab.address("unbound2")
        forged = [
            unreachable(other, service, client, port, last),             # said by somebody else
            unreachable(client, service, client, port, last, code=13),   # a firewall's word
            unreachable(client, service, client, port + 1, last),        # another port
            unreachable(client, service, client, port, struct.pack(">H", 0x4243) + last[2:]),
            unreachable(client, service, client, port, last.replace(b"forged", b"forget")),
            unreachable(client, service, client, port, last[:-4] + socket.inet_aton("203.0.113.9")),
            unreachable(client, service, client, port, last[:-10] + struct.pack(">I", 12345) + last[-6:]),
            unreachable(client, service, client, port, b"not DNS"),
            unreachable(client, service, client, port, last[:-1]),
        ]
        self.forge(forged)

        def counted():
            now = self.counters()
            return {key: now[key] - before[key] for key in
                    ("icmp_errors", "icmp_errors_elsewhere", "icmp_errors_unreadable", "unwanted_unknown",
                     "unwanted_used")}
        harness.wait_until(lambda: counted()["icmp_errors"] >= len(forged) and counted()["unwanted_unknown"] >= 5, 5,
                           lambda: f"the forged errors to be counted: {counted()}")
        self.assertEqual(counted(), {"icmp_errors": len(forged), "icmp_errors_elsewhere": 2,
                                     "icmp_errors_unreadable": 2, "unwanted_unknown": 5, "unwanted_used": 0})
        races = verdicts.Races(self.site.socket())
        mine = [race for race in races.stop() if race["client"] == f"{client}:{port}"]
        self.assertEqual(len(mine), 1)
        self.assertIsNone(mine[0]["verdict"])
        self.assertTrue(all(r["arrival_ms"] is None for r in mine[0]["runners"]), mine)
        self.assertTrue(all(capture.dns(answer).response for answer in answers))


if __name__ == "__main__":
    harness.main()
