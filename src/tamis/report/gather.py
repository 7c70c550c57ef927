"""Count what the manifest does not: groups of documents, rules that fail together, examples, duplicates. One pass, bounded memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from tamis import files
from tamis.folder import Finished
from tamis.report.duplicates import Duplicates
from tamis.report.groups import AXES, Groups, bands

EXAMPLES = 5
MOST_RULES = 200
"""Rules, the most failed ones, that get examples and are paired with each other."""
ROWS = 100_000
"""Rows of a slab, at least, unless it is the last; also of what is counted of signals, of which two dozen are held at a time."""
BLOCK = 65_536
LEDGER = ("shard", "row", "id", "copies", "stage", "reasons", "also", "partner", "similarity", "cluster", "cluster_size")


def slabs(run: Finished) -> Iterator[pl.DataFrame]:
    """The ledger with the bytes and groups of each document, in the order of the corpus, about `ROWS` rows at a time.

    Returns:
        The columns of `LEDGER` that the ledger has, bytes (i64), and one column for each of `AXES` that the data has.
    """
    ledger = _Ledger(run)
    held: list[pl.DataFrame] = []
    for _, chunk in run.chunk_names():
        base = run.signals(chunk, ())
        if not base.height:
            continue
        axes = [pl.col(f"doc.{axis}").alias(f"doc.{axis}") for axis in AXES if f"doc.{axis}" in base.columns]
        held.append(base.select(pl.col("text.bytes").cast(pl.Int64).alias("bytes"), *axes))
        if sum(frame.height for frame in held) >= ROWS:
            yield ledger.beside(held)
            held = []
    if held:
        yield ledger.beside(held)


class _Ledger:
    """The ledger as a stream."""

    def __init__(self, run: Finished) -> None:
        found = run.ledger_files()
        present = _columns(found[0]) if found else []
        self.frames = run.ledger([name for name in LEDGER if name in present])
        self.left = pl.DataFrame()

    def beside(self, held: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """The next rows of the ledger, with what is known of the same documents."""
        known = pl.concat(held, how="diagonal_relaxed")
        parts = [self.left]
        while sum(part.height for part in parts) < known.height:
            parts.append(next(self.frames))
        whole = pl.concat([part for part in parts if part.height], how="vertical_relaxed")
        self.left = whole.slice(known.height)
        return pl.concat([whole.head(known.height), known], how="horizontal")


def _columns(url: str) -> list[str]:
    with files.open_read(url) as file:
        return list(pq.read_schema(file).names)


@dataclass
class Gathered:
    """Everything counted.

    Args:
        rules: "stage: reason" → its number, in the order of the funnel.
        groups: axis → its groups; "length" → the number of the band as a value.
        together: i64[rules, rules], documents that fail both; the diagonal: that fail one.
        only_bytes: i64[rules], bytes of the documents that fail nothing else.
        duplicates: what was dropped in favour of a partner.
        examples: code (the rule's number), hash, address, id, fails (rules that the document fails in all); by code, then hash.
    """

    rules: Mapping[str, int]
    groups: dict[str, Groups] = field(default_factory=dict)
    together: np.ndarray = field(init=False)
    only_bytes: np.ndarray = field(init=False)
    duplicates: Duplicates = field(default_factory=Duplicates)
    examples: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(
            schema={"code": pl.UInt32, "hash": pl.UInt64, "address": pl.String, "id": pl.String, "fails": pl.UInt32}
        )
    )

    def __post_init__(self) -> None:
        self.together = np.zeros((len(self.rules), len(self.rules)), np.int64)
        self.only_bytes = np.zeros(len(self.rules), np.int64)

    def add(self, frame: pl.DataFrame) -> None:
        """Count a slab."""
        frame = frame.with_columns(bands(frame["bytes"]))
        self.groups.setdefault("length", Groups()).add(frame, "band")
        for axis in AXES:
            if f"doc.{axis}" in frame.columns:
                self.groups.setdefault(axis, Groups()).add(frame, f"doc.{axis}")
        self.duplicates.add(frame)
        dropped = frame.filter(pl.col("stage").is_not_null())
        if dropped.height:
            self._add_rules(dropped.with_row_index("i"))

    def _add_rules(self, dropped: pl.DataFrame) -> None:
        failed = self._failed(dropped)
        self._count_together(failed, dropped.height)
        alone = failed.join(dropped.filter(pl.col("reasons").list.len() + pl.col("also").list.len() == 1).select("i", "bytes"), on="i")
        for code, size in alone.group_by("code").agg(pl.col("bytes").sum()).iter_rows():
            self.only_bytes[code] += size
        identity = pl.col("id").cast(pl.String) if "id" in dropped.columns else pl.lit(None, pl.String)
        details = dropped.select(
            "i",
            address=pl.format("{}:{}", "shard", "row"),
            id=identity,
            fails=(pl.col("reasons").list.len() + pl.col("also").list.len()).cast(pl.UInt32),
        )
        details = details.with_columns(pl.Series("hash", draws(dropped["shard"], dropped["row"]), pl.UInt64))
        least = _least(failed.join(details.select("i", "hash"), on="i"))
        new = least.join(details, on=["i", "hash"]).select(self.examples.columns)
        self.examples = _least(pl.concat([self.examples, new.cast(self.examples.schema)]))

    def _failed(self, dropped: pl.DataFrame) -> pl.DataFrame:
        """One row for each document and rule that it fails: i, code; by i."""
        codes = pl.DataFrame({"rule": list(self.rules), "code": list(self.rules.values())}, schema={"rule": pl.String, "code": pl.UInt32})
        own = dropped.select("i", "stage", rule="reasons").explode("rule").select("i", rule=pl.concat_str("stage", pl.lit(": "), "rule"))
        also = dropped.filter(pl.col("also").list.len() > 0).select("i", rule="also").explode("rule")
        return pl.concat([own, also]).join(codes, on="rule").select("i", "code").unique().sort("i", "code")

    def _count_together(self, failed: pl.DataFrame, rows: int) -> None:
        at, code = failed["i"].to_numpy(), failed["code"].to_numpy()
        for start in range(0, rows, BLOCK):
            a, b = np.searchsorted(at, [start, start + BLOCK])
            marks = np.zeros((BLOCK, len(self.rules)), np.float32)  # whole numbers below 2^24 are exact
            marks[at[a:b] - start, code[a:b]] = 1
            self.together += (marks.T @ marks).astype(np.int64)


def draws(shards: pl.Series, rows: pl.Series) -> np.ndarray:
    """A hash of each address, u64[n]; our own, because that of polars is stable only within a version.

    Source:
        SHA-256 of the shard's name, then the finalizer of SplitMix64 (Steele et al. 2014).
    """
    names = shards.unique().to_list()
    seeds = [int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little") for name in names]
    mixed: np.ndarray = shards.replace_strict(names, pl.Series(seeds, dtype=pl.UInt64), return_dtype=pl.UInt64).to_numpy()
    mixed = np.add(mixed, (rows.to_numpy().astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = np.multiply(mixed ^ (mixed >> np.uint64(shift)), np.uint64(factor))
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def _least(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows with the smallest hashes of each rule."""
    return frame.sort("code", "hash").group_by("code", maintain_order=True).head(EXAMPLES)


def gather(run: Finished) -> Gathered:
    """Count a finished run."""
    rules = [(rule["failed"], f"{step['stage']}: {rule['reason']}") for step in run.manifest["funnel"] for rule in step["rules"]]
    most = {name for _, name in sorted(rules, key=lambda rule: (-rule[0], rule[1]))[:MOST_RULES]}
    gathered = Gathered({name: i for i, name in enumerate(name for _, name in rules if name in most)})
    for slab in slabs(run):
        gathered.add(slab)
    return gathered
