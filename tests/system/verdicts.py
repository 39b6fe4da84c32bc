"""Who the master says won, beside who did: look-ups one after the other in many
hosts, each with the answer that its program got, and the races that the master
has finished, matched by the client's endpoint and the time."""

import dataclasses
import http.client
import json
import re
import socket
import subprocess
import threading
import time

import harness


@dataclasses.dataclass
class Lookup:
    """One question of one client, and what it got."""
    host: str
    kind: str              # "dig" or "unbound": who asked the master
    client: str            # the address that the master sees, or several
    port: int              # 0: not known
    started_ns: int
    ended_ns: int
    address: str           # empty: nothing came
    race: dict = None      # as in GET /races


class Workers:
    """Threads of clients."""

    def __init__(self):
        self._threads = []

    def start(self, work, *arguments):
        self._threads.append(threading.Thread(target=work, args=arguments))
        self._threads[-1].start()

    def join(self):
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def running(self):
        return any(thread.is_alive() for thread in self._threads)


class Clients(Workers):
    """A thread for each client host, which asks its names one after the other."""

    def __init__(self, lab, port=20000):
        super().__init__()
        self.lab = lab
        self.lookups = []
        self._next_port = port
        self._lock = threading.Lock()

    def ask(self, host, server, names, rtype, pause, *, kind="dig"):
        """Starts: a dig a name, `pause` seconds from one to the next. With kind "unbound", the server is the
        host's own resolver."""
        self.start(self._ask, host, server, names, rtype, pause, kind)

    def wait(self):
        self.join()
        return self.lookups

    def _ask(self, host, server, names, rtype, pause, kind):
        addresses = [self.lab.address(host, family) for family in (4, 6)]
        for name in names:
            began = time.monotonic()
            with self._lock:
                self._next_port += 1
                port = self._next_port
            mine = next(a for a in addresses if (":" in a) == (":" in server)) if kind == "dig" else None
            argv = ["dig", f"@{server}", name, rtype, "+short", "+tries=1", "+timeout=4"]
            if mine:
                argv += ["-b", f"{mine}#{port}"]
            start = time.time_ns()
            done = subprocess.run(self.lab.inside(host, argv), capture_output=True, text=True, check=False,
                                  stdin=subprocess.DEVNULL, timeout=30)
            found = [line for line in done.stdout.split() if re.fullmatch(r"[0-9.]+|[0-9a-f:]+", line)]
            self.lookups.append(Lookup(host, kind, mine or " ".join(addresses), port if mine else 0, start,
                                       time.time_ns(), found[0] if found else ""))
            time.sleep(max(0.0, pause - (time.monotonic() - began)))


class Admin(http.client.HTTPConnection):
    """A connection to a daemon's admin socket."""

    def __init__(self, path):
        super().__init__("master", timeout=5)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))

    def get(self, path):
        self.request("GET", path)
        return json.loads(self.getresponse().read())


class Races:
    """Collects GET /races, which has the last 100 only, until stop()."""

    def __init__(self, socket, every=0.5):
        self.admin = Admin(socket)
        self.every = every
        self.by_id = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._collect)
        self._thread.start()

    def _collect(self):
        while not self._stopped.wait(self.every):
            self.look()

    def look(self):
        try:
            for race in self.admin.get("/races")["races"]:
                self.by_id.setdefault(race["race"], race)
        except (OSError, http.client.HTTPException, ValueError):
            self.admin.close()  # the next look is another

    def stop(self, seconds=4):
        """After the time in which the last race finishes."""
        time.sleep(seconds)
        self._stopped.set()
        self._thread.join()
        self.look()
        return self.by_id.values()


def match(lookups, races):
    """Gives each look-up its race: by endpoint, or, where a resolver chose the port, by client and time; the
    last one when it asked again. Answers leave at the instant, so it lies within a look-up."""
    by_endpoint = {}
    for race in races:
        by_endpoint.setdefault(race["client"], []).append(race)
    by_address = {}
    for race in races:
        by_address.setdefault(race["client"].rsplit(":", 1)[0].strip("[]"), []).append(race)
    for lookup in lookups:
        if lookup.port:
            text = f"[{lookup.client}]:{lookup.port}" if ":" in lookup.client else f"{lookup.client}:{lookup.port}"
            found = by_endpoint.get(text, [])
        else:
            found = [race for client in lookup.client.split() for race in by_address.get(client, [])
                     if lookup.started_ns <= race["instant_ns"] <= lookup.ended_ns]
        lookup.race = max(found, key=lambda race: race["instant_ns"], default=None)
    return lookups


def score(lookups, slave_of):
    """What the verdicts are worth. `slave_of`: from an address to a slave's name, or None."""
    raced = [lookup for lookup in lookups if lookup.race]
    judged = [lookup for lookup in raced if lookup.race["verdict"]]

    def right(lookup):
        return slave_of(lookup.address) == lookup.race["verdict"]["winner"]
    wrong = [lookup for lookup in judged if not right(lookup)]
    result = {"races": len(raced), "lookups": len(lookups), "judged": len(judged),
              "verdict_share": round(len(judged) / len(raced), 4) if raced else 0,
              "right_share": round(1 - len(wrong) / len(judged), 4) if judged else 0,
              "wrong": len(wrong), "ways": {}, "kinds": {}}
    for certainty in ("certain", "likely"):
        chosen = [lookup for lookup in judged if lookup.race["verdict"]["certainty"] == certainty]
        result[certainty] = len(chosen)
        result[f"wrong_{certainty}"] = sum(not right(lookup) for lookup in chosen)
    for way in sorted({lookup.race["verdict"]["way"] for lookup in judged}):
        chosen = [lookup for lookup in judged if lookup.race["verdict"]["way"] == way]
        result["ways"][way] = {"verdict_share": round(len(chosen) / len(raced), 4),
                               "right_share": round(sum(map(right, chosen)) / len(chosen), 4)}
    for kind in sorted({lookup.kind for lookup in raced}):
        chosen = [lookup for lookup in raced if lookup.kind == kind]
        with_verdict = [lookup for lookup in chosen if lookup.race["verdict"]]
        result["kinds"][kind] = {"races": len(chosen), "verdict_share": round(len(with_verdict) / len(chosen), 4),
                                 "right_share": round(sum(map(right, with_verdict)) / len(with_verdict), 4)
                                 if with_verdict else None}
    margins = [lookup.race["verdict"]["margin_ms"] for lookup in judged
               if lookup.race["verdict"]["margin_ms"] is not None]
    result["with_margin"] = len(margins)
    result["within_error"] = sum(lookup.race["verdict"]["within_error"] for lookup in judged)
    return result, wrong


def margin_errors(lookups, lab):
    """How far each margin of a verdict is from what the lab's paths say, in ms."""
    errors = []
    for lookup in lookups:
        verdict = lookup.race and lookup.race["verdict"]
        if not verdict or verdict["margin_ms"] is None:
            continue
        ways = sorted(lab.delay_ms(lookup.host, r["slave"]) for r in lookup.race["runners"]
                      if r["arrival_ms"] is not None)
        errors.append(verdict["margin_ms"] - (ways[1] - ways[0]))
    return errors


def slave_of(lab, slaves):
    """From an answer to the slave that it is of."""
    owners = {lab.address(slave, family): slave for slave in slaves for family in (4, 6)}
    return owners.get


def teach_always(site, master="master", **more):
    """In a deployment that has not started."""
    site.masters[master]["verdicts"] = {"teach": 1.0, **more}


__all__ = ["Clients", "Lookup", "Races", "harness", "margin_errors", "match", "score", "slave_of", "teach_always"]
