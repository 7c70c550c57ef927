"""Count what the manifest does not: groups of documents, rules that fail together, examples, duplicates.

One pass over the documents' columns and one over the ledger; six bytes a document are held.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tamis import files, mappers, simulate
from tamis.folder import Finished
from tamis.kernels.rules import Failed
from tamis.report.duplicates import Duplicates
from tamis.report.groups import AXES, Groups, bands
from tamis.simulate import Fates, Numbers

EXAMPLES = 5
MOST_RULES = 200
"""Rules, the most failed ones, that get examples and are paired with each other."""
ROWS = 100_000
"""Rows of a slab, at least, unless it is the last, of what is counted of signals, of which two dozen are held at a time."""
LEDGER = ("shard", "row", "stage", "reasons", "also", "partner", "similarity", "cluster", "cluster_size")
CODED = ("shard", "stage", "reasons.list.element", "also.list.element")
"""Columns of the ledger that are read as numbers of their values."""


@dataclass
class Gathered:
    """Everything counted.

    Args:
        rules: "stage: reason" → its number, in the order of the funnel.
        groups: axis → its groups; "length" → the number of the band as a value.
        duplicates: what was dropped in favour of a partner.
        failed: what was counted of the rules; its documents are those with the smallest hashes of the address.
    """

    rules: Mapping[str, int]
    groups: dict[str, Groups] = field(default_factory=dict)
    duplicates: Duplicates = field(default_factory=Duplicates)
    failed: Failed = field(init=False)

    def __post_init__(self) -> None:
        self.failed = Failed(len(self.rules), EXAMPLES)

    def examples(self, code: int) -> list[tuple[int, int]]:
        """Of a rule the numbers of documents that fail it, and how many rules each fails."""
        pairs = zip(self.failed.rows[code].tolist(), self.failed.fails[code].tolist(), strict=True)
        return [(row, fails) for row, fails in pairs if row >= 0]


def gather(run: Finished, fates: Fates | None = None, *, workers: int | None = None) -> Gathered:
    """Count a finished run.

    Args:
        run: with its manifest.
        fates: `simulate.before` of it, if it is at hand.
        workers: side by side.
    """
    numbers = Numbers(run, workers or mappers.default_workers())
    fates = fates or simulate.before(numbers)
    rules = [(rule["failed"], f"{step['stage']}: {rule['reason']}") for step in run.manifest["funnel"] for rule in step["rules"]]
    most = {name for _, name in sorted(rules, key=lambda rule: (-rule[0], rule[1]))[:MOST_RULES]}
    gathered = Gathered({name: i for i, name in enumerate(name for _, name in rules if name in most)})
    sizes = _group(gathered, numbers, fates.stage)
    first = 0
    for batch in _ledger(run):
        place = slice(first, first + batch.num_rows)
        _count_rules(gathered, batch, sizes[place], first)
        _count_duplicates(gathered, batch)
        first = place.stop
    return gathered


def _group(gathered: Gathered, numbers: Numbers, stages: np.ndarray) -> np.ndarray:
    """Count the groups of every axis; the bytes of each document (u32[n])."""
    sizes, first = np.zeros(numbers.documents, np.uint32), 0
    names = np.array([None, *numbers.number], object)

    for table in _tables(numbers):
        place = slice(first, first + table.num_rows)
        sizes[place] = table.column("text.bytes").to_numpy()
        gathered.groups.setdefault("length", Groups()).add(bands(sizes[place]), stages[place], sizes[place], names)
        for axis in AXES:
            if f"doc.{axis}" in table.column_names:
                groups = gathered.groups.setdefault(axis, Groups(year=axis == "date"))
                groups.add(table.column(f"doc.{axis}"), stages[place], sizes[place], names)
        first = place.stop
    return sizes


def _tables(numbers: Numbers) -> Iterator[pa.Table]:
    """The bytes and groups of documents, in the order of the corpus, `ROWS` of them at least where their types agree."""

    def one(name: str) -> pa.Table:
        return _coded(files.join(numbers.run.folder("documents"), name))

    held: list[pa.Table] = []
    for table in mappers.threads(one, [name for name, rows in numbers.chunks if rows], numbers.workers):
        if held and (sum(part.num_rows for part in held) >= ROWS or table.schema != held[0].schema):
            yield pa.concat_tables(held)
            held = []
        held.append(table)
    if held:
        yield pa.concat_tables(held)


def _coded(url: str) -> pa.Table:
    """The bytes and groups of a chunk's documents, texts as numbers of their values."""
    with files.open_read(url) as source:
        axes = [f"doc.{axis}" for axis in AXES]
        file = _in_numbers(source, axes)
        return file.read(["text.bytes", *(axis for axis in axes if axis in file.schema_arrow.names)], use_threads=False)


def _in_numbers(source: IO[bytes], columns: Sequence[str]) -> pq.ParquetFile:
    """A file of which those of some columns that it has are read as numbers of their values."""
    meta = pq.read_metadata(source)
    present = {meta.schema.column(i).path for i in range(meta.num_columns)}
    return pq.ParquetFile(source, metadata=meta, read_dictionary=[name for name in columns if name in present])


def _ledger(run: Finished) -> Iterator[pa.RecordBatch]:
    """The columns of `LEDGER` that the ledger has, in pieces."""
    for url in run.ledger_files():
        with files.open_read(url) as source:
            file = _in_numbers(source, CODED)
            wanted = [name for name in LEDGER if name in file.schema_arrow.names]
            for group in range(file.num_row_groups):
                yield from file.read_row_group(group, wanted, use_threads=False).select(wanted).to_batches()


def _count_rules(gathered: Gathered, batch: pa.RecordBatch, sizes: np.ndarray, first: int) -> None:
    stages, reasons, also = (batch.column(name) for name in ("stage", "reasons", "also"))
    starts, codes, known = _listed(reasons)
    stage, names = _codes(stages)
    # The rule of each stage and reason; a kept document has no reason.
    rules = np.array([[gathered.rules.get(f"{name}: {reason}", -1) for reason in known] for name in names], np.int64)
    owners = np.repeat(stage, np.diff(starts))
    own = rules.reshape(len(names), len(known))[owners, codes] if len(codes) else codes
    more_starts, more, said = _listed(also)
    others = np.array([gathered.rules.get(name, -1) for name in said], np.int64)[more] if len(more) else more
    hashes = draws(batch.column("shard"), batch.column("row"))
    gathered.failed.add((starts, own), (more_starts, others), sizes=sizes, hashes=hashes, first=first)


def _codes(column: pa.Array) -> tuple[np.ndarray, list[Any]]:
    """i64[n], a number for each value, and the values; -1 for none."""
    column = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    return np.asarray(column.indices.fill_null(-1).to_numpy(zero_copy_only=False), np.int64), column.dictionary.to_pylist()


def _listed(column: pa.LargeListArray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Of lists where each begins (i64[n + 1]), the numbers of their values, and these."""
    starts = np.asarray(column.offsets.to_numpy(zero_copy_only=False), np.int64)
    codes, known = _codes(column.flatten())
    return starts - starts[0], codes, known


def _count_duplicates(gathered: Gathered, batch: pa.RecordBatch) -> None:
    names = set(batch.schema.names)
    if not {"partner", "cluster_size"} <= names or not pa.types.is_integer(batch.schema.field("cluster_size").type):
        return
    some = np.asarray(batch.column("cluster_size").fill_null(0).to_numpy(zero_copy_only=False) > 1)
    if "cluster" in names:
        some |= batch.column("cluster").is_valid().to_numpy(zero_copy_only=False)
    if some.any():
        few = batch.drop_columns(["reasons", "also"]).filter(pa.array(some))
        frame = pl.DataFrame(pl.from_arrow(few))
        gathered.duplicates.add(frame.with_columns(pl.col("shard", "stage").cast(pl.String)))


def draws(shards: pa.Array, rows: pa.Array) -> np.ndarray:
    """A hash of each address, u64[n]; our own, because that of polars is stable only within a version.

    Source:
        SHA-256 of the shard's name, then the finalizer of SplitMix64 (Steele et al. 2014).
    """
    codes, names = _codes(shards)
    seeds = np.array([int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little") for name in names], np.uint64)
    mixed: np.ndarray = seeds[codes] if len(codes) else np.zeros(0, np.uint64)
    mixed = np.add(mixed, (rows.to_numpy(zero_copy_only=False).astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = np.multiply(mixed ^ (mixed >> np.uint64(shift)), np.uint64(factor))
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
