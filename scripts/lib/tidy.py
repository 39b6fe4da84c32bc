"""clang-tidy over files that are not known to be clean.

What clang-tidy says of a file follows from the text that the preprocessor makes of it (comments and macros
included: NOLINT is one), the compile command, .clang-tidy, the plugin and clang-tidy itself. Their hash names an
empty file in ${XDG_CACHE_HOME:-~/.cache}/flagfall-lint once that text was clean; it goes when nobody asked for it
for 30 days. The tree's own place is left out, so that all work trees share the cache.

usage: tidy.py PLUGIN BUILD FILE...     exit status 1 when clang-tidy has something to say
"""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "flagfall-lint"
AGE = 30 * 86400  # seconds


def run(argv, **options):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False, **options)


def stamp(entry, tool):
    """Where it says that the file was clean; None when it does not even preprocess: clang-tidy says why."""
    words = shlex.split(entry["command"])
    output = words.index("-o")
    words = ["clang++-14", *words[1:output], *words[output + 2:]]
    words.remove("-c")
    text = run([*words, "-w", "-E", "-CC", "-dD"], cwd=entry["directory"])
    if text.returncode != 0:
        return None
    known = tool + repr(words).encode() + b"\0" + text.stdout
    return CACHE / hashlib.sha256(known.replace(os.fsencode(ROOT), b"")).hexdigest()


def tidy(file, plugin, build, entry, tool):
    """What there is to say of one file, and whether it was known to be clean."""
    clean = stamp(entry, tool) if entry else None
    if clean and clean.exists():
        clean.touch()
        return "", True
    done = run(["clang-tidy-14", "-load", plugin, "-p", build, "--quiet", file], text=True)
    said = done.stdout + "".join(line for line in done.stderr.splitlines(True) if " generated" not in line)
    if done.returncode != 0:
        return said or f"{file}: clang-tidy ended with status {done.returncode}\n", False
    if clean:
        clean.touch()
    return "", False


def main(plugin, build, *files):
    CACHE.mkdir(parents=True, exist_ok=True)
    for old in CACHE.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another lint was faster
            if old.stat().st_mtime < time.time() - AGE:
                old.unlink()
    entries = {entry["file"]: entry for entry in json.loads(pathlib.Path(build, "compile_commands.json").read_text())}
    tool = run(["clang-tidy-14", "--version"]).stdout + b"".join(
        (ROOT / file).read_bytes() for file in [".clang-tidy", "cmake/tidy_scope.cc", "scripts/lib/tidy.py"])
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(tidy, file, plugin, build, entries.get(os.path.abspath(file)), tool) for file in files]
        known = bad = 0
        for job in concurrent.futures.as_completed(jobs):
            said, was_known = job.result()
            print(said, end="", flush=True)
            known += was_known
            bad += bool(said)
    print(f"lint: {len(files) - bad} files clean, {known} of them unchanged; {bad} not")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
