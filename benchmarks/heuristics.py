"""All heuristic signals of a recipe on one core, in memory, beside the floor: Python's `str.split` of the same text.

    python benchmarks/heuristics.py pages.parquet [--recipe pipelines/web-english.yaml] [--column text]

Filters are measured on the text as it is, one after the other; edits apart from them, each on what those above it leave. Timed
in turns in one process, the best of seven counts: the ratio holds on a busy machine, the MB/s less.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa

from _one_core import FLOOR, best, read, show, split_all
from tamis import recipe
from tamis.stage import Edit, Filter


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--recipe", type=Path, default=Path("pipelines/web-english.yaml"))
    parser.add_argument("--column", default="text")
    given = parser.parse_args()
    docs = read(given.path, given.column)
    texts = docs.column("text").to_pylist()
    work: dict[str, Callable[[], object]] = {FLOOR: partial(split_all, texts)}
    edited, filters = docs, []
    for name, stage in recipe.load(given.recipe).named():
        if isinstance(stage, Edit):
            work[f"edit {name}"] = partial(stage.edit, edited)
            edited = pa.table({"text": stage.edit(edited)[0]})
        elif isinstance(stage, Filter) and stage.reads == ("text",):
            work[name] = partial(stage.measure, docs)
            filters.append(name)
    taken = best(work)
    taken["all filters"] = sum(taken[name] for name in filters)
    show(given.path.name, sum(len(text.encode()) for text in texts) / 1e6, taken)


if __name__ == "__main__":
    main()
