#!/usr/bin/env python3
"""A service with mode "delegate": the slaves are its name servers, and resolvers'
own server selection does the racing. Three real unbounds and one BIND, each in a
host of the lab with a nearest slave of its own, look up distinct names; whose
address comes back tells which slave was asked. Printed by resolver: the share that
the nearest slave got, over all look-ups and over the last quarter of them.

unbound takes any server whose round trip is within 400 ms of the best, at random
(RTT_BAND in its iterator), so all of ours are alike to it; --fast adds the same
three with `fast-server-permil: 900`, its option to prefer the fastest."""

import argparse
import collections
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "system"))

import deployment  # noqa: E402
import digs  # noqa: E402
import harness  # noqa: E402
import name_servers  # noqa: E402

SLAVES = ("fra", "nyc", "sin")
UNBOUNDS = ("berlin", "boston", "tokyo")
BIND = "jakarta"


def look_up(lab, label, count):
    """By host, the slaves that answered, in order."""
    slave_of = {lab.address(slave): slave for slave in SLAVES}
    asked = digs.Digs(lab)
    for host in (*UNBOUNDS, BIND):
        asked.ask(host, "127.0.0.1", [f"{label}{n}-{host}.cdn.example.test" for n in range(count)])
    answers = {}
    for host, got in asked.finish(240):
        answers[host] = [slave_of.get((*a.addresses, "")[0]) for a in got]
    return answers


def judge(lab, kind, host, slaves):
    nearest = min(SLAVES, key=lambda slave: lab.delay_ms(host, slave))
    last = slaves[-(len(slaves) // 4):]
    rtts = {slave: 2 * lab.delay_ms(host, slave) for slave in SLAVES}
    return {"resolver": kind, "host": host, "nearest": nearest, "lookups": len(slaves),
            "unanswered": slaves.count(None), "nearest_share": round(slaves.count(nearest) / len(slaves), 3),
            "nearest_share_last": round(last.count(nearest) / len(last), 3),
            "by_slave": dict(collections.Counter(s or "none" for s in slaves)), "rtt_ms": rtts}


def run(args):
    with harness.Lab("race.toml") as lab:
        site = deployment.Deployment(lab, SLAVES)
        name_servers.make_name_servers(site, SLAVES)
        name_servers.delegate(site, SLAVES, "cdn", "delegate")
        site.start()
        unbounds = {host: site.start_unbound(host) for host in UNBOUNDS}
        name_servers.start_bind(site, BIND)
        answers = look_up(lab, "a", args.lookups)
        results = [judge(lab, "unbound", host, answers[host]) for host in UNBOUNDS]
        results.append(judge(lab, "BIND", BIND, answers[BIND]))
        if args.fast:
            for host, unbound in unbounds.items():
                unbound.stop()
                site.start_unbound(host, options=("fast-server-permil: 900", "fast-server-num: 1"))
            answers = look_up(lab, "b", args.lookups)
            results += [judge(lab, "unbound, fast-server-permil 900", host, answers[host]) for host in UNBOUNDS]
        raced = site.status()["races"]
    if raced != 0:
        raise harness.HarnessError(f"{raced} look-ups were raced; the service is delegated")
    if any(r["unanswered"] for r in results):
        raise harness.HarnessError(f"look-ups without an answer: {results}")
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lookups", type=int, default=200, help="of each resolver (default 200)")
    parser.add_argument("--fast", action="store_true", help="also unbound with its option for it")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    args = parser.parse_args()
    try:
        results = run(args)
    except harness.HarnessError as error:
        print(f"bench delegate: {error}", file=sys.stderr)
        return 1
    print(f"{'resolver':<32} {'host':<8} {'nearest':<8} {'look-ups':>8} {'to nearest':>11} {'last quarter':>13}")
    for r in results:
        print(f"{r['resolver']:<32} {r['host']:<8} {r['nearest']:<8} {r['lookups']:>8} {r['nearest_share']:>11.1%} "
              f"{r['nearest_share_last']:>13.1%}")
    if args.json:
        print(json.dumps({"bench": "delegate", "resolvers": results}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
