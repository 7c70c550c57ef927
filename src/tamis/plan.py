"""What a run will do: steps with their keys and folders, what is measured already, and the disk it takes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from tamis import files, ledger
from tamis.columns import lacking
from tamis.documents import ROLES
from tamis.errors import DataError, RunError, StageError
from tamis.keys import base_key, keys, relation_key
from tamis.measure import Step, measure
from tamis.recipe import Recipe
from tamis.shards import Chunk, Corpus
from tamis.stage import Stage, has

BASE = "documents"
SIDE_BYTES = 160
"""Signals, ledger and their files, in bytes a document, about (measured on web text: 90 to 150)."""


@dataclass(frozen=True)
class Plan:
    """A recipe over a corpus into a folder."""

    recipe: Recipe
    corpus: Corpus
    out: str

    @cached_property
    def named(self) -> list[tuple[str, Stage]]:
        """The stages under their names."""
        return self.recipe.named()

    @cached_property
    def fingerprints(self) -> list[str]:
        """Of all shards, sorted."""
        return sorted(shard.fingerprint for shard in self.corpus.shards)

    @cached_property
    def keys(self) -> dict[str, str]:
        """The key of every stage."""
        return keys(self.named, self.recipe.columns, self.fingerprints)

    @cached_property
    def ties(self) -> bool:
        """Whether documents are compared, so that ties between equal texts must be broken by the other columns."""
        return any(stage.needs_corpus for _, stage in self.named)

    @cached_property
    def carried(self) -> tuple[str, ...]:
        """Columns kept beside the signals."""
        used = [name[4:] for _, stage in self.named for name in stage.signals_used() if name.startswith("doc.")]
        return self.recipe.columns.carried(self.corpus.schema, used)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The stages with the files they are fitted to."""
        return tuple(
            Step(name, stage, files.join(self.out, "fitted", f"{name}-{self.keys[name]}") if has(stage, "fit") else None)
            for name, stage in self.named
        )

    def folder(self, name: str) -> str:
        """Where the signals of a step lie; `documents` is what the house keeps itself."""
        key = base_key(self.recipe.columns, self.carried, ties=self.ties) if name == BASE else self.keys[name]
        return files.join(self.out, "signals", f"{name}-{key}")

    def relation(self, name: str) -> str:
        """The file of what a step relates."""
        in_order = [shard.fingerprint for shard in self.corpus.shards]
        return files.join(self.out, "relations", f"{name}-{relation_key(self.keys[name], in_order)}", "part-00000.parquet")

    @cached_property
    def names(self) -> list[str]:
        """Everything with a folder of signals."""
        return [BASE, *(name for name, _ in self.named)]

    def measured(self) -> dict[str, set[str]]:
        """For each folder, the names of the chunks it holds already."""
        return {name: _names_below(self.folder(name)) for name in self.names}

    def needed_bytes(self) -> int:
        """Room on the disk that the run takes at most, about, from the beginning."""
        rows = sum(shard.rows for shard in self.corpus.shards)
        return int(sum(shard.bytes for shard in self.corpus.shards) * 1.1) + rows * SIDE_BYTES + 1_000_000


def check(plan: Plan, known: dict[str, Sequence[str]] | None = None) -> None:
    """Refuse what cannot work before anything is written.

    Args:
        plan: of the run.
        known: step → its signals; None: ask the stages, which loads their kernels.

    Raises:
        DataError: stages read columns that no shard has; all of them are named.
        StageError: a stage decides by something that is not there.
    """
    columns, schema = plan.recipe.columns, plan.corpus.schema
    present = [*schema.names, *(role for role in ROLES if columns.named(role) in schema.names)]
    steps: list[Step] = []
    measured: dict[str, Sequence[str]] = {}
    _check_columns(plan)
    for number, (name, stage) in enumerate(plan.named, 1):
        place = _place(plan, number)
        steps.append(Step(name, stage))
        try:
            measured[name] = known[name] if known else signals_of(stage, plan)
            ledger.check_uses(steps, measured, present)
        except (DataError, StageError) as error:
            raise type(error)(f"{place}: {error}") from error


def _place(plan: Plan, number: int) -> str:
    return f"{plan.recipe.place or plan.recipe.name}, stage {number}"


def _check_columns(plan: Plan) -> None:
    missing: dict[str, str] = {}
    for number, (name, stage) in enumerate(plan.named, 1):
        for column, said in _missing(plan, name, stage, _place(plan, number)):
            missing.setdefault(column, said)
    if missing:
        raise DataError("\n".join(missing.values()))


def _missing(plan: Plan, name: str, stage: Stage, place: str) -> Iterator[tuple[str, str]]:
    """Columns that a stage needs and the data lacks, and the sentence for each."""
    columns, schema = plan.recipe.columns, plan.corpus.schema
    used = [used[4:] for used in stage.signals_used() if used.startswith("doc.")]
    asked = [(column, "reads") for column in stage.columns_read() if column != "text"] + [(column, "decides by") for column in used]
    for column, verb in asked:
        real = columns.named(column)
        if real not in schema.names and (verb == "reads" or column not in schema.names):
            words = ledger.words_of(stage) if verb != "reads" else ()
            role = column if column in ROLES else None
            yield real, lacking(real, schema, place=place, reader=f"{name} {verb}", role=role, words=words)


def signals_of(stage: Stage, plan: Plan) -> list[str]:
    """The names of a stage's signals; none are known of a stage that is yet to be fitted."""
    if has(stage, "fit"):
        return []
    columns, schema = plan.recipe.columns, plan.corpus.schema
    fields = [("text", pa.large_string()) if name == "text" else schema.field(columns.named(name)) for name in stage.columns_read()]
    nothing = pa.schema(fields).empty_table()
    return measure(Step(stage.name(), stage), nothing, columns).signals.columns


def check_room(plan: Plan) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises:
        RunError: says how much is needed and how much is free.
    """
    free = files.free_bytes(plan.out)
    held = _bytes_below(plan.out) if files.is_local(plan.out) else 0
    needed = plan.needed_bytes() - held
    if free is not None and needed > free:
        raise RunError(
            f"{plan.out} needs up to {shown_bytes(needed)} and the disk has {shown_bytes(free)} free.\n"
            "Fix: free some space, or choose an --out on another disk."
        )


def describe(plan: Plan) -> dict[str, Any]:
    """The plan in numbers, for `--dry-run`."""
    measured = plan.measured()
    wanted = {chunk.name for chunk in plan.corpus.chunks}
    shards = plan.corpus.shards
    return {
        "recipe": plan.recipe.name,
        "out": plan.out,
        "shards": len(shards),
        "unreadable_files": dict(plan.corpus.unreadable),
        "documents": sum(shard.rows for shard in shards),
        "bytes": sum(shard.bytes for shard in shards),
        "columns": {item.name: str(item.type) for item in plan.corpus.schema},
        "chunks": len(plan.corpus.chunks),
        "stages": [
            {
                "stage": name,
                "reads": list(stage.columns_read()),
                "uses": [used for used in stage.signals_used() if "._" not in used],
                "whole_corpus": stage.needs_corpus,
                "chunks_measured": len(measured[name] & wanted),
            }
            for name, stage in plan.named
        ],
        "disk_needed": plan.needed_bytes(),
        "disk_free": files.free_bytes(plan.out),
    }


def readable_names(chunks: Sequence[Chunk]) -> list[Chunk]:
    """Chunks of equal files have equal names and are measured once."""
    return list({chunk.name: chunk for chunk in chunks}.values())


def shown_bytes(count: float) -> str:
    """Bytes as people write them, in steps of 1000."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError


def _names_below(folder: str) -> set[str]:
    if not files.exists(folder):
        return set()
    return {os.path.basename(url) for url in files.listing(folder, ".parquet") if os.path.basename(os.path.dirname(url)) != "quarantine"}


def _bytes_below(folder: str) -> int:
    return sum(os.lstat(url).st_size for url in files.listing(folder)) if os.path.isdir(folder) else 0
