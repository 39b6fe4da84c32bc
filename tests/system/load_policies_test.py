"""Policies that look at the servers or at files: connections, memory and processors by real load, in real cgroups;
weights, a prefix file and a MaxMind database. Each choice follows its own input."""

import ipaddress
import os
import pathlib
import struct
import subprocess
import sys
import time
import unittest

import choices
import harness

SLAVES = ("fra", "nyc")
CGROUPS = pathlib.Path("/sys/fs/cgroup")
MEMORY = 256 << 20
QUOTA_MS = 20  # of each 100 ms of one processor


class Cgroup:
    """A group of its own, of version 2 or 1, with a limit of memory and of processor time."""

    def __init__(self, name):
        self.v2 = (CGROUPS / "cgroup.controllers").exists()
        kinds = [""] if self.v2 else ["memory", "cpu", "cpuacct"]
        self.folders = {kind: CGROUPS / kind / name for kind in kinds}
        if self.v2:
            (CGROUPS / "cgroup.subtree_control").write_text("+memory +cpu")
        for folder in self.folders.values():
            folder.mkdir()
        limits = ({"": {"memory.max": MEMORY, "cpu.max": f"{QUOTA_MS * 1000} 100000"}} if self.v2 else
                  {"memory": {"memory.limit_in_bytes": MEMORY},
                   "cpu": {"cpu.cfs_period_us": 100000, "cpu.cfs_quota_us": QUOTA_MS * 1000}})
        for kind, files in limits.items():
            for file, value in files.items():
                (self.folders[kind] / file).write_text(str(value))
        self.path = next(iter(self.folders.values()))

    @staticmethod
    def available():
        v2 = CGROUPS / "cgroup.controllers"
        if v2.exists():
            return {"memory", "cpu"} <= set(v2.read_text().split()) and os.access(CGROUPS, os.W_OK)
        return all(os.access(CGROUPS / kind, os.W_OK) and (CGROUPS / kind / "cgroup.procs").exists()
                   for kind in ("memory", "cpu", "cpuacct"))

    def run(self, code):
        """A Python program in the group."""
        process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.readline()\n" + code],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for folder in self.folders.values():
            (folder / "cgroup.procs").write_text(str(process.pid))
        process.stdin.write("go\n")
        process.stdin.flush()
        return process

    def remove(self):
        for folder in self.folders.values():
            for _ in range(100):  # until the kernel has buried its last process
                try:
                    folder.rmdir()
                    break
                except OSError:
                    time.sleep(0.05)


def mmdb(networks):
    """A MaxMind database of IPv4 networks and where they are (MaxMind DB File Format Specification 2.0)."""
    def text(value):
        return bytes([2 << 5 | len(value)]) + value.encode()

    def table(entries):
        return bytes([7 << 5 | len(entries)]) + b"".join(text(key) + value for key, value in entries.items())

    def double(value):
        return bytes([3 << 5 | 8]) + struct.pack(">d", value)

    def integer(kind, value, size):
        head = bytes([kind << 5 | size]) if kind < 8 else bytes([size, kind - 7])
        return head + value.to_bytes(size, "big")
    nodes, data = [[None, None]], b""
    for network, (latitude, longitude) in networks.items():
        network = ipaddress.ip_network(network)
        bits, node = int(network.network_address), 0
        for depth in range(network.prefixlen):
            bit = bits >> (31 - depth) & 1
            if depth == network.prefixlen - 1:
                nodes[node][bit] = -len(data) - 1
            elif nodes[node][bit] is None:
                nodes[node][bit] = len(nodes)
                nodes.append([None, None])
            node = nodes[node][bit] if depth < network.prefixlen - 1 else node
        data += table({"location": table({"latitude": double(latitude), "longitude": double(longitude)})})

    def record(value):
        number = len(nodes) if value is None else value if value >= 0 else len(nodes) + 16 - value - 1
        return number.to_bytes(4, "big")
    meta = table({"node_count": integer(6, len(nodes), 4), "record_size": integer(5, 32, 2),
                  "ip_version": integer(5, 4, 2), "database_type": text("Test-City"),
                  "binary_format_major_version": integer(5, 2, 2), "binary_format_minor_version": integer(5, 0, 2),
                  "build_epoch": integer(9, 1_700_000_000, 8), "languages": bytes([0, 11 - 7]),
                  "description": table({})})
    return (b"".join(record(side) for node in nodes for side in node) + bytes(16) + data +
            b"\xab\xcd\xefMaxMind.com" + meta)


FRANKFURT, NEW_YORK = (50.1, 8.7), (40.7, -74.0)


class LoadPoliciesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("race.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        loads = ("least-connections", "most-free-memory", "most-idle-cpu")
        policies = {name: {"policies": [name]} for name in (*loads, "weighted", "geo")}
        policies["static"] = {"policies": ["static"], "prefixes": "web.prefixes"}
        cls.site = choices.Site(cls.lab, SLAVES, policies)
        for slave in SLAVES:  # the slaves' own pings and TCP evidence are of no use here
            cls.site.slaves[slave]["collect"]["ping"] = False
        master = cls.site.masters["master"]
        master["site"] = [{"name": name, "latitude": at[0], "longitude": at[1]}
                          for name, at in zip(SLAVES, (FRANKFURT, NEW_YORK))]
        master["geo"] = {"database": "clients.mmdb"}
        for slave in cls.site.service("geo")["slave"]:
            slave["site"] = slave["name"]
        cls.set_files(FRANKFURT, NEW_YORK, "fra", (3, 1))
        cls.cgroups = {}
        if Cgroup.available():
            for slave in SLAVES:
                cls.cgroups[slave] = Cgroup(f"flagfall-{os.getpid()}-{slave}")
                cls.addClassCleanup(cls.cgroups[slave].remove)
                cls.site.slaves[slave]["collect"]["cgroups"] = [str(cls.cgroups[slave].path)]
        cls.site.start()
        cls.site.start_servers()

    @classmethod
    def set_files(cls, berlin, jakarta, static, weights):
        (cls.lab.directory / "clients.mmdb").write_bytes(mmdb({"198.51.100.0/24": berlin, "203.0.113.0/24": jakarta}))
        (cls.lab.directory / "web.prefixes").write_text(f"198.51.100.0/24 {static}\n")
        for slave, weight in zip(cls.site.service("weighted")["slave"], weights):
            slave["capacity"] = {"weight": weight}

    def follows(self, service, client, slave):
        took = self.site.until(service, client, slave)
        print(f"{service}: {slave} after {took:.1f} s ... ", end="", flush=True)

    def test_1_connections(self):
        for busy, other in (SLAVES, SLAVES[::-1]):
            load = self.site.start_client("boston", f"held-by-{busy}", [busy], many=20)
            self.follows("least-connections", "berlin", other)
            load.kill()

    def test_2_memory(self):
        if not self.cgroups:
            self.skipTest("no cgroups to be made here")
        for busy, other in (SLAVES, SLAVES[::-1]):
            hog = self.cgroups[busy].run("kept = b'x' * (150 << 20)\nprint('there', flush=True)\nsys.stdin.read()")
            try:
                self.assertEqual(hog.stdout.readline().strip(), "there")
                self.follows("most-free-memory", "berlin", other)
            finally:
                hog.kill()
                hog.communicate()

    def test_3_processors(self):
        if not self.cgroups:
            self.skipTest("no cgroups to be made here")
        for busy, other in (SLAVES, SLAVES[::-1]):
            hog = self.cgroups[busy].run("while True: pass")
            try:
                self.follows("most-idle-cpu", "berlin", other)
            finally:
                hog.kill()
                hog.communicate()

    def share_of_fra(self):
        got = self.site.look_up("weighted", "berlin", 80)
        return got["fra"] / got.total()

    def test_4_files_and_weights(self):
        self.follows("static", "berlin", "fra")
        self.follows("geo", "berlin", "fra")
        self.follows("geo", "jakarta", "nyc")
        share = self.share_of_fra()
        self.assertTrue(0.55 < share < 0.95, share)  # 0.75 +- 0.05
        self.set_files(NEW_YORK, FRANKFURT, "nyc", (1, 3))
        self.site.programs["master"].stop()
        self.site.start_master()
        self.site.wait_fit()
        self.follows("static", "berlin", "nyc")
        self.follows("geo", "berlin", "nyc")
        self.follows("geo", "jakarta", "fra")
        other = self.share_of_fra()
        self.assertTrue(0.05 < other < 0.45, other)
        print(f"weighted: {share:.2f} of 3 to 1, {other:.2f} of 1 to 3 ... ", end="", flush=True)


if __name__ == "__main__":
    harness.main(awake=False)  # how idle they are is what is measured
