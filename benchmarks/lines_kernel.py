"""How fast one core edits lines and measures C4's and FineWeb's rules, beside the floor: Python's `str.split` of the same text.

    python benchmarks/lines_kernel.py pages.parquet [more.parquet …] [--column text]

All are timed in turns in one process, and the best of seven counts: the ratio holds on a busy machine, the MB/s less.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa

from quality_kernel import TURNS, read, seconds, split_all
from tamis.edits.lines import Lines
from tamis.stages.c4_quality import C4Quality
from tamis.stages.fineweb_quality import FinewebQuality
from tamis.stages.gopher_quality import GopherQuality

C4 = Lines(
    max_uppercase_share=None,
    max_digit_share=None,
    counters=False,
    buttons=False,
    max_newlines=None,
    max_word_length=1000,
    citations=True,
    end_mark=True,
    min_words=5,
    javascript=True,
    strip=True,
    convention="c4",
)


def compare(docs: pa.Table) -> dict[str, float]:
    """MB/s of text by what was done; `text` is the UTF-8 size in MB."""
    texts = docs.column("text").to_pylist()
    size = sum(len(text.encode()) for text in texts) / 1e6
    work: dict[str, Callable[[], object]] = {
        "str.split": partial(split_all, texts),
        "lines": partial(Lines().edit, docs),
        "lines, C4's rules": partial(C4.edit, docs),
        "lines, repeated ones too": partial(Lines(min_repeated_chars=1).edit, docs),
        "c4_quality": partial(C4Quality().measure, docs),
        "fineweb_quality": partial(FinewebQuality().measure, docs),
        "fineweb_quality, whitespace words": partial(FinewebQuality(word_rule="whitespace").measure, docs),
        "gopher_quality, to compare": partial(GopherQuality().measure, docs),
    }
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
            sys.stdout.write(f"  {name:<36}{speed:>6.0f} MB/s{speed / floor:>8.2f} x\n")


if __name__ == "__main__":
    main()
