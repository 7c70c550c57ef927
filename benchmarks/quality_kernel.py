"""How fast one core measures Gopher quality, beside the floor: Python's `str.split` of the same text.

    python benchmarks/quality_kernel.py pages.parquet [more.parquet …] [--column text]

Both are timed in turns in one process, and the best of seven counts: the ratio holds on a busy machine, the MB/s less.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pyarrow.parquet as pq

from tamis.kernels.unicode import WordRule
from tamis.stages.gopher_quality import GopherQuality

TURNS = 7


def read(path: Path, column: str) -> pa.Table:
    """The texts of a file, as stages get them."""
    texts = pq.read_table(path, columns=[column]).column(column).drop_null().cast(pa.large_string())
    return pa.table({"text": pa.concat_arrays(texts.chunks)})


def seconds(work: Callable[[], object]) -> float:
    """Processor time of this thread, which other processes hardly disturb."""
    begun = time.thread_time()
    work()
    return time.thread_time() - begun


def split_all(texts: list[str]) -> None:
    """The least that any word-counting program in Python does."""
    for text in texts:
        text.split()


def compare(docs: pa.Table) -> dict[str, float]:
    """MB/s of text by what was done; `text` is the UTF-8 size in MB."""
    texts = docs.column("text").to_pylist()
    size = sum(len(text.encode()) for text in texts) / 1e6
    work: dict[str, Callable[[], object]] = {"str.split": partial(split_all, texts)}
    for rule in get_args(WordRule):
        work[f"gopher_quality, {rule} words"] = partial(GopherQuality(word_rule=rule).measure, docs)
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
            sys.stdout.write(f"  {name:<34}{speed:>6.0f} MB/s{speed / floor:>8.2f} x\n")


if __name__ == "__main__":
    main()
