#!/usr/bin/env python3
"""How simultaneous two slaves are whose clocks are seconds apart and drift by
100 ppm against true time, one fast, one slow, and which ask the master's time
server over paths of 10 ms and 2 ms of jitter either way. Beside them, in turns in
the same run, a control: two slaves that know the true instant.

All of it is real: the daemons, TLS sessions, orders, a chronyd as server, kernel
packet stamps. The wrong clocks are injected (tests/skewed). A packet tap in each
slave's host stamps the answers as they leave; all taps have the one true clock."""

import argparse
import json
import os
import pathlib
import socket
import statistics
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "system"))

import capture  # noqa: E402
import deployment  # noqa: E402
import harness  # noqa: E402

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
                                          "poll_least": "250ms", "poll_most": "1s", "max_error": "100ms"}

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


class Tap:
    """When each answer left a host, by the kernel's clock."""

    def __init__(self, lab, host):
        self.socket = lab.socket(host, socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)

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


def race(lab, site, count, gap):
    """[(kind, difference in ns, both slaves' bounds in ns)]."""
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
        names = {kind: f"n{n}.{kind}.example.test" for kind in SERVICES}
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
    for host, tap in taps.items():
        left[host].update(tap.read())
    if sys.stderr.isatty():
        print("\r" + " " * 40 + "\r", end="", file=sys.stderr, flush=True)
    out = []
    for kind, name, bound in results:
        stamps = [left[host].get(name) for host in SERVICES[kind]]
        if None not in stamps:
            out.append((kind, stamps[0] - stamps[1], bound))
    return out


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def report(rounds, args):
    spread = {kind: [abs(d) / 1000 for k, d, _ in rounds if k == kind] for kind in SERVICES}
    skewed, control = spread["race"], spread["slow"]
    if min(len(skewed), len(control)) < 0.9 * args.races:
        raise harness.HarnessError(f"only {len(skewed)} and {len(control)} of {args.races} races have both answers")
    bounds = [b / 1000 for k, _, b in rounds if k == "race"]
    result = {
        "bench": "skew", "races": len(skewed), "control_races": len(control),
        "p50_us": round(percentile(skewed, 0.5), 1), "p99_us": round(percentile(skewed, 0.99), 1),
        "control_p50_us": round(percentile(control, 0.5), 1), "control_p99_us": round(percentile(control, 0.99), 1),
        "outside_bound": sum(abs(d) > b for k, d, b in rounds if k == "race"),
        "bound_p50_us": round(statistics.median(bounds), 1)}
    print(f"{'':>22} {'races':>7} {'p50':>11} {'p99':>11}")
    for label, kind in (("clocks 4.9 s apart", "race"), ("control", "slow")):
        values = spread[kind]
        print(f"{label:>22} {len(values):>7} {percentile(values, 0.5):>8.1f} us {percentile(values, 0.99):>8.1f} us")
    above = [result[f"{p}_us"] - result[f"control_{p}_us"] for p in ("p50", "p99")]
    print("difference of the moments at which two slaves' answers left; above the control's: "
          f"p50 {above[0]:.1f} us, p99 {above[1]:.1f} us")
    print(f"outside both slaves' bounds (p50 {result['bound_p50_us'] / 1000:.1f} ms): {result['outside_bound']}")
    if args.json:
        print(json.dumps(result))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--races", type=int, default=600, help="of each kind (default %(default)s)")
    parser.add_argument("--gap", type=float, default=0.05, help="seconds from race to race (default %(default)s)")
    parser.add_argument("--settle", type=float, default=20, help="seconds for the clocks (default %(default)s)")
    args = parser.parse_args()
    try:
        with harness.Lab("skew.toml") as lab:
            site = Site(lab)
            site.start()
            time.sleep(args.settle)
            report(race(lab, site, args.races, args.gap), args)
    except harness.HarnessError as error:
        print(f"bench skew: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    os.nice(-5)
    sys.exit(main())
