"""How fast one core looks for 100,000 evaluation items, beside the floor: Python's `str.split` of the same text.

    python benchmarks/contamination_kernel.py pages.parquet [more.parquet …] [--column text] [--items 100000]

The items are 40 words each, drawn from the words of the text, so that words are shared and runs of them are not; then one
document in a hundred is given an item. Both are timed in turns in one process, and the best of seven counts: the ratio holds
on a busy machine, the MB/s less.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import unicodedata
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from _one_core import best, seconds, split_all
from tamis.stages.contamination import Contamination

WORDS = 40


def read(path: Path, column: str) -> list[str]:
    """The texts of a file, in the form that items are put into."""
    return [unicodedata.normalize("NFC", text) for text in pq.read_table(path, columns=[column]).column(column).drop_null().to_pylist()]


def drawn(texts: list[str], n: int) -> list[str]:
    """Items of random words of the texts."""
    draw = random.Random(0)
    words = [word for text in texts for word in text.split()]
    return [" ".join(draw.choices(words, k=WORDS)) for _ in range(n)]


def compare(texts: list[str], items: list[str]) -> dict[str, float]:
    """MB/s of text by what was done; `text` is the UTF-8 size in MB, `index` the seconds until the items are ready."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "items.txt"
        path.write_text("\n".join(items), "utf-8")
        stage = Contamination({"items": path})
        index = seconds(stage.checked)
        clean = as_documents(texts)
        holding = as_documents([f"{text}\n{items[i % len(items)]}\n" if i % 100 == 0 else text for i, text in enumerate(texts)])
        found = stage.measure(holding)["coverage"].eq(1).sum()
        if found < len(texts) // 100:
            raise SystemExit(f"Error: {found} documents hold an item, and {len(texts) // 100} were given one.")
        work: dict[str, Callable[[], object]] = {
            "str.split": partial(split_all, texts),
            "contamination": partial(stage.measure, clean),
            "contamination, one document in 100": partial(stage.measure, holding),
        }
        taken = best(work)
    size = sum(len(text.encode()) for text in texts) / 1e6
    return {"text": size, "index": index, **{name: size / time_taken for name, time_taken in taken.items()}}


def as_documents(texts: list[str]) -> pa.Table:
    """Texts as stages get them."""
    return pa.table({"text": pa.array(texts, pa.large_string())})


def main() -> None:
    """Print a table for each file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--column", default="text")
    parser.add_argument("--items", type=int, default=100_000)
    arguments = parser.parse_args()
    for path in arguments.paths:
        texts = read(path, arguments.column)
        speeds = compare(texts, drawn(texts, arguments.items))
        size, index, floor = speeds.pop("text"), speeds.pop("index"), speeds["str.split"]
        sys.stdout.write(f"{path.name}: {size:.1f} MB, {arguments.items:,} items ready in {index:.1f} s, one core\n")
        for name, speed in speeds.items():
            sys.stdout.write(f"  {name:<36}{speed:>6.0f} MB/s{speed / floor:>8.2f} x\n")


if __name__ == "__main__":
    main()
