"""What goes wrong, with the real programs: killed slaves and masters, clocks
that stop, strangers, duplicates, forged and replayed orders. Clients notice
nothing, and whoever was lost comes back without help."""

import collections
import copy
import socket
import struct
import time
import unittest

import capture
import deployment
import digs
import harness

SLAVES = ("fra", "nyc")
IP_HDRINCL = 3
ORDERS_PORT = 4954
REPORTS = 1  # seconds between two of a slave


def start(case):
    """A lab and its site, for a test or for a class of them."""
    case.lab = harness.Lab("two-masters.toml", capture=True)
    (case.addClassCleanup if isinstance(case, type) else case.addCleanup)(case.lab.stop)
    case.lab.start_lab()
    case.site = deployment.Deployment(case.lab, SLAVES, masters=("master", "standby"), names=("race", "slow"))
    case.site.services[1]["delay"] = "2s"
    case.site.start()


class SiteTest(unittest.TestCase):
    """What both kinds of tests ask."""

    def dig(self, client, name, master="master", family=4, seconds=3):
        """One datagram, one answer or ''."""
        server = self.lab.address(master, family)
        words = ["dig", f"@{server}", name, "A", "+short", "+tries=1", f"+timeout={seconds}"]
        return self.lab.run(client, words).stdout.strip()

    def answers(self, asked):
        return [answer for _, answers in asked.finish() for answer in answers]

    def counters(self, slave):
        status = self.site.status()
        return next(s["counters"] for s in status["slaves"] if s["name"] == slave)

    def settled(self, slave, counter):
        """Its value when two reports in a row agree: the last one may be older than the last race."""
        values = [self.counters(slave)[counter]]

        def agrees():
            time.sleep(1.5 * REPORTS)
            values.append(self.counters(slave)[counter])
            return values[-2] == values[-1]
        harness.wait_until(agrees, 10, f"{counter} of {slave} to stand still")
        return values[-1]


class FaultsTest(SiteTest):
    def setUp(self):
        """A lab a test: each breaks it."""
        start(self)

    # Slaves

    def test_no_client_notices_a_slave_that_is_killed_in_the_middle_of_races(self):
        asked = digs.Digs(self.lab)
        for client in ("berlin", "boston"):
            for family in (4, 6):
                asked.ask(client, self.lab.address("master", family),
                         [f"{client}-{family}-{n}.race.example.test" for n in range(100)])
        harness.wait_until(lambda: asked.done() > 80, 10, "the first answers")
        self.site.programs["fra"].kill()
        so_far = asked.done()
        self.assertLess(so_far, 350, "killed too late to show anything")
        answers = self.answers(asked)
        self.assertEqual(len(answers), 400)
        self.assertEqual([a.name for a in answers if len(a.addresses) != 1], [])
        winners = collections.Counter(a.addresses[0] for a in answers if a.name.startswith("berlin"))
        self.assertGreater(winners[self.lab.address("fra")], 0)
        self.assertGreater(winners[self.lab.address("nyc")], 0)

        self.site.wait_fit(slaves=["nyc"], seconds=5)
        self.site.start_slave("fra")
        self.site.wait_fit(seconds=10)
        self.assertEqual(self.dig("berlin", "back.race.example.test"), self.lab.address("fra"))

    def test_without_any_slave_the_master_answers(self):
        for slave in SLAVES:
            self.site.programs[slave].kill()
        for n in range(20):  # from the moment of their death on
            self.dig("berlin", f"dying-{n}.race.example.test", seconds=1)
        harness.wait_until(lambda: not self.site.fit(), 5, "the master to miss its slaves")
        self.assertEqual(self.dig("berlin", "alone.race.example.test"), self.lab.address("master"))
        self.assertGreater(self.site.status()["fallback"]["no_fit_slave"], 0)

    def test_slaves_that_refuse_nearly_all_orders_are_benched_and_every_client_is_answered_at_its_second_try(self):
        for slave in SLAVES:
            self.site.programs[slave].stop()
            self.site.slaves[slave]["transmit"].update(rate=2, burst=2)
            self.site.start_slave(slave)
        self.site.wait_fit()
        asked = digs.Digs(self.lab)
        for n in range(30):  # at once; beyond retry_window they ask again
            asked.ask("berlin", self.lab.address("master"), [f"crowd-{n}-{k}.race.example.test" for k in range(3)],
                      options=("+tries=2", "+timeout=3"))
        self.site.programs["master"].wait_for(r"warning: slave fra is benched for 5 s: it refused \d+ of \d+ orders; "
                                              r"see its \[transmit\] rate and queue")
        reason = next(s["why_not"] for s in self.site.status()["slaves"] if s["name"] == "fra")
        self.assertIn("is benched for 5 s", reason)
        answers = self.answers(asked)
        self.assertEqual(len(answers), 90)
        self.assertEqual([a.name for a in answers if len(a.addresses) != 1], [])
        self.assertGreater(self.site.status()["fallback"]["no_fit_slave"], 0)
        harness.wait_until(lambda: self.site.fit() == set(SLAVES), 6, "the end of the bench")

    # Masters

    def test_orders_that_are_queued_fire_although_their_master_was_killed(self):
        asked = digs.Digs(self.lab)
        asked.ask("berlin", self.lab.address("master"), ["orphan.slow.example.test"],
                  options=("+tries=1", "+timeout=5"))
        harness.wait_until(lambda: all(s["orders_sent"] == 1 for s in self.site.status()["slaves"]), 1.5, "the orders")
        time.sleep(0.3)
        self.assertEqual(asked.done(), 0)
        self.site.programs["master"].kill()
        answer, = self.answers(asked)
        self.assertEqual(answer.addresses, (self.lab.address("fra"),))

    def test_a_second_master_answers_at_once_and_the_first_is_back_within_five_seconds(self):
        unbound = self.site.start_unbound("berlin")
        self.site.programs["master"].kill()
        self.assertEqual(self.dig("boston", "second.race.example.test", "standby"), self.lab.address("nyc"))
        for n in range(5):
            # As every stub resolver: unbound drops answers that it took more than 1.9 s to find.
            out = self.lab.run("berlin", ["dig", "@127.0.0.1", f"through-{n}.race.example.test", "+short", "+tries=3",
                                          "+timeout=3"]).stdout.strip().splitlines()[-1]
            self.assertIn(out, (self.lab.address("fra"), self.lab.address("master")))  # raced, or, asked twice, not
        self.assertTrue(unbound.running())
        time.sleep(2)  # so that slaves have begun to wait longer between their attempts

        begin = time.monotonic()
        self.site.start_master("master")
        harness.wait_until(lambda: self.dig("boston", f"first-{time.monotonic_ns()}.race.example.test", seconds=1), 5,
                           "an answer of the restarted master")
        self.site.wait_fit(seconds=5)
        self.assertLess(time.monotonic() - begin, 5)
        self.assertEqual(self.dig("boston", "races-again.race.example.test"), self.lab.address("nyc"))

    # Clocks

    def test_a_master_whose_chronyd_stops_answers_by_itself(self):
        self.site.programs["master-chronyd"].stop()
        harness.wait_until(lambda: self.site.status()["racing"]["standing_down"], 10, "the master to stand down")
        self.assertEqual(self.dig("berlin", "no-clock.race.example.test"), self.lab.address("master"))
        self.assertGreater(self.site.status()["fallback"]["clock"], 0)


class StrangersTest(SiteTest):
    """What must leave no trace: one lab for all."""

    @classmethod
    def setUpClass(cls):
        start(cls)

    def tearDown(self):
        self.assertEqual(self.site.fit(), set(SLAVES))

    def test_a_slave_whose_chronyd_stops_stands_down_and_comes_back(self):
        self.site.programs["fra-chronyd"].stop()
        self.site.wait_fit(slaves=["nyc"], seconds=10)
        self.site.programs["fra"].wait_for(
            r"warning: .*standing down: clock: chronyd at 127\.0\.0\.1:323 cannot be asked")
        reason = next(s["why_not"] for s in self.site.status()["slaves"] if s["name"] == "fra")
        self.assertIn("chronyd", reason)
        self.assertEqual(self.dig("berlin", "one-less.race.example.test"), self.lab.address("nyc"))
        self.site.start_chronyd("fra")
        self.site.wait_fit(seconds=10)
        self.assertEqual(self.dig("berlin", "both-again.race.example.test"), self.lab.address("fra"))

    # Strangers

    def intruder(self, **control):
        """A slave on a host of its own, with these control keys; its program."""
        config = copy.deepcopy(self.site.slaves["fra"])
        config["control"].update(control)
        self.site.slaves["intruder"] = config
        if "intruder-chronyd" not in self.site.programs:
            self.site.start_chronyd("intruder")
        self.addCleanup(self.site.slaves.pop, "intruder", None)
        program = self.site.start_slave("intruder")
        self.addCleanup(program.stop)
        return program

    def test_a_slave_that_no_service_names_is_refused_in_a_clear_line(self):
        self.site.make_keys("mallory")
        program = self.intruder(certificate="mallory.crt", key="mallory.key")
        program.wait_for(r"warning: .*refused us: no service of this master has a slave named 'mallory'")
        self.site.programs["master"].wait_for(r"warning: slave 'mallory' from 203\.0\.113\.66:\d+ refused")

    def test_a_second_slave_of_a_name_is_refused_and_the_first_stays(self):
        program = self.intruder()
        program.wait_for(r"warning: .*refused us: 'fra' has a session already, from 192\.0\.2\.10:\d+")
        self.assertEqual(self.site.fit(), set(SLAVES))
        self.assertEqual(self.dig("berlin", "the-first.race.example.test"), self.lab.address("fra"))

    def keys_of_another_ca(self):
        """other/ca.crt, other/fra.crt, other/fra.key"""
        ours = self.site.directory
        if (ours / "other").exists():
            return
        self.site.directory = ours / "other"
        self.site.directory.mkdir()
        self.site.make_keys("fra")
        self.site.directory = ours

    def test_a_certificate_that_its_own_ca_does_not_vouch_for_ends_the_slave_in_a_clear_line(self):
        self.keys_of_another_ca()
        program = self.intruder(certificate="other/fra.crt", key="other/fra.key")
        self.assertEqual(program.wait(), 2)
        self.assertRegex(program.output(),
                         r"\Aflagfall-slave: certificate [^\n]*/other/fra.crt: [^\n]*ca.crt[^\n]*\n\Z")

    def test_a_master_turns_away_who_has_a_certificate_of_another_ca(self):
        self.keys_of_another_ca()
        other = self.site.directory / "other"
        failed = self.site.status()["control"]["control_handshake_failed"]
        self.lab.run("intruder", ["openssl", "s_client", "-connect", "192.0.2.1:4953", "-cert", other / "fra.crt",
                                  "-key", other / "fra.key"])
        self.site.programs["master"].wait_for(r"warning: .*203\.0\.113\.66.*certificate")
        self.assertEqual(self.site.status()["control"]["control_handshake_failed"], failed + 1)
        self.assertEqual(self.site.fit(), set(SLAVES))

    def test_a_slave_turns_away_from_a_master_that_its_ca_does_not_vouch_for(self):
        self.keys_of_another_ca()
        program = self.intruder(ca="other/ca.crt", certificate="other/fra.crt", key="other/fra.key")
        program.wait_for(r"warning: master master \(192\.0\.2\.1:4953\): .*certificate")
        self.assertNotIn("registered with", program.output())

    # Orders

    def send_to_slave(self, payloads):
        """Datagrams to fra's orders port, as if from the master, from a host of an attacker."""
        master, slave = (socket.inet_aton(self.lab.address(h)) for h in ("master", "fra"))
        with self.lab.socket("intruder", socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            for payload, port in payloads:
                udp = struct.pack(">HHHH", port, ORDERS_PORT, 8 + len(payload), 0) + payload
                header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0,
                                     master, slave)
                raw.sendto(header + udp, (self.lab.address("fra"), 0))

    def test_forged_replayed_and_truncated_orders_are_dropped_and_counted(self):
        def orders():
            self.lab.stats()  # completes the capture
            return [(p.data, p.source_port) for p in capture.packets(self.lab.capture)
                    if p.destination == self.lab.address("fra") and p.destination_port == ORDERS_PORT]
        earlier, sent = len(orders()), self.settled("fra", "answers_sent")
        names = [f"real-{n}.race.example.test" for n in range(20)]
        asked = digs.Digs(self.lab)
        asked.ask("berlin", self.lab.address("master"), names)
        self.assertTrue(all(a.addresses for a in self.answers(asked)))
        real = orders()[earlier:]
        self.assertEqual(len(real), 20)
        harness.wait_until(lambda: self.counters("fra")["answers_sent"] == sent + 20, 5, "the slave's report")
        before = self.counters("fra")

        # Counters far ahead: must be told forged before they move the window.
        forged = [(data[:8] + struct.pack(">II", 1, n) + data[16:], port) for n, (data, port) in enumerate(real)]
        cut = [(data[:length], port) for (data, port), length in zip(real, range(12))]
        self.send_to_slave(real + forged + cut)
        self.send_to_slave(reversed(real))

        def counted():
            now = self.counters("fra")
            return {key: now[key] - before[key] for key in wanted}
        wanted = {"order_replayed": 40, "order_forged": 20, "order_malformed": 12, "answers_sent": 0}
        harness.wait_until(lambda: counted() == wanted, 5, lambda: f"{wanted}; it is {counted()}")

        self.assertEqual(self.dig("berlin", "afterwards.race.example.test"), self.lab.address("fra"))
        self.lab.stats()
        came = capture.arrivals(self.lab.capture)
        self.assertEqual({len(came[self.lab.address("berlin"), name]) for name in names}, {len(SLAVES)})


if __name__ == "__main__":
    harness.main()
