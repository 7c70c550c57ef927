"""All heuristic signals of a recipe on one core, in memory, beside the floor: Python's `str.split` of the same text.

    python benchmarks/heuristics.py pages.parquet [more.parquet …] [--recipe pipelines/web-english.yaml] [--column text]

Filters are measured on the text as it is, one after the other; edits apart from them, each on what those above it leave. Timed
in turns in one process, the best of five counts: the ratio holds on a busy machine, the MB/s less.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tamis import recipe
from tamis.stage import Edit, Filter

TURNS = 5


def read(paths: list[Path], column: str) -> pa.Table:
    """The texts of some files, as stages get them."""
    columns = [pq.read_table(path, columns=[column]).column(column).drop_null().cast(pa.large_string()) for path in paths]
    return pa.table({"text": pa.concat_arrays([chunk for one in columns for chunk in one.chunks])})


def best(work: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The least seconds of each piece of work, all done in turn."""
    found: dict[str, float] = {}
    for _ in range(TURNS + 1):  # the first turn warms up
        for name, function in work.items():
            began = time.perf_counter()
            function()
            found[name] = min(found.get(name, 1e9), time.perf_counter() - began)
    return found


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--recipe", type=Path, default=Path("pipelines/web-english.yaml"))
    parser.add_argument("--column", default="text")
    given = parser.parse_args()
    docs = read(given.paths, given.column)
    texts = docs.column("text").to_pylist()
    size = sum(len(text.encode()) for text in texts) / 1e6
    work: dict[str, Callable[[], object]] = {"str.split": lambda: [text.split() for text in texts]}
    edited, filters = docs, []
    for name, stage in recipe.load(given.recipe).named():
        if isinstance(stage, Edit):
            work[f"edit {name}"] = partial(stage.edit, edited)
            edited = pa.table({"text": stage.edit(edited)[0]})
        elif isinstance(stage, Filter) and stage.reads == ("text",):
            work[name] = partial(stage.measure, docs)
            filters.append(name)
    seconds = best(work)
    seconds["all filters"] = sum(seconds[name] for name in filters)
    print(f"{size:.0f} MB of text, {len(texts):,} documents\n\n{'':<24} {'MB/s':>8} {'str.split = 1':>14}")
    for name, second in seconds.items():
        print(f"{name:<24} {size / second:>8.0f} {seconds['str.split'] / second:>14.2f}")


if __name__ == "__main__":
    main()
