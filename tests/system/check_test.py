"""flagfall check: nothing to complain of in a healthy deployment; then one thing is broken at a time, and the
finding says which. Probes from every slave as the service, to a third host."""

import contextlib
import copy
import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

import deployment
import harness
import name_servers

SLAVES = ("fra", "nyc", "sin")
OUTSIDE = "berlin"  # the third host
PARENT = "denver"   # serves the zone above

PARENT_ZONE = """$ORIGIN test.
$TTL 300
@           IN SOA ns hostmaster 1 3600 900 604800 60
            IN NS  ns
ns          IN A   198.51.100.4
example     IN NS  ns1.example
{glue}
lame        IN NS  ns
raced       IN A   198.51.100.4
            IN AAAA 2001:db8:4::1
"""
GLUE = "ns1.example IN A 192.0.2.1\nns1.example IN AAAA 2001:db8::1"

EXPIRED = """[ca]
default_ca = lab
[lab]
database = {folder}/index.txt
serial = {folder}/serial
new_certs_dir = {folder}
default_md = default
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""


class CheckTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("race.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = deployment.Deployment(cls.lab, SLAVES)
        for config in cls.site.masters.values():
            config["dns"]["receive_buffer"] = "64KiB"  # what any kernel grants
        for config in cls.site.slaves.values():
            config["orders"] = {"receive_buffer": "64KiB"}
        name_servers.make_name_servers(cls.site, SLAVES)
        name_servers.delegate(cls.site, SLAVES, "cdn", "delegate")
        cls.site.start()
        cls.key = cls.lab.directory / "probe.key"
        cls.key.write_text("0123456789abcdef0123456789abcdef\n")
        cls.start_parent()

    @classmethod
    def start_parent(cls):
        """A name server of the zone above: another master, which nobody races with."""
        cls.serve_parent(GLUE)
        cls.site.make_keys(PARENT)
        config = copy.deepcopy(cls.site.masters["master"])
        config["dns"]["listen"] = [cls.lab.address(PARENT) + ":53"]
        config["zone"] = [{"origin": "test", "file": "test.zone"}]
        config["control"] = {"listen": cls.lab.address(PARENT), "ca": "ca.crt", "certificate": f"{PARENT}.crt",
                             "key": f"{PARENT}.key"}
        config["admin"] = {"socket": f"run/{PARENT}.sock"}
        config["service"] = [config["service"][0] | {"names": ["raced.test"]}]
        del config["slave"]
        file = cls.lab.directory / "parent.toml"
        file.write_text(deployment.toml(config))
        parent = cls.lab.start(PARENT, "parent", [harness.BIN / "flagfall-master", "--config", file])
        parent.wait_for(" is ready", 20)

    @classmethod
    def serve_parent(cls, glue):
        (cls.lab.directory / "test.zone").write_text(PARENT_ZONE.format(glue=glue))
        socket = cls.lab.directory / "run" / f"{PARENT}.sock"
        if socket.exists():
            subprocess.run([harness.BIN / "flagfall", "reload", "--socket", socket], check=True, capture_output=True,
                           timeout=20)

    def check(self, host, *words, config=None, before=()):
        """What a check on a host finds; its findings by grade, as "subject: seen"."""
        config = config or self.lab.directory / f"{host}.toml"
        more = ["--parent", self.lab.address(PARENT)] if host == "master" else []
        done = self.lab.run(host, [*before, harness.BIN / "flagfall", "check", "--json", "--config", config, *more,
                                   *words], timeout=60)
        self.assertEqual(done.stderr, "")
        return self.read(done)

    def read(self, done):
        result = json.loads(done.stdout)
        found = {grade: [f"{f['subject']}: {f['seen']}" for f in result["findings"] if f["grade"] == grade]
                 for grade in ("ok", "skipped", "warning", "problem")}
        for finding in result["findings"]:
            self.assertEqual(finding["advice"] is None, finding["grade"] == "ok", finding)
        self.assertEqual(done.returncode, 2 if found["problem"] else 1 if found["warning"] else 0, done.stdout)
        self.assertEqual(result["problems"], len(found["problem"]))
        return found

    def assert_found(self, findings, pattern):
        self.assertTrue(any(re.search(pattern, line) for line in findings), f"{pattern!r} in {findings}")

    def changed(self, host, change):
        """The file of a configuration that differs from a host's."""
        config = copy.deepcopy(self.site.masters.get(host) or self.site.slaves[host])
        change(config)
        file = self.lab.directory / "changed.toml"
        file.write_text(deployment.toml(config))
        return file

    @contextlib.contextmanager
    def rules(self, host, text):
        """nftables rules in a host, for a while."""
        file = self.lab.directory / "rules.nft"
        file.write_text(text)
        self.lab.run(host, ["nft", "-f", file], check=True)
        try:
            yield
        finally:
            self.lab.run(host, ["nft", "flush", "ruleset"], check=True)

    def listen(self, *words, expect=SLAVES, probers=SLAVES, wait="20s"):
        """A listener outside, and a probe from each slave; what the listener wrote."""
        argv = self.lab.inside(OUTSIDE, [harness.BIN / "flagfall", "check", "--listen", "--key", self.key, "--json",
                                         "--expect", ",".join(expect), "--wait", wait, *words])
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as listener:
            for _ in range(2):
                self.assertIn("listening at UDP ", listener.stderr.readline())
            running = [subprocess.Popen(self.lab.inside(slave, [
                harness.BIN / "flagfall", "check", "--probe", self.lab.address(OUTSIDE), "--probe",
                self.lab.address(OUTSIDE, 6), "--key", self.key, "--config", self.lab.directory / f"{slave}.toml"]),
                stdout=subprocess.DEVNULL) for slave in probers]
            statuses = [prober.wait(20) for prober in running]
            out, err = listener.communicate(timeout=40)
        done = subprocess.CompletedProcess(argv, listener.returncode, out, err)
        return self.read(done), json.loads(out), statuses

    @staticmethod
    def arriving(result):
        """What a listener wrote, by slave and source."""
        out = {}
        for one in result["sources"]:
            out.setdefault(one["slave"], {})[one["source"]] = one["arrives"]
        return out

    # All is well

    def test_a_healthy_master_has_no_problem(self):
        found = self.check("master", "--with", self.lab.address(OUTSIDE), "--with", self.lab.address(OUTSIDE, 6))
        self.assertEqual(found["problem"], [])
        for pattern in (r"^configuration: ", r"^certificate: .* is 'master', good for 7\d\d days", r"^zones: ",
                        r"^port UDP 192\.0\.2\.1:53: flagfall-master has it", r"^port TCP \[2001:db8::1\]:53: flagfall-",
                        r"^port TCP 192\.0\.2\.1:4953: flagfall-master has it", r"^capability CAP_NET_BIND_SERVICE: ",
                        r"^address 2001:db8::1: ", r"^dns\.receive_buffer: ", r"^kernel time stamps, ", r"^rp_filter, ",
                        r"^firewall: no nftables rules", r"^clock \(chrony\): synchronised, bound [\d.]+ ms of 5ms",
                        r"^flagfall-master: runs, and races", r"^slave fra: is fit", r"^clock steps: none",
                        r"^delegation of example\.test: 198\.51\.100\.4:53 leads to ns1\.example\.test\., which serves",
                        r"^delegation of cdn\.example\.test: this master leads to ns-fra\.example\.test\., ns-nyc\.\S+ ns-sin"
                        r"\.example\.test\., which serve it", *(rf"^delegation of {s}\.beacon\.example\.test: this master "
                                                                rf"leads to ns-{s}\.example\.test\., which serves it"
                                                                for s in SLAVES),
                        r"^ICMP errors to 192\.0\.2\.1: 198\.51\.100\.1 sends them, for 1232 octets, too",
                        r"^ICMP errors to 2001:db8::1: "):
            self.assert_found(found["ok"], pattern)

    def test_healthy_slaves_have_no_problem(self):
        for slave in SLAVES:
            found = self.check(slave)
            self.assertEqual(found["problem"], [], slave)
            for pattern in (r"^port UDP 0\.0\.0\.0:4954: flagfall-slave has it",
                            rf"^port TCP {re.escape(self.lab.address(slave))}:53: flagfall-slave has it", r"^capability CAP_NET_RAW: ",
                            r"^master master at 192\.0\.2\.1:4953: answers, and is who it should be",
                            r"^kernel time stamps, .*: software stamps of what arrives and of what leaves"):
                self.assert_found(found["ok"], pattern)
        self.assertEqual(self.site.fit(), set(SLAVES))  # and nobody was disturbed

    def test_a_person_reads_a_line_for_each_and_what_to_do(self):
        done = self.lab.run("fra", [harness.BIN / "flagfall", "check", "--config", self.lab.directory / "fra.toml"])
        self.assertRegex(done.stdout, r"(?m)^ok       clock \(chrony\): synchronised, ")
        self.assertRegex(done.stdout, r"(?m)^skipped  foreign sources: .*\n +-> there: flagfall check --listen ")
        self.assertRegex(done.stdout, r"\n\d+ ok, \d+ skipped, \d+ warnings?, 0 problems\n$")

    def test_every_slaves_probes_arrive_as_the_service_in_both_sizes_and_families(self):
        found, result, statuses = self.listen()
        self.assertEqual(statuses, [0, 0, 0])
        self.assertEqual(found["problem"], [])
        self.assertEqual(self.arriving(result), {slave: {"192.0.2.1:53": True, "[2001:db8::1]:53": True}
                                                 for slave in SLAVES})
        for slave in SLAVES:
            way = self.lab.delay_ms(slave, OUTSIDE)
            line = next(line for line in found["ok"] if line.startswith(f"{slave} as 192.0.2.1:53"))
            self.assertRegex(line, r"10 of 10 arrived, TTL \d+, [\d.]+ ms at the least")
            self.assertAlmostEqual(float(line.split("TTL")[1].split()[1]), way, delta=3)

    # One thing broken

    def test_a_slave_whose_foreign_source_is_filtered_is_told_from_one_that_is_not_heard_at_all(self):
        drop = """table inet t {{ chain out {{ type filter hook output priority 0;
          {}
          }}
        }}"""
        with self.rules("fra", drop.format("ip saddr 192.0.2.1 udp sport 53 drop")), \
                self.rules("nyc", drop.format("udp dport 4955 drop")):
            found = self.check("fra")
            self.assert_found(found["problem"], r"^firewall, answers as 192\.0\.2\.1:53 \(conntrack: new\): nftables drops "
                                                r"them \(inet t out, handle \d+\)")
            self.assert_found(found["ok"], r"^firewall, answers as \[2001:db8::1\]:53")
            found, result, statuses = self.listen(wait="6s")
        self.assertEqual(statuses, [2, 2, 0])
        self.assertEqual({name: sources["192.0.2.1:53"] for name, sources in self.arriving(result).items()},
                         {"fra": False, "sin": True})
        self.assert_found(found["problem"], r"^fra as 192\.0\.2\.1:53: none arrived, but 10 of 10 from its own address did: "
                                            r"filtered on the way \(BCP 38\)")
        self.assert_found(found["problem"], r"^nyc: nothing arrived from it")
        self.assert_found(found["ok"], r"^fra as \[2001:db8::1\]:53: 10 of 10")
        self.assertEqual(len(found["problem"]), 2)

    def test_a_wrong_key_and_rubbish_are_not_believed(self):
        other = self.lab.directory / "other.key"
        other.write_text("f" * 32)
        sender = self.lab.socket("nyc", 2, 2)  # AF_INET, SOCK_DGRAM
        self.addCleanup(sender.close)
        probe = ["--probe", self.lab.address(OUTSIDE), "--key", other, "--config", self.lab.directory / "sin.toml"]
        argv = self.lab.inside(OUTSIDE, [harness.BIN / "flagfall", "check", "--listen", "--key", self.key, "--json",
                                         "--wait", "4s"])
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as listener:
            listener.stderr.readline()
            listener.stderr.readline()
            for size in (0, 1, 4, 50, 1232, 4096):
                sender.sendto(os.urandom(size), (self.lab.address(OUTSIDE), 4955))
            self.lab.run("sin", [harness.BIN / "flagfall", "check", *probe])
            out, err = listener.communicate(timeout=20)
        found = self.read(subprocess.CompletedProcess(argv, listener.returncode, out, err))
        self.assertEqual(json.loads(out)["sources"], [])
        self.assert_found(found["problem"], r"^probes: none arrived")
        self.assert_found(found["warning"], r"^other datagrams: \d+ that were not probes of ours: signed with another key")
        self.assert_found(found["warning"], r"^other datagrams: 6 that were not probes of ours: no probe of flagfall check")

    def test_an_unsynchronised_clock_is_a_problem(self):
        self.site.programs["sin-chronyd"].stop()
        try:
            found = self.check("sin")
        finally:
            self.site.start_chronyd("sin")
        self.assert_found(found["problem"], r"^clock \(chrony\): chronyd at 127\.0\.0\.1:323 ")
        self.assertEqual(len(found["problem"]), 1)
        self.site.wait_fit()

    def test_a_bound_above_max_error_is_a_problem(self):
        found = self.check("fra", config=self.changed("fra", lambda c: c["clock"].update(max_error="1us")))
        self.assert_found(found["problem"], r"^clock \(chrony\): synchronised, bound [\d.]+ ms of 1us allowed")

    def expired(self):
        """A key and a certificate of the deployment's CA that ended in 2021; their paths without suffix."""
        folder = self.lab.directory / "expired"
        folder.mkdir(exist_ok=True)
        (folder / "index.txt").write_text("")
        (folder / "serial").write_text("01\n")
        (folder / "ca.conf").write_text(EXPIRED.format(folder=folder))
        for command in (
                ["openssl", "req", "-new", "-newkey", "ed25519", "-nodes", "-keyout", folder / "old.key", "-subj", "/CN=fra",
                 "-addext", "subjectAltName=DNS:fra", "-out", folder / "old.csr"],
                ["openssl", "ca", "-batch", "-config", folder / "ca.conf", "-cert", self.lab.directory / "ca.crt",
                 "-keyfile", self.lab.directory / "ca.key", "-startdate", "20200101000000Z", "-enddate",
                 "20210101000000Z", "-in", folder / "old.csr", "-out", folder / "old.crt", "-notext"]):
            subprocess.run(command, check=True, capture_output=True, timeout=20)
        (folder / "old.key").chmod(0o600)
        return folder / "old"

    def test_certificates_that_ended_or_end_soon_are_found(self):
        old = self.expired()
        found = self.check("fra", config=self.changed("fra", lambda c: c["control"].update(
            certificate=f"{old}.crt", key=f"{old}.key")))
        self.assert_found(found["problem"], r"^certificate: .*old\.crt: .*expired")
        soon = self.lab.directory / "soon"
        subprocess.run([harness.BIN / "flagfall", "keygen", "--ca", soon], check=True, capture_output=True, timeout=20)
        subprocess.run([harness.BIN / "flagfall", "keygen", "--dir", soon, "--days", "9", "fra"], check=True,
                       capture_output=True, timeout=20)
        found = self.check("fra", config=self.changed("fra", lambda c: c["control"].update(
            ca=f"{soon}/ca.crt", certificate=f"{soon}/fra.crt", key=f"{soon}/fra.key")))
        self.assert_found(found["warning"], r"^certificate: .*fra\.crt ends in \d days")
        # And it is of another CA than the master's.
        self.assert_found(found["problem"], r"^master master at 192\.0\.2\.1:4953: ")

    def test_a_key_that_all_may_read_is_a_problem(self):
        loose = self.lab.directory / "loose.key"
        shutil.copy(self.lab.directory / "master.key", loose)
        loose.chmod(0o644)
        found = self.check("master", config=self.changed("master", lambda c: c["control"].update(key=str(loose))))
        self.assert_found(found["problem"], r"^certificate: .*loose\.key: .*(others|group|600)")

    def test_icmp_that_is_dropped_is_found_in_the_rules_and_by_trying(self):
        with self.rules("master", """table inet t { chain in { type filter hook input priority 0; policy accept;
                icmp type { destination-unreachable, time-exceeded } drop
                udp dport 4953 limit rate 3/second drop
                }
                }"""):
            found = self.check("master", "--with", self.lab.address(OUTSIDE), "--with", self.lab.address(OUTSIDE, 6))
        self.assert_found(found["problem"], r"^firewall, ICMP errors to 192\.0\.2\.1 \(conntrack: related\): nftables drops "
                                            r"them \(inet t in, handle \d+\)")
        self.assert_found(found["problem"], r"^ICMP errors to 192\.0\.2\.1: none came back from 198\.51\.100\.1:33434 for 4 ")
        self.assert_found(found["ok"], r"^ICMP errors to 2001:db8::1: ")
        self.assert_found(found["ok"], r"^firewall, queries to UDP 192\.0\.2\.1:53: ")

    def test_a_firewall_that_takes_raced_connections_for_broken_is_a_problem_until_they_are_not_tracked(self):
        file = self.changed("master", lambda c: c.update(http={"listen": ["192.0.2.1:8080"]}))
        drop = "table inet t { chain in { type filter hook input priority 0; ct state invalid drop; } ; }\n"
        subject = r"^firewall, what follows a raced redirect, to TCP 192\.0\.2\.1:8080 \(conntrack: invalid\): "
        with self.rules("master", drop):
            found = self.check("master", config=file)
        self.assert_found(found["problem"], subject + "nftables drops them")
        self.assert_found(found["ok"], r"^firewall, web requests to TCP 192\.0\.2\.1:8080: ")
        with self.rules("master", drop + "table inet r { chain p { type filter hook prerouting priority raw; "
                                         "tcp dport 8080 notrack; } ; }\n"):
            found = self.check("master", config=file)
        self.assert_found(found["ok"], subject)
        sysctl = "net.netfilter.nf_conntrack_tcp_be_liberal"
        self.lab.run("master", ["sysctl", "-qw", f"{sysctl}=1"], check=True)
        try:
            with self.rules("master", drop):
                found = self.check("master", config=file)
        finally:
            self.lab.run("master", ["sysctl", "-qw", f"{sysctl}=0"], check=True)
        self.assert_found(found["ok"], subject.replace("invalid", "established"))

    def test_a_port_that_somebody_has_and_an_address_that_nobody_has_are_problems(self):
        taken = self.lab.socket("master", 2, 2)
        self.addCleanup(taken.close)
        taken.bind((self.lab.address("master"), 5300))
        file = self.changed("master", lambda c: c["dns"].update(listen=["192.0.2.1:5300", "192.0.2.2:53"]))
        found = self.check("master", config=file)
        self.assert_found(found["problem"], r"^port UDP 192\.0\.2\.1:5300: python\S* \(pid \d+\) has 192\.0\.2\.1:5300")
        self.assert_found(found["problem"], r"^address 192\.0\.2\.2: this host does not have it")

    def test_a_missing_capability_is_a_problem_where_the_daemon_does_not_run(self):
        file = self.changed("fra", lambda c: c["orders"].update(listen=["0.0.0.0:4999"]))
        found = self.check("fra", config=file, before=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                                       "--inh-caps=-all"])
        self.assert_found(found["problem"], r"^capability CAP_NET_RAW: missing, needed to answer from")
        self.assert_found(found["skipped"], r"^firewall: only root may read the rules")

    def test_missing_glue_a_delegation_elsewhere_and_none_at_all_are_problems(self):
        self.serve_parent("")
        self.addCleanup(self.serve_parent, GLUE)
        found = self.check("master")
        self.assert_found(found["problem"], r"^delegation of example\.test: glue is missing: the parent names "
                                            r"ns1\.example\.test\.")
        for zone, wrong in (("lame.test", r"ns\.test\. \(198\.51\.100\.4\) is not authoritative: NOERROR"),
                            ("nowhere.test", r"has none \(NXDOMAIN\)")):
            (self.lab.directory / "other.zone").write_text((self.lab.directory / "example.test.zone").read_text().replace(
                "example.test", zone))
            file = self.changed("master", lambda c: (c["zone"].append({"origin": zone, "file": "other.zone"})))
            self.assert_found(self.check("master", config=file)["problem"], rf"^delegation of {zone}: .*({wrong})")

    def test_beacon_and_delegated_zones_that_resolvers_do_not_find_are_problems(self):
        # The zone file lacks them, or names others.
        zone = self.lab.directory / "other.zone"
        text = (self.lab.directory / "example.test.zone").read_text()
        zone.write_text(text.replace("fra.beacon IN NS ns-fra\n", "").replace("cdn IN NS ns-sin\n", ""))
        file = self.changed("master", lambda c: c["zone"][0].update(file="other.zone"))
        found = self.check("master", config=file)
        self.assert_found(found["problem"], r"^zones: .*the delegation of fra\.beacon\.example\.test is missing; write: fra\.b")
        self.assert_found(found["problem"], r"^zones: .*the delegation of cdn\.example\.test is to other name servers; write: ")
        # The running master names others than the configuration.
        file = self.changed("master", lambda c: c["slave"][1].update(nameserver="ns-sin.example.test"))
        found = self.check("master", config=file)
        self.assert_found(found["problem"], r"^delegation of nyc\.beacon\.example\.test: this master names "
                                            r"ns-nyc\.example\.test\., not ns-sin\.example\.test\.")
        # A slave that does not serve its zone, and one that nobody reaches.
        with self.rules("nyc", """table ip t { chain in { type filter hook input priority 0; policy accept;
                udp dport 53 drop
                }
                }"""):
            self.assert_found(self.check("nyc")["problem"], r"^firewall, queries to UDP [\d.]+:53: nftables drops them")
            found = self.check("master")
        self.assert_found(found["warning"], r"^delegation of nyc\.beacon\.example\.test: ns-nyc\S+ \([\d.]+\) does not answer")
        self.site.programs["fra"].stop()
        try:
            found = self.check("master")
        finally:
            self.site.start_slave("fra")
        self.assert_found(found["warning"], r"^delegation of fra\.beacon\.example\.test: ns-fra\S+ \([\d.]+\) does not answer")
        self.site.wait_fit()

    def test_a_configuration_with_a_mistake_is_a_problem_with_its_place(self):
        file = self.lab.directory / "changed.toml"
        file.write_text((self.lab.directory / "fra.toml").read_text().replace("[transmit]\n", "[transmit]\nrat = 1\n"))
        found = self.check("fra", config=file)
        self.assert_found(found["problem"], r"^configuration: .*changed\.toml:\d+: transmit\.rat: no such key")
        missing = self.lab.run("fra", [harness.BIN / "flagfall", "check"])
        if not pathlib.Path("/etc/flagfall").exists():
            self.assertEqual(missing.returncode, 3)
            self.assertIn("name one with --config", missing.stderr)


if __name__ == "__main__":
    harness.main()
