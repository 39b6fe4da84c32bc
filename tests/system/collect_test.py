"""A real slave and a real collector tell a real master how their machines and content servers are: in
flagfall status, as they die and come back. Loopback only, no lab."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import harness

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("FLAGFALL_BIN", ROOT / "build" / "release" / "bin"))

ZONE = """$ORIGIN example.test.
$TTL 300
@ IN SOA ns1 hostmaster 1 3600 900 604800 60
@ IN NS ns1
ns1 IN A 127.0.0.1
www IN A 127.0.0.1
"""
PAGE = """import http.server, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"all is well"
        self.send_response(200 if self.headers["Host"] == "www.example.test" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
"""


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class CollectTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="flagfall-collect-")
        self.addCleanup(shutil.rmtree, self.directory)
        self.programs = []
        self.addCleanup(self.end_programs)
        for words in (["--ca", self.directory], ["--dir", self.directory, "master", "fra", "web-1"]):
            subprocess.run([BIN / "flagfall", "keygen", *words], check=True, capture_output=True)
        self.dns, self.control, self.page = free_port(socket.SOCK_DGRAM), free_port(), free_port()

    def end_programs(self):
        for program in self.programs:
            if program.poll() is None:
                program.terminate()
        for program in self.programs:
            try:
                program.wait(10)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()

    def write(self, name, text):
        path = pathlib.Path(self.directory, name)
        path.write_text(text, encoding="ascii")
        return path

    def start(self, *words):
        with open(os.path.join(self.directory, f"{len(self.programs)}.log"), "wb") as log:
            self.programs.append(subprocess.Popen([str(w) for w in words], stdout=log, stderr=log,
                                                  cwd=self.directory))
        return self.programs[-1]

    def start_page(self):
        return self.start(sys.executable, self.write("page.py", PAGE), self.page)

    def logs(self):
        return "\n".join(p.read_text(errors="replace") for p in sorted(pathlib.Path(self.directory).glob("*.log")))

    def slave_of(self, name):
        done = subprocess.run([BIN / "flagfall", "status", "--json", "--socket", f"{self.directory}/master.sock"],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return None
        return next(s for s in json.loads(done.stdout)["slaves"] if s["name"] == name)

    def wait_for(self, what, found, limit=15):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if (value := found()):
                return value
            time.sleep(0.1)
        self.fail(f"{what} did not come within {limit} s\n{self.logs()}")

    def wait_for_state(self, name, state):
        def found():
            slave = self.slave_of(name)
            checks = slave and slave["checks"]
            return checks and checks[0]["state"] == state and slave
        return self.wait_for(f"{name}: {state}", found)

    def start_all(self):
        self.write("example.test.zone", ZONE)
        master = self.write("master.toml", f"""
[dns]
listen = ["127.0.0.1:{self.dns}"]
[[zone]]
origin = "example.test"
file = "example.test.zone"
[control]
listen = "127.0.0.1:{self.control}"
ca = "ca.crt"
certificate = "master.crt"
key = "master.key"
[clock]
chrony = "{self.directory}/none.sock"
max_error = "5ms"
[stats]
enabled = false
[admin]
socket = "master.sock"
listen = []
[[service]]
name = "web"
names = ["www.example.test"]
delay = "20ms"
[[service.slave]]
name = "fra"
answers = ["127.0.0.1"]
[[service.slave]]
name = "web-1"
answers = ["127.0.0.1"]
""")
        common = f"""
[[master]]
address = "127.0.0.1:{self.control}"
name = "master"
[control]
ca = "ca.crt"
certificate = "NAME.crt"
key = "NAME.key"
[[check]]
name = "page"
kind = "http"
address = "127.0.0.1:{self.page}"
host = "www.example.test"
text = "all is well"
answer = "127.0.0.1"
interval = "200ms"
timeout = "200ms"
"""
        slave = self.write("fra.toml", common.replace("NAME", "fra") + f"""
[orders]
listen = ["127.0.0.1:{free_port(socket.SOCK_DGRAM)}"]
[transmit]
sources = ["127.0.0.1:{self.dns}"]
[clock]
chrony = "{self.directory}/none.sock"
max_error = "5ms"
""")
        collector = self.write("web-1.toml", common.replace("NAME", "web-1") + f"""
[collect]
tcp = ["127.0.0.1:{self.page}"]
tcp_interval = "500ms"
""")
        self.start(BIN / "flagfall-master", "--config", master)
        self.start(BIN / "flagfall-slave", "--config", slave)
        self.start(BIN / "flagfall-slave", "--collect-only", "--config", collector)

    def test_load_and_health_reach_the_master_and_follow_the_content_server(self):
        page = self.start_page()
        self.start_all()
        for name in ("fra", "web-1"):
            slave = self.wait_for_state(name, "up")
            self.assertEqual(slave["checks"][0]["answer"], "127.0.0.1")
            self.assertEqual(slave["collects_only"], name == "web-1")
        self.assertIn("only collects", self.slave_of("web-1")["why_not"])

        def loaded():
            slave = self.slave_of("fra")
            return slave["loads"] and slave["loads"][0]["idle_cpu"] is not None and slave["loads"][0]
        load = self.wait_for("a load with an idle CPU", loaded)
        self.assertEqual(load["name"], "machine")
        memory = int(next(line for line in open("/proc/meminfo", encoding="ascii")
                          if line.startswith("MemAvailable")).split()[1]) * 1024
        self.assertLess(abs(load["free_memory"] - memory), 0.2 * memory)
        self.assertTrue(0 <= load["idle_cpu"] <= 1)

        # The collector counts the page's connections: these.
        with_clients = [socket.create_connection(("127.0.0.1", self.page), 5) for _ in range(7)]
        self.wait_for("seven connections", lambda: self.slave_of("web-1")["loads"][0]["connections"] >= 7)
        for client in with_clients:
            client.close()

        page.send_signal(signal.SIGKILL)
        page.wait(5)
        for name in ("fra", "web-1"):
            self.assertTrue(self.wait_for_state(name, "down")["checks"][0]["why"])
        self.start_page()
        for name in ("fra", "web-1"):
            self.wait_for_state(name, "up")
        text = subprocess.run([BIN / "flagfall", "status", "--socket", f"{self.directory}/master.sock"],
                              capture_output=True, text=True, check=True).stdout
        self.assertRegex(text, r"fra +page +127\.0\.0\.1 +up ")
        self.assertRegex(text, r"web-1 +machine ")
        self.assertIn("slave fra: check page is down", self.logs())

        # A monitor that is gone is never up.
        self.programs[2].send_signal(signal.SIGKILL)
        self.programs[2].wait(5)
        self.wait_for("nothing known of fra", lambda: self.slave_of("fra")["checks"] == [])


if __name__ == "__main__":
    harness.main()
