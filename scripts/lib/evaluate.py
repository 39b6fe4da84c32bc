"""Plays draws of sites on measured round trips with `flagfall simulate`, and writes a page about them. The same
options give the same page, octet for octet. See scripts/evaluate."""

import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

import evaluation_page
import planetlab
import played

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAGFALL = pathlib.Path(os.environ.get("FLAGFALL_BIN", ROOT / "build/release/bin")) / "flagfall"
DELAYS = ["25ms", "50ms", "100ms", "250ms"]
CLOCK_ERRORS = ["0ms", "1ms", "5ms", "20ms"]
SIZES = ("draws", "deep", "requests", "sites")


class Failed(Exception):
    """One line that says why there is no page."""


class Plays:
    """Runs of `flagfall simulate`, so many at once; figures come back under the names that they were given."""

    def __init__(self, jobs):
        self.jobs = jobs
        self.wanted = []

    def add(self, name, options):
        self.wanted.append((name, [str(option) for option in options]))

    def run(self):
        out = {}
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            waiting = {pool.submit(self.play, options): name for name, options in self.wanted}
            try:
                for done in concurrent.futures.as_completed(waiting):
                    name = waiting[done]
                    out[name] = done.result()
                    ratio, ratio_all = out[name]["ratio"], out[name]["ratio_all"]
                    print(f"{len(out)} of {len(waiting)}: {name[0]} {name[1]}: bound {ratio:.3f}, all {ratio_all:.3f}",
                          file=sys.stderr, flush=True)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return out

    @staticmethod
    def play(options):
        result = subprocess.run([FLAGFALL, "simulate", "--json", *options], capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise Failed((result.stderr or result.stdout).strip())
        return played.figures(result.stdout)


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/evaluate", description="Makes docs/evaluation.md and its pictures.",
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--matrix", help="PlanetLabData.tar.xz with all nodes; otherwise FLAGFALL_PLANETLAB's, or the "
                                         "extract in bench/data")
    parser.add_argument("--draws", type=int, default=20, help="of sites, with the seeds from 1 on")
    parser.add_argument("--deep", type=int, default=5, help="draws that are also played with other delays and clocks, "
                                                            "and draws of invented places")
    parser.add_argument("--requests", type=int, default=2_000_000, help="of one draw, in 18 hours")
    parser.add_argument("--sites", type=int, default=10, help="drawn")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="plays at once")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs/evaluation.md", help="the page; its pictures "
                                                                                             "go beside it")
    args = parser.parse_args()
    if min(args.draws, args.requests, args.sites, args.jobs) < 1 or not 0 <= args.deep <= args.draws:
        parser.error("one draw, request, site and job at least; --deep from 0 to --draws")
    args.changed = [f"--{size} {getattr(args, size)}" for size in SIZES
                    if getattr(args, size) != parser.get_default(size)]
    return args


def source(args):
    """The matrix's file, and its SHA-256."""
    path = pathlib.Path(args.matrix or os.environ.get("FLAGFALL_PLANETLAB") or planetlab.EXTRACT)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def evaluate(args):
    path, digest = source(args)
    whole = path != planetlab.EXTRACT
    with tempfile.TemporaryDirectory(prefix="flagfall-evaluate-") as folder:
        slices, data = planetlab.matrix_files(folder, str(path) if whole else "")
        places = len(pathlib.Path(slices[0]).read_text().splitlines()) - args.sites
        common = ["--sites", args.sites, "--requests", args.requests]
        effects = ["--delays", ",".join(DELAYS), "--clock-errors", ",".join(CLOCK_ERRORS)]
        plays = Plays(args.jobs)
        for seed in range(1, args.draws + 1):  # the longest ones first
            plays.add(("draw", seed), ["--matrix", *slices, *common, "--seed", seed, "--svg", f"{folder}/{seed}.svg",
                                       *(effects if seed <= args.deep else [])])
        for seed in range(1, args.deep + 1):
            plays.add(("invented places", seed), ["--random-places", f"{args.sites}x{places}", "--period", "18h",
                                                  "--requests", args.requests, "--seed", seed])
        found = plays.run()
        draws = [found["draw", seed] for seed in range(1, args.draws + 1)]
        worst = max(draws, key=lambda one: one["ratio_all"])["seed"]
        pictures = args.out.with_suffix("")
        pictures.mkdir(parents=True, exist_ok=True)
        for name, seed in (("first", 1), ("worst", worst)):
            (pictures / f"{name}.svg").write_bytes(pathlib.Path(folder, f"{seed}.svg").read_bytes())
    (pictures / "draws.svg").write_text(evaluation_page.draws_svg(draws))
    about = evaluation_page.About(
        data=data, file=path.name, digest=digest,
        command=" ".join(["scripts/evaluate", *([f"--matrix {path.name}"] if whole else []), *args.changed]),
        pictures=pictures.name, worst=worst)
    page = evaluation_page.page(about, draws, [found["invented places", seed] for seed in range(1, args.deep + 1)])
    args.out.write_text(page)


def main():
    args = arguments()
    try:
        evaluate(args)
    except (Failed, OSError, ValueError) as error:
        print(f"scripts/evaluate: {error}", file=sys.stderr)
        return 1
    print(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
