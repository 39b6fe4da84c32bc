"""Content that is raced: the server of each site is asked, clients take what the nearest one says, and where that
cannot be, its redirect; every answer is whole whatever a site's server does."""

import collections
import gzip
import re
import sys
import tempfile
import time
import unittest
from pathlib import Path

import deployment
import harness
import web_races
from web_races import HOST

SLAVES = ("fra", "nyc", "sin")
CLIENTS = ("berlin", "madrid", "boston", "denver", "jakarta", "tokyo")
BIG = 100 * 1024
SENT = "contents_sent"

# A site's server: small pages that name the site and what they were asked, and files.
NGINX = """
daemon off;
user root;
worker_processes 1;
pid {folder}/{name}.pid;
error_log stderr crit;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    keepalive_requests 50;
    gzip on; gzip_min_length 1; gzip_proxied any; gzip_types text/plain;
    server {{
        {listen}
        location / {{
            default_type text/plain;
            add_header X-Client $http_x_forwarded_for;
            add_header X-Host $http_host;
            return 200 "content of {site}: $request_uri\\n";
        }}
        location = /moved {{ return 301 /elsewhere; }}
        location = /nothing {{ return 204; }}
        location = /none {{ return 404; }}
        location /files/ {{ root {folder}; }}
    }}
}}
"""
# One that says the same to whoever connects, or is slow.
ODD = """
import socketserver, sys, time
say, wait = eval(sys.argv[1]), float(sys.argv[2])
class Odd(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(65536)
        time.sleep(wait)
        try:
            while True:
                self.request.sendall(say)
                if len(say) < 1000: break
            self.request.recv(65536)
        except OSError:
            pass
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads = True, True
server = Server(("127.0.0.1", 8080), Odd)
print("ready", flush=True)
server.serve_forever()
"""


class Client(web_races.Connection):
    """Reads exactly one answer, by its length."""

    def fetch(self, path, fields=""):
        """(status, fields in lower case, content); an octet more or less is an error of the next."""
        self.sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n".encode())
        got = b""
        while b"\r\n\r\n" not in got:
            got += self._some()
        head, content = got.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        found = {name.lower(): value.rstrip(" ") for name, value in (line.split(": ", 1) for line in lines[1:])}
        status = int(re.fullmatch(r"HTTP/1\.1 (\d{3}) .*", lines[0])[1])
        length = 0 if status == 204 else int(found["content-length"])
        while len(content) < length:
            content += self._some()
        if len(content) != length:
            raise AssertionError(f"{len(content) - length} octets behind the answer: {content!r}")
        return status, found, content

    def _some(self):
        part = self.sock.recv(65536)
        if not part:
            raise ConnectionError("closed within an answer")
        return part


class ContentTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("race.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = deployment.Deployment(cls.lab, SLAVES, delay="60ms", ordinary_user=True)
        web_races.arrange(cls.site, early_octets=True)
        cls.site.services[0]["http"]["responder"] = "backend"
        cls.site.masters["master"]["director"].update(finest_v4=32, finest_v6=128)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.folder.chmod(0o755)
        for slave in SLAVES:
            cls.site.slaves[slave]["backend"] = [{"service": "race", "http": "127.0.0.1:8080", "timeout": "300ms"}]
            files = cls.folder / slave / "files"
            files.mkdir(parents=True)
            (files / "big").write_text((f"content of {slave}\n" * BIG)[:BIG])
            addresses = [deployment.endpoint(cls.lab.address(slave, family), 80) for family in (4, 6)]
            cls.start_nginx(slave, "content", addresses)
        cls.backends = {slave: cls.start_nginx(slave, "backend", ["127.0.0.1:8080"]) for slave in SLAVES}
        cls.site.start()

    @classmethod
    def start_nginx(cls, slave, name, addresses):
        folder = cls.folder / slave
        config = folder / f"{name}.conf"
        config.write_text(NGINX.format(folder=folder, name=name, site=slave,
                                       listen=" ".join(f"listen {a};" for a in addresses)))
        # At real-time priority, as the slave is: each site has processors of its own.
        return cls.lab.start(slave, f"{slave}-{name}", ["chrt", "--fifo", "1", "nginx", "-e", "stderr", "-p", folder,
                                                        "-c", config])

    def nearest(self, client):
        return min(SLAVES, key=lambda slave: self.lab.delay_ms(client, slave))

    def counted(self):
        """Races at the master, and each slave's counters of content."""
        status = self.site.status()
        return {"races": status["races"], **status["fallback"], "for_content": status["http"]["races_for_content"],
                "not_for_content": status["http"]["races_not_for_content"],
                **{(s["name"], name): count for s in status["slaves"] for name, count in s["counters"].items()
                   if name.startswith("contents_")}}

    def settled(self):
        """What is counted once the slaves have reported all that is over: they do twice a second or so."""
        last, since = self.counted(), time.monotonic()

        def still():
            nonlocal last, since
            if (now := self.counted()) != last:
                last, since = now, time.monotonic()
            return time.monotonic() - since > 1.5
        harness.wait_until(still, 15, "the counters to stand still")
        return last

    def since(self, before):
        return collections.Counter({name: n - before.get(name, 0) for name, n in self.counted().items()
                                    if n != before.get(name, 0)})

    def wait_since(self, before, name, least):
        harness.wait_until(lambda: self.since(before)[name] >= least, 5, f"{least} of {name}: {self.since(before)}")

    def resolved(self):
        """Options of curl: where each host is."""
        return ["--resolve", f"{HOST}:80:{self.lab.address('master')}",
                *(o for s in SLAVES for o in ("--resolve", f"{s}.example.test:80:{self.lab.address(s)}"))]

    def replace(self, slave, say, wait=0.0):
        """The slave's server is another one for the rest of the test."""
        self.stop_backend(slave)
        odd = self.lab.start(slave, f"{slave}-odd", ["chrt", "--fifo", "1", sys.executable, "-c", ODD, repr(say), str(wait)])
        odd.wait_for("ready")
        self.addCleanup(self.restore, slave, odd)

    def stop_backend(self, slave):
        self.backends[slave].stop()

    def restore(self, slave, odd=None):
        if odd:
            odd.kill()
        self.backends[slave] = self.start_nginx(slave, "backend", ["127.0.0.1:8080"])
        self.lab.run(slave, ["curl", "-s", "--retry", "20", "--retry-connrefused", "--retry-delay", "0",
                             "--retry-max-time", "5", "http://127.0.0.1:8080/"], check=True)

    def test_1_every_answer_is_the_nearest_sites_content_exact_on_connections_that_are_used_again(self):
        before = self.settled()
        winners = []
        for i, host in enumerate(CLIENTS):
            family = 4 if i % 2 else 6
            client = Client(self.lab, host, family)
            for n in range(40):
                path = f"/{host}/{n}?{'x' * (n * 8)}"
                zipped = n % 4 == 1  # nginx sends these in chunks
                status, fields, content = client.fetch(path, "Accept-Encoding: gzip\r\n" if zipped else "")
                self.assertEqual(status, 200, fields)
                if zipped:
                    self.assertEqual(fields["content-encoding"], "gzip")
                    content = gzip.decompress(content)
                found = re.fullmatch(r"content of ([a-z]+): (.*)\n", content.decode())
                self.assertEqual(found[2], path)
                self.assertEqual(fields["x-client"], self.lab.address(host, family))
                self.assertEqual(fields["x-host"], HOST)
                winners.append((host, found[1]))
            self.assertEqual(client.close(), b"")
        right = sum(slave == self.nearest(host) for host, slave in winners)
        self.assertGreaterEqual(right, 0.99 * len(winners), collections.Counter(winners))
        self.wait_since(before, ("fra", SENT), 0.9 * len(winners))
        since = self.since(before)
        print(f"{len(winners)} requests, {right} of the nearest; {dict(since)}")
        self.assertEqual(since["for_content"], len(winners))
        self.assertEqual(since["races"], len(winners))

    def test_2_curl_and_python_get_the_nearest_sites_content_with_one_question(self):
        winners = []
        for host in CLIENTS:
            curl = self.lab.run(host, ["curl", "-s", *self.resolved(), "-w", "%{num_redirects} %{http_code}\n",
                                       *(f"http://{HOST}/{i}" for i in range(10))], check=True)
            python = self.lab.run(host, [sys.executable, "-c", "import http.client, sys\n"
                                         "c = http.client.HTTPConnection(sys.argv[1], 80, timeout=5)\n"
                                         "for i in range(10):\n"
                                         "  c.request('GET', f'/{i}', headers={'Host': sys.argv[2]})\n"
                                         "  a = c.getresponse(); print(a.read().decode(), 0, a.status)",
                                         self.lab.address("master"), HOST], check=True)
            for text in (curl.stdout, python.stdout):
                found = re.findall(r"content of ([a-z]+): /(\d+)\n ?0 200\n", text)
                self.assertEqual([int(n) for _, n in found], list(range(10)), text)
                winners += [(host, slave) for slave, _ in found]
        right = sum(slave == self.nearest(host) for host, slave in winners)
        print(f"{len(winners)} requests of curl and Python, {right} of the nearest")
        self.assertGreaterEqual(right, 0.99 * len(winners), collections.Counter(winners))

    def test_3_what_fits_no_segment_is_the_nearest_slaves_redirect_to_it(self):
        before = self.settled()
        for host in CLIENTS:
            nearest = self.nearest(host)
            done = self.lab.run(host, ["curl", "-sL", *self.resolved(), "-w", "%{num_redirects}",
                                       f"http://{HOST}/files/big"], check=True)
            self.assertEqual(done.stdout, (f"content of {nearest}\n" * BIG)[:BIG] + "1")
        self.wait_since(before, ("fra", "contents_too_long"), len(CLIENTS))
        for name in ("contents_ready", "contents_failed", "contents_too_late"):
            self.assertEqual(self.since(before)["fra", name], 0)

    def test_4_other_statuses_and_connections_that_end_are_what_they_should_be(self):
        client = Client(self.lab, "berlin")
        status, fields, _ = client.fetch("/moved")
        self.assertEqual((status, fields["location"].endswith("/elsewhere")), (301, True))
        self.assertEqual(client.fetch("/nothing")[0], 204)
        status, fields, _ = client.fetch("/none")  # an error is not raced: the redirect leads to it
        self.assertEqual((status, fields["location"]), (302, "http://fra.example.test/none"))
        before = self.settled()
        client.sock.sendall(f"HEAD /x HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        head = client.sock.recv(65536)
        self.assertRegex(head, rb"HTTP/1\.1 302 Found\r\n(Date: .*\r\n)?Location: http://fra\.example\.test/x\r\n(.*\r\n)*\r\n")
        self.assertEqual(self.since(before)["not_for_content"], 1)
        status, fields, content = client.fetch("/last", "Connection: close\r\n")
        self.assertEqual((status, fields["connection"], content), (200, "close", b"content of fra: /last\n"))
        self.assertEqual(client.sock.recv(1), b"")
        client.sock.close()

    def test_5_a_site_whose_server_is_dead_or_slow_answers_with_its_redirect(self):
        before = self.settled()
        self.stop_backend("fra")
        client = Client(self.lab, "berlin")
        for i in range(10):
            status, fields, _ = client.fetch(f"/dead/{i}")
            self.assertEqual((status, fields["location"]), (302, f"http://fra.example.test/dead/{i}"))
        self.restore("fra")
        self.wait_since(before, ("fra", "contents_failed"), 10)
        self.replace("fra", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow", 0.15)
        before = self.settled()
        for i in range(10):
            status, fields, _ = client.fetch(f"/slow/{i}")
            self.assertEqual((status, fields["location"]), (302, f"http://fra.example.test/slow/{i}"))
        self.assertEqual(client.close(), b"")
        self.wait_since(before, ("fra", "contents_too_late"), 10)
        tokyo = Client(self.lab, "tokyo")  # others' servers are as they were
        self.assertEqual(tokyo.fetch("/x")[2], f"content of {self.nearest('tokyo')}: /x\n".encode())

    def test_6_clients_without_timestamps_get_content_that_begins_early(self):
        self.lab.run("madrid", ["sysctl", "-qw", "net.ipv4.tcp_timestamps=0"], check=True)
        try:
            before = self.settled()
            for family in (4, 6):
                client = Client(self.lab, "madrid", family)
                for i in range(20):
                    status, _, content = client.fetch(f"/{i}?{'x' * (i * 10)}")
                    self.assertEqual((status, content),
                                     (200, f"content of {self.nearest('madrid')}: /{i}?{'x' * (i * 10)}\n".encode()))
                self.assertEqual(client.close(), b"")
        finally:
            self.lab.run("madrid", ["sysctl", "-qw", "net.ipv4.tcp_timestamps=1"], check=True)
        self.assertEqual(self.since(before)["for_content"], 40)

    def test_6_hostile_servers_change_counters_and_nothing_else(self):
        page = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
        for say, counter in ((b"garbage\r\n\r\n", "contents_failed"),
                             (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000, "contents_too_long"),
                             (page[:-5] + b"h" * 2000, "contents_failed"),
                             (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", "contents_too_late"),
                             (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 5000, "contents_too_long"),
                             (b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n", "contents_failed"),
                             (page + page, "contents_failed")):
            self.replace("nyc", say)
            before = self.settled()
            client = Client(self.lab, "boston")
            for i in range(5):
                status, fields, _ = client.fetch(f"/{i}")
                self.assertEqual((status, fields["location"]), (302, f"http://nyc.example.test/{i}"), say[:60])
            self.assertEqual(client.close(), b"")
            self.wait_since(before, ("nyc", counter), 5)
            self.assertEqual(self.since(before)["nyc", SENT], 0)
            self.doCleanups()
        self.assertEqual(Client(self.lab, "boston").fetch("/after")[2], b"content of nyc: /after\n")

    def test_7_bound_clients_get_the_ordinary_redirect(self):
        self.site.programs["master"].stop()
        self.site.masters["master"]["director"]["sample"] = 0
        self.site.start_master()
        self.site.wait_fit()
        address = self.lab.address("denver")
        self.lab.run("master", [harness.BIN / "flagfall", "bind", "--socket", self.site.socket(), f"{address}/32", "sin"])
        before = self.settled()
        client = Client(self.lab, "denver")
        harness.wait_until(lambda: client.fetch("/")[1]["location"] == "http://sin.example.test/", 10,
                           "the binding to be used")
        before = self.settled()
        for i in range(5):
            status, fields, _ = client.fetch(f"/{i}")
            self.assertEqual((status, fields["location"]), (302, f"http://sin.example.test/{i}"))
        self.assertEqual(client.close(), b"")
        self.assertEqual(self.since(before)["races"], 0)


if __name__ == "__main__":
    harness.main()
