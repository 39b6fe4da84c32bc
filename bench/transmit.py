#!/usr/bin/env python3
"""Precise transmit: how far the slave's calls and the kernel's transmit stamps are
from where they should be, and cyclictest beside it, in turns in one run.

The slave's own Transmitter sends answers from a foreign address over a virtual
Ethernet device, at instants that come about every 5 ms, with 10 others pending, and
again with 100,000. Its call should be made at the instant minus the lead, its stamp
should be the instant. cyclictest sleeps as long and says how late it woke up, on the
same FIFO priority, with locked memory and CPUs kept awake, as the transmitter."""

import argparse
import json
import os
import re
import statistics
import sys

from harness import ROOT, Failed, machine, run

HELPER = ROOT / "build/release/bench/bench_transmit"
# A network of its own: the device's other end throws everything away.
NETWORK = """\
ip link set lo up
ip link add out type veth peer name in
ip link set out up
ip link set in up
ip address add 198.51.100.1/24 dev out
ip neighbour add 198.51.100.2 lladdr 02:00:00:00:00:02 dev out
exec "$@"
"""
INTERVAL_US = 5000
MOST_PENDING = 100000
# Larger ones count as this.
MOST_LATE_US = 100000


def transmit(args, pending):
    command = [HELPER, "--shots", args.shots, "--pending", pending, "--priority", args.priority,
               "--interval", INTERVAL_US]
    result = json.loads(run(["unshare", "--net", "sh", "-e", "-c", NETWORK, "sh", *command]))
    if result["stamped"] < 0.95 * args.shots:
        raise Failed(f"only {result['stamped']} of {args.shots} answers were stamped by the kernel")
    return result


def cyclictest(args):
    """Microseconds by which 99 of 100 wake-ups were late at most."""
    out = run(["cyclictest", "--quiet", "--mlockall", "--threads=1", f"--priority={args.priority}", "--policy=fifo",
               f"--interval={INTERVAL_US}", f"--loops={args.shots}", f"--histogram={MOST_LATE_US}"])
    counts = [(int(us), int(n)) for us, n in re.findall(r"^(\d{6,}) (\d{6,})$", out, re.MULTILINE)]
    rank = 0.99 * args.shots
    seen = 0
    for us, n in counts:
        seen += n
        if seen > rank:
            return us
    if not seen:
        raise Failed(f"cyclictest printed no histogram: {out[-300:]}")
    return MOST_LATE_US


def alternate(args):
    columns = "{:>5} {:>10} {:>10} {:>11} {:>11} {:>8} {:>11} {:>7} {:>13} {:>6}"
    print(columns.format("turn", "call p50", "call p99", "stamp p50", "stamp p99", "lead", "cyclictest", "ratio",
                         "100k pending", "load"))
    print(columns.format("", "us", "us", "us", "us", "us", "p99 us", "", "call p50 us", ""), flush=True)
    turns = []
    for i in range(args.turns):
        few = transmit(args, 10)
        late = cyclictest(args)
        many = transmit(args, MOST_PENDING)
        turn = {**few, "cyclictest_p99_us": late, "ratio": few["call_p99_us"] / max(late, 1),
                "many_call_p50_us": many["call_p50_us"], "many_call_p99_us": many["call_p99_us"],
                "many_stamp_p50_us": many["stamp_p50_us"], "load": round(os.getloadavg()[0], 2)}
        turns.append(turn)
        print(columns.format(i + 1, f"{few['call_p50_us']:.3f}", f"{few['call_p99_us']:.2f}",
                             f"{few['stamp_p50_us']:.2f}", f"{few['stamp_p99_us']:.2f}", f"{few['lead_us']:.2f}", late,
                             f"{turn['ratio']:.3f}", f"{many['call_p50_us']:.3f}", turn["load"]), flush=True)
    return turns


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--shots", type=int, default=600, help="of each turn (default %(default)s, 3 s)")
    parser.add_argument("--priority", type=int, default=80, help="SCHED_FIFO, of both (default %(default)s)")
    args = parser.parse_args()
    print(machine())
    try:
        turns = alternate(args)
    except Failed as e:
        print(f"bench transmit: {e}", file=sys.stderr)
        return 1

    def middle(key):
        return statistics.median(turn[key] for turn in turns)

    print(f"medians of {len(turns)} turns: call {middle('call_p50_us'):.3f} us from the instant minus the lead,"
          f" stamp {middle('stamp_p50_us'):.2f} us from the instant;\n"
          f"p99 of the call {middle('call_p99_us'):.2f} us, of cyclictest {middle('cyclictest_p99_us'):.0f} us,"
          f" median ratio {middle('ratio'):.3f};\n"
          f"with {MOST_PENDING:,} pending: call p50 {middle('many_call_p50_us'):.3f} us,"
          f" p99 {middle('many_call_p99_us'):.2f} us")
    if args.json:
        keys = ["call_p50_us", "stamp_p50_us", "ratio", "call_p99_us", "stamp_p99_us", "cyclictest_p99_us", "lead_us",
                "guard_us", "many_call_p50_us", "many_call_p99_us", "many_stamp_p50_us", "load"]
        print(json.dumps({"bench": "transmit", **{key: round(middle(key), 3) for key in keys},
                          "pending": MOST_PENDING, "turns": len(turns), "machine": machine()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
