#!/usr/bin/env python3
"""CPU per query: flagfall-master that races three slaves, against dnsdist that
forwards the same queries to one backend. Both on one request thread, in turns in
one run, over real UDP on loopback, asked by dnsperf with distinct names.

The slaves are real: TLS sessions, sealed orders, answers sent at their instant
from the master's address; dnsperf takes the first. Their CPU does not count, nor
does that of dnsdist's backend (a flagfall-master without slaves)."""

import argparse
import json
import statistics
import sys

from harness import BIN, Failed, Folder, admin, certificates, chronyd, cpu_seconds, dnsperf, machine, wait_for

MASTER, BACKEND, DNSDIST = "127.0.1.1", "127.0.1.2", "127.0.1.3"
PORT = 5300
CHRONY = 3231
SLAVES = ["fra", "nyc", "sin"]
ZONE = """\
$TTL 60
@ IN SOA ns1 hostmaster 1 2h 30m 2w 300
@ NS ns1
ns1 A 127.0.1.1
*.race A 192.0.2.20
"""


def master_config(address, control, slaves, socket):
    text = f"""\
[log]
level = "warning"
[dns]
listen = ["{address}:{PORT}"]
threads = 1
rate = 0
[[zone]]
origin = "example.test"
file = "zone"
[control]
listen = "{address}:{control}"
ca = "ca/ca.crt"
certificate = "ca/master.crt"
key = "ca/master.key"
[clock]
chrony = "127.0.0.1:{CHRONY}"
[verdicts]
teach = 0
[guard]
rate = 1000000
burst = 1000000
prefix_rate = 1000000
prefix_burst = 1000000
[stats]
database = "{socket}.db"
[admin]
listen = []
socket = "{socket}"
[[service]]
name = "web"
names = ["*.race.example.test"]
# Long, as this machine is full: no query may lie in the queue for longer and be answered without a race.
delay = "100ms"
"""
    for i, slave in enumerate(slaves):
        text += f'[[service.slave]]\nname = "{slave}"\nanswers = ["192.0.2.{100 + i}"]\n'
    return text


def slave_config(name, index):
    return f"""\
[log]
level = "warning"
[[master]]
address = "{MASTER}:4953"
name = "master"
[control]
ca = "ca/ca.crt"
certificate = "ca/{name}.crt"
key = "ca/{name}.key"
[orders]
listen = ["127.0.0.1:{4961 + index}"]
[transmit]
sources = ["{MASTER}:{PORT}"]
rate = 1000000
burst = 1000000
# Precision is not what is measured here: do not spin on the CPU that the others need.
guard = "1us"
[clock]
chrony = "127.0.0.1:{CHRONY}"
"""


def start_all(folder):
    """dnsdist as it comes, on one listening thread; no health checks, they would count as its CPU."""
    certificates(folder, ["master", *SLAVES])
    folder.write("zone", ZONE)
    folder.write("master.toml", master_config(MASTER, 4953, SLAVES, "master.sock"))
    folder.write("backend.toml", master_config(BACKEND, 4954, ["nobody"], "backend.sock"))
    dnsdist = folder.write("dnsdist.conf", f"""\
setLocal("{DNSDIST}:{PORT}")
setSecurityPollSuffix("")
newServer({{address="{BACKEND}:{PORT}", healthCheckMode="up"}})
""")
    chronyd(folder, CHRONY)
    folder.start("backend", [BIN / "flagfall-master", "--config", "backend.toml"])
    master = folder.start("master", [BIN / "flagfall-master", "--config", "master.toml"])
    for i, name in enumerate(SLAVES):
        config = folder.write(f"{name}.toml", slave_config(name, i))
        folder.start(name, [BIN / "flagfall-slave", "--config", config])
    proxy = folder.start("dnsdist", ["dnsdist", "--supervised", "--disable-syslog", "-C", dnsdist])
    wait_for("three fit slaves", lambda: len(admin(folder)["services"][0]["fit"]) == len(SLAVES))
    folder.check()
    return master.pid, proxy.pid


def measure(folder, pid, server, queries, seconds, rate):
    """Microseconds of CPU for each query that was answered; again when this machine was too busy to answer."""
    for _ in range(3):
        before = cpu_seconds(pid)
        load = dnsperf(server, PORT, queries, seconds, rate)
        used = cpu_seconds(pid) - before
        folder.check()
        if load["completed"] >= 0.95 * load["sent"]:
            load["us"] = used * 1e6 / load["completed"]
            return load
    raise Failed(f"{server}: {load['completed']} answers to {load['sent']} queries: too much load for this machine")


def alternate(folder, pids, queries, seconds, rate, turns):
    rounds = []
    for _ in range(turns):
        before = admin(folder)
        ours = measure(folder, pids[0], MASTER, queries, seconds, rate)
        after = admin(folder)
        asked, raced = (after["counters"]["dns_queries"] - before["counters"]["dns_queries"],
                        after["races"] - before["races"])
        if raced < 0.98 * asked:
            raise Failed(f"only {raced} of {asked} queries were raced: {after['fallback']}")
        theirs = measure(folder, pids[1], DNSDIST, queries, seconds, rate)
        rounds.append((ours, theirs))
    return rounds


def summary(name, rounds):
    ours = statistics.median(o["us"] for o, _ in rounds)
    theirs = statistics.median(t["us"] for _, t in rounds)
    return {"load": name, "master_us": round(ours, 2), "dnsdist_us": round(theirs, 2),
            "ratio": round(statistics.median(o["us"] / t["us"] for o, t in rounds), 3),
            "worst_ratio": round(max(o["us"] / t["us"] for o, t in rounds), 3),
            "master_qps": round(statistics.median(o["rate"] for o, _ in rounds)),
            "dnsdist_qps": round(statistics.median(t["rate"] for _, t in rounds)), "turns": len(rounds)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--rates", default="5000,10000", help="queries a second (default %(default)s)")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of each turn")
    args = parser.parse_args()
    rates = [int(r) for r in args.rates.split(",")]
    folder = Folder()
    try:
        pids = start_all(folder)
        # Each turn asks a name once: the other's turn lies between, longer than the retry window.
        names = max(rates) * args.seconds
        queries = folder.write("queries", "".join(f"n{i}.race.example.test A\n" for i in range(names)))
        results = []
        print(f"{machine()}\n{'load':>12} {'master':>12} {'dnsdist':>12} {'ratio':>7} {'worst':>7}", flush=True)
        for rate in rates:
            r = summary(f"{rate}/s", alternate(folder, pids, queries, args.seconds, rate, args.turns))
            results.append(r)
            print(f"{r['load']:>12} {r['master_us']:>9.2f} us {r['dnsdist_us']:>9.2f} us {r['ratio']:>7.3f}"
                  f" {r['worst_ratio']:>7.3f}", flush=True)
    except Failed as e:
        print(f"bench forward: {e}", file=sys.stderr)
        return 1
    finally:
        folder.close()
    worst = max(results, key=lambda r: r["ratio"])
    print("CPU of the process for each answered query; medians of"
          f" {args.turns} turns each; the ratio that counts is the highest: {worst['ratio']}")
    if args.json:
        print(json.dumps({"bench": "forward", "ratio": worst["ratio"], "master_us": worst["master_us"],
                          "dnsdist_us": worst["dnsdist_us"], "loads": results, "machine": machine()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
