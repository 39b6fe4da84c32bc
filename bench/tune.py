#!/usr/bin/env python3
"""Does a recommendation of `flagfall tune` hold? Races over paths with jitter are
recorded with a long delay; the delay that flagfall tune recommends for the wanted
share is written into the configuration; then as many races are run with it, and
those counted in which every slave was on time. All of it is real: daemons, orders,
paths of the lab, the operator's commands. Races that ran while the machine's host took
its processors away are left out, before and after alike, and others run for them."""

import argparse
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "system"))

import harness  # noqa: E402
import stalls  # noqa: E402
import tuned_site  # noqa: E402


# From half a millisecond on a stall is seen in a share of 99 %.
LEAST = 0.0005
# Of a race, in seconds before and after the time in its row: from its query to the last slave's report.
BEFORE, AFTER = 0.02, 0.1


def record(site, watch, name, args):
    """A file of args.races races that ran while the machine did not stand still, and how many did not."""
    path = site.directory / name
    quiet = disturbed = 0
    for turn in range(8):
        recorded, _ = site.record(f"{turn}-{name}", args.races - quiet, args.rate)
        to_monotonic = time.monotonic() - time.time()
        with path.open("a") as out:
            for line in recorded.read_text().splitlines(keepends=True):
                row = json.loads(line)
                if "at_ms" in row:
                    at = row["at_ms"] / 1000 + to_monotonic
                    if watch.between(at - BEFORE, at + AFTER)[1] > 0:
                        disturbed += 1
                        continue
                    quiet += 1
                out.write(line)
        if quiet >= args.races:
            return path, disturbed
        watch.wait_for_quiet(at_least=5, at_most=60)
    raise harness.HarnessError(f"the machine stands still too often: {disturbed} races ran in such moments, "
                               f"and {quiet} others")


def measure(args):
    with harness.Lab("race.toml") as lab, stalls.Stalls(LEAST) as watch:
        site = tuned_site.Site(lab)
        site.start()
        recorded, disturbed_before = record(site, watch, "before.jsonl", args)
        best = site.tune("--file", recorded, "--on-time", args.on_time)["recommended"]
        site.apply(best["delay_ms"])
        site.settle()
        applied, disturbed_after = record(site, watch, "after.jsonl", args)
        races = site.rows(applied)[1]
        return best, races, disturbed_before + disturbed_after


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--races", type=int, default=10000, help="before, and after (default %(default)s)")
    parser.add_argument("--rate", type=float, default=tuned_site.RATE, help="races a second (default %(default)s)")
    parser.add_argument("--on-time", type=float, default=0.99, help="the wanted share (default %(default)s)")
    args = parser.parse_args()
    try:
        best, races, disturbed = measure(args)
    except harness.HarnessError as error:
        print(f"bench tune: {error}", file=sys.stderr)
        return 1
    predicted = best["on_time"]["share"]
    seen = tuned_site.on_time_share(races, best["delay_ms"])
    result = {"bench": "tune", "races": len(races), "on_time": args.on_time, "delay_ms": best["delay_ms"],
              "predicted_share": round(predicted, 5), "seen_share": round(seen, 5),
              "difference_points": round(100 * (seen - predicted), 3), "left_out": disturbed}
    print(f"recommended for {100 * args.on_time:g} %: {best['delay_ms']:g} ms, computed from {args.races} races;\n"
          f"every slave on time: predicted {100 * predicted:.2f} %, seen in {len(races)} races {100 * seen:.2f} %, "
          f"difference {100 * (seen - predicted):+.2f} points;\n"
          f"left out: {disturbed} races that ran while the machine stood still")
    if args.json:
        print(json.dumps(result))
    return 0


if __name__ == "__main__":
    os.nice(-10)
    sys.exit(main())
