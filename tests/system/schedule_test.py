"""The simulator's resolvers ask a silent server again when the real ones do: an
unbound and a BIND in the lab, whose servers take queries and say nothing, beside
`flagfall-campaign --schedules`."""

import json
import socket
import struct
import subprocess
import time
import unittest

import capture
import harness

# A try may be so much later or earlier than modelled: BIND's and unbound's timers, on a busy machine.
SECONDS, SHARE = 0.1, 0.02
# Until unbound's ninth try.
LENGTH = 12.5

UNBOUND = """server:
  interface: 127.0.0.1
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: "{directory}/unbound.pid"
  use-syslog: no
  do-daemonize: no
  module-config: "iterator"
  qname-minimisation: no
  local-zone: "test." nodefault
stub-zone:
  name: "example.test"
  stub-addr: {servers[0]}
remote-control:
  control-enable: no
"""
BIND = """options {{
  directory "{directory}";
  pid-file "{directory}/named.pid";
  session-keyfile "{directory}/named.key";
  listen-on port 5300 {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  dnssec-validation no;
  qname-minimization off;
}};
controls {{ }};
zone "." {{ type hint; file "/dev/null"; }};
zone "example.test" {{ type static-stub; server-addresses {{ {servers[0]}; {servers[1]}; }}; }};
"""


def query(name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", 4711, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)


class ScheduleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        said = subprocess.run([harness.BIN / "flagfall-campaign", "--schedules"], capture_output=True, text=True,
                              check=True, timeout=10)
        cls.model = json.loads(said.stdout)
        with harness.Lab("three-hosts.toml", capture_sent=True) as lab:
            cls.seen = cls.run_resolvers(lab)

    @classmethod
    def run_resolvers(cls, lab):
        servers = [lab.address(host) for host in ("master", "slave")]
        silent = []
        for host, address in zip(("master", "slave"), servers):
            silent.append(lab.socket(host, socket.AF_INET, socket.SOCK_DGRAM))
            silent[-1].bind((address, 53))
        for name, text in (("unbound.conf", UNBOUND), ("named.conf", BIND)):
            (lab.directory / name).write_text(text.format(directory=lab.directory, servers=servers))
        lab.start("client", "unbound", ["unbound", "-d", "-c", lab.directory / "unbound.conf"]).wait_for("start of service")
        lab.start("client", "named", ["named", "-g", "-n", "1", "-c", lab.directory / "named.conf"]).wait_for(r" running\n")
        client = lab.socket("client", socket.AF_INET, socket.SOCK_DGRAM)
        client.sendto(query("unbound.example.test"), ("127.0.0.1", 53))
        client.sendto(query("bind.example.test"), ("127.0.0.1", 5300))
        time.sleep(LENGTH)
        for taken in silent:
            taken.close()
        client.close()
        lab.stop_lab()  # the capture is complete
        stamps = {"unbound": [], "bind": []}
        for packet in capture.packets(lab.capture_sent):
            message = capture.dns(packet.data) if packet.destination_port == 53 else None
            if message and packet.destination in servers:
                stamps.setdefault(message.name.split(".")[0], []).append(packet.stamp_ns)
        return {name: [(s - all_[0]) / 1e9 for s in all_] for name, all_ in stamps.items() if all_}

    def check(self, name, servers):
        self.assertIn(name, self.seen)
        seen = self.seen[name]
        wanted = [t for t in self.model[name][str(servers)]["tries"] if t < LENGTH - 1]
        print(f"{name}, {servers} silent server(s): " + ", ".join(f"{t:.3f}" for t in seen), flush=True)
        print(f"  the model: {', '.join(f'{t:.3f}' for t in wanted)}", flush=True)
        self.assertEqual(len(seen), len(wanted))
        for real, modelled in zip(seen, wanted):
            self.assertAlmostEqual(real, modelled, delta=SECONDS + SHARE * modelled)

    def test_unbound_asks_again_when_the_model_says(self):
        self.check("unbound", 1)

    def test_bind_asks_again_when_the_model_says(self):
        self.check("bind", 2)


if __name__ == "__main__":
    harness.main()
