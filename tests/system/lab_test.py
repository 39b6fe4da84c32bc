"""flagfall-lab: delays, foreign sources, loss, order, changes, clean-up."""

import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import unittest

import capture
import harness

IP_TRANSPARENT, IPV6_TRANSPARENT = 19, 75
# A wake-up on a virtual CPU takes up to 0.11 ms a hop, four hops a round trip; the machine may be busy.
SLACK_MS = 1.5


def namespaces(lab):
    out = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    return [line.split()[0] for line in out.splitlines() if line.startswith(f"ff-{lab}-")]


class LabTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("three-hosts.toml", capture=True)
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()

    def round_trips(self, host, address, count=20):
        done = self.lab.run(host, ["ping", "-n", "-q", "-c", count, "-i", "0.02", address])
        found = re.search(r"(\d+) received", done.stdout)
        times = self.lab.run(host, ["ping", "-n", "-c", count, "-i", "0.02", address]).stdout
        self.assertEqual(int(found[1]), count, done.stdout)
        return [float(t) for t in re.findall(r"time=([\d.]+)", times)]

    def test_a_round_trip_takes_twice_the_delay_over_ipv4_and_ipv6(self):
        for host, to, delay in (("client", "master", 20), ("client", "slave", 5)):
            for family in (4, 6):
                with self.subTest(to=to, family=family):
                    times = self.round_trips(host, self.lab.address(to, family))
                    self.assertGreaterEqual(min(times), 2 * delay)
                    self.assertLess(statistics.median(times), 2 * delay + SLACK_MS)

    def test_the_management_network_has_no_delay(self):
        self.assertLess(statistics.median(self.round_trips("master", self.lab.management("slave"))), SLACK_MS)

    def test_a_packet_with_a_foreign_source_arrives_after_its_true_senders_delay(self):
        for family, kind, option, level in ((4, socket.AF_INET, IP_TRANSPARENT, socket.IPPROTO_IP),
                                            (6, socket.AF_INET6, IPV6_TRANSPARENT, socket.IPPROTO_IPV6)):
            with self.subTest(family=family):
                master, client = (self.lab.address(host, family) for host in ("master", "client"))
                with self.lab.socket("client", kind, socket.SOCK_DGRAM) as receiver, \
                        self.lab.socket("slave", kind, socket.SOCK_DGRAM) as sender:
                    receiver.bind((client, 5000))
                    receiver.settimeout(2)
                    sender.setsockopt(level, option, 1)
                    sender.bind((master, 53))
                    took = []
                    for _ in range(20):
                        sent = time.monotonic()
                        sender.sendto(b"answer", (client, 5000))
                        data, source = receiver.recvfrom(100)
                        took.append((time.monotonic() - sent) * 1000)
                        self.assertEqual((data, source[:2]), (b"answer", (master, 53)))
                    self.assertGreaterEqual(min(took), 5)
                    self.assertLess(statistics.median(took), 5 + SLACK_MS)

    def numbered(self, count, gap=0.0):
        """Sends numbered datagrams from slave to client; the numbers that arrive, in their order."""
        address = self.lab.address("client")
        with self.lab.socket("client", socket.AF_INET, socket.SOCK_DGRAM) as receiver, \
                self.lab.socket("slave", socket.AF_INET, socket.SOCK_DGRAM) as sender:
            receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            receiver.bind((address, 0))
            receiver.settimeout(0.3)
            arrived = []
            for number in range(count):
                sender.sendto(number.to_bytes(4, "big"), receiver.getsockname())
                if gap:
                    time.sleep(gap)
            try:
                while True:
                    arrived.append(int.from_bytes(receiver.recv(4), "big"))
            except TimeoutError:
                return arrived

    def change(self, **changes):
        self.lab.link("slave", "client", **changes)
        self.addCleanup(self.lab.link, "slave", "client", delay="5ms", jitter="0ms", loss=0, reorder=0)

    def test_a_burst_arrives_whole_and_in_order_in_spite_of_jitter(self):
        self.change(jitter="3ms")
        self.assertEqual(self.numbered(1000), list(range(1000)))

    def test_loss_takes_its_share(self):
        self.change(loss=0.1)
        self.assertTrue(820 <= len(self.numbered(1000)) <= 970)

    def test_packets_are_reordered_when_asked(self):
        self.change(reorder=0.1, reorder_by="2ms")
        arrived = self.numbered(500, gap=0.0005)
        self.assertEqual(sorted(arrived), list(range(500)))
        self.assertGreater(sum(a > b for a, b in zip(arrived, arrived[1:])), 10)

    def test_a_changed_delay_holds_at_once(self):
        self.change(delay="12ms")
        self.assertGreaterEqual(min(self.round_trips("slave", self.lab.address("client"), 5)), 24)

    def test_a_change_that_makes_no_sense_is_refused_with_a_reason(self):
        with self.assertRaisesRegex(harness.HarnessError, "no host is called 'moon'"):
            self.lab.link("slave", "moon", delay="5ms")
        with self.assertRaisesRegex(harness.HarnessError, "must be|most|at most"):
            self.lab.link("slave", "client", loss=2)

    def test_strangers_destinations_are_dropped_and_counted(self):
        before = self.lab.stats()["drops"]["unknown_destination"]
        self.lab.run("client", ["ping", "-c", "1", "-W", "0.1", "198.51.100.77"])
        self.assertEqual(self.lab.stats()["drops"]["unknown_destination"], before + 1)


class CaptureTest(unittest.TestCase):
    def test_packets_leave_in_time_order_and_a_delay_after_they_entered(self):
        with harness.Lab("three-hosts.toml", capture=True, capture_sent=True, keep_files=True) as lab:
            lab.run("client", ["ping", "-n", "-q", "-c", 50, "-i", "0.01", lab.address("slave", 6)], check=True)
        self.addCleanup(shutil.rmtree, lab.directory)
        released, sent = list(capture.packets(lab.capture)), list(capture.packets(lab.capture_sent))
        self.assertEqual(len(released), 100)
        stamps = [packet.stamp_ns for packet in released]
        self.assertEqual(stamps, sorted(stamps))
        entered = {(p.source, p.payload): p.stamp_ns for p in sent}
        took = [(p.stamp_ns - entered[p.source, p.payload]) / 1e6 for p in released]
        self.assertGreaterEqual(min(took), 4.99)  # two clocks are read one after the other
        self.assertLess(statistics.median(took), 5.3)


class CleanUpTest(unittest.TestCase):
    def test_nothing_is_left_of_a_lab_that_ends(self):
        with harness.Lab("three-hosts.toml") as lab:
            self.assertEqual(len(namespaces(lab.name)), 4)
            sleeper = lab.start("client", "sleep", ["sleep", "1000"])
        self.assertEqual(namespaces(lab.name), [])
        self.assertFalse(sleeper.running())
        self.assertFalse(lab.directory.exists())

    def test_a_lab_killed_with_9_is_cleaned_up_with_what_ran_in_it(self):
        lab = harness.Lab("three-hosts.toml")
        self.addCleanup(lab.stop)
        lab.start_lab()
        sleeper = lab.start("client", "sleep", ["sleep", "1000"])
        os.kill(lab.pid, signal.SIGKILL)
        harness.wait_until(lambda: not namespaces(lab.name), 5, "the janitor")
        self.assertEqual(sleeper.wait(5), -signal.SIGTERM)
        self.assertFalse(pathlib.Path(f"/run/flagfall-lab/{lab.name}.sock").exists())

    def test_a_lab_whose_janitor_died_too_is_removed_at_the_next_start(self):
        name = f"left_{os.getpid()}"
        lab = harness.Lab("three-hosts.toml", name=name)
        self.addCleanup(lab.stop)
        lab.start_lab()
        janitor = subprocess.run(["pgrep", "-P", str(lab.pid), "flagfall-lab"], capture_output=True, text=True,
                                 check=True).stdout.split()
        self.assertEqual(len(janitor), 1)
        os.kill(int(janitor[0]), signal.SIGKILL)
        os.kill(lab.pid, signal.SIGKILL)
        lab._lab.wait()  # pylint: disable=protected-access
        self.assertEqual(len(namespaces(name)), 4)
        with harness.Lab("three-hosts.toml", name=name) as again:
            again.run("client", ["ping", "-c", "1", again.address("slave")], check=True)
        self.assertEqual(namespaces(name), [])

    def test_a_program_that_crashes_fails_its_test(self):
        lab = harness.Lab("three-hosts.toml")
        lab.start_lab()
        lab.start("client", "crash", ["sh", "-c", "kill -SEGV $$"]).wait()
        with self.assertRaisesRegex(harness.HarnessError, r"crashed: crash \(status -11\)"):
            lab.stop()
        self.assertEqual(namespaces(lab.name), [])

    def test_a_second_lab_of_the_same_name_is_refused(self):
        with harness.Lab("three-hosts.toml") as lab:
            with self.assertRaisesRegex(harness.HarnessError, "is running"):
                with harness.Lab("three-hosts.toml", name=lab.name):
                    pass
            lab.run("client", ["ping", "-c", "1", lab.address("slave")], check=True)

    def test_the_commands_exit_status_is_the_labs(self):
        for command, status in ((["sh", "-c", "exit 3"], 3), (["sh", "-c", "kill -9 $$"], 137)):
            done = subprocess.run([harness.BIN / "flagfall-lab", harness.LABS / "three-hosts.toml", "--name",
                                   f"exit_{os.getpid()}", "--", *command], check=False, timeout=30)
            self.assertEqual(done.returncode, status)

    def test_an_ordinary_user_is_told_why_not(self):
        with tempfile.TemporaryDirectory() as copy:  # the tree may lie where others cannot read
            os.chmod(copy, 0o755)
            program = shutil.copy(harness.BIN / "flagfall-lab", copy)
            topology = shutil.copy(harness.LABS / "three-hosts.toml", copy)
            done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", program, topology],
                                  capture_output=True, text=True, check=False, timeout=30)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^flagfall-lab: must be run as root[^\n]*\n$")


if __name__ == "__main__":
    harness.main()
