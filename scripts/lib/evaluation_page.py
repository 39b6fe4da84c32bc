"""docs/evaluation.md out of what `flagfall simulate --json` said of each draw. Pure: figures in, text out."""

import dataclasses
import statistics

# What was set out to be shown: the figure, its limit, and what it is (the limit itself is met, but for races).
GOALS = [("ratio", 1.05, "bound requests: mean latency, of the oracle's", "at most 1.05"),
         ("ratio_all", 1.10, "all requests, raced ones with their delay: the same", "at most 1.10"),
         ("races_per_1000", 30, "races per 1,000 requests in steady state", "fewer than 30")]
WAYS = ["GeoIP (great circle)", "best single site", "round robin", "random"]


@dataclasses.dataclass
class About:
    data: str  # which matrix, in words
    file: str  # its name, without a folder
    digest: str
    command: str
    pictures: str  # the folder beside the page
    worst: int  # the seed whose draw is the worst over all


def mean(draws, figure):
    return statistics.fmean(figure(one) for one in draws)


def table(head, rows):
    """Markdown: the first column is words, the others are figures."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def meets(key, limit, value):
    return value < limit if key == "races_per_1000" else value <= limit


def goals(draws):
    rows = []
    for key, limit, what, words in GOALS:
        values = [one[key] for one in draws]
        digits = 1 if key == "races_per_1000" else 3
        found = statistics.fmean(values)
        rows.append([what, words, f"{found:.{digits}f}", "yes" if meets(key, limit, found) else "**no**",
                     f"{statistics.median(values):.{digits}f}", f"{max(values):.{digits}f}",
                     f"{sum(meets(key, limit, v) for v in values)} of {len(values)}"])
    return table(["", "goal", "mean of the draws", "met", "median", "worst draw", "draws that meet it"], rows)


def ways(draws):
    """A row for each way of choosing: latencies as means over the draws."""
    def row(name, spread, ratio):
        ratios = [ratio(one) for one in draws]
        return [name, *(f"{mean(draws, lambda one: spread(one)[at]):.1f}" for at in ("mean", "p50", "p90", "p99")),
                f"{statistics.fmean(ratios):.3f}", f"{min(ratios):.3f}", f"{max(ratios):.3f}"]

    def other(name):
        return row(name, lambda one: one["others"][name],
                   lambda one: one["others"][name]["mean"] / one["others"]["oracle"]["mean"])
    rows = [other("oracle"),
            row("**flagfall, bound requests**", lambda one: one["bound"], lambda one: one["ratio"]),
            row("**flagfall, all requests**", lambda one: one["all"], lambda one: one["ratio_all"])]
    rows += [other(name) for name in WAYS if name in draws[0]["others"]]
    return table(["", "mean, ms", "p50", "p90", "p99", "of the oracle, mean", "least", "most"], rows)


def per_network_day(one, key):
    return one[key] / one["networks"] / one["hours"] * 24


def each_draw(draws):
    rows = []
    for one in draws:
        oracle = one["others"]["oracle"]["mean"]
        rows.append([str(one["seed"]), f"{one['ratio']:.3f}", f"{one['ratio_all']:.3f}",
                     f"{one['ratio_worst_slice']:.3f}", f"{one['races_per_1000']:.1f}",
                     *(f"{one['others'][name]['mean'] / oracle:.2f}" for name in WAYS if name in one["others"]),
                     f"{oracle:.1f}", f"{one['delay_ms'][0]:.0f}"])
    names = [name for name in WAYS if name in draws[0]["others"]]
    return table(["seed", "bound", "all", "bound, worst slice", "races per 1,000", *names, "oracle, ms",
                  "first delay, ms"], rows)


def costs(draws):
    def line(what, figure, digits):
        values = [figure(one) for one in draws]
        return [what, *(f"{value:.{digits}f}" for value in (statistics.fmean(values), min(values), max(values)))]
    return table(["", "mean of the draws", "least", "most"], [
        line("regret: milliseconds more than the oracle's, mean", lambda o: o["regret_ms"]["mean"], 2),
        line("regret, p90", lambda o: o["regret_ms"]["p90"], 1),
        line("regret, p99", lambda o: o["regret_ms"]["p99"], 1),
        line("bound requests at the oracle's own server, %", lambda o: 100 * o["at_best"], 1),
        line("within 10 % or 1 ms of it, %", lambda o: 100 * o["near_best"], 1),
        line("races per 1,000 requests, steady", lambda o: o["races_per_1000"], 1),
        line("the first hour too", lambda o: o["races_per_1000_all"], 1),
        line("races whose winner became known, %", lambda o: 100 * o["verdicts"], 1),
        line("orders that came late, %", lambda o: 100 * o["late_orders"], 2),
        line("extra packets a request (orders, losers' answers, ICMP errors)", lambda o: o["extra_packets"], 3),
        line("time to bind: from a network's first request, median s", lambda o: o["seconds_to_bind"]["p50"], 0),
        line("the same, p90, s", lambda o: o["seconds_to_bind"]["p90"], 0),
        line("races to bind, median", lambda o: o["races_to_bind"]["p50"], 0),
        line("networks that were bound, %", lambda o: 100 * o["networks_bound"] / o["networks"], 1),
        line("flaps: changes of a network's server, a network and day", lambda o: per_network_day(o, "flaps"), 2),
        line("of them to a server that is slower then", lambda o: per_network_day(o, "flaps_worse"), 2)])


def effects(draws, option, first, unit):
    """The draws that were played with other values of an option, too; `first`: what they were without."""
    names = sorted((name for name in draws[0]["effects"] if name.startswith(option + " ")),
                   key=lambda name: float(name.removeprefix(option + " ").removesuffix("ms")))
    rows = []
    for name in [None, *names]:
        ones = [one if name is None else one["effects"][name] for one in draws]
        rows.append([first if name is None else name.removeprefix(option + " ").replace("ms", " ms"),
                     f"{mean(ones, lambda o: o['ratio']):.3f}", f"{mean(ones, lambda o: o['ratio_all']):.3f}",
                     f"{mean(ones, lambda o: o['races_per_1000']):.1f}",
                     f"{mean(ones, lambda o: 100 * o['late_orders']):.1f} %",
                     f"{mean(ones, lambda o: 100 * o['verdicts']):.1f} %",
                     f"{mean(ones, lambda o: 100 * o['at_best']):.1f} %",
                     f"{mean(ones, lambda o: per_network_day(o, 'flaps')):.2f}"])
    return table([unit, "bound", "all", "races per 1,000", "orders late", "verdicts", "at the best",
                  "flaps a network and day"], rows)


def draws_svg(draws):
    """For each draw a dot for bound requests and one for all, and lines at the goals."""
    width, height, left, right, top, bottom = 900, 380, 60, 880, 70, 330
    most = max(1.15, max(one["ratio_all"] for one in draws) + 0.02)

    def x(i):
        return left + (i + 0.5) * (right - left) / len(draws)

    def y(ratio):
        return bottom - (ratio - 1) / (most - 1) * (bottom - top)
    colours = {"ratio": "#0072b2", "ratio_all": "#1a1a1a"}
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
           f'height="{height}" role="img">', "<title>Each draw: mean latency over the oracle's</title>", "<style>",
           'text { font-family: system-ui, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 13px; fill: #444 }',
           ".title { font-size: 18px; font-weight: 600; fill: #1a1a1a }", "</style>",
           f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
           f'<text x="{left}" y="30" class="title">Mean latency over the oracle\'s, by draw</text>']
    step = 0.05 if most < 1.3 else 0.1
    for i in range(int((most - 1) / step + 1e-9) + 1):
        at = 1 + i * step
        out.append(f'<line x1="{left}" y1="{y(at):.1f}" x2="{right}" y2="{y(at):.1f}" stroke="#e4e4e4"/>')
        out.append(f'<text x="{left - 8}" y="{y(at) + 4.5:.1f}" text-anchor="end">{at:.2f}</text>')
    for key, limit, _, _ in GOALS[:2]:
        out.append(f'<line x1="{left}" y1="{y(limit):.1f}" x2="{right}" y2="{y(limit):.1f}" stroke="{colours[key]}" '
                   'stroke-dasharray="5 4"/>')
    for i, one in enumerate(draws):
        out.append(f'<text x="{x(i):.1f}" y="{bottom + 20}" text-anchor="middle">{one["seed"]}</text>')
        out += [f'<circle cx="{x(i):.1f}" cy="{y(one[key]):.1f}" r="4.5" fill="{colour}"/>'
                for key, colour in colours.items()]
    for at, (key, words) in enumerate((("ratio", "bound requests"), ("ratio_all", "all requests"))):
        out.append(f'<circle cx="{left + 8 + 220 * at}" cy="50" r="4.5" fill="{colours[key]}"/>')
        out.append(f'<text x="{left + 20 + 220 * at}" y="54.5">{words}; dashed: the goal</text>')
    out.append(f'<text x="{(left + right) / 2}" y="{bottom + 42}" text-anchor="middle">seed of the draw</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


def page(about, draws, invented):
    """`draws`, `invented`: what simulate said, by seed. Of the first len(invented) draws there are effects."""
    first = draws[0]
    deep = draws[:len(invented)]
    text = f"""# What users would get

This page is made by `{about.command}`; do not edit it. The same command makes the
same page. All figures are of `flagfall simulate`, which plays the product's own director, race guard, lessons and
verdict rules in virtual time; [design/simulate.md](design/simulate.md) says what is modelled. They are no measurement
of a real service.

* **Matrix:** {about.data}, measured round trips in milliseconds, from
  github.com/uofa-rzhu3/NetLatency-Data (MIT licence); file `{about.file}`, SHA-256 `{about.digest[:16]}...`. A slice is
  played for an hour.
* **Draws:** {len(draws)}, with the seeds 1 to {len(draws)}: each draws {first['sites']} sites by lot; the other
  {first['places']} nodes are client places of {first['networks'] // first['places']} networks each. {first['requests']:,}
  requests in {first['hours']:.0f} hours, each counted: raced ones with the delay that their clients wait.
* **One draw:** `flagfall simulate --json --matrix SLICE... --sites {first['sites']} --requests {first['requests']}
  --seed SEED`, or shorter `scripts/bench quality --seed SEED`.

## Goals

{goals(draws)}
## Ways of choosing

For the very same requests. The oracle knows every round trip of the time slice; the best single site is chosen in
hindsight; round robin and random take no notice of the client. Latencies are means of the draws' figures. "Of the oracle"
compares means, of bound requests with the oracle's for the same ones.

{ways(draws)}
"""
    if "GeoIP (great circle)" not in first["others"]:
        text += "The nodes of this matrix have no names or places, so GeoIP cannot be played on it; see below.\n\n"
    text += f"""![Shares of requests within a latency, the course of time, and the effects of delay and clock error, of the first draw]({about.pictures}/first.svg)

## Draw by draw

![Each draw's mean latency over the oracle's, for bound and for all requests]({about.pictures}/draws.svg)

Mean latency of the oracle's; "worst slice" is the worst hour of bound requests.

{each_draw(draws)}
The worst draw is the one with seed {about.worst}:

![The same of the worst draw]({about.pictures}/worst.svg)

## What it costs

{costs(draws)}
"""
    if not deep:
        return text
    text += f"""## Effect of the delay

The draws 1 to {len(deep)}{", the worst among them," if about.worst <= len(deep) else ""} played again with a delay that is fixed. A slave whose order comes after the instant sends
at once. `auto` is the way to the farthest site and a tenth more, 150 ms at most.

{effects(deep, "delays", "auto", "delay")}
## Effect of clock error

The same draws; each slave's clock is wrong by up to so much, either way, drawn anew each hour.

{effects(deep, "clock-errors", f"{first['clock_error_ms']:g} ms, as above", "clock error, at most")}
## Where places are known

{len(invented)} draws of invented places with coordinates: {invented[0]['sites']} sites, {invented[0]['places']} client places
(`flagfall simulate --random-places {invented[0]['sites']}x{invented[0]['places']} --period 18h --seed SEED`). Round trips follow from the distance and a
factor of each pair by lot, and do not change with time. How well GeoIP does here is what that factor's spread (a guess,
after published measurements) makes of it; this shows what both do with the same world, and not what the Internet is like.

{ways(invented)}
"""
    return text.rstrip() + "\n"
