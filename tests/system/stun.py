"""A service of datagrams in the lab: a STUN-like responder at each slave, and clients that look at every answer.

An answer (RFC 5389 §6: type 0x0101, the cookie, the request's transaction id) holds SOFTWARE, the site's name,
XOR-MAPPED-ADDRESS of whom the responder takes for its client, and padding when the request asks for some. Requests
without the cookie, and those that ask for silence, have no answer.
"""

import dataclasses
import os
import selectors
import socket
import struct
import time

import deployment
import harness

PORT = 3478
COOKIE = 0x2112A442
PROBE = struct.pack("!HHI12s", 1, 0, COOKIE, b"probe-probe-").hex()
SOFTWARE, PAD, SILENT = 0x8022, 0x8FF0, 0x8FF1

RESPONDER = """
import ipaddress, socket, struct, sys
site = sys.argv[1].encode()
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", int(sys.argv[2])))
print("ready", flush=True)
def client_of(data, peer):
    # PROXY protocol 2: signature, version and command, family, length, addresses
    if not data.startswith(bytes.fromhex("0d0a0d0a000d0a515549540a")):
        return ipaddress.ip_address(peer[0]).packed, peer[1], data
    length = struct.unpack_from("!H", data, 14)[0]
    if data[12] == 0x20:  # the proxy's own
        return b"\\0\\0\\0\\0", 0, data[16:]
    size = 4 if data[13] == 0x12 else 16
    return data[16:16 + size], struct.unpack_from("!H", data, 16 + 2 * size)[0], data[16 + length:]
while True:
    data, peer = sock.recvfrom(65536)
    address, port, data = client_of(data, peer)
    if len(data) < 20:
        continue
    kind, length, cookie, identity = struct.unpack("!HHI12s", data[:20])
    if kind != 1 or cookie != 0x2112A442:
        continue
    pad, silent, at = 0, False, 20
    while at + 4 <= len(data):
        attribute, size = struct.unpack_from("!HH", data, at)
        if attribute == 0x8FF0 and size == 4:
            pad = struct.unpack_from("!I", data, at + 4)[0]
        silent = silent or attribute == 0x8FF1
        at += 4 + size
    if silent:
        continue
    mapped = struct.pack("!BBH", 0, 1 if len(address) == 4 else 2, port ^ 0x2112)
    mapped += bytes(a ^ b for a, b in zip(address, struct.pack("!I", 0x2112A442) + identity))
    body = struct.pack("!HH4s", 0x8022, 4, site.ljust(4)) + struct.pack("!HH", 0x0020, len(mapped)) + mapped
    if pad:
        body += struct.pack("!HH", 0x8FF0, pad) + bytes(pad)
    sock.sendto(struct.pack("!HHI12s", 0x0101, len(body), cookie, identity) + body, peer)
"""


def request(identity=None, *, pad=None, silent=False, filler=0):
    """`pad`: octets of padding in the answer; `filler`: of the request itself, so that more may be answered."""
    body = b""
    if pad is not None:
        body += struct.pack("!HHI", PAD, 4, pad)
    if silent:
        body += struct.pack("!HH", SILENT, 0)
    if filler:
        body += struct.pack("!HH", 0x8FFF, filler) + bytes(filler)
    return struct.pack("!HHI12s", 1, len(body), COOKIE, identity or os.urandom(12)) + body


@dataclasses.dataclass
class Answer:
    site: str
    mapped: tuple           # address octets, port: as the responder knows its client
    size: int
    source: tuple           # of the datagram


def parse(data, source):
    """(transaction id, Answer) of what a client got; an assertion when it is no answer."""
    kind, length, cookie, identity = struct.unpack("!HHI12s", data[:20])
    assert kind == 0x0101 and cookie == COOKIE and length == len(data) - 20, data
    site, mapped, at = "", None, 20
    while at < len(data):
        attribute, size = struct.unpack_from("!HH", data, at)
        value = data[at + 4:at + 4 + size]
        if attribute == SOFTWARE:
            site = value.decode().strip()
        if attribute == 0x0020:
            key = struct.pack("!I", COOKIE) + identity
            mapped = (bytes(a ^ b for a, b in zip(value[4:], key)), struct.unpack_from("!H", value, 2)[0] ^ 0x2112)
        at += 4 + size
    return identity, Answer(site, mapped, len(data), source[:2])


class Client:
    """One socket of a host, and all answers that came to it, in their order, by transaction id."""

    def __init__(self, lab, host, family=4, port=PORT):
        self.host = host
        self.to = (lab.address("master", family), port)
        self.sock = lab.socket(host, socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sent = []
        self.answers = {}
        self.strange = []  # of no request of this socket

    def send(self, data):
        self.sock.sendto(data, self.to)

    def ask(self, **options):
        identity = os.urandom(12)
        self.sent.append(identity)
        self.answers[identity] = []
        self.send(request(identity, **options))
        return identity

    def take(self):
        while True:
            try:
                data, source = self.sock.recvfrom(65536)
            except BlockingIOError:
                return
            identity, answer = parse(data, source)
            if identity in self.answers:
                self.answers[identity].append(answer)
            else:
                self.strange.append(answer)

    def one(self, seconds=2, **options):
        """The first answer to one request; None when none came."""
        identity = self.ask(**options)
        end = time.monotonic() + seconds
        while not self.answers[identity] and time.monotonic() < end:
            time.sleep(0.005)
            self.take()
        return (self.answers[identity] or [None])[0]


def run(clients, rounds, *, every=0.01, linger=1.0, **options):
    """Each client asks so often; all their answers are taken as they come."""
    selector = selectors.DefaultSelector()
    for client in clients:
        selector.register(client.sock, selectors.EVENT_READ, client)

    def take(until):
        while (left := until - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                key.data.take()
    for _ in range(rounds):
        for client in clients:
            client.ask(**options)
        take(time.monotonic() + every)
    take(time.monotonic() + linger)


def arrange(site, directory, *, services=("stun",), probe=True, **udp):
    """In a deployment that has not started: services of datagrams on ports of their own, from PORT on, beside the
    one of DNS; all have the same responder at each slave."""
    lab = site.lab
    addresses = []
    for i, name in enumerate(services):
        listen = [deployment.endpoint(lab.address("master", family), PORT + i) for family in (4, 6)]
        addresses += listen
        site.services.append({"name": name, "delay": site.services[0]["delay"], "udp": {"listen": listen, **udp},
                              "slave": [{"name": host} for host in site.slaves]})
    for slave in site.slaves.values():
        slave["transmit"]["sources"] = [*slave["transmit"]["sources"], *addresses]
        slave["admin"] = {"listen": "127.0.0.1:4981"}
        slave["backend"] = [{"service": name, "udp": f"127.0.0.1:{PORT}",
                             **({"probe": PROBE, "probe_every": "200ms"} if probe else {})} for name in services]
    script = directory / "responder.py"
    script.write_text(RESPONDER)
    script.chmod(0o644)


def start_responder(lab, host):
    program = lab.start(host, f"{host}-responder",
                        ["python3", "-B", lab.directory / "responder.py", host, str(PORT)])
    program.wait_for("ready")
    return program


def nearest(lab, slaves, client):
    return min(slaves, key=lambda slave: lab.delay_ms(client, slave))


def wait_ready(site, service, slaves, seconds=15):
    """Until these slaves, and no others, would race for the service."""
    def fit():
        status = site.status()
        return status and set(next(s for s in status["services"] if s["name"] == service)["fit"]) == set(slaves)
    harness.wait_until(fit, seconds, lambda: f"{slaves} to be fit for {service}: {site.status()['services']}")
