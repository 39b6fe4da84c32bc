"""A site whose paths from master to slaves have jitter, so that every delay is a
trade; and what an operator does there with flagfall record and flagfall tune."""

import json
import signal
import subprocess
import time

import deployment
import harness
import load

SLAVES = ("fra", "nyc", "sin")  # 6, 12 and 18 ms from the master,
JITTER_MS = {"fra": 6, "nyc": 9, "sin": 12}  # and up to so much more, uniform, on the orders' way
CLIENT = "berlin"
SERVICE = "race"
# Below what the master keeps of each second; above, rows are a sample.
RATE = 180


class Site(deployment.Deployment):
    def __init__(self, lab):
        super().__init__(lab, SLAVES, names=(SERVICE,), delay="60ms")
        self.masters["master"]["admin"].update(listen=["192.0.2.1:4980"], certificate="admin.crt", key="admin.key",
                                               token_file="token", report_token_file="report-token")
        for slave in SLAVES:
            # Slaves spin before each instant, here three on two processors, for which each of them waits: an order
            # that comes in that moment would be late because of this machine. Precision is not what is measured.
            self.slaves[slave]["transmit"]["guard"] = "1us"
        for slave, jitter in JITTER_MS.items():
            lab.link("master", slave, one_way=True, jitter=f"{jitter}ms")

    def make_keys(self, *hosts):
        """And what the admin listener needs: a certificate for its address, and tokens."""
        super().make_keys(*hosts)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=master", "-addext", "subjectAltName=IP:192.0.2.1", "-days", "2",
                        "-keyout", self.directory / "admin.key", "-out", self.directory / "admin.crt"],
                       check=True, capture_output=True)
        (self.directory / "token").write_text("a-token-of-this-test-0123456789\n")
        (self.directory / "report-token").write_text("another-token-of-this-test-0123456789\n")
        for name in ("admin.key", "token", "report-token"):
            (self.directory / name).chmod(0o600)

    def tool(self, *words, **options):
        """flagfall, to its end: (status, what it printed, its complaints)."""
        done = subprocess.run([harness.BIN / "flagfall", *(str(w) for w in words)], capture_output=True, text=True,
                              check=False, timeout=60, stdin=subprocess.DEVNULL, **options)
        return done.returncode, done.stdout, done.stderr

    def tune(self, *words):
        """The JSON of flagfall tune."""
        status, out, err = self.tool("tune", *words, "--json")
        if status != 0:
            raise harness.HarnessError(f"flagfall tune {words}: {err}")
        return json.loads(out)

    def record(self, name, races, rate=RATE):
        """Load until so many races are recorded; the file, and what flagfall record said."""
        path = self.directory / name
        recorder = subprocess.Popen(
            [harness.BIN / "flagfall", "record", SERVICE, "--socket", self.socket(), "--output", path,
             "--races", str(races)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            with load.Load(self.lab, CLIENT, self.lab.address("master", 4), [SERVICE], rate):
                recorder.wait(60 + 3 * races / rate)
        except subprocess.TimeoutExpired:
            recorder.send_signal(signal.SIGINT)
            raise harness.HarnessError(f"only {len(self.rows(path)[1])} of {races} races were recorded") from None
        finally:
            said = recorder.communicate(timeout=10)[1]
        if recorder.returncode != 0:
            raise harness.HarnessError(f"flagfall record: {said}")
        return path, said

    @staticmethod
    def rows(path):
        """The last header and all races of a recorded file."""
        header, races = None, []
        for line in path.read_text().splitlines():
            one = json.loads(line)
            if "flagfall" in one:
                header = one
            else:
                races.append(one)
        return header, races

    def apply(self, delay_ms):
        """As an operator does: another delay in the configuration, and a restart."""
        self.services[0]["delay"] = f"{delay_ms:g}ms"
        self.programs["master"].stop()
        self.start_master()
        self.wait_fit()

    def outcomes(self):
        """Of each slave, orders that were on time, and all that were not refused."""
        out = {}
        for slave in self.status()["slaves"]:
            o = slave["outcomes"]
            out[slave["name"]] = (o["sent"], o["sent"] + o["sent_late"] + o["dropped_late"])
        return out

    def settle(self, seconds=3):
        """The last rows settle, and reports come in."""
        time.sleep(seconds)


def on_time_share(races, delay_ms):
    """Of races that were run with this delay. What a late slave needed is more than the delay, whatever was
    measured, and no more where it was on time (delay/rows.hh): so this counts fates."""
    on_time = sum(all(us is None or us <= delay_ms * 1000 for us in race["needed_us"]) for race in races)
    return on_time / len(races)
