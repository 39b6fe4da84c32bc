#!/usr/bin/env python3
"""What users would get from one draw of ten random sites of the PlanetLab matrix, by `flagfall simulate`: the product's
own director, guard, teaching and verdict rules in virtual time. Its peers in the same run, for the same requests: an
oracle that knows every round trip of the moment, round robin, random choice, and the best single site.

Takes the extract that is carried in bench/data, or all 490 nodes with --matrix PlanetLabData.tar.xz (or its path in
FLAGFALL_PLANETLAB). Ratios are mean latencies over the oracle's of the same time slice; `ratio_all` counts all requests,
raced ones with their delay."""

import argparse
import json
import pathlib
import sys
import tempfile

import harness

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scripts" / "lib"))
import planetlab  # noqa: E402
import played  # noqa: E402


def measure(args):
    with tempfile.TemporaryDirectory(prefix="flagfall-bench-") as folder:
        paths, data = planetlab.matrix_files(folder, args.matrix)
        out = played.figures(harness.run([harness.BIN / "flagfall", "simulate", "--json", "--matrix", *paths,
                                          "--sites", args.sites, "--requests", args.requests, "--seed", args.seed]))
    oracle = out["others"]["oracle"]["mean"]
    result = {"bench": "quality", "data": data, "seed": args.seed, "sites": out["sites"], "requests": out["requests"],
              "delay_ms": round(out["delay_ms"][0], 1)}
    result.update({key: round(out[key], 4) for key in ("ratio", "ratio_all", "ratio_worst_slice")})
    result.update({key: round(out[key], 2) for key in ("races_per_1000", "races_per_1000_all")})
    result["others"] = {name: round(o["mean"] / oracle, 3) for name, o in out["others"].items()}
    result["seconds"] = round(out["seconds"], 1)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--seed", type=int, default=1, help="of the draw (default %(default)s)")
    parser.add_argument("--sites", type=int, default=10, help="drawn (default %(default)s)")
    parser.add_argument("--requests", type=int, default=2000000, help="in 18 hours (default %(default)s)")
    parser.add_argument("--matrix", help="PlanetLabData.tar.xz instead of the extract")
    args = parser.parse_args()
    try:
        result = measure(args)
    except (harness.Failed, OSError, ValueError) as error:
        print(f"bench quality: {error}", file=sys.stderr)
        return 1
    print(f"{result['data']}; {result['sites']} sites by seed {result['seed']}, {result['requests']} requests\n"
          f"bound requests {result['ratio']:.3f} of the oracle, all {result['ratio_all']:.3f} "
          f"(delay {result['delay_ms']} ms), {result['races_per_1000']:.1f} races per 1,000 in steady state")
    print("  ".join(f"{name} {ratio:.3f}" for name, ratio in result["others"].items()))
    if args.json:
        print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
