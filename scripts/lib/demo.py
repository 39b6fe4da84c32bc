"""The demo: races in the lab of configs/lab/race.toml, told as a table.

Clients ask distinct names under a raced wildcard, with dig over IPv4 and IPv6
and through an unbound of their own. Who won is what the client got; how far
ahead is read off the lab's capture of what reached the client.
"""

import argparse
import json
import pathlib
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "system"))

import capture  # noqa: E402
import deployment  # noqa: E402
import digs  # noqa: E402
import harness  # noqa: E402

SLAVES = ("fra", "nyc", "sin")
CLIENTS = ("berlin", "madrid", "boston", "denver", "jakarta", "tokyo")
BY_DIG, BY_UNBOUND = 40, 20  # names a client, by dig for each family
SLOWLY = 15  # questions of each client and family before that, one a second
TEACH = 0.5  # more than the default: the demo is short, and shall have something to tell
KNOWN = 10  # seconds until the last race's verdict is in the statistics, at most


class Progress:
    """One line on standard error that is written over, or plain lines where it is no terminal."""

    def __init__(self):
        self.terminal = sys.stderr.isatty()
        self.begin = time.monotonic()

    def say(self, text):
        stamp = f"{time.monotonic() - self.begin:5.1f} s  "
        sys.stderr.write(f"\r\x1b[K{stamp}{text}" if self.terminal else f"{stamp}{text}\n")
        sys.stderr.flush()

    def end(self):
        if self.terminal:
            sys.stderr.write("\r\x1b[K")


def ask(lab, progress):
    """[(client, dig's Answer)] of all questions."""
    asked = digs.Digs(lab)
    total = 0
    # A host sends one ICMP error a second, after a burst of six: who asks slowly teaches most.
    for turn in range(SLOWLY):
        progress.say(f"clients ask with dig, a question a second: {turn + 1} of {SLOWLY}")
        for client in CLIENTS:
            for family, rtype in ((4, "A"), (6, "AAAA")):
                asked.ask(client, lab.address("master", family), [f"{client}-slow{family}-{turn}.race.example.test"], rtype)
                total += 1
        time.sleep(1)
    for client in CLIENTS:
        for family, rtype in ((4, "A"), (6, "AAAA")):
            names = [f"{client}-dig{family}-{n}.race.example.test" for n in range(BY_DIG)]
            asked.ask(client, lab.address("master", family), names, rtype, options=("+tries=3", "+timeout=1"))
        names = [f"{client}-unbound-{n}.race.example.test" for n in range(BY_UNBOUND)]
        asked.ask(client, "127.0.0.1", names)
        total += 2 * BY_DIG + BY_UNBOUND
    while (done := asked.done()) < total and asked.running():
        progress.say(f"clients ask with dig, and through unbound: {done} of {total} queries answered")
        time.sleep(0.25 if progress.terminal else 2)
    return [(client, answer) for client, answers in asked.finish() for answer in answers]


def races(lab):
    """{name: {slave: ns}}: when each slave's first answer reached the client, the first one first."""
    slave_of = {lab.address(slave, family): slave for slave in SLAVES for family in (4, 6)}
    lab.stats()  # completes the capture
    found = {}
    for (_, name), came in capture.arrivals(lab.capture).items():
        for stamp, address in came:
            if address in slave_of:
                found.setdefault(name, {}).setdefault(slave_of[address], stamp)
    return found


def judge(lab, answers, raced):
    """A row a client."""
    slave_of = {lab.address(slave, family): slave for slave in SLAVES for family in (4, 6)}
    rows = []
    for client in CLIENTS:
        delays = {slave: lab.delay_ms(client, slave) for slave in SLAVES}
        row = {"client": client, "delays_ms": delays, "nearest": min(delays, key=delays.get),
               "queries": 0, "answered": 0, "nearest_won": 0, "wins": {slave: 0 for slave in SLAVES}}
        gaps = []
        for asker, answer in answers:
            if asker != client:
                continue
            row["queries"] += 1
            row["answered"] += bool(answer.addresses)
            winner = slave_of.get(answer.addresses[0]) if answer.addresses else None
            if not winner:
                continue
            row["wins"][winner] += 1
            # A race that teaches leaves some slaves out: the nearest of those that ran.
            ran = raced.get(answer.name, {})
            row["nearest_won"] += winner == min(ran or delays, key=delays.get)
            if len(ran) > 1:
                first, second, *_ = sorted(ran.values())
                gaps.append((second - first) / 1e6)
        row["ahead_ms"] = round(statistics.median(gaps), 2) if gaps else None
        rows.append(row)
    return rows


def table(rows):
    lines = ["                 one-way delay, ms        races won by           nearest    first answer",
             "client       " + "".join(f"{s:>7}" for s in SLAVES) + "     " + "".join(f"{s:>6}" for s in SLAVES)
             + "       won        ahead by"]
    for row in rows:
        marks = {s: "*" if s == row["nearest"] else "" for s in SLAVES}
        cells = "".join(f"{marks[s] + format(row['delays_ms'][s], '.0f'):>7}" for s in SLAVES)
        wins = "".join(f"{row['wins'][s]:>6}" for s in SLAVES)
        won = sum(row["wins"].values())
        share = f"{100 * row['nearest_won'] / won:.1f} %" if won else "-"
        ahead = f"{row['ahead_ms']:.1f} ms" if row["ahead_ms"] is not None else "-"
        lines.append(f"{row['client']:<13}{cells}     {wins}   {share:>9}      {ahead:>9}")
    return "\n".join(lines)


def summary(rows, status):
    won = sum(row["nearest_won"] for row in rows)
    return {
        "queries": sum(row["queries"] for row in rows),
        "answered": sum(row["answered"] for row in rows),
        "races": status["races"],
        "nearest_won": won,
        "fallback": sum(status["fallback"].values()),
        "clients": rows,
    }


def open_page(lab):
    """The address of the master's page, for a browser of this machine; the forwarder ends with the lab."""
    forwarder = subprocess.Popen(  # pylint: disable=consider-using-with
        [sys.executable, "-B", pathlib.Path(__file__).with_name("forward.py"), f"ff-{lab.name}-master"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True)
    return forwarder.stdout.readline().strip() or "(could not be reached: see scripts/lib/forward.py)"


def how_to_query(lab, socket):
    tool = harness.BIN / "flagfall"
    inside = f"ip netns exec ff-{lab.name}-tokyo"
    return f"""The lab is left up. Be a client of it (any of: {', '.join(CLIENTS)}):
  {inside} dig @192.0.2.1 something-new.race.example.test
  {inside} dig @127.0.0.1 something-else.race.example.test      # through its unbound
  {inside} {tool} race '*.race.example.test' @192.0.2.1 --count 5
Look at the master's page with a browser of this machine:
  {open_page(lab)}
Or by its commands; make a link worse; end it all:
  {tool} status --socket {socket}
  {tool} tune race --plot --socket {socket}
  {harness.BIN}/flagfall-lab link {lab.name} tokyo sin delay=40ms
  {harness.BIN}/flagfall-lab clean {lab.name}"""


def demo(options, progress):
    with harness.Lab("race.toml", capture=True, name="demo" if options.keep else None) as lab:
        progress.say("making the lab: hosts, clocks, keys")
        site = deployment.Deployment(lab, SLAVES)
        site.masters["master"]["verdicts"] = {"teach": TEACH}
        site.masters["master"]["stats"]["prefix_v4"] = 32  # each of the lab's clients is a network of its own
        site.start(wait=False)
        for client in CLIENTS:
            site.start_unbound(client)
        progress.say("waiting until the slaves' clocks are good enough to race")
        site.wait_fit()
        answers = ask(lab, progress)
        progress.end()
        rows = judge(lab, answers, races(lab))
        status = site.status()
        result = summary(rows, status)
        report(rows, result, status)
        what_the_master_knows(site, status["races"], progress)
        if options.keep:
            print("\n" + how_to_query(lab, site.socket()))
            lab.leave()
    if options.json:
        print(json.dumps(result))
    return 0 if result["answered"] == result["queries"] else 1


def report(rows, result, status):
    delay = status["services"][0]["delay_ms"]
    print(f"""One query, every slave answers at the same instant, the nearest wins.
A master, {len(SLAVES)} slaves, {len(rows)} clients; every answer leaves {delay:.0f} ms after its query came.
""")
    print(table(rows))
    share = 100 * result["nearest_won"] / max(1, result["answered"])
    errors = [slave["transmit_error_us"]["p50"] for slave in status["slaves"] if slave["transmit_error_us"]["count"]]
    print(f"""
{result['queries']} queries, {result['answered']} answered; {result['races']} races, {result['fallback']} answered by the master alone.
The nearest slave (*) of those that raced won {result['nearest_won']} times, {share:.1f} %.""")
    if errors:
        print(f"Answers left within {max(errors):.0f} us of their instants (the worst slave's median).")


def what_the_master_knows(site, races, progress):
    """The statistics and the tune table, by the operator's own commands."""
    deadline = time.monotonic() + KNOWN
    while site.status()["verdicts"]["finished"] < races and time.monotonic() < deadline:
        progress.say("waiting until the last races are judged")
        time.sleep(0.5)
    time.sleep(1)  # statistics are of whole seconds
    progress.end()
    for say, command in (
            ("Who won, as the master learned it from the losers' ICMP errors, by client:", ("stats", "--by", "prefix")),
            ("What that brings:", ("stats", "--benefit")),
            ("Which delay to choose:", ("tune", "race"))):
        ran = subprocess.run([harness.BIN / "flagfall", *command, "--socket", site.socket()], capture_output=True,
                             text=True, timeout=30, check=False)
        if ran.returncode != 0:
            raise harness.HarnessError(f"flagfall {' '.join(command)}: {ran.stderr.strip()}")
        print(f"\n{say}\n$ flagfall {' '.join(command)}\n{ran.stdout.rstrip()}")


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("--keep", action="store_true", help="leave the lab up, and say how to query it")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args()
    progress = Progress()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as ^C does: cleanly
    try:
        return demo(options, progress)
    except harness.HarnessError as error:
        progress.end()
        print(f"scripts/demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        progress.end()
        return 130


if __name__ == "__main__":
    sys.exit(main())
