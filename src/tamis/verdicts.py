"""The verdicts of one stage after the other on a slab, gathered into the ledger's columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tamis.errors import StageError

if TYPE_CHECKING:
    from polars._typing import PolarsDataType

_DROPS: dict[str, PolarsDataType] = {"i": pl.UInt32, "stage": pl.String, "reasons": pl.List(pl.String)}
_ALSO: dict[str, PolarsDataType] = {"i": pl.UInt32, "also": pl.String}


@dataclass
class Verdicts:
    """What the stages said of a slab so far.

    Args:
        copies: u8[n], as they left them.
        drops: i (u32, in the slab), stage, reasons; of each dropped document once.
        also: i, and one rule of a later stage that it fails.
        extras: columns that stages add; the last one that says anything is believed.
    """

    copies: np.ndarray
    drops: list[pl.DataFrame] = field(default_factory=lambda: [pl.DataFrame(schema=_DROPS)])
    also: list[pl.DataFrame] = field(default_factory=lambda: [pl.DataFrame(schema=_ALSO)])
    extras: dict[str, pl.Series] = field(default_factory=dict)

    def record(self, name: str, verdicts: pl.DataFrame) -> None:
        """What the next stage says."""
        alive, said = self.copies > 0, verdicts["copies"].to_numpy()
        blamed = (verdicts["reasons"].list.len() > 0).to_numpy()
        if (alive & ((said == 0) != blamed)).any():
            raise StageError(f"{name} must give reasons if and only if it drops a document.")
        newly, other = np.flatnonzero(alive & blamed), np.flatnonzero(~alive & blamed)
        self.drops.append(pl.DataFrame({"i": newly, "stage": [name] * len(newly), "reasons": verdicts["reasons"].gather(newly)}, schema_overrides=_DROPS))
        if len(other):
            rules = pl.DataFrame({"i": other, "also": verdicts["reasons"].gather(other)}, schema_overrides={"i": pl.UInt32}).explode("also")
            self.also.append(rules.with_columns(also=pl.concat_str(pl.lit(f"{name}: "), "also")))
        self.copies = np.where(alive, said, 0).astype(np.uint8)
        for extra in verdicts.columns:
            if extra not in ("copies", "reasons"):
                self.extras[extra] = _first_known(verdicts[extra], self.extras[extra]) if extra in self.extras else verdicts[extra]

    def ledger(self, rows: pl.Series) -> pl.DataFrame:
        """One row a document; lists are slow to build, so that each is built once."""
        whole = pl.DataFrame({"row": rows, "copies": self.copies}).with_row_index("i")
        also = pl.concat(self.also).group_by("i", maintain_order=True).agg("also")
        for part in (pl.concat(self.drops), also):
            whole = whole.join(part, on="i", how="left", maintain_order="left")
        return whole.with_columns(pl.col("reasons", "also").fill_null([])).drop("i").hstack(list(self.extras.values()))


def _first_known(first: pl.Series, then: pl.Series) -> pl.Series:
    return pl.select(pl.coalesce(first, then).alias(first.name)).to_series()
