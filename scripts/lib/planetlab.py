"""Measured round trips of PlanetLab nodes (uofa-rzhu3/NetLatency-Data, MIT licence): the whole archive, or the
extract that is carried in bench/data. Either becomes matrix files that `flagfall simulate --matrix` reads.

The extract, decompressed (xz): nodes and slices as two little-endian 16-bit numbers, then four planes of octets
(lowest first) of 32-bit numbers: for each slice and each pair (i, j < i) tenths of a millisecond, from the second
slice on as the difference to the slice before."""

import argparse
import lzma
import os
import pathlib
import random
import re
import struct
import sys
import tarfile

EXTRACT = pathlib.Path(__file__).resolve().parents[2] / "bench/data/planetlab200.xz"


def slices_of_archive(path):
    """{number: text} of PlanetLabData.tar.xz."""
    with tarfile.open(path) as archive:
        found = {}
        for member in archive.getmembers():
            match = re.fullmatch(r"(?:.*/)?PlanetLabData_(\d+)", member.name)
            if match and member.isfile():
                found[int(match.group(1))] = archive.extractfile(member).read().decode("ascii")
    if not found:
        raise ValueError(f"{path}: no PlanetLabData_1, PlanetLabData_2 and so on in it")
    return [found[number] for number in sorted(found)]


def pack(texts, nodes, seed):
    matrices = [[line.split() for line in text.splitlines()] for text in texts]
    chosen = sorted(random.Random(seed).sample(range(len(matrices[0])), nodes))
    numbers, before = [], None
    for matrix in matrices:
        now = [round(float(matrix[a][b]) * 10) for i, a in enumerate(chosen) for b in chosen[:i]]
        numbers += now if before is None else [x - y for x, y in zip(now, before)]
        before = now
    raw = b"".join(struct.pack("<i", n) for n in numbers)
    planes = b"".join(raw[i::4] for i in range(4))
    return lzma.compress(struct.pack("<HH", nodes, len(texts)) + planes, preset=9 | lzma.PRESET_EXTREME)


def slices_of_extract(path):
    data = lzma.decompress(pathlib.Path(path).read_bytes())
    nodes, slices = struct.unpack_from("<HH", data)
    pairs = nodes * (nodes - 1) // 2
    raw = bytearray(4 * pairs * slices)
    for i in range(4):
        raw[i::4] = data[4 + i * pairs * slices:4 + (i + 1) * pairs * slices]
    numbers = struct.unpack(f"<{pairs * slices}i", raw)
    texts, now = [], [0] * pairs
    for t in range(slices):
        now = [x + y for x, y in zip(now, numbers[t * pairs:(t + 1) * pairs])]
        rows = [["0"] * nodes for _ in range(nodes)]
        at = 0
        for i in range(nodes):
            for j in range(i):
                rows[i][j] = rows[j][i] = f"{now[at] / 10:g}"
                at += 1
        texts.append("".join("\t".join(row) + "\n" for row in rows))
    return texts


def matrix_files(folder, archive=None):
    """Paths of the slices as files in `folder`, and which data it is. `archive`: if None, the environment's
    FLAGFALL_PLANETLAB; if that is empty, the extract."""
    archive = os.environ.get("FLAGFALL_PLANETLAB") if archive is None else archive
    texts = slices_of_archive(archive) if archive else slices_of_extract(EXTRACT)
    paths = []
    for number, text in enumerate(texts, 1):
        path = pathlib.Path(folder) / f"slice-{number:02}.txt"
        path.write_text(text)
        paths.append(str(path))
    nodes = len(texts[0].splitlines())
    return paths, f"PlanetLab, {nodes} nodes, {len(texts)} slices" + ("" if archive else " (the extract)")


def main():
    parser = argparse.ArgumentParser(description="Make the extract from the whole archive.")
    parser.add_argument("archive")
    parser.add_argument("--nodes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    EXTRACT.write_bytes(pack(slices_of_archive(args.archive), args.nodes, args.seed))
    print(f"{EXTRACT}: {EXTRACT.stat().st_size} octets")


if __name__ == "__main__":
    sys.exit(main())
