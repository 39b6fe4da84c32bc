"""Sites redirect too: the front end of a slave joins the clients that belong there to the content server behind it,
octet for octet, and sends the others on to their servers; whatever it does not know in time it serves."""

import hashlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import unittest

import content_server
import deployment
import harness
import overload_test

SLAVES = ("fra", "nyc", "sin")
CLIENT, STRANGER = "berlin", "jakarta"  # one whose network is bound, and one of whose nobody knows
HOST, SHED = "www.example.test", "shed.example.test"
GET = f"GET /a HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
LIMIT = 100  # requests a second, of fra, for SHED
NETWORK = "198.51.100.0"  # the clients'
KEEP = 1  # seconds; but nyc believes a master's word for a minute
HEADER_TIMEOUT = 1
NETWORK_CONNECTIONS = 40


def place(slave, host=HOST):
    """Where a service's clients are sent to this slave."""
    return f"{slave}.{host.partition('.')[2]}" if host == HOST else f"{slave}.{host}"


class FrontTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("race.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = deployment.Deployment(cls.lab, SLAVES, names=("slow", "race"), ordinary_user=True)
        bound, shed = cls.site.services
        (cls.lab.directory / "web.prefixes").write_text(f"{NETWORK}/24 fra nyc sin\n")
        bound["director"] = {"policies": ["race"]}
        shed["director"] = {"policies": ["static"], "prefixes": "web.prefixes"}
        shed["slave"] = [dict(slave) for slave in shed["slave"]]
        shed["slave"][0]["capacity"] = {"requests": LIMIT}
        for service, host in ((bound, HOST), (shed, SHED)):
            service["http"] = {"hosts": [host]}
            for slave in service["slave"]:
                slave["location"] = "{scheme}://" + place(slave["name"], host) + "{path}"
        cls.site.masters["master"]["director"] = {
            "finest_v4": 32, "finest_v6": 128, "store": {"database": "run/director.db"},
            "shed": {"settle": "2s", "rest": "60s"}}
        cls.content = {}
        for slave in SLAVES:
            cls.start_content(slave)
            servers = [{"listen": deployment.endpoint(cls.lab.address(slave, family), 80), "backend": "127.0.0.1:8080"}
                       for family in (4, 6)]
            servers.append({"listen": f"{cls.lab.address(slave)}:81", "backend": "127.0.0.1:8081",
                            "proxy_protocol": True})
            cls.site.slaves[slave]["front"] = {
                "server": servers, "wait": "500ms", "keep": "60s" if slave == "nyc" else f"{KEEP}s",
                "header_timeout": f"{HEADER_TIMEOUT}s", "network_connections": NETWORK_CONNECTIONS}
            cls.site.slaves[slave]["admin"] = {"socket": f"run/{slave}.sock"}
        cls.start_content("fra", 8081, "proxy")
        cls.site.start()

    # The parts of it

    @classmethod
    def start_content(cls, slave, port=8080, *more):
        name = f"{slave}-content-{port}"
        cls.content[slave, port] = cls.lab.start(
            slave, name, ["python3", "-B", pathlib.Path(content_server.__file__), slave, "127.0.0.1", port, *more])
        cls.content[slave, port].wait_for("serving")

    @classmethod
    def admin(cls, path, body=None, host="master"):
        more = [] if body is None else ["-d", json.dumps(body)]
        done = subprocess.run(["curl", "-s", "--max-time", "5", "--unix-socket", cls.site.socket(host), *more,
                               f"http://x{path}"], capture_output=True, text=True, check=True)
        return done.stdout

    @classmethod
    def bind(cls, server, client=CLIENT):
        for family, bits in ((4, 32), (6, 128)):
            told = json.loads(cls.admin("/bind", {"service": "slow", "server": server,
                                                  "prefix": f"{cls.lab.address(client, family)}/{bits}"}))
            if "error" in told:
                raise harness.HarnessError(told["error"])

    def count(self, name, slave="fra"):
        return json.loads(self.admin("/status", host=slave))["counters"]["front_" + name]

    @classmethod
    def connect(cls, slave="fra", family=4, client=CLIENT, port=80):
        made = cls.lab.socket(client, socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_STREAM)
        made.settimeout(20)
        made.connect((cls.lab.address(slave, family), port))
        return made

    @classmethod
    def ask(cls, path="/a", slave="fra", host=HOST, client=CLIENT, family=4, port=80):
        """The status of one request, who served it or where it is sent, and the content."""
        connection = http.client.HTTPConnection("x", 80)
        connection.sock = cls.connect(slave, family, client, port)
        try:
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            return answer.status, answer.getheader("X-Served-By") or answer.getheader("Location"), answer.read()
        finally:
            connection.close()

    asked = 0

    @classmethod
    def home(cls, slave="fra", host=HOST, client=CLIENT):
        """Where a client belongs that asks at this slave; each time for another target."""
        FrontTest.asked += 1
        status, where, _ = cls.ask(f"/home/{cls.asked}", slave, host, client)
        return where if status == 200 else where.split("/")[2].partition(".")[0]

    def until_home(self, server, slave="fra", **options):
        harness.wait_until(lambda: self.home(slave, **options) == server, 30,
                           lambda: f"clients of {slave} to be at {server}: {self.home(slave, **options)}")

    def curl(self, *words, slave="fra", client=CLIENT):
        resolve = []
        for host in (HOST, SHED):
            names = {host: slave, **{place(s, host): s for s in SLAVES}}
            for name, at in names.items():
                resolve += ["--resolve", f"{name}:80:{self.lab.address(at)}"]
        return self.lab.run(client, ["curl", "-s", "--max-time", "20", *resolve, *words], check=True).stdout

    # What it does

    def test_1_of_a_network_that_nobody_knows_the_content_is_served_where_it_was_asked_for(self):
        for slave in SLAVES:
            self.assertEqual(self.ask("/a", slave, client=STRANGER)[:2], (200, slave))
            self.assertEqual(self.ask("/a", slave, client=STRANGER, family=6)[:2], (200, slave))
        self.assertEqual(self.ask("/a", host="other.test")[:2], (200, "fra"))
        self.assertGreaterEqual(self.count("here"), 2)
        self.assertEqual(self.count("unknown_host"), 1)
        self.assertEqual(self.count("unanswered"), 0)

    def test_2_whose_network_is_bound_here_gets_the_content_octet_for_octet(self):
        self.bind("fra")
        self.until_home("fra", "sin")
        for family in (4, 6):
            connection = http.client.HTTPConnection("x", 80)
            connection.sock = sock = self.connect(family=family)
            for method, path, body, headers in (
                    ("GET", "/big", None, {}), ("HEAD", "/big", None, {}), ("GET", "/b", None, {}),
                    ("POST", "/p", content_server.BIG, {}),
                    ("POST", "/c", iter([content_server.BIG[:100000], b"b" * 9000, b"c"]), {"Transfer-Encoding": "chunked"}),
                    ("GET", "/last", None, {})):
                connection.request(method, path, body, {"Host": HOST, **headers}, encode_chunked=bool(headers))
                answer = connection.getresponse()
                content = answer.read()
                self.assertEqual((answer.status, answer.getheader("X-Served-By")), (200, "fra"))
                if path == "/big" and method == "GET":
                    self.assertEqual(content, content_server.BIG)
                if path == "/p":
                    self.assertEqual(content.decode(), hashlib.sha256(content_server.BIG).hexdigest())
                if path == "/c":
                    whole = content_server.BIG[:100000] + b"b" * 9000 + b"c"
                    self.assertEqual(content.decode(), hashlib.sha256(whole).hexdigest())
            self.assertIs(connection.sock, sock)  # kept alive
            connection.close()

    def test_2_who_has_sent_all_still_hears_all_the_rest(self):
        with self.connect() as s:
            s.sendall(f"GET /echo HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            s.sendall(b"0123456789" * 50000)
            s.shutdown(socket.SHUT_WR)
            said = b""
            while part := s.recv(65536):
                said += part
                time.sleep(0.001)
        self.assertEqual(said, b"HTTP/1.1 200 OK\r\n\r\n" + b"0123456789" * 50000 + b"\nended after 500000")

    def test_2_a_content_server_that_wants_it_is_told_who_the_client_is(self):
        self.assertEqual(self.ask("/proxied", port=81)[:2], (200, "fra"))
        self.content["fra", 8081].wait_for(rf"{self.lab.address(CLIENT)} 'GET /proxied HTTP/1.1'")

    def test_3_who_belongs_elsewhere_is_sent_on_and_ends_at_its_server(self):
        for method, options in (("GET", []), ("POST", ["-d", "x" * 5000])):
            said = self.curl("-i", *options, f"http://{HOST}/v%20x?y=z&{method}", slave="sin")
            self.assertIn("HTTP/1.1 307 Temporary Redirect", said)
            self.assertIn(f"Location: http://fra.example.test/v%20x?y=z&{method}\n", said)
            self.assertIn("Cache-Control: no-store", said)
        said = self.curl("-iL", f"http://{HOST}/followed", slave="sin")
        self.assertIn("X-Served-By: fra", said)
        self.assertTrue(said.endswith("fra /followed\n"), said)
        (self.lab.directory / "big").write_bytes(content_server.BIG)
        said = self.curl("-L", "--data-binary", f"@{self.lab.directory / 'big'}", f"http://{HOST}/posted", slave="sin")
        self.assertEqual(said, hashlib.sha256(content_server.BIG).hexdigest())
        self.assertGreaterEqual(self.count("sent_on", "sin"), 4)

    def test_4_a_new_binding_is_followed_when_the_old_words_time_is_over(self):
        self.bind("sin")
        began = time.monotonic()
        self.until_home("sin")
        took = time.monotonic() - began
        print(f"followed after {took:.2f} s ... ", end="", flush=True)
        self.assertLess(took, KEEP + 3)
        self.until_home("sin", "sin")

    def test_5_who_was_sent_on_and_comes_back_stays(self):
        self.assertEqual(self.ask("/stay"), (307, "http://sin.example.test/stay", b""))
        self.assertEqual(self.ask("/stay")[:2], (200, "fra"))
        self.assertEqual(self.ask("/stay", host="fra.example.test")[:2], (200, "fra"))
        self.assertEqual(self.ask("/stay2")[0], 307)
        self.assertGreaterEqual(self.count("returned"), 2)

    def test_5_two_sites_that_disagree_do_not_send_a_client_to_and_fro(self):
        self.bind("fra", "madrid")
        harness.wait_until(lambda: self.home("sin", client="madrid") == "fra", 20, "madrid to be fra's")
        self.until_home("fra", "nyc", client="madrid")  # nyc believes that for a minute
        self.bind("nyc", "madrid")
        self.until_home("nyc", "fra", client="madrid")
        self.assertEqual(self.home("nyc", client="madrid"), "fra")
        told = self.curl("-L", "-o", "/dev/null", "-w", "%{http_code} %{num_redirects} %header{x-served-by}",
                         f"http://{HOST}/torn", slave="fra", client="madrid")
        self.assertEqual(told.split()[:2], ["200", "2"])  # to nyc, back to fra, and there it stays
        self.assertEqual(self.content["fra", 8080].output().count("'GET /torn HTTP/1.1'"), 1)

    def test_6_a_group_that_an_overloaded_server_has_shed_is_sent_on(self):
        self.until_home("fra", host=SHED)
        self.assertEqual(self.home("sin", host=SHED), "fra")
        asker = overload_test.Asker(self.lab, self.lab.address("master"))
        try:
            asker.networks = [NETWORK]
            asker.rate = 3 * LIMIT
            began = time.monotonic()
            self.until_home("nyc", host=SHED)
            print(f"sent on after {time.monotonic() - began:.1f} s ... ", end="", flush=True)
            self.assertEqual(self.home("nyc", host=SHED), "nyc")
            # Also those who had been sent to fra before.
            self.assertEqual(self.ask("/before", host=place("fra", SHED)),
                             (307, f"http://{place('nyc', SHED)}/before", b""))
            shed = self.site.status()["director"]["services"][1]["shed"]
            self.assertGreaterEqual(shed["moved"], 1)
        finally:
            asker.end()

    def test_7_octets_that_are_no_request_never_reach_the_content_server(self):
        joined = self.count("joined")
        for octets, status in ((b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\n", 400), (b"\0\0\0\0\r\n\r\n", 400),
                               (f"GET / HTTP/1.1\nHost: {HOST}\n\n".encode(), 400),
                               (GET[:-2] + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
                               (GET[:-2] + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
                               (b"GET / HTTP/1.1\r\n\r\n", 400), (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
                               (b"GET /" + b"a" * 100000, 414), (GET[:-2] + b"X: " + b"a" * 100000, 431),
                               (b"GET /\r\nX HTTP/1.1\r\nHost: a\r\n\r\n", 400)):
            with self.connect() as s:
                s.sendall(octets)
                said = b""
                while part := s.recv(65536):
                    said += part
            self.assertTrue(said.startswith(f"HTTP/1.1 {status} ".encode()), (octets[:60], said[:200]))
            self.assertEqual(said.count(b"HTTP/1.1 "), 1, octets[:60])
        # What would be a header line in a Location is none.
        with self.connect(slave="fra") as s:
            s.sendall(f"GET /x\xffy%0d%0aSet-Cookie:a HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode("latin-1"))
            self.assertIn(b"\r\nLocation: http://sin.example.test/x%FFy%0d%0aSet-Cookie:a\r\n", s.recv(65536))
        self.assertEqual(self.count("joined"), joined)
        self.assertEqual(self.count("refused"), 10)

    def test_7_who_says_half_of_something_or_nothing_keeps_no_place(self):
        harness.wait_until(lambda: self.count("accepted") == self.count("closed"), 10, "all to be closed")
        waiting = [self.connect() for _ in range(NETWORK_CONNECTIONS)]
        try:
            for s in waiting:
                s.send(b"GET / HT")
            with self.connect() as one_more:
                self.assertEqual(one_more.recv(100), b"")  # all places of its network are taken
            self.assertEqual(self.ask("/a", client=STRANGER)[:2], (200, "fra"))
            began = time.monotonic()
            while time.monotonic() - began < HEADER_TIMEOUT / 2:
                waiting[0].send(b"x")  # a trickle does not help
                time.sleep(0.05)
            for s in waiting:
                self.assertEqual(s.recv(100), b"")
        finally:
            for s in waiting:
                s.close()
        self.assertGreaterEqual(self.count("header_timeouts"), NETWORK_CONNECTIONS)
        self.assertEqual(self.count("network_full"), 1)

    def test_8_while_the_content_server_is_down_clients_are_told_so(self):
        self.content["sin", 8080].stop()
        status, _, content = self.ask("/down", "sin")
        self.assertEqual((status, content), (502, b"the server of this site does not answer\n"))
        self.assertEqual(self.count("backend_failed", "sin"), 1)
        self.start_content("sin")
        self.assertEqual(self.ask("/down", "sin")[:2], (200, "sin"))

    def test_8_a_connection_that_the_content_server_cuts_off_does_not_look_complete(self):
        with self.connect("sin") as s:
            s.sendall(f"GET /echo HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode() + b"x" * 1000)
            said = b""
            while len(said) < 1019:
                said += s.recv(65536)
            before = self.count("octets_to_backend", "sin")
            os.kill(self.content["sin", 8080].pid, signal.SIGSTOP)
            s.sendall(b"y" * 1000)  # what it never reads: its kernel says so
            harness.wait_until(lambda: self.count("octets_to_backend", "sin") > before, 5, "the octets to be there")
            self.content["sin", 8080].kill()
            with self.assertRaises(ConnectionResetError):
                while s.recv(65536):
                    pass
                self.fail("what is cut off looks whole")
        self.start_content("sin")

    def test_9_without_the_master_the_content_is_served_here_and_with_it_clients_are_sent_on_again(self):
        self.assertEqual(self.home(), "sin")
        self.site.programs["master"].stop()
        self.until_home("fra")
        self.assertEqual(self.ask("/alone", "nyc")[:2], (200, "nyc"))
        self.assertGreater(self.count("no_session"), 0)
        self.site.start_master()
        self.until_home("sin")
        metrics = self.admin("/metrics", host="fra")
        self.assertRegex(metrics, r'flagfall_slave_events_total\{event="front_sent_on"\} [1-9]')
        self.assertGreater(len(json.loads(self.admin("/status"))["slaves"]), 0)


if __name__ == "__main__":
    harness.main()
