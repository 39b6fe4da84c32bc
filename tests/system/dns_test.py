"""The master as a name server, on loopback: dig, unbound and raw sockets ask the
real program. No slaves and no lab: every answer is the master's own."""

import pathlib
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import unittest

import harness

ZONE = harness.ROOT / "tests" / "unit" / "dns" / "example.zone"
ADDRESSES = ("127.0.0.1", "::1")

CONFIG = """
[dns]
listen = ["127.0.0.1:{dns}", "[::1]:{dns}"]
nsid = "master-1"
threads = 2
[[zone]]
origin = "example.test"
file = "example.zone"
[control]
listen = "127.0.0.1:{control}"
ca = "ca.crt"
certificate = "master-1.crt"
key = "master-1.key"
[clock]
max_error = "5ms"
[stats]
database = "{directory}/statistics.db"
[admin]
socket = "{directory}/master.sock"
[[service]]
name = "web"
names = ["www.example.test", "*.race.example.test"]
delay = "25ms"
  [[service.slave]]
  name = "fra"
  answers = ["192.0.2.10", "2001:db8:a::10"]
"""

UNBOUND = """
server:
  interface: 127.0.0.1@{resolver}
  access-control: 127.0.0.0/8 allow
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: "{directory}/unbound.pid"
  do-not-query-localhost: no
  use-caps-for-id: yes
  caps-exempt: "."
  qname-minimisation-strict: yes
  harden-referral-path: no
  module-config: "iterator"
  num-threads: 1
  local-zone: "test." nodefault
remote-control:
  control-enable: no
stub-zone:
  name: "example.test"
  stub-addr: 127.0.0.1@{dns}
"""


def free_port():
    """Free on loopback for UDP and TCP, both families."""
    while True:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as tcp:
            tcp.bind(("::1", 0))
            port = tcp.getsockname()[1]
        try:
            for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    with socket.socket(family, kind) as probe:
                        probe.bind((address, port))
            return port
        except OSError:
            continue


class Reply:
    """What dig says of one answer."""

    def __init__(self, text):
        self.text = text
        self.status = (re.findall(r"status: (\w+)", text) or [""])[0]
        self.flags = set((re.findall(r"^;; flags: ([\w ]*);", text, re.M) or [""])[0].split())
        self.ede = [int(code) for code in re.findall(r"^; EDE: (\d+)", text, re.M)]
        self.question = (re.findall(r"^;([^;\s]\S*)\s+\S+\s+\S+$", text, re.M) or [""])[0]
        self.sections = {}
        name = None
        for line in text.splitlines():
            if found := re.match(r";; (\w+) SECTION:", line):
                name = found[1].lower()
            elif not line or line.startswith(";"):
                name = None if line.startswith(";;") else name
            elif name:
                self.sections.setdefault(name, []).append(" ".join(line.split()))
        self.answer = self.sections.get("answer", [])
        self.authority = self.sections.get("authority", [])
        self.additional = self.sections.get("additional", [])


def query(name, rtype=1, *, ident=0x4242, flags=0x0100, questions=1, tail=b""):
    """The octets of a query."""
    wire = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"
    head = struct.pack(">6H", ident, flags, questions, 0, 0, 0)
    return head + (wire + struct.pack(">HH", rtype, 1) if questions else b"") + tail


class DnsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="flagfall-dns-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, True)
        shutil.copy(ZONE, cls.directory)
        tool = harness.BIN / "flagfall"
        for words in (["--ca", cls.directory], ["--dir", cls.directory, "master-1"]):
            subprocess.run([tool, "keygen", *words], check=True, capture_output=True, timeout=20)
        cls.port, cls.control, cls.resolver = free_port(), free_port(), free_port()
        names = {"dns": cls.port, "control": cls.control, "resolver": cls.resolver, "directory": cls.directory}
        (cls.directory / "master.toml").write_text(CONFIG.format(**names))
        (cls.directory / "unbound.conf").write_text(UNBOUND.format(**names))
        cls.master = cls.start("master", [harness.BIN / "flagfall-master", "--config", cls.directory / "master.toml"])
        cls.master.wait_for(r"is ready")

    @classmethod
    def start(cls, name, argv):
        program = harness.Program(name, argv, cls.directory / f"{name}.log")
        cls.addClassCleanup(program.stop)
        return program

    def dig(self, *words, address="127.0.0.1", port=None):
        argv = ["dig", f"@{address}", "-p", str(port or self.port), "+tries=2", "+timeout=3", "+noall", "+comments",
                "+question", "+answer", "+authority", "+additional", *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
        return Reply(done.stdout)

    def test_a_name_is_answered_over_both_transports_and_families(self):
        for address in ADDRESSES:
            for transport in ("+notcp", "+tcp"):
                with self.subTest(address=address, transport=transport):
                    reply = self.dig("mail.example.test", "A", transport, address=address)
                    self.assertEqual(reply.status, "NOERROR")
                    self.assertEqual(reply.flags, {"qr", "aa", "rd"})
                    self.assertEqual(reply.answer, ["mail.example.test. 3600 IN A 192.0.2.25"])

    def test_the_case_of_the_question_is_kept(self):
        reply = self.dig("wWw.ExAmPlE.tEsT", "AAAA")
        self.assertEqual(reply.question, "wWw.ExAmPlE.tEsT.")
        self.assertEqual(reply.answer, ["wWw.ExAmPlE.tEsT. 60 IN AAAA 2001:db8::10"])

    def test_many_types_of_records_are_served(self):
        for name, rtype, rdata in (
                ("example.test", "MX", "10 mail.example.test."),
                ("example.test", "CAA", '0 issue "ca.example"'),
                ("example.test", "TXT", '"v=spf1 mx -all" "second string"'),
                ("svc.example.test", "HTTPS", '1 . alpn="h2,h3" ipv4hint=192.0.2.10'),
                ("_sip._udp.example.test", "SRV", "0 5 5060 mail.example.test."),
                ("unknown.example.test", "TYPE65280", "\\# 4 0A0B0C0D"),
                ("naptr.example.test", "NAPTR", '100 10 "u" "E2U+sip" "!^.*$!sip:info@example.test!" .'),
                ("anything.mx.example.test", "MX", "10 mx.mx.example.test.")):
            with self.subTest(name=name, type=rtype):
                reply = self.dig(name, rtype)
                self.assertIn(f"{name}. 3600 IN {rtype} {rdata}", reply.answer)

    def test_what_is_not_there_comes_with_the_soa(self):
        for name, rtype, status in (("nowhere.example.test", "A", "NXDOMAIN"), ("mail.example.test", "AAAA", "NOERROR"),
                                    ("ent.example.test", "A", "NOERROR")):
            reply = self.dig(name, rtype)
            self.assertEqual(reply.status, status)
            self.assertEqual(reply.answer, [])
            self.assertEqual(len(reply.authority), 1)
            self.assertTrue(reply.authority[0].startswith("example.test. 300 IN SOA ns1.example.test. hostmaster"))

    def test_aliases_and_delegations_are_followed_as_far_as_they_lead(self):
        self.assertEqual(len(self.dig("a1.example.test", "A").answer), 5)
        child = self.dig("host.child.example.test", "A")
        self.assertNotIn("aa", child.flags)
        self.assertEqual(len(child.authority), 2)
        self.assertIn("ns.child.example.test. 3600 IN A 192.0.2.53", child.additional)
        dname = self.dig("x.dn.example.test", "A")
        self.assertIn("x.dn.example.test. 3600 IN CNAME x.target.elsewhere.example.", dname.answer)

    def test_what_is_not_served_is_refused_with_a_reason(self):
        for words, status, ede in ((("www.example.org",), "REFUSED", 20), (("version.bind", "CH", "TXT"), "REFUSED", 20),
                                   (("example.test", "IXFR=1"), "REFUSED", 18),
                                   (("example.test", "+opcode=notify"), "NOTIMP", 21)):
            with self.subTest(words=words):
                reply = self.dig(*words)
                self.assertEqual(reply.status, status)
                self.assertEqual(reply.ede, [ede])
                self.assertNotIn("aa", reply.flags)
        self.assertIn("Transfer failed", self.dig("example.test", "AXFR").text)

    def test_any_is_minimal(self):
        self.assertEqual(self.dig("example.test", "ANY", "+notcp").answer,
                         ['example.test. 3600 IN HINFO "RFC8482" ""'])

    def test_edns_is_spoken(self):
        reply = self.dig("www.example.test", "+nsid", "+dnssec", "+subnet=192.0.2.0/24")
        self.assertIn('("master-1")', reply.text)
        self.assertRegex(reply.text, r"EDNS: version: 0, flags: do; udp: 1232")
        self.assertIn("CLIENT-SUBNET: 192.0.2.0/24/0", reply.text)
        self.assertEqual(self.dig("www.example.test", "+edns=1", "+noednsneg").status, "BADVERS")
        self.assertNotIn("EDNS:", self.dig("www.example.test", "+noedns").text)

    def test_a_cookie_comes_back_and_is_good_the_next_time(self):
        first = self.dig("www.example.test", "+cookie=0102030405060708")
        self.assertIn("(good)", first.text)
        cookie = re.search(r"COOKIE: ([0-9a-f]{48})", first.text)[1]
        second = self.dig("www.example.test", f"+cookie={cookie}")
        self.assertIn(f"COOKIE: {cookie}", second.text)
        self.assertEqual(self.dig("www.example.test", "+nocookie", "+ednsopt=10:0102").status, "FORMERR")

    def test_what_does_not_fit_is_truncated_and_asked_again_over_tcp(self):
        cut = self.dig("big.example.test", "TXT", "+noedns", "+ignore")
        self.assertIn("tc", cut.flags)
        self.assertEqual(cut.answer, [])
        self.assertEqual(len(self.dig("big.example.test", "TXT", "+noedns").answer), 4)
        self.assertEqual(len(self.dig("big.example.test", "TXT", "+bufsize=1232", "+ignore").answer), 4)

    def test_malformed_queries_get_formerr_or_silence(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(5)
            udp.connect(("127.0.0.1", self.port))
            good = query("www.example.test")
            for bad in (b"", b"\0", good[:11], query("www.example.test", flags=0x8000)):
                udp.send(bad)  # silence
            for bad in (good[:-1], good + b"x", query("a", questions=2), query("", questions=0)):
                udp.send(bad)
                reply = udp.recv(512)
                self.assertEqual(reply[:2], bad[:2])
                self.assertEqual(reply[3] & 15, 1)
            udp.send(query("www.example.test", ident=7))
            self.assertEqual(udp.recv(512)[:2], b"\0\7")  # and nothing came before

    def test_a_tcp_connection_takes_many_queries_in_any_pieces(self):
        stream = b"".join(struct.pack(">H", len(q)) + q for q in
                          (query("www.example.test", ident=i) for i in range(1, 6)))
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as tcp:
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in (stream[:1], stream[1:3], stream[3:50], stream[50:]):
                tcp.sendall(piece)
            with tcp.makefile("rb") as replies:
                for ident in range(1, 6):
                    length = struct.unpack(">H", replies.read(2))[0]
                    self.assertEqual(struct.unpack(">H", replies.read(length)[:2])[0], ident)
            tcp.sendall(b"\0\1x")  # shorter than a header: the connection ends
            self.assertEqual(tcp.recv(1), b"")

    def test_a_real_resolver_takes_every_kind_of_answer(self):
        unbound = shutil.which("unbound") or "/usr/sbin/unbound"
        resolver = self.start("unbound", [unbound, "-c", self.directory / "unbound.conf", "-dd"])
        resolver.wait_for("start of service")
        ask = lambda *words: self.dig(*words, port=self.resolver)
        self.assertEqual(len(ask("www.example.test", "A").answer), 2)
        self.assertEqual(len(ask("a1.example.test", "A").answer), 5)
        self.assertEqual(len(ask("q1.race.example.test", "AAAA").answer), 1)
        self.assertEqual(len(ask("b.star.example.test", "A").answer), 3)
        self.assertEqual(len(ask("big.example.test", "TXT", "+bufsize=4096").answer), 4)
        self.assertEqual(ask("y.x.ent.example.test", "TXT").answer, ['y.x.ent.example.test. 3600 IN TXT "below"'])
        self.assertEqual(ask("nowhere.example.test", "A").status, "NXDOMAIN")
        empty = ask("mail.example.test", "AAAA")
        self.assertEqual((empty.status, len(empty.answer), len(empty.authority)), ("NOERROR", 0, 1))


if __name__ == "__main__":
    harness.main()
