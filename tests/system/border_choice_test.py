"""The answer chooses the border: a client asks the master, opens a connection to the address that it was given, and
a capture at the borders shows by which of them the content server's packets leave. The server's kernel is told what
`flagfall borders` prints; the host "sin" is the router of the second border, with a way to the clients of its own."""

import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import deployment
import digs
import harness

PORT = 8080
# What fra's server answers with to leave by each border, and whose device that is.
BY = {"192.0.2.110": "fra", "192.0.2.111": "sin"}
OWN = 'addresses = ["192.0.2.10", '
SERVER = """
import asyncio
async def hold(reader, writer):
    writer.write(b"content")
    await reader.read()
    writer.close()
async def main():
    server = await asyncio.start_server(hold, "0.0.0.0", 8080)
    print("listening", flush=True)
    await server.serve_forever()
asyncio.run(main())
"""
FETCH = "import socket, sys; s = socket.create_connection((sys.argv[1], 8080), 5); s.settimeout(5); print(s.recv(99).decode())"
ETH_P_ALL = 3
OUTGOING = 4  # PACKET_OUTGOING


def topology(folder):
    """The lab of most tests; fra has an address for each border as well."""
    text = (harness.LABS / "race.toml").read_text()
    assert OWN in text
    more = "".join(f'"{address}", ' for address in BY)
    path = pathlib.Path(folder) / "borders.toml"
    path.write_text(text.replace(OWN, OWN + more))
    return path


class BorderChoiceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.lab = harness.Lab(topology(folder.name))
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = deployment.Deployment(cls.lab, ("fra",))
        service = cls.site.services[0]
        service["director"] = {"policies": ["composite"]}
        service["ttl_bound"] = 0
        [slave] = service["slave"]
        slave["site"] = "fra"
        slave["border"] = [{"border": f"by-{host}", "answers": [address]} for address, host in BY.items()]
        master = cls.site.masters["master"]
        master["director"] = {"finest_v4": 32, "ping_every": "1s", "store": {"database": "run/director.db"}}
        master["paths"] = {"site": "fra"}
        master["site"] = [{"name": "fra", "border": [
            {"name": "by-fra", "device": "wan0", "pinger": "fra", "table": 1001},
            {"name": "by-sin", "gateways": [cls.lab.management("sin")], "pinger": "sin", "table": 1002}]}]
        cls.site.slaves["fra"]["collect"] = {"ping_keep": "0ms"}
        cls.site.start()
        cls.site.start_collector("sin", {"ping_keep": "0ms"})
        lines = subprocess.run([harness.BIN / "flagfall", "borders", "--config", cls.lab.directory / "master.toml",
                                "fra"], capture_output=True, text=True, check=True, cwd=cls.lab.directory).stdout
        cls.lab.run("fra", ["sh", "-ec", lines], check=True)
        cls.lab.run("sin", ["sysctl", "-w", "net.ipv4.ip_forward=1"], check=True)
        cls.lab.start("fra", "server", [sys.executable, "-c", SERVER]).wait_for("listening")
        cls.captures = {}
        for host in BY.values():
            cls.captures[host] = cls.lab.socket(host, socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
            cls.addClassCleanup(cls.captures[host].close)
            cls.captures[host].setblocking(False)

    def left_by(self, source, client):
        """At which borders packets from this source to this client have gone out since the last call, and how
        many there were."""
        wanted = socket.inet_aton(source) + socket.inet_aton(self.lab.address(client))
        found = {}
        for host, capture in self.captures.items():
            while True:
                try:
                    packet, (device, _, kind, *_) = capture.recvfrom(2048)
                except BlockingIOError:
                    break
                if kind == OUTGOING and device == "wan0" and packet[12:20] == wanted:
                    found[host] = found.get(host, 0) + 1
        return found

    def look_up(self, client):
        asked = digs.Digs(self.lab)
        asked.ask(client, self.lab.address("master"), [f"q{time.monotonic_ns()}.race.example.test"],
                  options=("+tries=3", "+timeout=2"))
        [(_, [answer])] = asked.finish()
        return answer.addresses[0] if answer.addresses else None

    def explain(self, client):
        done = subprocess.run(["curl", "-s", "--unix-socket", self.site.socket(),
                               f"http://master/explain?address={self.lab.address(client)}"],
                              capture_output=True, text=True, check=True)
        return json.dumps(json.loads(done.stdout)["services"][0].get("paths"))

    def fetch(self, client, address):
        """Asks until this is the answer, and then for the content there."""
        harness.wait_until(lambda: self.look_up(client) == address, 40,
                           lambda: f"{client} to be told {address}: {self.explain(client)}")
        self.left_by(address, client)
        fetched = self.lab.run(client, [sys.executable, "-c", FETCH, address])
        self.assertEqual(fetched.stdout.strip(), "content", fetched.stderr)
        left = self.left_by(address, client)
        self.assertEqual(set(left), {BY[address]}, f"{client} from {address}: {left}")
        self.assertGreaterEqual(left[BY[address]], 2)  # SYN-ACK and content
        print(f"{client}: {address}, {left[BY[address]]} packets by {BY[address]} ... ", end="", flush=True)

    def test_1_content_leaves_by_the_border_that_the_answer_chose(self):
        self.fetch("berlin", "192.0.2.110")
        self.fetch("jakarta", "192.0.2.111")

    def test_2_and_by_the_other_one_when_its_path_has_become_the_better(self):
        self.lab.link("jakarta", "sin", delay="150ms")
        self.fetch("jakarta", "192.0.2.110")
        self.lab.link("berlin", "fra", delay="150ms")
        self.fetch("berlin", "192.0.2.111")


if __name__ == "__main__":
    harness.main()
