"""Redirects that are raced in the lab's TCP connections: a site that does so, web clients that read every octet of
what they get, and who the master says won beside who did."""

import dataclasses
import re
import signal
import socket
import time

import deployment
import verdicts

HOST = "www.example.test"
LOCATION = re.compile(rb"\r\nLocation: http://([a-z]+)\.example\.test(/[^\r]*)\r\n")
ANSWER = re.compile(rb"HTTP/1\.1 302 Found\r\n(?:[A-Za-z-]+: [^\r\n]*\r\n)*\r\n")


def arrange(site, service=None, *, again=1.0, **http):
    """In a deployment that has not started: one service (its first), redirected over HTTP, each request of it raced."""
    lab = site.lab
    service = site.services[0] if service is None else service
    service["director"] = {"policies": ["race"]}
    service["http"] = {"hosts": [HOST]}
    for slave in service["slave"]:
        slave["location"] = "{scheme}://" + slave["name"] + ".example.test{path}"
    master = site.masters["master"]
    addresses = [deployment.endpoint(lab.address("master", family), 80) for family in (4, 6)]
    master["http"] = {"listen": addresses, "requests": 1000000, **http}
    master["director"] = {"sample": again, "store": {"database": "run/director.db"}}
    for slave in site.slaves.values():
        slave["transmit"]["sources"] = [*slave["transmit"]["sources"], *addresses]


@dataclasses.dataclass
class Request:
    """One request of a client, and what it got."""
    host: str
    client: str            # its endpoint, as the master writes it
    path: str
    think_ms: float
    single: bool           # the only one of its connection
    started_ns: int
    ended_ns: int = 0
    winner: str = ""       # whose redirect it got; empty: none, or not exactly one
    fault: str = ""        # what was wrong with it
    race: dict = None      # as in GET /races


class Connection:
    """One connection from a host of the lab to the master's port 80."""

    def __init__(self, lab, host, family=4, timeout=5):
        self.host = host
        self.sock = lab.socket(host, socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.connect((lab.address("master", family), 80))
        self.endpoint = deployment.endpoint(*self.sock.getsockname()[:2])
        self.asked = 0

    def ask(self, path, think_ms=0.0, single=False):
        """A GET, and its answer: exactly one redirect with this path, and not an octet more."""
        request = Request(self.host, self.endpoint, path, think_ms, single, time.time_ns())
        self.asked += 1
        try:
            self.sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            got = b""
            while b"\r\n\r\n" not in got:
                part = self.sock.recv(65536)
                if not part:
                    raise ConnectionError("closed")
                got += part
            request.ended_ns = time.time_ns()
        except OSError as error:
            request.fault = str(error) or type(error).__name__
            return request
        location = LOCATION.search(got)
        if not ANSWER.fullmatch(got) or not location or location[2] != path.encode():
            request.fault = f"octets: {got!r}"
        else:
            request.winner = location[1].decode()
        return request

    def close(self):
        """What was sent beyond the answers, until the master closed."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
            more = b""
            while part := self.sock.recv(65536):
                more += part
            return more
        finally:
            self.sock.close()


class Clients(verdicts.Workers):
    """A thread for each: one request after the other, on connections that it uses again or not."""

    def __init__(self, lab):
        super().__init__()
        self.lab = lab
        self.requests = []
        self.left_over = []    # (client's endpoint, octets) that belong to no answer

    def ask(self, host, count, *, think_ms=0.0, each=0, family=4):
        """Starts `count` requests; a new connection after `each`, 0: never."""
        self.start(self._ask, host, count, think_ms, each, family)

    def wait(self):
        self.join()
        return self.requests

    def _ask(self, host, count, think_ms, each, family):
        connection = None
        for i in range(count):
            if connection is None:
                connection = Connection(self.lab, host, family)
            request = connection.ask(f"/{host}/{i}?t={think_ms:g}", think_ms, each == 1)
            self.requests.append(request)
            if request.fault:
                connection.sock.close()
                connection = None
                continue
            if each and connection.asked == each:
                self._close(connection)
                connection = None
            time.sleep(think_ms * 1e-3)
        if connection is not None:
            self._close(connection)

    def _close(self, connection):
        try:
            more = connection.close()
        except OSError as error:
            more = str(error).encode()
        if more:
            self.left_over.append((connection.endpoint, more))


def lose_slaves(lab, site, hosts):
    """One request of each host while the slaves have fallen silent but the master does not know it yet, and one when
    they are dead: two lists of (request, ms that it took above its round trip)."""
    connections = [Connection(lab, host) for host in hosts]
    for connection in connections:
        connection.ask("/")

    def ask(path):
        done = []

        def one(connection):
            request = connection.ask(path)
            done.append((request, (request.ended_ns - request.started_ns) * 1e-6
                         - 2 * lab.delay_ms(connection.host, "master")))
        workers = verdicts.Workers()
        for connection in connections:
            workers.start(one, connection)
        workers.join()
        return done
    for slave in site.slaves:
        site.programs[slave].process.send_signal(signal.SIGSTOP)  # the sessions are still there
    try:
        silent = ask("/silent")
    finally:
        for slave in site.slaves:
            site.programs[slave].kill()
    time.sleep(1)  # the master has seen that they are gone
    dead = ask("/dead")
    for connection in connections:
        connection.close()
    return silent, dead


def match(requests, races):
    """Gives each request its race: of its client's endpoint, with an instant within it."""
    by_endpoint = {}
    for race in races:
        by_endpoint.setdefault(race["client"], []).append(race)
    for request in requests:
        found = [race for race in by_endpoint.get(request.client, [])
                 if request.started_ns <= race["instant_ns"] <= request.ended_ns]
        request.race = found[0] if len(found) == 1 else None
    return requests


def score(requests):
    """What the verdicts are worth."""
    raced = [r for r in requests if r.race and r.winner]
    certain = [r for r in raced if r.race["verdict"] and r.race["verdict"]["certainty"] == "certain"]
    wrong = [r for r in certain if r.race["verdict"]["winner"] != r.winner]
    return {"races": len(raced), "certain_share": round(len(certain) / len(raced), 4) if raced else 0,
            "wrong_certain": len(wrong)}, wrong


__all__ = ["ANSWER", "HOST", "Clients", "Connection", "Request", "arrange", "lose_slaves", "match", "score", "verdicts"]
