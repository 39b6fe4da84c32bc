"""What benchmarks share: processes that end with the benchmark, the CPU time they
used, certificates, a chronyd that is the time itself, a query file, dnsperf."""

import atexit
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(os.environ.get("FLAGFALL_BIN", ROOT / "build/release/bin"))


class Failed(Exception):
    """One line that says why there is no result."""


class Folder:
    """A folder of its own that goes away, and the processes that run in it."""

    def __init__(self):
        self.path = Path(tempfile.mkdtemp(prefix="flagfall-bench-"))
        self.processes = []
        atexit.register(self.close)

    def write(self, name, text):
        (self.path / name).write_text(text)
        return str(self.path / name)

    def start(self, name, command):
        log = open(self.path / f"{name}.log", "w")
        process = subprocess.Popen(command, cwd=self.path, stdout=log, stderr=subprocess.STDOUT)
        self.processes.append((name, process))
        return process

    def log(self, name):
        return (self.path / f"{name}.log").read_text()

    def check(self):
        for name, process in self.processes:
            if process.poll() is not None:
                raise Failed(f"{name} ended by itself: {self.log(name)[-500:]}")

    def close(self):
        for _, process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for _, process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = []
        shutil.rmtree(self.path, ignore_errors=True)


def cpu_seconds(pid):
    """On-CPU time of all threads, from the scheduler (ns), not from ticks of 10 ms."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total * 1e-9


def certificates(folder, names):
    """ca/: a CA and a certificate for each name, made by `flagfall keygen`."""
    run([BIN / "flagfall", "keygen", "--ca", folder.path / "ca", *names])


def run(command):
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if result.returncode != 0:
        raise Failed(f"{command[0]}: {(result.stderr or result.stdout).strip()}")
    return result.stdout


def chronyd(folder, port):
    """A real chronyd that does not touch the clock (-x) and believes itself (stratum 1)."""
    config = folder.write("chrony.conf", f"""\
local stratum 1
port 0
cmdport {port}
bindcmdaddress 127.0.0.1
bindcmdaddress {folder.path}/chronyd.sock
pidfile {folder.path}/chronyd.pid
driftfile {folder.path}/chronyd.drift
""")
    user = [] if os.getuid() else ["-u", "root"]
    return folder.start("chronyd", ["chronyd", "-x", "-n", *user, "-f", config])


def admin(folder, name="master.sock"):
    out = run(["curl", "-s", "--max-time", "5", "--unix-socket", folder.path / name, "http://master/status"])
    return json.loads(out)


def wait_for(what, condition, seconds=20):
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except (Failed, json.JSONDecodeError, KeyError):
            pass
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(0.1)


def dnsperf(server, port, queries, seconds, rate=None, clients=16, outstanding=2000):
    """Sent, completed, and queries a second."""
    command = ["dnsperf", "-s", server, "-p", str(port), "-d", queries, "-l", str(seconds),
               "-c", str(clients), "-q", str(outstanding), "-t", "2"]
    if rate:
        command += ["-Q", str(rate)]
    out = run(command)

    def figure(label):
        match = re.search(rf"{label}:\s+([0-9.]+)", out)
        if not match:
            raise Failed(f"dnsperf said no '{label}': {out[-300:]}")
        return float(match.group(1))

    return {"sent": int(figure("Queries sent")), "completed": int(figure("Queries completed")),
            "rate": figure("Queries per second"), "latency_ms": figure(r"Average Latency \(s\)") * 1000}


def machine():
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return f"{os.cpu_count()} x {model.group(1) if model else 'CPU'}, Linux {os.uname().release}"
