#!/usr/bin/env python3
"""The race over TCP in the lab: three slaves, six client hosts whose losers are 1 to 60 ms behind, over IPv4 and
IPv6. Each client asks one request after the other, on one connection and on fresh ones, with several think times; each
octet of what it gets is looked at, and the master's verdict is compared with the redirect that came. Then the same
with loss on every link, and without slaves."""

import argparse
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "system"))

import deployment  # noqa: E402
import harness  # noqa: E402
import web_races  # noqa: E402

SLAVES = ("fra", "nyc", "sin")
# How far behind the second and the third slave are, in ms; who is the first changes from host to host.
BEHIND = {"berlin": (1, 3), "madrid": (2, 6), "boston": (4, 10), "denver": (8, 20), "jakarta": (15, 40), "tokyo": (30, 60)}
FIRST_MS = 5
CLEARLY_MS = 2
FAR = ("tokyo", 40)  # from the master, one way, when the slaves are lost
LOSS = 0.05
THINK_MS = (0, 10, 20, 100, 300)


def arrange_paths(lab):
    """The nearest slave of each host."""
    nearest = {}
    for i, (host, behind) in enumerate(BEHIND.items()):
        order = [SLAVES[(i + k) % len(SLAVES)] for k in range(len(SLAVES))]
        for slave, more in zip(order, (0, *behind)):
            lab.link(host, slave, delay=f"{FIRST_MS + more}ms")
        nearest[host] = order[0]
    return nearest


def race(lab, site, seconds):
    """Requests, each with its race. A client's number of requests is what fits into the time."""
    races = web_races.verdicts.Races(site.socket(), every=0.05)
    clients = web_races.Clients(lab)
    for i, host in enumerate(BEHIND):
        took = 2 * lab.delay_ms(host, "master") + 60  # about; a fresh connection takes a round trip more
        for k, think in enumerate(THINK_MS):
            count = max(3, int(seconds * 1000 / (took + think)))
            clients.ask(host, count, think_ms=think, family=4 if (i + k) % 2 else 6)
            clients.ask(host, max(3, int(seconds * 1000 / (1.4 * took + think))), think_ms=think, each=1,
                        family=6 if (i + k) % 2 else 4)
    requests = clients.wait()
    return web_races.match(requests, races.stop()), clients.left_over


def bad_day(lab, site, seconds):
    """With loss on every link, then without slaves."""
    lab.link("*", "*", loss=LOSS)
    clients = web_races.Clients(lab)
    for i, host in enumerate(BEHIND):
        for k in range(4):
            clients.ask(host, int(seconds * 1000 / 110), each=10, family=4 if (i + k) % 2 else 6)
    requests = clients.wait()
    lab.link("*", "*", loss=0)
    host, delay = FAR
    lab.link(host, "master", delay=f"{delay}ms")
    silent, dead = web_races.lose_slaves(lab, site, BEHIND)
    further = 2 * (delay - lab.delay_ms(host, "master"))  # than the lab's file says

    def most(took):
        return round(max(ms - (further if r.host == host else 0) for r, ms in took), 1)
    exact = not clients.left_over and not any(r.fault.startswith("octets") for r in requests)
    return {"loss": LOSS, "loss_requests": len(requests),
            "loss_answered_share": share([r for r in requests if not r.fault], requests), "loss_bytes_exact": exact,
            "loss_slowest_ms": round(max(r.ended_ns - r.started_ns for r in requests if not r.fault) * 1e-6, 1),
            "killed_answered_share": share([r for r, _ in silent + dead if not r.fault], silent + dead),
            "silent_most_ms": most(silent), "killed_most_ms": most(dead)}


def share(part, whole):
    return round(len(part) / len(whole), 4) if whole else None


def report(requests, left_over, nearest, before, after):
    whole = [r for r in requests if not r.fault]
    clear = [r for r in whole if r.race and BEHIND[r.host][0] >= CLEARLY_MS]
    by_think = {}
    for think in THINK_MS:
        for fresh in (False, True):
            figures, _ = web_races.score([r for r in whole if r.think_ms == think and r.single == fresh])
            by_think[f"{think} ms, {'fresh' if fresh else 'one connection'}"] = figures
            print(f"think time {think:>3} ms, {'fresh connections' if fresh else 'one connection   '}: "
                  f"{figures['races']:>5} races, certain {figures['certain_share']:.4f}, "
                  f"wrong {figures['wrong_certain']}")
    figures, wrong = web_races.score(whole)
    for r in [r for r in requests if r.fault][:5]:
        print(f"  fault: {r.host} {r.client}{r.path}: {r.fault}")
    for r in wrong[:5]:
        print(f"  wrong: {r.host} got {r.winner}: {json.dumps(r.race)}")
    result = {"bench": "tcprace", "requests": len(requests), "races": after["races"] - before["races"],
              "matched": figures["races"],
              "nearest_share": share([r for r in clear if r.winner == nearest[r.host]], clear),
              "answered_share": share(whole, requests), "certain_share": figures["certain_share"],
              "least_certain_share": min(f["certain_share"] for f in by_think.values()),
              "wrong_certain": figures["wrong_certain"], "bytes_exact": len(whole) == len(requests) and not left_over,
              "by_think_time": by_think,
              "http": {k: after["http"][k] - before["http"][k] for k in after["http"] if k.startswith("races_")},
              "not_raced": {k: n - before["fallback"][k] for k, n in after["fallback"].items() if n != before["fallback"][k]},
              "slowest_ms": round(max(r.ended_ns - r.started_ns for r in whole) * 1e-6, 1)}
    print(f"{result['races']} races of {len(requests)} requests, {result['matched']} told apart; answered "
          f"{100 * result['answered_share']:.2f} %, octets exact: {'yes' if result['bytes_exact'] else 'NO'}")
    print(f"nearest slave (paths that differ by {CLEARLY_MS} ms or more): {100 * result['nearest_share']:.2f} %")
    print(f"verdicts certain: {100 * result['certain_share']:.2f} %, of them wrong: {result['wrong_certain']}")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--seconds", type=float, default=25, help="of asking (default %(default)s)")
    args = parser.parse_args()
    try:
        with harness.Lab("race.toml") as lab:
            site = deployment.Deployment(lab, SLAVES, delay="30ms")
            web_races.arrange(site)
            nearest = arrange_paths(lab)
            site.start()
            before = site.status()
            began = time.monotonic()
            requests, left_over = race(lab, site, args.seconds)
            print(f"{len(requests)} requests in {time.monotonic() - began:.0f} s")
            result = report(requests, left_over, nearest, before, site.status())
            result |= bad_day(lab, site, args.seconds / 4)
            print(f"{100 * LOSS:g} % loss on every link: {100 * result['loss_answered_share']:.2f} % of "
                  f"{result['loss_requests']} answered, the slowest in {result['loss_slowest_ms']} ms")
            print(f"all slaves silent, then dead: {100 * result['killed_answered_share']:.2f} % answered, at most "
                  f"{result['silent_most_ms']} and {result['killed_most_ms']} ms above the round trip (up to {2 * FAR[1]} ms)")
    except harness.HarnessError as error:
        print(f"bench tcprace: {error}", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps(result))
    return 0


if __name__ == "__main__":
    os.nice(-5)
    sys.exit(main())
