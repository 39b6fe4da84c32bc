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
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "system"))

import harness  # noqa: E402
import skewed_site  # noqa: E402

def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def report(rounds, args):
    spread = {kind: [abs(d) / 1000 for k, d, _ in rounds if k == kind] for kind in skewed_site.SERVICES}
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
    parser.add_argument("--settle", type=float, default=45, help="seconds for the clocks (default %(default)s)")
    args = parser.parse_args()
    try:
        with harness.Lab("skew.toml") as lab:
            site = skewed_site.Site(lab)
            site.start()
            time.sleep(args.settle)
            report(skewed_site.race(lab, site, args.races, args.gap), args)
    except harness.HarnessError as error:
        print(f"bench skew: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    os.nice(-5)
    sys.exit(main())
