"""A random share of the documents, drawn by what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import polars as pl
import pyarrow as pa

from tamis.documents import utf8
from tamis.stage import Filter


@dataclass(frozen=True)
class Sample(Filter):
    """Keep a random share of the documents.

    The draw is a hash of the seed and the text: the same document is drawn in any order, shard or run; copies of one
    text share their fate; a larger share keeps all that a smaller one keeps.

    Args:
        share: of the documents to keep, in [0, 1].
        seed: another seed is another draw; None: the recipe's, and 0 in memory.

    Signals:
        draw: f64 in [0, 1), uniform over different texts; kept below `share`.
    """

    share: float = 1.0
    seed: int | None = None

    measured_by: ClassVar = ("seed",)
    reasons: ClassVar[Mapping[str, str]] = {"share": "not drawn"}

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        """The draw of each document."""
        from tamis.kernels.hashing import murmur128, unit

        return pl.DataFrame({"draw": unit(self.seed or 0, *murmur128(*utf8(docs.column("text"))))})

    def limits(self) -> dict[str, tuple[str, pl.Expr]]:
        """The share limits the draw."""
        return {"share": ("draw", self.limit("share"))}

    def rules(self) -> dict[str, pl.Expr]:
        """Keep what is drawn below the share."""
        limit = self.limit("share")
        return {self.reasons["share"]: (pl.col("draw") < limit) | limit.is_null()}
