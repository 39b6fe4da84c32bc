#!/usr/bin/env python3
"""CPU per query of bound answers: flagfall-master with a million learned bindings, against
gdnsd whose geoip map has the same prefixes as nets. In turns in one run, each on one core with
one UDP thread, asked by clients of 100,000 networks on the other core, over a veth pair between
two network namespaces of this benchmark; every answer is looked at.

The master is as it comes: statistics, verdicts, rate limit, three real slaves with their sessions;
only `director.sample` is 0, as races are not what is measured here (`bench forward` does that). The
process's CPU time counts, of all its threads, with the kernel's work in its name."""

import argparse
import atexit
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path

from harness import BIN, ROOT, Failed, Folder, admin, certificates, chronyd, cpu_seconds, machine, run, wait_for

LOAD = ROOT / "build/release/bench/bench_answer"
MASTER, GDNSD, PORT = "198.18.0.1", "198.18.0.2", 5300
SERVERS = ["fra", "nyc", "sin"]
NAME = "www.example.test"
# Clients and their networks: the half of the addresses that the clients' loopback device has.
FIRST, LAST = 1 << 24, 127 << 24
LENGTHS, SHARES = [16, 18, 19, 20, 21, 22, 23, 24], [0.2, 0.6, 1, 3, 6, 12, 13, 64.2]
ZONE = """\
$TTL 60
@ IN SOA ns1 hostmaster 1 7200 1800 259200 300
@ NS ns1
ns1 A 198.18.0.1
"""


def address(number):
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def answer_of(server):
    return f"192.0.2.{100 + server}"


def networks(count, lots):
    """Prefixes that do not overlap, in order, each with the servers in its order of preference. No two halves
    of one network agree, as either program would merge them."""
    room = (LAST - FIRST) / count
    mean = sum(share * (1 << (32 - length)) for length, share in zip(LENGTHS, SHARES)) / sum(SHARES)
    if mean > room:
        raise Failed(f"{count} bindings: more than this address space has room for")
    orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
    at, left, before = FIRST, count, None
    while left:
        length = lots.choices(LENGTHS, SHARES)[0]
        size = 1 << (32 - length)
        start = -(-at // size) * size
        if start + size > LAST:
            raise Failed("the address space is full")
        order = lots.choice(orders)
        if before == (start - size, length, order[0]):
            order = orders[(orders.index(order) + 2) % 6]
        yield start, length, order
        before = (start, length, order[0])
        # Some of what is left of the room lies between them.
        spare = max(0.0, (LAST - start - size) / left - 2 * mean)
        at, left = start + size + int(lots.random() * spare), left - 1


class Rig:
    """Two namespaces and a veth pair; goes away with the process."""

    def __init__(self):
        self.servers, self.clients = f"ff-answer-s{os.getpid()}", f"ff-answer-c{os.getpid()}"
        atexit.register(self.close)
        for name in (self.servers, self.clients):
            run(["ip", "netns", "add", name])
        run(["ip", "link", "add", "ff-s", "netns", self.servers, "type", "veth",
             "peer", "name", "ff-c", "netns", self.clients])
        self.ip(self.servers, "link set lo up", "link set ff-s up", f"address add {MASTER}/24 dev ff-s",
                f"address add {GDNSD}/24 dev ff-s", "route add default via 198.18.0.254")
        self.ip(self.clients, "link set lo up", "link set ff-c up", "address add 198.18.0.254/24 dev ff-c",
                "route add local 0.0.0.0/1 dev lo")
        for name in (self.servers, self.clients):  # replies to addresses that no route leads to are meant
            run(["ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0",
                 "net.ipv4.conf.default.rp_filter=0"])

    def ip(self, name, *commands):
        for command in commands:
            run(["ip", "-n", name, *command.split()])

    @staticmethod
    def inside(name, cpu, command):
        return ["ip", "netns", "exec", name, "taskset", "-c", str(cpu), *map(str, command)]

    def close(self):
        for name in (self.servers, self.clients):
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)


class Clients:
    """The load generator, which takes one turn after the other."""

    def __init__(self, folder, rig, cpu, sources):
        self.process = subprocess.Popen(
            rig.inside(rig.clients, cpu, [LOAD, "--sources", sources, "--name", NAME]), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        folder.processes.append(("clients", self.process))

    def turn(self, server, seconds, rate, window):
        self.process.stdin.write(f"{server} {PORT} {seconds} {rate} {window}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise Failed("the clients ended")
        return json.loads(line)


def master_config(folder, bindings):
    text = f"""\
[log]
level = "warning"
[dns]
listen = ["{MASTER}:{PORT}"]
threads = 1
[[zone]]
origin = "example.test"
file = "zone"
[control]
listen = "127.0.0.1:4953"
ca = "ca/ca.crt"
certificate = "ca/master.crt"
key = "ca/master.key"
[clock]
chrony = "{folder.path}/chronyd.sock"
[stats]
database = "statistics.db"
[admin]
listen = []
socket = "master.sock"
[director]
clusters = {max(bindings, 1000)}
sample = 0
[director.store]
database = "director.db"
[[service]]
name = "web"
names = ["{NAME}"]
delay = "25ms"
[service.director]
policies = ["race"]
"""
    for i, name in enumerate(SERVERS):
        text += f'[[service.slave]]\nname = "{name}"\nanswers = ["{answer_of(i)}"]\n'
    return text


def slave_config(folder, name, index):
    return f"""\
[log]
level = "warning"
[[master]]
address = "127.0.0.1:4953"
name = "master"
[control]
ca = "ca/ca.crt"
certificate = "ca/{name}.crt"
key = "ca/{name}.key"
[orders]
listen = ["127.0.0.1:{4961 + index}"]
[transmit]
sources = ["{MASTER}:{PORT}"]
[clock]
chrony = "{folder.path}/chronyd.sock"
"""


def gdnsd_config(folder):
    places = ", ".join(SERVERS)
    addresses = " ".join(f"{name} => {answer_of(i)}" for i, name in enumerate(SERVERS))
    return f"""\
options => {{ listen => [ "{GDNSD}:{PORT}" ], udp_threads = 1, tcp_threads = 1,
             run_dir = {folder.path}/gdnsd/run, state_dir = {folder.path}/gdnsd/state }}
plugins => {{ geoip => {{
  maps => {{ nets => {{ datacenters => [ {places} ], nets => nets }} }}
  resources => {{ web => {{ map => nets, service_types => up, dcmap => {{ {addresses} }} }} }}
}} }}
"""


class Servers:
    """Both, loaded with the same prefixes, and what the clients ask from and must be told."""

    def __init__(self, folder, rig, args):
        self.folder, self.rig, self.args = folder, rig, args
        self.lots = random.Random(args.seed)
        self.table = list(networks(args.bindings, self.lots))
        certificates(folder, ["master", *SERVERS])
        folder.write("zone", ZONE + f"{NAME}. A 192.0.2.1\n")
        folder.write("master.toml", master_config(folder, args.bindings))
        chronyd(folder, 3232)
        self.master, self.load_s = self.start_master()
        self.gdnsd, self.nets_s, self.nets = self.start_gdnsd()
        for i, name in enumerate(SERVERS):
            config = folder.write(f"{name}.toml", slave_config(folder, name, i))
            self.start(name, 1, [BIN / "flagfall-slave", "--config", config])
        wait_for("three fit slaves", lambda: len(admin(folder)["services"][0]["fit"]) == len(SERVERS))

    def start(self, name, cpu, command):
        return self.folder.start(name, self.rig.inside(self.rig.servers, cpu, command))

    def start_master(self):
        """Its first start makes the store's file; the bindings are written into it as if they had been learned."""
        command = [BIN / "flagfall-master", "--config", "master.toml"]
        first = self.start("master-first", 0, command)
        wait_for("the master", lambda: admin(self.folder)["director"]["store"]["opened"])
        first.terminate()
        if first.wait(20) != 0:
            raise Failed(f"the master's first start: {self.folder.log('master-first')[-500:]}")
        self.folder.processes = [p for p in self.folder.processes if p[1] is not first]
        now = time.time_ns()
        with sqlite3.connect(self.folder.path / "director.db") as db:
            db.executemany(
                "INSERT INTO bindings (service, prefix, by_hand, servers, equal, cause, kind, agreeing, pieces,"
                " advantage, since_ns, renewed_ns) VALUES ('web', ?, 0, ?, 1, 'bound', 'race', 3, 3, 0.02, ?, ?)",
                ((f"{address(start)}/{length}", ",".join(SERVERS[s] for s in order), now, now)
                 for start, length, order in self.table))
        db.close()
        begun = time.monotonic()
        process = self.start("master", 0, command)
        wait_for("all bindings",
                 lambda: admin(self.folder)["director"]["services"][0]["clusters"] == self.args.bindings, 300)
        return process.pid, time.monotonic() - begun

    def start_gdnsd(self):
        folder = self.folder
        for name in ("gdnsd", "gdnsd/geoip", "gdnsd/zones", "gdnsd/run", "gdnsd/state"):
            (folder.path / name).mkdir()
        folder.write("gdnsd/config", gdnsd_config(folder))
        folder.write("gdnsd/zones/example.test", ZONE + f"{NAME}. 60 DYNA geoip!web\n")
        with open(folder.path / "gdnsd/geoip/nets", "w", encoding="ascii") as out:
            for start, length, order in self.table:
                out.write(f"{address(start)}/{length} => [ {', '.join(SERVERS[s] for s in order)} ]\n")
        begun = time.monotonic()
        process = self.start("gdnsd", 0, ["gdnsd", "-c", folder.path / "gdnsd", "start"])
        wait_for("gdnsd with its nets", lambda: "DNS listeners started" in folder.log("gdnsd"), 60)
        return process.pid, time.monotonic() - begun, len(self.table)

    def sources(self):
        """A client in each of so many networks, in no order."""
        chosen = self.lots.sample(self.table, min(self.args.prefixes, len(self.table)))
        return self.folder.write("sources", "".join(
            f"{address(start + self.lots.randrange(1 << (32 - length)))} {answer_of(order[0])}\n"
            for start, length, order in chosen))


class Contest:
    """Turns of one load, and what each server used for a right answer in each."""

    def __init__(self, folder, servers, clients, args):
        self.folder, self.clients, self.args = folder, clients, args
        self.sides = {"ours": (MASTER, servers.master), "theirs": (GDNSD, servers.gdnsd)}

    def turn(self, side, rate, seconds):
        server, pid = self.sides[side]
        before = cpu_seconds(pid)
        out = self.clients.turn(server, seconds, rate, self.args.window)
        used = cpu_seconds(pid) - before
        self.folder.check()
        if not out["right"]:
            raise Failed(f"no right answer of {server} in a turn: {out}")
        out["us"] = used * 1e6 / out["right"]
        return out

    def run(self, rate):
        """A pair of turns a round; who is first changes."""
        for side in self.sides:
            self.turn(side, rate, 1)
        before = admin(self.folder)["bound"]
        turns = {side: [] for side in self.sides}
        for i in range(self.args.turns):
            for side in sorted(self.sides, reverse=i % 2 == 1):
                turns[side].append(self.turn(side, rate, self.args.seconds))
        return turns, admin(self.folder)["bound"] - before


def summary(load, turns, bound):
    def middle(side, key):
        return statistics.median(turn[key] for turn in turns[side])

    def total(key, *sides):
        return sum(turn[key] for side in sides for turn in turns[side])

    right_share = total("right", "ours", "theirs") / max(total("sent", "ours", "theirs"), 1)
    return {"load": load, "ours_us": round(middle("ours", "us"), 3), "gdnsd_us": round(middle("theirs", "us"), 3),
            "ratio": round(statistics.median(o["us"] / t["us"] for o, t in zip(turns["ours"], turns["theirs"])), 3),
            "medians_ratio": round(middle("ours", "us") / middle("theirs", "us"), 3),
            "right_share": round(right_share, 5), "wrong": total("wrong", "ours", "theirs"),
            "bound_share": round(bound / max(total("sent", "ours"), 1), 5),
            "ours_qps": round(statistics.median(t["right"] / t["seconds"] for t in turns["ours"])),
            "gdnsd_qps": round(statistics.median(t["right"] / t["seconds"] for t in turns["theirs"]))}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--bindings", type=int, default=1_000_000)
    parser.add_argument("--prefixes", type=int, default=100_000, help="that the clients are in (default %(default)s)")
    parser.add_argument("--rates", default="20000,50000,0",
                        help="queries a second; 0: as fast as answers come (default %(default)s)")
    parser.add_argument("--turns", type=int, default=24, help="of each server, for each rate (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=1, help="of each turn (default %(default)s)")
    parser.add_argument("--window", type=int, default=64, help="queries under way at most (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hold", action="store_true", help="load both, print how to reach them, and wait")
    args = parser.parse_args()
    folder = Folder()
    results = []
    try:
        rig = Rig()
        servers = Servers(folder, rig, args)
        clients = Clients(folder, rig, 1, servers.sources())
        print(f"{machine()}\n{args.bindings:,} bindings restored in {servers.load_s:.1f} s; gdnsd loaded"
              f" {servers.nets:,} nets in {servers.nets_s:.1f} s", flush=True)
        if args.hold:
            print(f"pids: master {servers.master}, gdnsd {servers.gdnsd}", flush=True)
            for line in sys.stdin:
                print(clients.turn(*line.split()), flush=True)
            return 0
        columns = "{:>10} {:>12} {:>12} {:>7} {:>12} {:>10} {:>10} {:>9}"
        print(columns.format("load", "master us", "gdnsd us", "ratio", "medians'", "master/s", "gdnsd/s", "right"))
        contest = Contest(folder, servers, clients, args)
        for rate in map(int, args.rates.split(",")):
            r = summary(f"{rate}/s" if rate else "full", *contest.run(rate))
            results.append(r)
            print(columns.format(r["load"], r["ours_us"], r["gdnsd_us"], r["ratio"], r["medians_ratio"], r["ours_qps"],
                                 r["gdnsd_qps"], r["right_share"]), flush=True)
            if r["right_share"] < 0.99 or r["bound_share"] < 0.99:
                raise Failed(f"too few answers were right ({r['right_share']}) or bound ({r['bound_share']})")
    except Failed as e:
        print(f"bench answer: {e}", file=sys.stderr)
        return 1
    finally:
        folder.close()
    worst = max(results, key=lambda r: r["ratio"])
    print(f"CPU of the process for each answered query; medians of {args.turns} turns each. ratio: the median of"
          f" those of neighbouring turns; the highest counts: {worst['ratio']}")
    if args.json:
        print(json.dumps({"bench": "answer", "ratio": worst["ratio"], "ours_us": worst["ours_us"],
                          "gdnsd_us": worst["gdnsd_us"], "bindings": args.bindings, "nets": servers.nets,
                          "prefixes": args.prefixes, "right_share": min(r["right_share"] for r in results),
                          "loads": results, "machine": machine()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
