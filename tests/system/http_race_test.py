"""The race over TCP, with real clients: each follows its nearest slave, and the master knows whom; what else may
happen to a connection leaves it with whole answers."""

import collections
import re
import socket
import struct
import sys
import tempfile
import time
import unittest

import deployment
import harness
import web_races
from web_races import HOST, Connection

SLAVES = ("fra", "nyc", "sin")
CLIENTS = ("berlin", "madrid", "boston", "denver", "jakarta", "tokyo")
SERVER = """
import http.server, socketserver, sys
class Content(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = f"content of {sys.argv[1]}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
server = socketserver.ThreadingTCPServer((sys.argv[2], 80), Content)
print("ready", flush=True)
server.serve_forever()
"""


class HttpRaceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("race.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = deployment.Deployment(cls.lab, SLAVES, delay="30ms", ordinary_user=True)
        web_races.arrange(cls.site, early_octets=True)
        cls.site.start()

    def nearest(self, client):
        return min(SLAVES, key=lambda slave: self.lab.delay_ms(client, slave))

    def url(self, path="/", family=4):
        return f"http://{deployment.endpoint(self.lab.address('master', family), 80)}{path}"

    def counted(self):
        """Races, and answers without one by reason."""
        status = self.site.status()
        return {"races": status["races"], **status["fallback"]}

    def since(self, before):
        return {name: n - before[name] for name, n in self.counted().items() if n != before[name]}

    def assert_nearest(self, winners):
        """winners: (client, slave)."""
        right = sum(slave == self.nearest(client) for client, slave in winners)
        self.assertGreaterEqual(right, 0.99 * len(winners), collections.Counter(winners))

    def test_1_every_connection_is_exact_follows_the_nearest_slave_and_its_verdict_is_right(self):
        before = self.counted()
        races = web_races.verdicts.Races(self.site.socket())
        clients = web_races.Clients(self.lab)
        for i, host in enumerate(CLIENTS):
            clients.ask(host, 60, think_ms=(0, 10, 20, 100)[i % 4], family=4 if i % 2 else 6)
            clients.ask(host, 20, think_ms=50, each=1, family=6 if i % 2 else 4)
        requests = web_races.match(clients.wait(), races.stop())
        self.assertEqual([r.fault for r in requests if r.fault], [])
        self.assertEqual(clients.left_over, [])
        self.assertEqual(self.since(before), {"races": len(requests)})
        self.assert_nearest([(r.host, r.winner) for r in requests])
        score, wrong = web_races.score(requests)
        print(f"{len(requests)} requests, {score}")
        self.assertEqual(wrong, [])
        self.assertGreaterEqual(score["races"], 0.97 * len(requests))
        self.assertGreaterEqual(score["certain_share"], 0.95)

    def test_2_curl_wget_and_python_follow_the_nearest_slave(self):
        before = self.counted()
        winners = []
        for host in CLIENTS:
            slaves = re.compile(r"http://([a-z]+)\.example\.test/")
            curl = self.lab.run(host, ["curl", "-gs", "-H", f"Host: {HOST}", "-w", "%{redirect_url}\n",
                                       *(self.url(f"/{i}", 4 if i % 2 else 6) for i in range(10))], check=True)
            wget = self.lab.run(host, ["wget", "-S", "-O-", "--max-redirect=0", "--header", f"Host: {HOST}",
                                       *(self.url(f"/{i}") for i in range(5))])
            python = self.lab.run(host, [sys.executable, "-c", "import http.client, sys\n"
                                         "c = http.client.HTTPConnection(sys.argv[1], 80, timeout=5)\n"
                                         "for i in range(10):\n"
                                         "  c.request('GET', f'/{i}', headers={'Host': sys.argv[2]})\n"
                                         "  a = c.getresponse(); a.read(); print(a.getheader('Location'))",
                                         self.lab.address("master"), HOST], check=True)
            for text, count in ((curl.stdout, 10), (wget.stderr, 5), (python.stdout, 10)):
                found = slaves.findall(re.sub(r"\[following\]|Location: .* \[", "", text))
                found = found[:count] if count == 5 else found
                self.assertEqual(len(found), count, text)
                winners += [(host, slave) for slave in found]
        self.assert_nearest(winners)
        self.assertGreaterEqual(self.since(before)["races"], len(winners))

    def test_3_chromium_gets_its_content_from_the_nearest_slave(self):
        for slave in SLAVES:
            self.lab.start(slave, f"{slave}-content",
                           [sys.executable, "-c", SERVER, slave, self.lab.address(slave)]).wait_for("ready")
        rules = ", ".join([f"MAP {HOST} {self.lab.address('master')}",
                           *(f"MAP {s}.example.test {self.lab.address(s)}" for s in SLAVES)])
        before = self.counted()
        for host in ("berlin", "boston", "tokyo"):
            with tempfile.TemporaryDirectory() as folder:
                done = self.lab.run(host, ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu",
                                           "--disable-dev-shm-usage", "--no-first-run",
                                           "--disable-background-networking", "--disable-component-update",
                                           f"--user-data-dir={folder}", f"--host-resolver-rules={rules}",
                                           "--dump-dom", f"http://{HOST}/"], timeout=60)
            self.assertIn(f"content of {self.nearest(host)}", done.stdout, done.stderr[-2000:])
        self.assertGreaterEqual(self.since(before)["races"], 3)

    def test_4_what_cannot_be_raced_is_answered_at_once_and_in_order(self):
        before = self.counted()
        connection = Connection(self.lab, "berlin")
        count = 50
        connection.sock.sendall(b"".join(f"GET /{i} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode() for i in range(count)))
        got = b""
        while got.count(b"\r\n\r\n") < count:
            got += connection.sock.recv(65536)
        self.assertEqual([int(n) for n in re.findall(rb"example\.test/(\d+)\r", got)], list(range(count)))
        self.assertTrue(web_races.ANSWER.match(got))
        self.assertEqual(connection.ask("/after").fault, "")
        self.assertEqual(connection.close(), b"")
        since = self.since(before)
        self.assertGreaterEqual(since["tcp_busy"], count - 1)

    def test_5_a_request_that_comes_before_the_race_is_over_is_answered_too(self):
        connection = Connection(self.lab, "tokyo")
        for i in range(20):
            connection.sock.sendall(f"GET /{i} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            time.sleep(0.01)  # the delay is 30 ms
        got = b""
        while got.count(b"\r\n\r\n") < 20:
            got += connection.sock.recv(65536)
        self.assertEqual([int(n) for n in re.findall(rb"example\.test/(\d+)\r", got)], list(range(20)))
        self.assertEqual(connection.close(), b"")

    def test_6_a_connection_that_ends_with_its_answer_is_raced_and_closed_after_it(self):
        before, own = self.counted(), self.site.status()["http"]["races_own_copy"]
        for i in range(12):
            connection = Connection(self.lab, "boston", 4 if i % 2 else 6)
            close = "Connection: close\r\n" if i % 3 else ""
            connection.sock.sendall(f"GET /{i} HTTP/1.1\r\nHost: {HOST}\r\n{close}\r\n".encode())
            if not close or i % 3 == 1:  # the client says that it has no more to ask, before the instant
                time.sleep(0.005)
                connection.sock.shutdown(socket.SHUT_WR)
            got = b""
            while part := connection.sock.recv(65536):
                got += part
            connection.sock.close()
            self.assertTrue(web_races.ANSWER.fullmatch(got), got)
            self.assertIn(b"Location: http://nyc.example.test/", got)
        self.assertEqual(self.since(before), {"races": 12})
        self.assertEqual(self.site.status()["http"]["races_own_copy"], own)

    def test_7_clients_that_reset_or_leave_during_a_race_disturb_nobody(self):
        for i in range(40):
            connection = Connection(self.lab, "denver")
            connection.sock.sendall(f"GET /{i} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            if i % 2:
                connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            time.sleep((i % 4) * 0.02)
            connection.sock.close()
        connection = Connection(self.lab, "denver")
        for i in range(20):
            self.assertEqual(connection.ask(f"/{i}").winner, "nyc")
        self.assertEqual(connection.close(), b"")

    def test_7_clients_without_timestamps_are_raced_and_their_verdicts_are_right(self):
        client = "madrid"
        self.lab.run(client, ["sysctl", "-qw", "net.ipv4.tcp_timestamps=0"], check=True)
        try:
            before = self.counted()
            races = web_races.verdicts.Races(self.site.socket())
            clients = web_races.Clients(self.lab)
            for i, think in enumerate((0, 10, 50, 100)):
                clients.ask(client, 40, think_ms=think, family=4 if i % 2 else 6)
                clients.ask(client, 10, think_ms=think, each=1, family=6 if i % 2 else 4)
            requests = web_races.match(clients.wait(), races.stop())
            since = self.since(before)
        finally:
            self.lab.run(client, ["sysctl", "-qw", "net.ipv4.tcp_timestamps=1"], check=True)
        self.assertEqual([r.fault for r in requests if r.fault], [])
        self.assertEqual(clients.left_over, [])
        self.assertEqual(since, {"races": len(requests)})
        self.assert_nearest([(r.host, r.winner) for r in requests])
        score, wrong = web_races.score(requests)
        print(f"without timestamps: {len(requests)} requests, {score}")
        self.assertEqual(wrong, [])
        self.assertGreaterEqual(score["certain_share"], 0.95)

    def test_7_a_client_that_does_not_read_gets_every_answer_when_it_does(self):
        with self.lab.socket("boston", socket.AF_INET, socket.SOCK_STREAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
            sock.settimeout(10)
            sock.connect((self.lab.address("master"), 80))
            before = self.counted()
            count = 40
            for i in range(count):  # its window is closed long before the last one
                sock.sendall(f"GET /{i} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
                time.sleep(0.05)
            got = b""
            while got.count(b"\r\n\r\n") < count:
                got += sock.recv(65536)
            since = self.since(before)
            self.assertEqual([int(n) for n in re.findall(rb"example\.test/(\d+)\r", got)], list(range(count)))
            self.assertGreater(since["races"], 0)
            self.assertGreater(since.get("tcp_room", 0) + since.get("tcp_busy", 0), 0)
            sock.sendall(f"GET /last HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
            rest = b""
            while part := sock.recv(65536):
                rest += part
            self.assertIn(b"example.test/last\r\n", rest)
            self.assertEqual(rest.count(b"HTTP/1.1 "), 1)

    def test_8_segments_that_come_after_the_kernels_own_copy_change_nothing(self):
        client = "jakarta"
        before = self.site.status()["http"]
        for slave in SLAVES:
            self.lab.link(slave, client, one_way=True, delay="400ms")
        try:
            connection = Connection(self.lab, client)
            requests = [connection.ask(f"/{i}") for i in range(6)]
            time.sleep(0.5)
            requests.append(connection.ask("/after"))
        finally:
            for slave in SLAVES:
                self.lab.link(slave, client, one_way=True, delay=f"{self.lab.delay_ms(slave, client)}ms")
        self.assertEqual([r.fault for r in requests], [""] * 7)
        self.assertEqual(connection.close(), b"")
        now = self.site.status()["http"]
        self.assertGreaterEqual(now["races_own_copy"] - before["races_own_copy"], 5)
        self.assertEqual(now["races_won"], before["races_won"])

    def test_8_with_half_of_the_slaves_segments_lost_every_answer_is_whole(self):
        for slave in SLAVES:
            self.lab.link(slave, "*", one_way=True, loss=0.5)
        try:
            races = web_races.verdicts.Races(self.site.socket())
            clients = web_races.Clients(self.lab)
            for host in ("berlin", "denver", "tokyo"):
                clients.ask(host, 30, think_ms=10)
            requests = web_races.match(clients.wait(), races.stop())
        finally:
            for slave in SLAVES:
                self.lab.link(slave, "*", one_way=True, loss=0)
        self.assertEqual([r.fault for r in requests if r.fault], [])
        self.assertEqual(clients.left_over, [])
        score, wrong = web_races.score(requests)
        print(f"half of the segments lost: {len(requests)} requests, {score}, the slowest "
              f"{max(r.ended_ns - r.started_ns for r in requests) * 1e-9:.2f} s")
        self.assertEqual(wrong, [])

    def test_8_with_loss_on_every_link_every_answer_is_whole(self):
        self.lab.link("*", "*", loss=0.05)
        try:
            clients = web_races.Clients(self.lab)
            for i, host in enumerate(CLIENTS):
                for _ in range(3):
                    clients.ask(host, 30, think_ms=10, each=10, family=4 if i % 2 else 6)
            requests = clients.wait()
        finally:
            self.lab.link("*", "*", loss=0)
        self.assertEqual([(r.client, r.fault) for r in requests if r.fault], [])
        self.assertEqual(clients.left_over, [])
        print(f"{len(requests)} requests with 5 % loss, the slowest "
              f"{max(r.ended_ns - r.started_ns for r in requests) * 1e-9:.2f} s")

    def test_9_without_slaves_the_kernel_answers_and_then_the_master(self):
        for state, took in zip(("silent", "dead"), web_races.lose_slaves(self.lab, self.site, CLIENTS)):
            print(f"slaves are {state}, ms above the round trip:", {r.host: round(ms) for r, ms in took})
            self.assertEqual([r.fault for r, _ in took], [""] * len(CLIENTS))
            self.assertLess(max(ms for _, ms in took), 300)
            if state == "silent":
                self.assertGreater(min(ms for _, ms in took), 100)  # it was the kernel's own copy


if __name__ == "__main__":
    harness.main()
