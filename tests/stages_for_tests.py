"""Small stages of every kind, so that the house is tested without the stages that live in it.

Loaded as a module by tests and by its path in recipes: both ways a user may go.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar
from zlib import crc32

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from tamis import Edit, Filter, Stage

NOTHING = pl.lit([], pl.List(pl.String))


def texts(docs: pa.Table) -> list[str]:
    """The texts of some documents."""
    return docs.column("text").to_pylist()


def first_lines(docs: pa.Table) -> Counter[str]:
    """How often each first line stands in some documents."""
    return Counter(text.split("\n", 1)[0] for text in texts(docs))


def lines_of(docs: pa.Table) -> Counter[str]:
    """In how many of some documents each line stands."""
    return Counter(line for text in texts(docs) for line in set(text.split("\n")))


@dataclass(frozen=True)
class Length(Filter):
    """Limits on the characters of a text."""

    min_chars: float | None = None
    max_chars: float | None = None

    measured_by: ClassVar = ()
    reasons: ClassVar[Mapping[str, str]] = {"min_chars": "too short", "max_chars": "too long"}

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        """Characters; null for a text of white space."""
        counts = [len(text) if text.strip() else None for text in texts(docs)]
        return pl.DataFrame({"chars": pl.Series(counts, dtype=pl.UInt32)})


@dataclass(frozen=True)
class Openings(Filter):
    """Fitted to the corpus: how many documents begin with the same line as this one."""

    max_openings: float | None = None

    measured_by: ClassVar = ()
    reasons: ClassVar[Mapping[str, str]] = {"max_openings": "stock first line"}

    def fit(self, scan) -> bytes:
        """First lines with their counts, as sorted JSON."""
        total: Counter[str] = Counter()
        for part in scan.map(first_lines):
            total.update(part)
        return json.dumps(sorted(total.items())).encode()

    def measure(self, docs: pa.Table, fitted: bytes) -> pl.DataFrame:
        """openings: u32."""
        counts = dict(json.loads(fitted))
        found = [counts[text.split("\n", 1)[0]] for text in texts(docs)]
        return pl.DataFrame({"openings": pl.Series(found, dtype=pl.UInt32)})


@dataclass(frozen=True)
class StockLines(Edit):
    """An edit fitted to the corpus: lines that stand in `most` documents or more are removed."""

    most: int = 3

    def fit(self, scan) -> bytes:
        """The lines, sorted; the scan is walked without its workers."""
        total: Counter[str] = Counter()
        for docs in scan:
            total.update(lines_of(docs))
        return json.dumps(sorted(line for line, count in total.items() if count >= self.most)).encode()

    def edit(self, docs: pa.Table, fitted: bytes) -> tuple[pa.Array, pl.DataFrame]:
        """removed: u32, lines."""
        stock = set(json.loads(fitted))
        kept = [[line for line in text.split("\n") if line not in stock] for text in texts(docs)]
        removed = [len(text.split("\n")) - len(lines) for text, lines in zip(texts(docs), kept, strict=True)]
        return pa.array(["\n".join(lines) for lines in kept], pa.large_string()), pl.DataFrame({"removed": pl.Series(removed, dtype=pl.UInt32)})


@dataclass(frozen=True)
class Lower(Edit):
    """An edit: everything in small letters."""

    def edit(self, docs: pa.Table) -> tuple[pa.Array, pl.DataFrame]:
        """changed: bool."""
        after = pc.utf8_lower(docs.column("text").combine_chunks())
        changed = pc.not_equal(after, docs.column("text"))
        return after, pl.DataFrame({"changed": pl.Series(changed.to_pylist(), dtype=pl.Boolean)})


@dataclass(frozen=True)
class Twins(Stage):
    """Equal texts, found by a hash so weak that they must be verified on the text; the earlier of the living stays."""

    buckets: int = 17

    needs_corpus: ClassVar[bool] = True

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        """_bucket: u32, private."""
        return pl.DataFrame({"_bucket": pl.Series([crc32(text.encode()) % self.buckets for text in texts(docs)], dtype=pl.UInt32)})

    def relate(self, signals: pl.LazyFrame, read) -> pl.LazyFrame:
        """a < b (u64), similarity 1.0: of one bucket and equal."""
        rows = signals.select("row", "_bucket")
        likely = rows.join(rows, on="_bucket", suffix="_b").filter(pl.col("row") < pl.col("row_b")).sort("row", "row_b").collect()
        a, b = likely["row"].to_numpy(), likely["row_b"].to_numpy()
        equal = pc.equal(read(a).column("text"), read(b).column("text")).to_numpy(zero_copy_only=False)
        pairs = {"a": a[equal], "b": b[equal], "similarity": np.ones(int(equal.sum()))}
        return pl.DataFrame(pairs, schema={"a": pl.UInt64, "b": pl.UInt64, "similarity": pl.Float64}).lazy()

    def decide(self, signals: pl.LazyFrame, relations: pl.LazyFrame | None = None) -> pl.LazyFrame:
        """b is dropped for the first a that lives."""
        assert relations is not None
        living = signals.select("row")
        found = relations.join(living, left_on="a", right_on="row", how="semi").join(living, left_on="b", right_on="row", how="semi")
        first = found.group_by("b").agg(partner=pl.col("a").min(), similarity=pl.col("similarity").max())
        joined = signals.join(first, left_on="row", right_on="b", how="left", maintain_order="left")
        twin = pl.col("partner").is_not_null()
        return joined.select(
            copies=pl.when(twin).then(pl.lit(0, pl.UInt8)).otherwise("copies"),
            reasons=pl.when(twin).then(pl.lit(["twin"])).otherwise(NOTHING),
            partner="partner",
            similarity="similarity",
        )


@dataclass(frozen=True)
class Repeat(Stage):
    """As many copies as the text has characters, modulo 4; none for a multiple of 4."""

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        """times: u8."""
        return pl.DataFrame({"times": pl.Series([len(text) % 4 for text in texts(docs)], dtype=pl.UInt8)})

    def decide(self, signals: pl.LazyFrame, relations: pl.LazyFrame | None = None) -> pl.LazyFrame:
        """copies: times."""
        none = pl.col("times") == 0
        return signals.select(copies=pl.col("times"), reasons=pl.when(none).then(pl.lit(["a multiple of four"])).otherwise(NOTHING))


@dataclass(frozen=True)
class FailsOn(Filter):
    """Raises on texts that hold a word."""

    word: str = "boom"
    max_chars: float | None = 1000

    reasons: ClassVar[Mapping[str, str]] = {"max_chars": "too long"}

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        """chars: u32."""
        for text in texts(docs):
            if self.word in text:
                raise ValueError(f"cannot read {self.word}\nand more")
        return pl.DataFrame({"chars": pl.Series([len(text) for text in texts(docs)], dtype=pl.UInt32)})


@dataclass(frozen=True)
class Broken(Stage):
    """Breaks the contract in the way it is told to."""

    how: str = ""

    def signals_used(self) -> tuple[str, ...]:
        """One that nobody measures, if told to."""
        return ("length.charz",) if self.how == "uses" else ()

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        """Wrong in some ways."""
        n = docs.num_rows
        if self.how == "zero" and n == 0:
            raise IndexError("list index out of range")
        values = {
            "rows": pl.DataFrame({"x": [1.0] * (n // 2)}),
            "dict": {"x": [1] * n},
            "odd": pl.DataFrame({"x": [float("inf")] * n, "y": [[1, 2]] * n, "z": ["label"] * n, "w": [None] * n}),
            "nan": pl.DataFrame({"x": pl.Series([float("nan")] * n, dtype=pl.Float64)}),
            "reserved": pl.DataFrame({"copies": pl.Series([1] * n, dtype=pl.UInt8)}),
        }
        return values.get(self.how, pl.DataFrame({"x": pl.Series([0.5] * n, dtype=pl.Float64)}))

    def decide(self, signals: pl.LazyFrame, relations: pl.LazyFrame | None = None) -> pl.LazyFrame:
        """Wrong in others."""
        one, why = pl.lit(1, pl.UInt8), pl.lit(["because"])
        verdicts = {
            "blames": {"copies": one, "reasons": why},
            "silent": {"copies": pl.lit(0, pl.UInt8), "reasons": NOTHING},
            "many": {"copies": pl.lit(300, pl.UInt16), "reasons": NOTHING},
            "negative": {"copies": pl.lit(-1, pl.Int16), "reasons": NOTHING},
            "null": {"copies": pl.lit(None, pl.UInt8), "reasons": NOTHING},
            "no reasons": {"copies": one},
            "words": {"copies": one, "reasons": pl.lit("because")},
            "taken": {"copies": one, "reasons": NOTHING, "stage": pl.lit("another")},
        }
        said = signals.select(pl.col("row"), **verdicts.get(self.how, {"copies": pl.col("copies"), "reasons": NOTHING})).drop("row")
        return said.head(1) if self.how == "short" else said
