"""The built-in page, in a real headless Chromium, against a real master under load."""

import json
import re
import subprocess
import threading
import time
import unittest

import deployment
import digs
import harness

SLAVES = ("fra", "nyc", "sin")
CLIENTS = ("berlin", "madrid", "boston", "tokyo")
BROWSER = harness.ROOT / "tests" / "system" / "browser.py"
HOSTILE = "<img src=x onerror=alert(1)>&amp;\"'"


def plain(text):
    """"1,234" as a number."""
    return int(text.replace(",", ""))


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = harness.Lab("race.toml")
        cls.addClassCleanup(cls.lab.stop)
        cls.lab.start_lab()
        cls.site = deployment.Deployment(cls.lab, SLAVES)
        service = cls.site.services[0]
        # What is raced is named by the configuration; a name may be anything printable.
        cls.site.services.append({**service, "name": HOSTILE, "names": ["*.slow.example.test"], "delay": "40ms",
                                  "director": {"policies": ["race"]}})
        cls.site.start()
        cls.browser = subprocess.Popen(
            cls.lab.inside("master", ["/usr/bin/python3", "-B", BROWSER, "http://127.0.0.1:4980/", "--stay"]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(cls.close)
        cls.say("texts")

    @classmethod
    def close(cls):
        cls.browser.stdin.close()
        cls.browser.wait(30)
        cls.browser.stdout.close()

    @classmethod
    def say(cls, word):
        """What the browser, with the page open since the start, tells at a word."""
        cls.browser.stdin.write(word + "\n")
        cls.browser.stdin.flush()
        return json.loads(cls.browser.stdout.readline())

    def load(self, each=150):
        asked = digs.Digs(self.lab)
        for client in CLIENTS:
            asked.ask(client, self.lab.address("master"), [f"{client}-{n}.race.example.test" for n in range(each)])
        return asked

    def look(self, ready):
        """The page at every size, some rounds of its questions after its texts are so."""
        harness.wait_until(lambda: ready(self.say("texts")), 20, lambda: f"the page; it shows {self.say('texts')}")
        time.sleep(7)
        return self.say("look")

    def absent(self, route):
        code = self.lab.run("master", ["curl", "-so", "/dev/null", "-w", "%{http_code}",
                                       f"http://127.0.0.1:4980{route}"]).stdout
        return code == "404"

    def test_the_page_shows_what_the_status_says_at_every_size(self):
        stop = threading.Event()

        def keep_asking():
            while not stop.is_set():
                self.load(40).finish()
        asking = threading.Thread(target=keep_asking)
        asking.start()
        try:
            seen = self.look(lambda texts: float((texts["rate"] or "0").split()[0]) > 0)
        finally:
            stop.set()
            asking.join()
        # Nothing breaks; what is not there is asked for and answered with a 404, which Chromium logs.
        for entry in seen["console"]:
            route = re.search(r"127\.0\.0\.1:4980(/\w+)\S* - Failed to load resource.* 404 ", entry["message"])
            if entry["level"] == "SEVERE":
                self.assertTrue(route and self.absent(route[1]), entry)
        for name, view in seen["views"].items():
            with self.subTest(view=name):
                self.check(view)
        self.assertEqual(seen["views"]["phone"]["width"], 360)

    def check(self, view):
        self.assertEqual(view["overflow"], 0)  # no horizontal scrolling
        self.assertEqual(view["injected"], 0)
        texts, status = view["texts"], self.site.status()
        self.assertEqual(view["title"], "flagfall · racing")
        self.assertEqual(texts["state"], "racing")
        self.assertIsNone(texts["gone"])
        self.assertEqual(texts["slaves-fit"], "3 of 3")
        self.assertGreater(plain(texts["races"]), 0)
        self.assertLessEqual(plain(texts["races"]), status["races"])
        self.assertGreater(float(texts["rate"].split()[0]), 0)
        self.assertEqual(texts["clock-limit"], "of 5.00 ms allowed")
        self.assertEqual([row[0] for row in view["rows"]["slaves"]], list(SLAVES))
        self.assertEqual([row[1] for row in view["rows"]["slaves"]], ["races"] * 3)
        self.assertEqual([row[0] for row in view["rows"]["services"]], ["race", HOSTILE])
        self.assertEqual([row[:2] for row in view["rows"]["servers"]], [[HOSTILE, slave] for slave in SLAVES])
        self.assertEqual([row[4] for row in view["rows"]["servers"]], ["are sent there"] * 3)
        self.assertIn("at most", texts["director-note"])
        for chart in ("live", "oneway", "clocks"):
            drawn = view["charts"][chart]
            self.assertIsNotNone(drawn, chart)
            self.assertGreater(drawn["drawn"], 500, chart)
            self.assertGreater(drawn["colours"], 5, chart)
        self.assertEqual([s["label"] for s in view["charts"]["oneway"]["sets"]], list(SLAVES))
        for shares in view["charts"]["oneway"]["sets"]:
            self.assertAlmostEqual(sum(shares["data"]), 1, delta=1e-6)
        self.assertEqual(view["charts"]["clocks"]["labels"], ["master", *SLAVES])

    def test_numbers_at_rest_are_those_of_the_status(self):
        self.load().finish()

        def settled():
            """The status, once every order's fate is in it."""
            status = self.site.status()
            return status if all(sum(s["outcomes"].values()) == s["orders_sent"] for s in status["slaves"]) else None
        status = harness.wait_until(settled, 10, lambda: f"all orders' fates: {self.site.status()['slaves']}")
        late = sum(s["outcomes"]["sent_late"] + s["outcomes"]["dropped_late"] for s in status["slaves"])
        view = self.look(lambda texts: plain(texts["races"]) == status["races"] and
                         f"{late} late" in texts["orders"])["views"]["dark"]
        self.assertEqual(plain(view["texts"]["races"]), status["races"])
        others = sum(status["fallback"].values())
        self.assertEqual(view["texts"]["fallback-share"], f"{100 * others / (others + status['races']):.1f} %")
        self.assertIn(f"{late} late", view["texts"]["orders"])
        for row, slave in zip(view["rows"]["slaves"], status["slaves"]):
            self.assertEqual(plain(row[3]), slave["orders_sent"])
            self.assertEqual(plain(row[4]), slave["outcomes"]["sent_late"] + slave["outcomes"]["dropped_late"])

    def test_every_file_of_the_page_is_its_own_and_guarded(self):
        page = self.lab.run("master", ["curl", "-sSi", "http://localhost:4980/"], check=True).stdout
        self.assertIn("Content-Type: text/html; charset=utf-8", page)
        self.assertRegex(page, r"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self';")
        self.assertNotRegex(page, r"https?://|<script>|\sstyle=|\son\w+=")
        files = re.findall(r'(?:src|href)="([\w.]+)"', page)
        self.assertIn("chart.js", files)
        for file in files:
            head = self.lab.run("master", ["curl", "-sSi", f"http://127.0.0.1:4980/{file}"], check=True).stdout[:400]
            self.assertTrue(head.startswith("HTTP/1.1 200 "), file)
            self.assertIn("X-Content-Type-Options: nosniff", head)

    def test_the_page_says_when_the_master_is_gone_and_comes_back_with_it(self):
        def shows(state):
            harness.wait_until(lambda: self.say("texts")["state"] == state, 20, lambda: f"{state}: {self.say('texts')}")
        shows("racing")
        self.site.programs["master"].kill()
        shows("gone")
        self.assertIn("does not answer", self.say("texts")["gone"])
        self.site.start_master()
        self.site.wait_fit()
        shows("racing")
        self.assertIsNone(self.say("texts")["gone"])
        self.say("console")  # what it had to say of that is not looked at again


if __name__ == "__main__":
    harness.main()
