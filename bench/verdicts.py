#!/usr/bin/env python3
"""How good verdicts are: races in the lab with three slaves, eight client hosts that
ask with dig and two with unbound, all with their hosts' default limits on ICMP
errors; what the master says who won, beside the answer that the client really got.

Each client asks as fast as its host may send the errors of races that teach: over
IPv4 one look-up in 2.1 s, over IPv6 two a second."""

import argparse
import json
import os
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "system"))

import deployment  # noqa: E402
import harness  # noqa: E402
import verdicts  # noqa: E402

try:
    import name_servers  # slaves with zones of their own
except ImportError:
    name_servers = None

SLAVES = ("fra", "nyc", "sin")
DIGS = tuple(f"dig{i}" for i in range(1, 9))
RESOLVERS = ("unbound1", "unbound2")


def race(lab, site, args):
    """All look-ups, each with its race. Half of the clients speak IPv6, five times as fast."""
    races = verdicts.Races(site.socket())
    clients = verdicts.Clients(lab)
    v4 = 2 * len(DIGS) // 4 + len(RESOLVERS)
    share = args.races / (v4 + len(DIGS) // 2 * args.pause / args.pause_v6)  # of one IPv4 client
    for number, host in enumerate(DIGS):
        family = 4 if number % 2 == 0 else 6
        count = round(share if family == 4 else share * args.pause / args.pause_v6)
        names = [f"{host}-{n}.race.example.test" for n in range(count)]
        clients.ask(host, lab.address("master", family), names, "A" if number % 4 < 2 else "AAAA",
                    args.pause if family == 4 else args.pause_v6)
    for host in RESOLVERS:
        names = [f"{host}-{n}.race.example.test" for n in range(round(share))]
        clients.ask(host, "127.0.0.1", names, "A", args.pause, kind="unbound")
    if args.beacon:
        clients.wait()  # a resolver's look-ups are told apart by their time
        for host in RESOLVERS:
            names = [f"{host}-beacon-{n}.slow.example.test" for n in range(round(share))]
            clients.ask(host, "127.0.0.1", names, "A", args.pause_v6, kind="unbound")
    lookups = clients.wait()
    return verdicts.match(lookups, races.stop())


def report(lab, lookups, args):
    result, wrong = verdicts.score(lookups, verdicts.slave_of(lab, SLAVES))
    if result["races"] < 0.9 * args.races:
        raise harness.HarnessError(f"only {result['races']} of {args.races} races were found")
    errors = [abs(e) for e in verdicts.margin_errors(lookups, lab)]
    result = {"bench": "verdicts", **result}
    if errors:
        result["margin_error_p50_ms"] = round(statistics.median(errors), 3)
        result["margin_error_max_ms"] = round(max(errors), 3)
    print(f"{result['races']} races, {result['judged']} with a verdict ({100 * result['verdict_share']:.1f} %), "
          f"{100 * result['right_share']:.2f} % of them right")
    print(f"certain: {result['certain']}, of them wrong: {result['wrong_certain']}; "
          f"likely: {result['likely']}, of them wrong: {result['wrong_likely']}")
    for title, parts in (("way", result["ways"]), ("asked by", result["kinds"])):
        for name, figures in parts.items():
            right = "-" if figures["right_share"] is None else f"{100 * figures['right_share']:.2f} %"
            print(f"{title:>10} {name:<10} verdicts {100 * figures['verdict_share']:>6.1f} %   right {right:>8}")
    print(f"margins: {result['with_margin']}, within the clocks' error: {result['within_error']}"
          + (f"; off by p50 {result['margin_error_p50_ms']} ms, at most {result['margin_error_max_ms']} ms"
             if errors else ""))
    for lookup in wrong[:10]:
        print(f"  wrong: {lookup.host} got {lookup.address}; {json.dumps(lookup.race)}")
    if args.json:
        print(json.dumps(result))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--races", type=int, default=500, help="in all (default %(default)s)")
    parser.add_argument("--teach", type=float, default=1.0, help="share of races that teach (default %(default)s)")
    parser.add_argument("--pause", type=float, default=2.1, help="seconds between look-ups of a client over IPv4")
    parser.add_argument("--pause-v6", type=float, default=0.5, help="and over IPv6 (default %(default)s)")
    parser.add_argument("--beacon", action="store_true",
                        help="resolvers ask as many names more of a service whose winners are asked for a beacon")
    args = parser.parse_args()
    try:
        if args.beacon and name_servers is None:
            raise harness.HarnessError("--beacon needs tests/system/name_servers.py")
        with harness.Lab("verdicts.toml") as lab:
            site = deployment.Deployment(lab, SLAVES, names=("race", "slow") if args.beacon else ("race",))
            verdicts.teach_always(site, teach=args.teach)
            if args.beacon:
                site.services[1]["winner_beacon"] = {"sample": 1.0}
                name_servers.make_name_servers(site, SLAVES)
            site.start()
            for host in RESOLVERS:
                site.start_unbound(host)
            report(lab, race(lab, site, args), args)
    except harness.HarnessError as error:
        print(f"bench verdicts: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    os.nice(-5)
    sys.exit(main())
