"""A real headless Chromium that looks at the built-in page: run inside a host of the lab, as

    python3 browser.py URL [SCREENSHOT_FOLDER]    looks once
    python3 browser.py URL --stay                 keeps the page open: looks at each line "look" of its input, says
                                                  at "texts" what it shows now, at "console" what that said

Each look is a line of JSON: what the page showed at each size and theme, what the console said since the last
look. Needs Debian's chromium-driver and python3-selenium.
"""

import json
import pathlib
import sys
import tempfile
import time

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

# In the page: what it shows, and what Chart.js really drew.
LOOK = """
const pixels = (canvas) => {
  const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const colours = new Set();
  let drawn = 0;
  for (let i = 0; i < data.length; i += 4)
    if (data[i + 3] > 200) { ++drawn; if (colours.size < 999) colours.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]); }
  return {drawn, colours: colours.size};
};
const out = {texts: {}, charts: {}, rows: {}};
for (const e of document.querySelectorAll('[id]')) {
  if (e.tagName === 'CANVAS') {
    const chart = window.Chart && Chart.getChart(e);
    out.charts[e.id] = e.parentElement.hidden ? 'hidden' : chart ? {...pixels(e), labels: chart.data.labels,
      sets: chart.data.datasets.map((s) => ({label: s.label, data: s.data}))} : null;
  } else if (e.tagName === 'TABLE') {
    out.rows[e.id] = [...e.querySelectorAll('tbody tr')].map((r) => [...r.cells].map((c) => c.textContent));
  } else if (!e.children.length) {
    out.texts[e.id] = e.hidden ? null : e.textContent;
  }
}
const wide = document.documentElement;
out.overflow = wide.scrollWidth - wide.clientWidth;
out.width = wide.clientWidth;
out.title = document.title;
out.injected = document.querySelectorAll('main script, main img, main b b, main i').length;
return out;
"""


def browser(folder):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
                 f"--user-data-dir={folder}"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


def size(driver, width, height, theme):
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                           {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                           {"features": [{"name": "prefers-color-scheme", "value": theme}]})


def look_when_drawn(driver, seconds=20):
    """Until every chart with data has been drawn, and the state and the rate, of two questions, are known."""
    deadline = time.monotonic() + seconds
    while True:
        seen = driver.execute_script(LOOK)
        texts = seen["texts"]
        if all(seen["charts"].values()) and texts["state"] not in ("…", None) and texts["rate"]:
            return seen
        if time.monotonic() > deadline:
            return seen
        time.sleep(0.2)


def look(driver, pictures=None):
    out = {"views": {}}
    for name, width, height, theme in (("desktop", 1280, 900, "light"), ("dark", 1280, 900, "dark"),
                                       ("phone", 360, 740, "light")):
        size(driver, width, height, theme)
        time.sleep(1)  # charts move to their new size
        out["views"][name] = look_when_drawn(driver)
        if pictures:
            full = driver.execute_script("return document.documentElement.scrollHeight")
            size(driver, width, full, theme)
            time.sleep(0.5)
            driver.save_screenshot(str(pictures / f"{name}.png"))
    out["console"] = [entry for entry in driver.get_log("browser") if entry["level"] != "INFO"]
    return out


def main():
    url = sys.argv[1]
    stay = sys.argv[2:] == ["--stay"]
    pictures = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 and not stay else None
    with tempfile.TemporaryDirectory(prefix="flagfall-chromium-") as folder:
        driver = browser(folder)
        try:
            driver.get(url)
            if not stay:
                look_when_drawn(driver)
                time.sleep(7)  # some rounds of questions
                print(json.dumps(look(driver, pictures)))
                return
            for line in sys.stdin:
                seen = {"look": look, "texts": lambda d: d.execute_script(LOOK)["texts"],
                        "console": lambda d: d.get_log("browser")}[line.strip()](driver)
                print(json.dumps(seen), flush=True)
        finally:
            driver.quit()


if __name__ == "__main__":
    main()
