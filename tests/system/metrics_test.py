"""/metrics of real daemons: good by Prometheus' own checks, scraped by a real Prometheus over loopback and
over TLS with a token; and every expression of the dashboard and of the alerts, asked of that Prometheus."""

import json
import pathlib
import re
import subprocess
import time
import unittest
import urllib.parse

import deployment
import digs
import harness
import web_races

SLAVES = ("fra", "nyc", "sin")
CLIENTS = ("berlin", "boston", "tokyo")
ALERTS = harness.ROOT / "configs" / "prometheus" / "flagfall-alerts.yml"
SCRAPES = harness.ROOT / "configs" / "prometheus" / "flagfall-scrape.yml"
ALERT_TESTS = pathlib.Path(__file__).with_name("alerts.yml")
DASHBOARD = harness.ROOT / "configs" / "grafana" / "flagfall.json"
TOKEN = "0123456789abcdef0123456789abcdef"
COMPARISON = re.compile(r"^(.*\S)\s*(==|>|<)\s*[\d.e+-]+$", re.S)


def promtool(*words, text=None):
    return subprocess.run(["promtool", *words], input=text, capture_output=True, text=True, check=False, timeout=60)


def alert_expressions():
    """{alert: expression}, without a YAML library: the file's own form, `expr:` on a line or folded below it."""
    found, name, folded = {}, None, None
    for line in ALERTS.read_text().splitlines():
        if match := re.match(r"\s+- alert: (\w+)$", line):
            name, folded = match[1], None
        elif match := re.match(r"\s+expr: (.*)$", line):
            folded = [] if match[1] == ">-" else None
            if folded is None:
                found[name] = match[1]
        elif folded is not None and re.match(r"\s{10}\S", line):
            folded.append(line.strip())
            found[name] = " ".join(folded)
        else:
            folded = None
    return found


def dashboard_expressions():
    """{panel: [expression]} with the variables as Grafana would fill them in for all hosts."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return {f"{panel['title']} ({panel['id']})":
            [t["expr"].replace("$instance", ".*").replace("$__rate_interval", "30s") for t in panel["targets"]]
            for panel in panels if panel["type"] != "row"}


class FilesTest(unittest.TestCase):
    def test_the_alerts_are_rules_and_fire_when_they_should(self):
        checked = promtool("check", "rules", ALERTS)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assertIn(f"{len(alert_expressions())} rules found", checked.stdout)
        tested = promtool("test", "rules", ALERT_TESTS)
        self.assertEqual(tested.returncode, 0, tested.stdout + tested.stderr)

    def test_every_alert_is_seen_to_fire_and_not_to_fire(self):
        text = ALERT_TESTS.read_text()
        fires = set(re.findall(r"alertname: (\w+)\n +exp_alerts:\n +- exp_labels:", text))
        rests = set(re.findall(r"alertname: (\w+), exp_alerts: \[\]}", text))
        self.assertEqual(fires, set(alert_expressions()))
        self.assertEqual(rests, set(alert_expressions()))

    def test_promtool_sees_an_alert_that_should_fire_and_does_not(self):
        folder = harness.tempfile.mkdtemp(prefix="flagfall-alerts-")
        self.addCleanup(harness.shutil.rmtree, folder)
        rules = pathlib.Path(folder) / "rules.yml"
        rules.write_text(ALERTS.read_text().replace("flagfall_racing_paused == 1", "flagfall_racing_paused == 2"))
        tests = pathlib.Path(folder) / "tests.yml"
        tests.write_text(ALERT_TESTS.read_text().replace("../../configs/prometheus/flagfall-alerts.yml", str(rules)))
        tested = promtool("test", "rules", tests)
        self.assertEqual(tested.returncode, 1)
        self.assertIn("FlagfallPaused", tested.stdout + tested.stderr)

    def test_the_sample_of_scrapes_is_a_configuration(self):
        text = SCRAPES.read_text()
        folder = harness.tempfile.mkdtemp(prefix="flagfall-scrape-")
        self.addCleanup(harness.shutil.rmtree, folder)
        for name in ("flagfall.token", "flagfall-ca.crt"):
            self.assertIn(name, text)
            (pathlib.Path(folder) / name).write_text("x\n")
        (pathlib.Path(folder) / "flagfall-alerts.yml").write_text(ALERTS.read_text())
        (pathlib.Path(folder) / "prometheus.yml").write_text(text)
        checked = promtool("check", "config", pathlib.Path(folder) / "prometheus.yml")
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)


class MetricsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("race.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = deployment.Deployment(cls.lab, SLAVES, names=("race", "slow"))
        token = cls.lab.directory / "admin.token"
        token.write_text(TOKEN + "\n")
        token.chmod(0o600)
        # The service's delay follows the network, so that its families are there.
        cls.site.services[0]["delay"] = {"on_time": 0.98, "at_least": "2ms", "at_most": "80ms"}
        for host in SLAVES:
            cls.site.slaves[host]["admin"] = {"listen": deployment.endpoint(cls.lab.address(host), 4981),
                                              "certificate": f"{host}.crt", "key": f"{host}.key",
                                              "token_file": "admin.token"}
        # And a director with a store, and web clients, so that theirs are.
        web_races.arrange(cls.site, cls.site.services[1], again=0.2)
        cls.site.services[1]["director"] = {"policies": ["race", "ping"]}
        cls.site.start()
        cls.start_prometheus()
        cls.load = digs.Digs(cls.lab)
        for client in CLIENTS:
            cls.load.ask(client, cls.lab.address("master"), [f"{client}-{n}.race.example.test" for n in range(400)])
            cls.load.ask(client, cls.lab.address("master"), [f"{client}-{n}.slow.example.test" for n in range(40)])
        cls.addClassCleanup(cls.load.finish)
        cls.web = web_races.Clients(cls.lab)
        for client in CLIENTS:
            cls.web.ask(client, 150, think_ms=100)
        cls.addClassCleanup(cls.web.wait)
        time.sleep(8)

    @classmethod
    def start_prometheus(cls):
        def job(name, host, target, more=""):
            return f"""
  - job_name: {name}
    static_configs: [{{targets: ["{target}"], labels: {{instance: {host}}}}}]{more}"""
        tls = """
    scheme: https
    authorization: {{credentials_file: admin.token}}
    tls_config: {{ca_file: ca.crt, server_name: {}}}"""
        text = "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:"
        text += job("flagfall-master", "master", "127.0.0.1:4980")
        for host in SLAVES:  # a job's name is there once
            text += job(f"flagfall-slave-{host}", host, deployment.endpoint(cls.lab.address(host), 4981), tls.format(host))
        (cls.lab.directory / "prometheus.yml").write_text(text)
        cls.prometheus = cls.lab.start("master", "prometheus", [
            "prometheus", f"--config.file={cls.lab.directory}/prometheus.yml", "--web.listen-address=127.0.0.1:9090",
            f"--storage.tsdb.path={cls.lab.directory}/tsdb", "--log.level=warn"])
        harness.wait_until(lambda: cls.fetch("http://127.0.0.1:9090/-/ready", check=False).returncode == 0, 30,
                           lambda: "Prometheus; it said: " + cls.prometheus.output())

    @classmethod
    def fetch(cls, *words, host="master", check=True):
        return cls.lab.run(host, ["curl", "-sSf", *words], check=check)

    def query(self, expression):
        """Its result, a list of samples; fails on an error."""
        asked = urllib.parse.urlencode({"query": expression})
        done = self.lab.run("master", ["curl", "-sS", f"http://127.0.0.1:9090/api/v1/query?{asked}"], check=True)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["status"], "success", (expression, answer))
        return answer["data"]["result"]

    def value(self, expression):
        result = self.query(expression)
        self.assertEqual(len(result), 1, (expression, result))
        return float(result[0]["value"][1])

    def master_text(self):
        return self.fetch("http://127.0.0.1:4980/metrics").stdout

    def slave_text(self, host):
        return self.fetch("--cacert", self.lab.directory / "ca.crt", "--resolve", f"{host}:4981:{self.lab.address(host)}",
                          "-H", f"Authorization: Bearer {TOKEN}", f"https://{host}:4981/metrics", host=host).stdout

    def test_promtool_finds_nothing_to_complain_of(self):
        for text in (self.master_text(), self.slave_text("fra")):
            checked = promtool("check", "metrics", text=text)
            self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))

    def test_no_label_is_a_clients(self):
        for text in (self.master_text(), self.slave_text("fra")):
            for client in CLIENTS:
                for family in (4, 6):
                    self.assertNotIn(self.lab.address(client, family), text)
        labels = set(re.findall(r'[{,](\w+)="', self.master_text()))
        self.assertEqual(labels - {"certificate", "event", "fate", "le", "of", "program", "reason", "service", "slave",
                                   "version", "way", "certainty", "mode", "kind", "change", "scheme", "server",
                                   "status"}, set())

    def test_prometheus_scrapes_all_of_them(self):
        harness.wait_until(lambda: self.query("sum(up)")[0]["value"][1] == "4", 20, "all four to be up")
        self.assertEqual({s["metric"]["program"] for s in self.query("flagfall_build_info")},
                         {"flagfall-master", "flagfall-slave"})
        self.assertEqual(self.value("count(flagfall_slave_fit == 1)"), 3)
        self.assertGreater(self.value("flagfall_races_total"), 20)

    def test_who_has_no_token_sees_nothing(self):
        url = f"https://fra:4981/metrics"
        known = ["--cacert", self.lab.directory / "ca.crt", "--resolve", f"fra:4981:{self.lab.address('fra')}"]
        for words in ([], ["-H", "Authorization: Bearer wrong"], ["-u", "x:wrong"]):
            done = self.lab.run("berlin", ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", *known, *words, url])
            self.assertEqual(done.stdout, "401")
        done = self.lab.run("berlin", ["curl", "-sS", *known, "-u", f"any:{TOKEN}", url])
        self.assertIn("flagfall_build_info", done.stdout)
        plain = self.lab.run("berlin", ["curl", "-sS", "-m", "5", f"http://{self.lab.address('fra')}:4981/metrics"])
        self.assertNotIn("flagfall", plain.stdout)

    def test_numbers_are_those_of_the_status(self):
        before, text, after = self.site.status(), self.master_text(), self.site.status()

        def number(sample):
            return float(re.search(rf"(?m)^{re.escape(sample)} (\S+)$", text)[1])
        self.assertTrue(before["races"] <= number("flagfall_races_total") <= after["races"])
        for old, new in zip(before["slaves"], after["slaves"]):
            label = f'slave="{old["name"]}"'
            self.assertEqual(number(f"flagfall_slave_registered{{{label}}}"), 1)
            self.assertTrue(old["orders_sent"] <= number(f"flagfall_orders_total{{{label}}}") <= new["orders_sent"])
            for fate, n in old["outcomes"].items():
                counted = number(f'flagfall_order_fates_total{{{label},fate="{fate}"}}')
                self.assertTrue(n <= counted <= new["outcomes"][fate], fate)
            ways = number(f"flagfall_order_one_way_seconds_count{{{label}}}")
            self.assertTrue(old["one_way_ms"]["count"] <= ways <= new["one_way_ms"]["count"])
            self.assertGreater(number(f"flagfall_slave_certificate_not_after_timestamp_seconds{{{label}}}"),
                               time.time() + 300 * 86400)
        for reason, n in before["fallback"].items():
            self.assertTrue(n <= number(f'flagfall_fallbacks_total{{reason="{reason}"}}') <= after["fallback"][reason])
        # One way in the lab is what the topology says.
        way = self.value('histogram_quantile(0.5, sum by (le) (flagfall_order_one_way_seconds_bucket{slave="fra"}))')
        self.assertAlmostEqual(way * 1e3, self.lab.delay_ms("master", "fra"), delta=4)

    def test_every_expression_of_the_dashboard_has_a_result(self):
        # Families that nothing has brought forth here.
        for panel, expressions in dashboard_expressions().items():
            results = [self.query(expression) for expression in expressions]
            for expression, result in zip(expressions, results):
                with self.subTest(panel=panel, expression=expression):
                    self.assertTrue(result or re.search(r" > 0$", expression), "no result")
            self.assertTrue(any(results), panel)

    def test_every_alerts_expression_has_what_it_looks_at_and_none_fires(self):
        for alert, expression in alert_expressions().items():
            with self.subTest(alert=alert):
                compared = COMPARISON.match(expression)
                self.assertIsNotNone(compared, expression)
                self.assertTrue(self.query(compared[1]), "nothing to look at")
                self.query(expression)
        for alert in ("FlagfallDown", "FlagfallNoFitSlave", "FlagfallSlaveAway", "FlagfallClockStandingDown",
                      "FlagfallCertificateExpires", "FlagfallQueueDrops", "FlagfallDescriptors"):
            self.assertEqual(self.query(alert_expressions()[alert]), [], alert)

    def test_every_family_that_is_looked_at_is_told(self):
        told = set(re.findall(r"(?m)^# TYPE (\w+)", self.master_text() + self.slave_text("fra")))
        asked = set()
        for expression in [*alert_expressions().values(), *sum(dashboard_expressions().values(), [])]:
            asked |= set(re.findall(r"\b(flagfall_\w+|process_\w+)", expression))
        plain = {re.sub(r"_(bucket|count|sum)$", "", name) if name not in told else name for name in asked}
        self.assertEqual(plain - told, set())


if __name__ == "__main__":
    harness.main()
