"""Texts of a few documents of a finished run, as its stages saw them; the only place where a report reads text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from tamis import mappers, reading
from tamis.documents import canonical
from tamis.errors import DataError
from tamis.measure import walk
from tamis.plan import Plan
from tamis.shards import Chunk
from tamis.table import make_stage
from tamis.work import Work, changed, conform

CURATED = ""
"""What stands for a stage where a text is wanted as all edits leave it."""
Wanted = tuple[str, str]
"""The address of a document ("shard:row") and the stage that sees it."""


@dataclass(frozen=True)
class Texts:
    """Texts by address and stage, masked."""

    known: Mapping[Wanted, str]

    def get(self, address: str, stage: str = CURATED) -> str | None:
        """A text, if it was read."""
        return self.known.get((address, stage))


def read(plan: Plan, wanted: Sequence[Wanted], *, masked: bool, workers: int) -> Texts:
    """Read some texts; each chunk that holds any is decoded once.

    Args:
        plan: of the run.
        wanted: whose texts, as whom they are seen.
        masked: replace addresses and numbers of persons, as the edit `mask` does by default.
        workers: side by side.

    Raises:
        DataError: a shard does not hold what it did.
    """
    work = Work.of(plan)
    tasks = _by_chunk(plan, wanted)
    found: dict[Wanted, str] = {}
    for part in mappers.threads(partial(_read_chunk, work), tasks, workers):
        found.update(part)
    if missing := set(wanted) - set(found):
        raise DataError(f"{min(missing)[0]} cannot be read any more.")
    if masked and found:
        texts = make_stage("mask").edit(pa.table({"text": pa.array(found.values(), pa.large_string())}))[0]  # type: ignore[attr-defined]
        found = dict(zip(found, texts.to_pylist(), strict=True))
    return Texts(found)


Task = tuple[Chunk, dict[int, list[Wanted]]]


def _by_chunk(plan: Plan, wanted: Sequence[Wanted]) -> list[Task]:
    """Chunks that hold any of the documents, and in which row which."""
    by_shard: dict[str, dict[int, list[Wanted]]] = {}
    for one in dict.fromkeys(wanted):
        shard, _, row = one[0].rpartition(":")
        by_shard.setdefault(shard, {}).setdefault(int(row), []).append(one)
    tasks = []
    for chunk in plan.corpus.chunks:
        rows = by_shard.get(plan.corpus.shards[chunk.shard].name, {})
        here = {row: asked for row, asked in rows.items() if chunk.start <= row < chunk.stop}
        if here:
            tasks.append((chunk, here))
    return tasks


def _read_chunk(work: Work, task: Task) -> dict[Wanted, str]:
    chunk, here = task
    names = work.columns_for(())
    rows = np.array(sorted(here), np.int64)
    found: dict[Wanted, str] = {}
    for table, inside in reading.some(chunk, rows, names):
        docs = canonical(conform(table, work.schema, names), work.columns, place=chunk.url).docs
        if docs.num_rows != len(inside):
            raise changed(chunk.url)
        found.update(_seen(work, docs, [here[row] for row in inside.tolist()]))
    return found


def _seen(work: Work, docs: pa.Table, asked: Sequence[Sequence[Wanted]]) -> Iterator[tuple[Wanted, str]]:
    """Each text as those see it who are asked for."""
    for stage in sorted({one[1] for wanted in asked for one in wanted}):
        texts = _as_seen_by(work, stage, docs)
        for i, wanted in enumerate(asked):
            yield from ((one, texts[i].as_py()) for one in wanted if one[1] == stage)


def _as_seen_by(work: Work, stage: str, docs: pa.Table) -> pa.ChunkedArray:
    names = [step.name for step in work.steps]
    for _, edited in walk(docs, work.steps if stage == CURATED else work.steps[: names.index(stage)], (), work.columns):
        docs = edited
    return docs.column("text")
