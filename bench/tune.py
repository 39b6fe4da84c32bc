#!/usr/bin/env python3
"""Does a recommendation of `flagfall tune` hold? Races over paths with jitter are
recorded with a long delay; the delay that flagfall tune recommends for the wanted
share is written into the configuration; then as many races are run with it, and
those counted in which every slave was on time. All of it is real: daemons, orders,
paths of the lab, the operator's commands."""

import argparse
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "system"))

import harness  # noqa: E402
import tuned_site  # noqa: E402


def measure(args):
    with harness.Lab("race.toml") as lab:
        site = tuned_site.Site(lab)
        site.start()
        recorded, _ = site.record("before.jsonl", args.races, args.rate)
        best = site.tune("--file", recorded, "--on-time", args.on_time)["recommended"]
        site.apply(best["delay_ms"])
        site.settle()
        applied, _ = site.record("after.jsonl", args.races, args.rate)
        races = site.rows(applied)[1]
        return best, races


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--races", type=int, default=10000, help="before, and after (default %(default)s)")
    parser.add_argument("--rate", type=float, default=tuned_site.RATE, help="races a second (default %(default)s)")
    parser.add_argument("--on-time", type=float, default=0.99, help="the wanted share (default %(default)s)")
    args = parser.parse_args()
    try:
        best, races = measure(args)
    except harness.HarnessError as error:
        print(f"bench tune: {error}", file=sys.stderr)
        return 1
    predicted = best["on_time"]["share"]
    seen = tuned_site.on_time_share(races, best["delay_ms"])
    result = {"bench": "tune", "races": len(races), "on_time": args.on_time, "delay_ms": best["delay_ms"],
              "predicted_share": round(predicted, 5), "seen_share": round(seen, 5),
              "difference_points": round(100 * (seen - predicted), 3)}
    print(f"recommended for {100 * args.on_time:g} %: {best['delay_ms']:g} ms, computed from {args.races} races;\n"
          f"every slave on time: predicted {100 * predicted:.2f} %, seen in {len(races)} races {100 * seen:.2f} %, "
          f"difference {100 * (seen - predicted):+.2f} points")
    if args.json:
        print(json.dumps(result))
    return 0


if __name__ == "__main__":
    os.nice(-10)
    sys.exit(main())
