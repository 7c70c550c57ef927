"""The verdicts of one stage after the other on a slab, gathered into the ledger's columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from tamis.errors import StageError
from tamis.failures import Failures

Pairs = list[tuple[np.ndarray, np.ndarray]]


class Failed(NamedTuple):
    """Documents of a slab that fail a rule, whoever dropped them; alone: those that fail nothing else and are dropped for it."""

    stage: str
    reason: str
    documents: int
    alone: int


@dataclass
class Verdicts:
    """What the stages said of a slab so far.

    Args:
        copies: u8[n], as they left them; a new array with every stage.
        by: u16[n], the number of the stage that dropped a document, from 1; 0: nobody.
        stages: their names.
        rules: (stage, reason) of every code.
        own: rows (u32) and codes (u32) of what newly dropped documents were dropped for.
        also: the same of rules of later stages.
        extras: columns that stages add, of these rows (u32; None: of all); the last one that says anything is believed.
    """

    copies: np.ndarray
    by: np.ndarray = field(init=False)
    stages: list[str] = field(default_factory=list)
    rules: list[tuple[str, str]] = field(default_factory=list)
    own: Pairs = field(default_factory=lambda: [(np.zeros(0, np.uint32), np.zeros(0, np.uint32))])
    also: Pairs = field(default_factory=lambda: [(np.zeros(0, np.uint32), np.zeros(0, np.uint32))])
    extras: list[tuple[np.ndarray | None, pl.DataFrame]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.by = np.zeros(len(self.copies), np.uint16)

    def record(self, name: str, failures: Failures, said: np.ndarray | None = None) -> None:
        """What the next stage says: whom it drops, why, and how many copies (u8[n]) there are of the others; None: as many as before."""
        alive, blamed = self.copies > 0, np.zeros(len(self.copies), bool)
        blamed[failures.rows] = True
        if said is not None and (alive & ((said == 0) != blamed)).any():
            raise StageError(f"{name} must give reasons if and only if it drops a document.")
        newly, codes = alive[failures.rows], failures.codes + np.uint32(len(self.rules))
        self.own.append((failures.rows[newly], codes[newly]))
        self.also.append((failures.rows[~newly], codes[~newly]))
        self.rules += [(name, reason) for reason in failures.reasons]
        self.stages.append(name)
        self.by[alive & blamed] = len(self.stages)
        self.copies = np.where(alive & ~blamed, self.copies if said is None else said, np.uint8(0))

    def ledger(self, rows: pl.Series) -> pl.DataFrame:
        """One row a document."""
        n = len(self.copies)
        whole = pl.DataFrame(
            {
                "row": rows,
                "copies": self.copies,
                "stage": pl.Series([None, *self.stages], dtype=pl.String).gather(self.by),
                "reasons": _lists(self.own, [reason for _, reason in self.rules], n),
                "also": _lists(self.also, [f"{stage}: {reason}" for stage, reason in self.rules], n),
            }
        )
        extras: dict[str, pl.Series] = {}
        for places, added in self.extras:
            for one in added if places is None else _spread(added, places, n):
                extras[one.name] = _first_known(one, extras[one.name]) if one.name in extras else one
        return whole.hstack(list(extras.values()))

    def failed(self) -> list[Failed]:
        """Every rule that any document fails."""
        n, rules = len(self.copies), len(self.rules)
        rows, codes = _joined(self.own)
        others, also = _joined(self.also)
        single = np.bincount(rows, minlength=n) + np.bincount(others, minlength=n) == 1
        documents = np.bincount(codes, minlength=rules) + np.bincount(also, minlength=rules)
        alone = np.bincount(codes[single[rows]], minlength=rules)
        counted = zip(self.rules, documents.tolist(), alone.tolist(), strict=True)
        return [Failed(*rule, failed, only) for rule, failed, only in counted if failed]


def _joined(pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([rows for rows, _ in pairs]), np.concatenate([codes for _, codes in pairs])


def _lists(pairs: Pairs, texts: Sequence[str], n: int) -> pl.Series:
    """For each of n documents the texts of its codes, in the order in which they were recorded."""
    rows, codes = _joined(pairs)
    # NumPy sorts 16 bits by radix, in a third of the time.
    order = np.argsort(rows.astype(np.uint16) if n <= 1 << 16 else rows, kind="stable")
    borders = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))])
    # Arrow's own `array` would load pandas where there is one: .16 s.
    said = pl.Series(texts, dtype=pl.String).to_arrow().take(pl.Series(codes[order]).to_arrow())
    return pl.Series(pl.from_arrow(pa.LargeListArray.from_arrays(pl.Series(borders).to_arrow(), said)))


def _spread(frame: pl.DataFrame, places: np.ndarray, n: int) -> pl.DataFrame:
    """The frame's rows at their places (u32, each once) among n rows of nulls."""
    which = np.full(n, -1)
    which[places] = np.arange(len(places))
    known = pl.Series("which", which)
    index = known.to_frame().select(pl.when(known >= 0).then("which")).to_series()
    return frame.select(pl.all().gather(index))


def _first_known(first: pl.Series, then: pl.Series) -> pl.Series:
    return pl.select(pl.coalesce(first, then).alias(first.name)).to_series()
