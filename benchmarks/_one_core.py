"""What one core does with texts in memory, piece of work by piece of work, beside Python's `str.split` of the same text."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

TURNS = 7
FLOOR = "str.split"


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


def best(work: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """The least seconds of each piece of work, all done in turn."""
    found = dict.fromkeys(work, float("inf"))
    for _ in range(TURNS):
        for name, task in work.items():
            found[name] = min(found[name], seconds(task))
    return found


def show(title: str, megabytes: float, taken: Mapping[str, float]) -> None:
    """Print MB of text a second, and how many times the floor that is."""
    width = max(map(len, taken))
    print(f"{title}: {megabytes:.0f} MB, one core")
    for name, time_taken in taken.items():
        print(f"  {name:<{width}}{megabytes / time_taken:>8.0f} MB/s{taken[FLOOR] / time_taken:>8.2f} x {FLOOR}")
