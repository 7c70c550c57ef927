"""How fast one core edits text, beside two floors: a copy of the bytes, and Python's `str.split` of the same text.

    python benchmarks/edit_kernels.py pages.parquet [more.parquet …] [--column text]

All are timed in turns in one process, and the best of seven counts: the ratio holds on a busy machine, the MB/s less. Of
`mojibake` the scan alone is shown too: what the edit needs beyond it is what ftfy needs for the lines that were found.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa

from quality_kernel import TURNS, read, seconds, split_all
from tamis.documents import utf8
from tamis.edits.mask import Mask
from tamis.edits.mojibake import Mojibake
from tamis.edits.unicode import Unicode
from tamis.kernels.mask import find
from tamis.kernels.mojibake import suspicious_lines


def compare(docs: pa.Table) -> dict[str, float]:
    """MB/s of text by what was done; `text` is the UTF-8 size in MB."""
    data, offsets = utf8(docs.column("text"))
    work: dict[str, Callable[[], object]] = {
        "str.split": partial(split_all, docs.column("text").to_pylist()),
        "copy": data.copy,
        "mojibake, scan": partial(suspicious_lines, data, offsets),
        "mojibake": partial(Mojibake().edit, docs),
        "unicode": partial(Unicode().edit, docs),
        "mask, scan": partial(find, data, offsets),
        "mask": partial(Mask().edit, docs),
    }
    size = float(offsets[-1] - offsets[0]) / 1e6
    best = dict.fromkeys(work, float("inf"))
    for _ in range(TURNS):
        for name, task in work.items():
            best[name] = min(best[name], seconds(task))
    return {"text": size, **{name: size / time_taken for name, time_taken in best.items()}}


def main() -> None:
    """Print a table for each file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--column", default="text")
    arguments = parser.parse_args()
    for path in arguments.paths:
        speeds = compare(read(path, arguments.column))
        size, floor, copy = speeds.pop("text"), speeds["str.split"], speeds["copy"]
        sys.stdout.write(f"{path.name}: {size:.1f} MB, one core; beside str.split, and beside a copy\n")
        for name, speed in speeds.items():
            sys.stdout.write(f"  {name:<20}{speed:>7.0f} MB/s{speed / floor:>8.1f} x{speed / copy:>8.2f} x\n")


if __name__ == "__main__":
    main()
