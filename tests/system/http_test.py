"""Redirects over HTTP/1.1: real clients at a real master get the server that their network is bound to; slow,
silent, hostile and many connections disturb nobody else."""

import http.client
import json
import socket
import subprocess
import time
import unittest

import deployment
import harness

SLAVES = ("fra", "nyc", "sin")
CLIENT = "berlin"
HOST = "www.example.test"
GET = f"GET /a?b=c HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
MANY = 1000
TIMEOUT = 2  # seconds, header_timeout and idle_timeout


class HttpTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("race.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = deployment.Deployment(cls.lab, SLAVES, ordinary_user=True)
        service = cls.site.services[0]
        service["director"] = {"policies": ["race"], "all_down": "refuse"}
        service["http"] = {"hosts": [HOST, "*.cdn.example.test"]}
        for slave in service["slave"]:
            slave["location"] = "{scheme}://" + slave["name"] + ".example.test{path}"
        master = cls.site.masters["master"]
        master["http"] = {"listen": [deployment.endpoint(cls.lab.address("master", family), 80) for family in (4, 6)],
                          "header_timeout": f"{TIMEOUT}s", "idle_timeout": "60s", "network_connections": 5000}
        master["director"] = {"finest_v4": 32, "finest_v6": 128, "store": {"database": "run/director.db"}}
        cls.site.start()
        for family in (4, 6):
            bits = 32 if family == 4 else 128
            cls.post("/bind", {"prefix": f"{cls.lab.address(CLIENT, family)}/{bits}", "server": "sin"})
        harness.wait_until(lambda: all(map(cls.bound, (4, 6))), 10, "the bindings to be used")

    @classmethod
    def post(cls, path, body):
        done = subprocess.run(["curl", "-s", "--max-time", "5", "--unix-socket", cls.site.socket(), "-d",
                               json.dumps(body), f"http://master{path}"], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    @classmethod
    def connect(cls, family=4):
        made = cls.lab.socket(CLIENT, socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_STREAM)
        made.settimeout(10)
        made.connect((cls.lab.address("master", family), 80))
        return made

    @classmethod
    def client(cls, family=4):
        connection = http.client.HTTPConnection(cls.lab.address("master", family), 80, timeout=10)
        connection.sock = cls.connect(family)
        return connection

    @staticmethod
    def ask(connection, method="GET", path="/a?b=c", host=HOST, **options):
        connection.request(method, path, headers={"Host": host, **options.pop("headers", {})}, **options)
        answer = connection.getresponse()
        answer.content = answer.read()
        return answer

    @classmethod
    def redirect(cls):
        connection = cls.client()
        try:
            return cls.ask(connection).getheader("Location")
        finally:
            connection.close()

    @classmethod
    def bound(cls, family):
        connection = cls.client(family)
        try:
            return cls.ask(connection).getheader("Cache-Control").startswith("private")
        finally:
            connection.close()

    def to_its_end(self, octets, finish=False):
        """What the master says to these octets until it closes."""
        with self.connect() as s:
            s.sendall(octets)
            if finish:
                s.shutdown(socket.SHUT_WR)
            said = b""
            while part := s.recv(65536):
                said += part
            return said

    def test_1_curl_is_redirected_to_the_server_that_its_network_is_bound_to(self):
        for family in (4, 6):
            address = deployment.endpoint(self.lab.address("master", family), 80)
            done = self.lab.run(CLIENT, ["curl", "-gsi", f"-{family}", "-H", f"Host: {HOST}", f"http://{address}/v?x=1"],
                                check=True)
            self.assertIn("HTTP/1.1 302 Found\r\n".strip(), done.stdout)
            self.assertIn("Location: http://sin.example.test/v?x=1", done.stdout)
        done = self.lab.run(CLIENT, ["curl", "-gsi", "-d", "x" * 5000, "-H", "Host: a.cdn.example.test",
                                     f"http://{self.lab.address('master')}/v"], check=True)
        self.assertIn("HTTP/1.1 307 Temporary Redirect", done.stdout)

    def test_2_a_connection_is_used_again_whatever_was_asked(self):
        connection = self.client()
        sock = connection.sock
        for method, path, body, status in (("GET", "/", None, 302), ("POST", "/p", b"x" * 100000, 307),
                                           ("HEAD", "/h", None, 302), ("PUT", "/c", iter([b"a" * 9, b"b" * 9000]), 307),
                                           ("GET", "/", None, 302)):
            answer = self.ask(connection, method, path, body=body, encode_chunked=True,
                              headers={"Transfer-Encoding": "chunked"} if method == "PUT" else {})
            self.assertEqual((answer.status, answer.getheader("Location")), (status, f"http://sin.example.test{path}"))
        self.assertEqual(self.ask(connection, host="nobody.test").status, 404)
        self.assertIs(connection.sock, sock)
        connection.close()

    def test_3_requests_in_one_segment_are_all_answered_in_order(self):
        requests = b"".join(f"GET /{i} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode() for i in range(500))
        said = self.to_its_end(requests + b"GET /end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        places = [said.index(f"Location: http://sin.example.test/{i}\r\n".encode()) for i in range(500)]
        self.assertEqual(places, sorted(places))
        self.assertEqual(said.count(b"HTTP/1.1 302"), 500)

    def test_3_a_request_in_two_pieces_leaves_nothing_for_the_next(self):
        with self.connect() as s:
            for split in (1, 5, 15, 16, 30, len(GET) - 1):
                s.sendall(GET[:split])
                time.sleep(0.05)
                s.sendall(GET[split:])
                self.assertIn(b"HTTP/1.1 302", s.recv(1000))
                s.sendall(GET)
                self.assertIn(b"HTTP/1.1 302", s.recv(1000), split)

    def test_4_what_is_no_request_is_refused_and_the_connection_closed(self):
        for octets, status in ((b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\n", 400), (b"\0\0\0\0\r\n\r\n", 400),
                               (f"GET / HTTP/1.1\nHost: {HOST}\n\n".encode(), 400),
                               (GET[:-2] + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
                               (GET[:-2] + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
                               (b"GET / HTTP/1.1\r\n\r\n", 400), (b"GET / HTTP/9.1\r\nHost: a\r\n\r\n", 505),
                               (b"DESCRIBE rtsp://a/ RTSP/1.0\r\nCSeq: 1\r\n\r\n", 505),
                               (b"GET /" + b"a" * 100000, 414), (GET[:-2] + b"X: " + b"a" * 100000, 431),
                               (b"GET /\xff\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400)):
            said = self.to_its_end(octets + GET)
            self.assertTrue(said.startswith(f"HTTP/1.1 {status} ".encode()), (octets[:60], said[:200]))
            self.assertEqual(said.count(b"HTTP/1.1 "), 1, octets[:60])
            self.assertIn(b"Connection: close\r\n", said)
        self.assertEqual(self.redirect(), "http://sin.example.test/a?b=c")

    def test_5_a_slow_sender_is_closed_and_others_are_answered(self):
        with self.connect() as slow, self.connect() as silent:
            began = time.monotonic()
            slow.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
            slow.settimeout(0.1)
            while True:
                try:
                    slow.sendall(b"x")  # a trickle does not help
                    if slow.recv(100) == b"":
                        break
                except TimeoutError:
                    pass
                except ConnectionError:
                    break
                self.assertLess(time.monotonic() - began, 30)
                self.assertEqual(self.redirect(), "http://sin.example.test/a?b=c")
            self.assertGreater(time.monotonic() - began, TIMEOUT - 0.1)
            silent.sendall(GET)  # it may be idle for longer
            self.assertIn(b"302", silent.recv(1000))

    def test_6_a_client_that_takes_no_answers_is_not_read_from_and_others_are_answered(self):
        with self.connect() as greedy:
            greedy.settimeout(1)
            sent = 0
            with self.assertRaises((TimeoutError, ConnectionError)):
                while sent < 1 << 28:
                    sent += greedy.send(GET * 500)
            self.assertEqual(self.redirect(), "http://sin.example.test/a?b=c")

    def test_7_a_thousand_connections_that_say_nothing_or_half_of_something_cost_nobody_an_answer(self):
        waiting = [self.connect() for _ in range(MANY)]
        try:
            for s in waiting[::2]:
                s.send(b"GET / HT")
            for _ in range(20):
                self.assertEqual(self.redirect(), "http://sin.example.test/a?b=c")
            # Those with half a request go; the idle ones are there for as long as they may be.
            for s in waiting[::2]:
                self.assertEqual(s.recv(100), b"")
            waiting[-1].sendall(GET)
            self.assertIn(b"302", waiting[-1].recv(1000))
        finally:
            for s in waiting:
                s.close()

    def test_8_a_reload_takes_other_hosts_and_locations(self):
        path = self.site.directory / "master.toml"
        text = path.read_text()
        path.write_text(text.replace("//sin.example.test{path}", "//other.example.test/in{path}"))
        self.post("/reload", {})
        harness.wait_until(lambda: self.redirect() == "http://other.example.test/in/a?b=c", 10, "the new location")
        path.write_text(text)
        self.post("/reload", {})
        harness.wait_until(lambda: self.redirect() == "http://sin.example.test/a?b=c", 10, "the old location")

    def test_9_while_no_server_is_fit_the_service_says_what_is_answered(self):
        for slave in SLAVES:
            self.post("/drain", {"server": slave})
        connection = self.client()

        def refused():
            answer = self.ask(connection)
            return answer if answer.status == 503 else None
        answer = harness.wait_until(refused, 10, "503")
        self.assertGreater(int(answer.getheader("Retry-After")), 0)
        for slave in SLAVES:
            self.post("/undrain", {"server": slave})
        harness.wait_until(lambda: self.ask(connection).status == 302, 10, "a redirect again")
        connection.close()


if __name__ == "__main__":
    harness.main()
