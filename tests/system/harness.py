"""A lab of real programs, for system tests, the demo and benchmarks.

`Lab` runs flagfall-lab and starts programs in its hosts. Whatever happens to
this process, the lab ends with it, and takes all programs in its hosts along:
flagfall-lab's command reads a pipe of ours. Python 3.11, no other packages.
"""

import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import unittest

import stalls

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("FLAGFALL_BIN") or ROOT / "build" / "release" / "bin")
LABS = ROOT / "configs" / "lab"


LIBC = ctypes.CDLL(None)
CLONE_NEWNET = 0x40000000

# A machine that stands still for so much of a test's time, or so long at once, cannot judge times of milliseconds.
STALLED_SHARE = 0.002
STALLED_SECONDS = 0.02
ROUNDS = 3
NOT_JUDGED = 77  # the exit status that ctest calls "Skipped" (tests/system/CMakeLists.txt)

# What the lab lasts as long as. It removes the files ($1) when we died without a word, and when we told it
# to stay and somebody ends it later.
COMMAND = """
echo up
read word || { rm -rf "$1"; exit 0; }
[ "$word" = stay ] || exit 0
trap 'kill $!; rm -rf "$1"; exit 0' TERM INT HUP
sleep infinity < /dev/null > /dev/null &
wait
"""


class HarnessError(Exception):
    """Something that a test did not ask for went wrong; the text says what."""


class Crashed(HarnessError):
    """A program of ours died of a bug, or a sanitizer complained."""


def require():
    """Raises HarnessError, with what to do, where no lab can be made."""
    if os.geteuid() != 0:
        raise HarnessError("must be run as root: the lab makes network namespaces")
    if not os.path.exists("/dev/net/tun"):
        raise HarnessError("/dev/net/tun is missing: load the kernel's tun module, or allow the container the device")
    if not (BIN / "flagfall-lab").exists():
        raise HarnessError(f"{BIN}/flagfall-lab is missing: run scripts/build, or set FLAGFALL_BIN")


def wait_until(condition, seconds, what):
    """Calls `condition` until it returns something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise HarnessError(f"waited {seconds} s in vain for {what() if callable(what) else what}")
        time.sleep(0.02)


class Program:
    """A program that runs in a host, its output in a file."""

    def __init__(self, name, argv, log, env=None):
        self.name = name
        self.argv = [str(word) for word in argv]
        self.log = pathlib.Path(log)
        self._offset = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                start_new_session=True, env={**os.environ, **(env or {})})

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def output(self):
        """What it has printed since this start."""
        return self.log.read_bytes()[self._offset:].decode(errors="replace")

    def wait_for(self, pattern, seconds=10):
        def look():
            found = re.search(pattern, self.output())
            if not found and not self.running():
                raise HarnessError(f"{self.name} has ended (status {self.process.returncode}):\n{self.output()}")
            return found
        return wait_until(look, seconds, lambda: f"{self.name} to print {pattern!r}; it printed:\n{self.output()}")

    def wait(self, seconds=10):
        """Its exit status, when it ends by itself."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise HarnessError(f"{self.name} has not ended within {seconds} s:\n{self.output()}") from None

    def stop(self, seconds=5):
        """SIGTERM, then SIGKILL; its exit status."""
        if self.running():
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode

    def kill(self):
        """SIGKILL, at once."""
        self.process.kill()
        self.process.wait()

    def complaint(self):
        """How it died of a bug of its own, or what a sanitizer said; empty when neither. Once it has ended."""
        said = re.search(r"(Sanitizer: |runtime error: |Assertion .* failed)", self.output())
        crashed = -self.process.returncode in (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)
        return f"{self.name} (status {self.process.returncode}):\n{self.output()[-20000:]}" if said or crashed else ""


class Lab:
    """`with Lab("race.toml") as lab:`; a bare name lies in configs/lab."""

    def __init__(self, topology, *, seed=None, capture=False, capture_sent=False, keep_files=False, name=None):
        require()
        self.file = LABS / topology
        self.topology = tomllib.loads(self.file.read_text())
        # A name of its own: a test beside a demo that is left running.
        self.name = name or f"{self.topology['lab'][:10]}_{os.getpid()}"
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="flagfall-lab-"))
        self.directory.chmod(0o755)  # programs that drop their privileges read their configuration here
        self.capture = self.directory / "released.pcap" if capture else None
        self.capture_sent = self.directory / "sent.pcap" if capture_sent else None
        self.keep_files = keep_files
        self.left = False
        self._programs = []
        self._lab = None
        self._options = []
        if seed is not None:
            self._options += ["--seed", str(seed)]
        if self.capture:
            self._options += ["--capture", str(self.capture)]
        if self.capture_sent:
            self._options += ["--capture-sent", str(self.capture_sent)]

    def __enter__(self):
        try:
            self.start_lab()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start_lab(self):
        argv = [str(BIN / "flagfall-lab"), str(self.file), "--name", self.name, *self._options,
                "--", "sh", "-c", COMMAND, "sh", str(self.directory)]
        errors = self.directory / "flagfall-lab.log"
        with open(errors, "wb") as out:
            self._lab = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out,
                                         start_new_session=True)
        if self._lab.stdout.readline() != b"up\n":
            self._lab.wait(10)
            raise HarnessError(f"flagfall-lab failed: {errors.read_text().strip()}")

    @property
    def pid(self):
        return self._lab.pid

    def stop(self):
        """Programs in reverse order, then the lab, then the files. Any number of times. Raises HarnessError
        in the end when a program crashed, or a sanitizer complained."""
        if self.left:
            return
        for program in reversed(self._programs):
            program.stop()
        complaints = [program.complaint() for program in self._programs]
        self._programs.clear()
        self.stop_lab()
        if not self.keep_files:
            shutil.rmtree(self.directory, ignore_errors=True)
        if any(complaints):
            raise Crashed("crashed: " + "\n".join(filter(None, complaints)))

    def leave(self):
        """The lab outlives us, with its programs and files, until `flagfall-lab clean`."""
        self._lab.stdin.write(b"stay\n")
        self._lab.stdin.flush()
        self.left = True

    def stop_lab(self):
        """The hosts and their network; captures are complete afterwards."""
        if not self._lab:
            return
        lab, self._lab = self._lab, None
        try:
            lab.stdin.write(b"end\n")
            lab.stdin.close()
        except BrokenPipeError:
            pass  # it has ended by itself, or was killed
        try:
            lab.wait(15)
        except subprocess.TimeoutExpired:
            lab.kill()  # its janitor removes the hosts
            lab.wait()
        lab.stdout.close()

    # Hosts

    def hosts(self):
        return [host["name"] for host in self.topology["host"]]

    def _host(self, name):
        return next(host for host in self.topology["host"] if host["name"] == name)

    def address(self, host, family=4):
        """The host's first address of a family."""
        return next(a for a in self._host(host)["addresses"] if (":" in a) == (family == 6))

    def management(self, host):
        return self._host(host).get("management")

    def delay_ms(self, a, b):
        """The configured delay between two hosts."""
        for link in self.topology.get("link", []):
            if {link["from"], link["to"]} == {a, b}:
                return float(link["delay"].removesuffix("ms"))
        return float(self.topology["default"]["delay"].removesuffix("ms"))

    def inside(self, host, argv):
        """The command line that runs `argv` in a host."""
        return ["ip", "netns", "exec", f"ff-{self.name}-{host}", *(str(word) for word in argv)]

    def run(self, host, argv, *, timeout=30, check=False, **options):
        """Runs a command in a host to its end; its output as text."""
        done = subprocess.run(self.inside(host, argv), capture_output=True, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL, check=False, **options)
        if check and done.returncode != 0:
            raise HarnessError(f"{argv[0]} in {host}: status {done.returncode}: {done.stderr.strip()}")
        return done

    def start(self, host, name, argv, env=None):
        """Starts a program in a host; it ends with the lab."""
        program = Program(name, self.inside(host, argv), self.directory / f"{name}.log", env)
        self._programs.append(program)
        return program

    def socket(self, host, *arguments):
        """A socket of ours in a host: a thread enters its namespace for the socket's birth, and ends."""
        made = []

        def inside():
            with open(f"/run/netns/ff-{self.name}-{host}", "rb") as there:
                if LIBC.setns(there.fileno(), CLONE_NEWNET) == 0:
                    made.append(socket.socket(*arguments))
        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        if not made:
            raise HarnessError(f"cannot make a socket in {host}")
        return made[0]

    # Network

    def link(self, a, b, *, one_way=False, **changes):
        """Changes a link while the lab runs: link("fra", "*", loss=0.02)."""
        words = [f"{key}={value}" for key, value in changes.items()]
        flags = ["--one-way"] if one_way else []
        self._tell(["link", *flags, self.name, a, b, *words])

    def stats(self):
        """flagfall-lab's own counters."""
        return json.loads(self._tell(["stats", self.name]))

    @staticmethod
    def _tell(words):
        done = subprocess.run([BIN / "flagfall-lab", *words], capture_output=True, text=True, check=False, timeout=10)
        if done.returncode != 0:
            raise HarnessError(done.stderr.strip())
        return done.stdout


class Result(unittest.TextTestResult):
    """Tells what failed while the machine stood still (stalls.py) from what failed by itself."""

    stalls = None

    def startTestRun(self):
        super().startTestRun()
        self._begun = time.monotonic()
        self.excused = 0

    def startTest(self, test):
        super().startTest(test)
        self._begun = time.monotonic()

    def _excuse(self, error):
        share, longest = self.stalls.between(self._begun, time.monotonic())
        if not issubclass(error[0], Crashed) and (share > STALLED_SHARE or longest > STALLED_SECONDS):
            self.excused += 1
            self.stream.writeln(f"the machine stood still for {100 * share:.2f} % of this test's time, "
                                f"{1000 * longest:.0f} ms at the longest")

    def addError(self, test, err):
        super().addError(test, err)
        self._excuse(err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._excuse(err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self._excuse(err)


def main(awake=True):
    """What a test file ends with. A machine that cannot make labs fails, and says why. A file whose failures all
    came while the machine stood still is run again; if it has no quiet time at all, it ends as not judged.
    `awake`: idle processors are kept busy, so that the machine's host does not take them away."""
    try:
        require()
    except HarnessError as error:
        sys.exit(f"system tests: {error}")
    with stalls.Stalls(awake=awake) as Result.stalls:
        for n in range(ROUNDS):
            if n > 0:
                Result.stalls.wait_for_quiet(5, 60)
            result = unittest.main(exit=False, testRunner=unittest.TextTestRunner(resultclass=Result, verbosity=2)).result
            failed = len(result.errors) + len(result.failures)
            if failed > result.excused:
                sys.exit(1)
            if not failed:
                sys.exit(0)
    print(f"not judged: failed {ROUNDS} times while the machine stood still")
    sys.exit(NOT_JUDGED)
