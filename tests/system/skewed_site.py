"""Two slaves with wrong clocks, which ask the master's time server over the lab's
paths, and a control beside them: two slaves that know the true instant. A packet
tap in each slave's host stamps the answers as they leave; all taps have the one
true clock of this machine."""

import signal
import socket
import struct
import sys
import time

import capture
import deployment
import harness

# Seconds ahead, ppm fast.
SKEWED = {"fra": (3.2, 100), "nyc": (-1.7, -100)}
CONTROL = ("one", "two")
# The zone's wildcards, and who races for them.
SERVICES = {"race": tuple(SKEWED), "slow": CONTROL}
SO_TIMESTAMPNS = 35
ETH_P_ALL = 3
PACKET_OUTGOING = 4


class Site(deployment.Deployment):
    """The master's chronyd is the time itself, and serves it; the control's hosts have one such each."""

    def __init__(self, lab):
        super().__init__(lab, slaves=(*SKEWED, *CONTROL), names=tuple(SERVICES), delay="60ms")
        for service in self.services:
            service["slave"] = [s for s in service["slave"] if s["name"] in SERVICES[service["name"]]]
        self.masters["master"]["clock"] = {"poll": "250ms", "max_error": "100ms"}
        for host in CONTROL:
            self.slaves[host]["clock"] = {"poll": "250ms", "max_error": "100ms"}
        for host in SKEWED:
            self.slaves[host]["clock"] = {"source": "ntp", "servers": [lab.address("master")],
                                          "poll_least": "250ms", "poll_most": "250ms", "max_error": "100ms"}

    def start_time_server(self):
        pass

    def start_chronyd(self, host):
        if host in SKEWED:
            return None
        serve = ["allow all", f"bindaddress {self.lab.address(host)}"] if host == "master" else ["port 0"]
        return self._chronyd(host, f"{host}-chronyd",
                             ["local stratum 1", *serve, "bindcmdaddress 127.0.0.1", "cmdport 323"])

    def start_slave(self, host):
        program, words = "flagfall-slave", []
        if host in SKEWED:
            program, words = "flagfall-slave-skewed", [str(word) for word in SKEWED[host]]
        path = self.directory / f"{host}.toml"
        path.write_text(deployment.toml(self.slaves[host]))
        return self._start(host, host, ["chrt", "--fifo", "1", harness.BIN / program, *words, "--config", path])


    def set_clock(self, host, hours):
        """Somebody sets a skewed slave's CLOCK_REALTIME by an hour, forth or back (tests/skewed)."""
        self.programs[host].process.send_signal(signal.SIGUSR1 if hours > 0 else signal.SIGUSR2)


class Tap:
    """When each answer left a host, by the kernel's clock."""

    def __init__(self, lab, host):
        self.socket = lab.socket(host, socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)

    def close(self):
        self.socket.close()

    def read(self):
        """{name: ns} of the answers since the last call."""
        out = {}
        while True:
            try:
                data, ancillary, _, address = self.socket.recvmsg(4096, 256)
            except BlockingIOError:
                return out
            if address[2] != PACKET_OUTGOING or len(data) < 28 or data[0] >> 4 != 4 or data[9] != capture.UDP:
                continue
            header = (data[0] & 15) * 4
            message = capture.dns(data[header + 8:])
            if not message or not message.response:
                continue
            for level, kind, content in ancillary:
                if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                    seconds, nanos = struct.unpack("qq", content)
                    out[message.name] = seconds * 10**9 + nanos


def query(ident, name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", ident, 0x0100, 1, 0, 0, 0) + labels + struct.pack(">xHH", 1, 1)


def race(lab, site, count, gap, *, label="n", during=lambda n: None):
    """Races of both services in turns, `during` called before each: [(service, difference in ns between the
    moments at which its two answers left, the sum of both slaves' bounds in ns)]."""
    taps = {host: Tap(lab, host) for host in (*SKEWED, *CONTROL)}
    client = lab.socket("client", socket.AF_INET, socket.SOCK_DGRAM)
    client.setblocking(False)
    server = (lab.address("master"), 53)
    left = {host: {} for host in taps}
    bounds, looked, results = {}, 0.0, []
    for n in range(count):
        if time.monotonic() - looked > 1:
            looked = time.monotonic()
            bounds = {s["name"]: s["clock"]["own_bound_ms"] * 1e6 for s in site.status()["slaves"]}
        during(n)
        names = {kind: f"{label}{n}.{kind}.example.test" for kind in SERVICES}
        for name in names.values():
            client.sendto(query(n & 0xFFFF, name), server)
            time.sleep(gap)
        for host, tap in taps.items():
            left[host].update(tap.read())
        while True:
            try:
                client.recv(4096)
            except BlockingIOError:
                break
        for kind, name in names.items():
            results.append((kind, name, sum(bounds[host] for host in SERVICES[kind])))
        if sys.stderr.isatty() and n % 50 == 0:
            print(f"\r{n} of {count} races each", end="", file=sys.stderr, flush=True)
    time.sleep(0.3)
    client.close()
    for host, tap in taps.items():
        left[host].update(tap.read())
        tap.close()
    if sys.stderr.isatty():
        print("\r" + " " * 40 + "\r", end="", file=sys.stderr, flush=True)
    out = []
    for kind, name, bound in results:
        stamps = [left[host].get(name) for host in SERVICES[kind]]
        if None not in stamps:
            out.append((kind, stamps[0] - stamps[1], bound))
    return out
