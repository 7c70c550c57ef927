"""How fast one core measures Gopher repetition, beside Gopher quality and the floor: Python's `str.split` of the same text.

    python benchmarks/repetition_kernel.py pages.parquet [more.parquet …] [--column text]

All are timed in turns in one process, and the best of seven counts: the ratio holds on a busy machine, the MB/s less.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import get_args

import pyarrow as pa

from quality_kernel import TURNS, read, seconds, split_all
from tamis.kernels.repetition import CONVENTIONS
from tamis.kernels.unicode import WordRule
from tamis.stages.gopher_quality import GopherQuality
from tamis.stages.gopher_repetition import GopherRepetition


def in_a_row(docs: pa.Table) -> None:
    """Both of Gopher's stages, as recipes have them."""
    GopherQuality().measure(docs)
    GopherRepetition().measure(docs)


def compare(docs: pa.Table) -> dict[str, float]:
    """MB/s of text by what was done; `text` is the UTF-8 size in MB."""
    texts = docs.column("text").to_pylist()
    size = sum(len(text.encode()) for text in texts) / 1e6
    work: dict[str, Callable[[], object]] = {
        "str.split": partial(split_all, texts),
        "gopher_quality": partial(GopherQuality().measure, docs),
    }
    for convention in CONVENTIONS:
        for rule in get_args(WordRule):
            stage = GopherRepetition(convention=convention, word_rule=rule)
            work[f"gopher_repetition, {convention}, {rule} words"] = partial(stage.measure, docs)
    work["gopher_quality and gopher_repetition"] = partial(in_a_row, docs)
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
        size, floor = speeds.pop("text"), speeds["str.split"]
        sys.stdout.write(f"{path.name}: {size:.1f} MB, one core\n")
        for name, speed in speeds.items():
            sys.stdout.write(f"  {name:<48}{speed:>6.0f} MB/s{speed / floor:>8.2f} x\n")


if __name__ == "__main__":
    main()
