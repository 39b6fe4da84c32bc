"""Front ends beside HTTP's: redirects over TLS by the director's choice, with certificates that change without a
drop; and RTSP's, raced as HTTP's are. Clients: curl, Python's ssl, openssl s_client, ffprobe, and plain sockets."""

import collections
import os
import pathlib
import re
import socket
import ssl
import subprocess
import threading
import time
import unittest

import deployment
import harness
import web_races

SLAVES = ("fra", "nyc", "sin")
CLIENTS = ("berlin", "madrid", "boston", "denver", "jakarta", "tokyo")
HOST = web_races.HOST
MEDIA = "media.example.test"
REDIRECT = re.compile(rb"RTSP/1\.0 302 Found\r\nCSeq: (\d+)\r\n(?:[A-Za-z-]+: [^\r\n]*\r\n)*\r\n")
LOCATION = re.compile(rb"\r\nLocation: rtsp://([a-z]+)\.example\.test(/[^\r]*)\r\n")


class WebFrontsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("race.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = deployment.Deployment(cls.lab, SLAVES, delay="30ms", ordinary_user=True)
        web_races.arrange(cls.site)
        cls.site.make_keys(HOST, "other.example.test")
        service = cls.site.services[0]
        service["http"]["hosts"] = [HOST, "other.example.test"]
        service["rtsp"] = {"hosts": [MEDIA]}
        master = cls.site.masters["master"]
        master["http"]["header_timeout"] = "2s"
        master["https"] = {"listen": cls.addresses(443),
                           "certificate": [{"certificate": f"{name}.crt", "key": f"{name}.key"}
                                           for name in (HOST, "other.example.test")]}
        master["rtsp"] = {"listen": cls.addresses(554)}
        for slave in cls.site.slaves.values():
            slave["transmit"]["sources"] = [*slave["transmit"]["sources"], *cls.addresses(554)]
        cls.site.start()

    @classmethod
    def addresses(cls, port):
        return [deployment.endpoint(cls.lab.address("master", family), port) for family in (4, 6)]

    def connect(self, client, port, family=4):
        made = self.lab.socket(client, socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_STREAM)
        made.settimeout(10)
        made.connect((self.lab.address("master", family), port))
        return made

    def tls(self, client="berlin", name=HOST, family=4):
        context = ssl.create_default_context(cafile=self.site.directory / "ca.crt")
        context.set_alpn_protocols(["http/1.1"])
        return context.wrap_socket(self.connect(client, 443, family), server_hostname=name)

    @staticmethod
    def ask(sock, path="/a?b=c", host=HOST):
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        got = b""
        while b"\r\n\r\n" not in got:
            part = sock.recv(65536)
            if not part:
                raise ConnectionError(got)
            got += part
        return got.decode()

    def events(self, scheme):
        return self.site.status()[scheme]

    def nearest(self, client):
        return min(SLAVES, key=lambda slave: self.lab.delay_ms(client, slave))

    def test_1_curl_is_redirected_over_tls(self):
        ca = str(self.site.directory / "ca.crt")
        for family in (4, 6):
            address = self.lab.address("master", family)
            to = f"[{address}]" if family == 6 else address
            done = self.lab.run("berlin", ["curl", "-gsi", "--cacert", ca, "--resolve", f"{HOST}:443:{to}",
                                           f"https://{HOST}/v?x=1"], check=True)
            self.assertIn("HTTP/1.1 302 Found", done.stdout)
            self.assertRegex(done.stdout, r"Location: https://[a-z]+\.example\.test/v\?x=1")
        self.assertFalse(self.events("https")["raced_here"])
        self.assertTrue(self.events("http")["raced_here"])

    def test_1_the_certificate_is_of_the_server_that_was_asked_for(self):
        for name in (HOST, "other.example.test"):
            with self.tls(name=name) as s:  # its context checks the name
                for i in range(3):
                    self.assertIn(f"/{i}\r\n", self.ask(s, f"/{i}", name))
                self.assertEqual(s.selected_alpn_protocol(), "http/1.1")

    def test_2_certificates_change_without_a_drop(self):
        def serial():
            with self.tls() as s:
                self.ask(s)
                return s.getpeercert()["serialNumber"]

        before = serial()
        stop = threading.Event()
        failed = []
        asked = collections.Counter()

        def keep_asking(reconnect):
            sock = None
            while not stop.is_set():
                try:
                    sock = sock or self.tls("madrid")
                    self.assertIn("302 Found", self.ask(sock))
                    asked[reconnect] += 1
                    if reconnect:
                        sock.close()
                        sock = None
                except (OSError, AssertionError) as error:
                    failed.append(repr(error))
                    return

        workers = [threading.Thread(target=keep_asking, args=(new,)) for new in (True, False)]
        for worker in workers:
            worker.start()
        try:
            subprocess.run([harness.BIN / "flagfall", "keygen", "--force", "--dir", self.site.directory, HOST],
                           check=True, capture_output=True, timeout=20)
            os.chown(self.site.directory / f"{HOST}.key", deployment.NOBODY, deployment.NOGROUP)
            self.reload()
            harness.wait_until(lambda: serial() != before, 10, "the new certificate")
            time.sleep(2)
        finally:
            stop.set()
            for worker in workers:
                worker.join()
        self.assertEqual(failed, [])
        self.assertGreater(min(asked[True], asked[False]), 10)
        # A key that does not fit changes nothing.
        good = (self.site.directory / f"{HOST}.key").read_bytes()
        key = self.site.directory / f"{HOST}.key"
        key.write_bytes((self.site.directory / "other.example.test.key").read_bytes())
        try:
            self.assertIn("does not belong", self.reload(good=False))
            serial()
        finally:
            key.write_bytes(good)

    def reload(self, good=True):
        done = subprocess.run([harness.BIN / "flagfall", "reload", "--socket", self.site.socket()],
                              capture_output=True, text=True, check=False, timeout=20)
        self.assertEqual(done.returncode == 0, good, done.stderr + done.stdout)
        return done.stderr + done.stdout

    def test_3_what_is_no_tls_ends_and_is_counted(self):
        before = self.events("https")
        for octets in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\0" * 1000, b"\x16\x03\x01\xff\xff" + b"x" * 70000):
            with self.connect("berlin", 443) as s:
                s.sendall(octets)
                try:
                    while s.recv(65536):
                        pass
                except ConnectionError:
                    pass
        context = ssl.create_default_context(cafile=self.site.directory / "ca.crt")
        context.set_alpn_protocols(["h2"])
        with self.connect("berlin", 443) as s, self.assertRaises(ssl.SSLError):
            context.wrap_socket(s, server_hostname=HOST)
        now = self.events("https")
        self.assertGreaterEqual(now["tls_errors"] - before["tls_errors"], 3)
        with self.tls() as s:
            self.assertIn("302", self.ask(s))

    def test_3_a_handshake_may_not_take_for_ever_and_who_waits_after_it_may(self):
        before = self.events("https")
        half = [self.connect("madrid", 443) for _ in range(200)]
        ready = self.tls()
        for s in half:
            s.sendall(b"\x16\x03\x01")
        with self.tls() as s:
            self.assertIn("302", self.ask(s))
        harness.wait_until(lambda: self.events("https")["header_timeouts"] - before["header_timeouts"] >= 200, 10,
                           "slow handshakes to be ended")
        for s in half:
            s.close()
        self.assertIn("302", self.ask(ready))
        ready.close()

    def test_3_requests_over_tls_in_many_pieces_and_many_at_once(self):
        with self.tls() as s:
            for octet in f"GET /x HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode():
                s.sendall(bytes([octet]))
            self.assertIn("/x\r\n", s.recv(1000).decode())
            s.sendall(b"".join(f"GET /{i} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode() for i in range(500)))
            s.sendall(b"GET /end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            got = b""
            while part := s.recv(65536):
                got += part
            self.assertEqual(got.count(b"HTTP/1.1 302"), 500)
            self.assertTrue(got.endswith(b"no service holds this host and path\n"))

    def describe(self, sock, number, path):
        sock.sendall(f"DESCRIBE rtsp://{MEDIA}{path} RTSP/1.0\r\nCSeq: {number}\r\nAccept: application/sdp\r\n\r\n"
                     .encode())
        got = b""
        while b"\r\n\r\n" not in got:
            part = sock.recv(65536)
            if not part:
                raise ConnectionError(got)
            got += part
        whole = REDIRECT.fullmatch(got)
        self.assertTrue(whole and int(whole[1]) == number, got)
        location = LOCATION.search(got)
        self.assertEqual(location[2].decode(), path)
        return location[1].decode()

    def test_4_rtsp_requests_are_raced_and_led_to_the_nearest(self):
        before = self.events("rtsp")
        winners = []

        def run(client, family):
            with self.connect(client, 554, family) as s:
                s.sendall(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
                options = s.recv(1000)
                self.assertTrue(options.startswith(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n"), options)
                self.assertIn(b"\r\nPublic: OPTIONS, DESCRIBE, ", options)
                for i in range(40):
                    winners.append((client, self.describe(s, i + 2, f"/{client}/{i}?x={i}")))
                    time.sleep(0.02)

        for family in (4, 6):
            workers = [threading.Thread(target=run, args=(client, family)) for client in CLIENTS]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        self.assertEqual(len(winners), 2 * 40 * len(CLIENTS))
        right = sum(slave == self.nearest(client) for client, slave in winners)
        now = self.events("rtsp")
        raced, won = (now[key] - before[key] for key in ("raced", "races_won"))
        print(f"{len(winners)} RTSP requests, {raced} raced, {right} to the nearest, {won} with a verdict")
        self.assertGreaterEqual(right, 0.99 * len(winners))
        self.assertGreaterEqual(raced, 0.99 * len(winners))
        self.assertGreaterEqual(won, 0.95 * raced)

    def test_5_ffprobe_follows(self):
        heard = []
        with self.lab.socket("fra", socket.AF_INET, socket.SOCK_STREAM) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((self.lab.address("fra"), 554))
            server.listen()
            server.settimeout(10)
            hosts = pathlib.Path(self.site.directory, "hosts")
            hosts.write_text(f"{self.lab.address('master')} {MEDIA}\n{self.lab.address('fra')} fra.example.test\n")
            client = threading.Thread(target=lambda: self.lab.run(
                "berlin", ["unshare", "-m", "sh", "-c", f"mount --bind {hosts} /etc/hosts && "
                           f"timeout 5 ffprobe -v quiet -rtsp_transport tcp rtsp://{MEDIA}/live"]))
            client.start()
            got, _ = server.accept()
            got.settimeout(5)
            heard.append(got.recv(1000))
            got.close()
            client.join()
        self.assertIn(b"rtsp://fra.example.test", heard[0])

    def test_6_what_is_no_rtsp_is_refused(self):
        for octets, status in ((b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"505"), (b"\0\0\r\n\r\n", b"400"),
                               (b"DESCRIBE rtsp://a/ RTSP/1.0\r\n\r\n", b"400"),
                               (b"$\0\0\x04abcd\r\n\r\n", b"400"), (b"DESCRIBE rtsp://a/ RTSP/1.0\nCSeq: 1\n\n", b"400"),
                               (b"DESCRIBE rtsp://" + b"a" * 100000, b"414"),
                               (b"\x16\x03\x01\x00\xa5\x01\n", b"400")):
            with self.connect("berlin", 554) as s:
                s.sendall(octets)
                got = b""
                try:
                    while part := s.recv(65536):
                        got += part
                except ConnectionResetError:
                    pass
                self.assertTrue(got.startswith(b"RTSP/1.0 " + status), (octets[:40], got))
                self.assertEqual(got.count(b"RTSP/1.0 "), 1)

    def test_7_metrics_have_each_front_end(self):
        text = subprocess.run(["curl", "-s", "--unix-socket", self.site.socket(), "http://m/metrics"],
                              capture_output=True, text=True, check=True).stdout
        for scheme in ("http", "https", "rtsp"):
            self.assertIn(f'flagfall_http_connections_open{{scheme="{scheme}"}}', text)
        self.assertIn('flagfall_certificate_not_after_timestamp_seconds{certificate="https"}', text)


if __name__ == "__main__":
    harness.main()
