"""Cut the corpus into head, middle and tail by a signal, and keep some of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import polars as pl
import pyarrow as pa

from tamis.errors import StageError
from tamis.stage import Stage, no_reasons
from tamis.where import reference

PARTS = ("head", "middle", "tail")


@dataclass(frozen=True)
class HeadMiddleTail(Stage):
    """Cut the documents of each language into head, middle and tail by a signal, as CCNet does by perplexity, and keep some.

    The borders are shares of the documents that the stages above left alive, so they move with the corpus; `perplexity` with
    `max_bits_per_byte` has a border that does not. Documents of equal values share their fate, so that a part may be larger than
    its share.

    Args:
        keep: the parts that stay.
        signal: what is compared: a signal of a stage above, or a column.
        best: which end is the head: "low" as of perplexity, "high" as of a quality score.
        within: each value of this signal or column is cut by itself; null: the whole corpus is cut at once.
        shares: where the head ends and where the middle does, as shares of the documents, in [0, 1].
        on_null: what becomes of a document without a value, such as one of a language without a model: "keep" or "drop".
        where: only documents that meet this condition are compared, with each other.

    Ledger:
        part: "head", "middle" or "tail", of kept documents too; null for one without a value.

    Source:
        CCNet (Wenzek et al. 2020, arXiv:1911.00359, section 3.4): three even parts for each language; its later code ends the head at
        30 % and the middle at 60 %. Languages without a model are kept.
    """

    keep: tuple[Literal["head", "middle", "tail"], ...] = ("head", "middle")
    signal: str = "perplexity.bits_per_byte"
    best: Literal["low", "high"] = "low"
    within: str | None = "perplexity.model"
    shares: tuple[float, ...] = (1 / 3, 2 / 3)
    on_null: Literal["keep", "drop"] = "keep"
    where: str | None = None

    measured_by: ClassVar = ()
    needs_corpus: ClassVar = True

    def check(self) -> None:
        """Refuse parts that do not exist and shares that are none."""
        name = self.name()
        for part in self.keep:
            if part not in PARTS:
                raise StageError(f'{name}: "keep" takes head, middle and tail, not "{part}".')
        if not self.keep:
            raise StageError(f'{name}: "keep" names no part, so that nothing could pass.')
        if len(self.shares) != 2 or not 0 <= self.shares[0] <= self.shares[1] <= 1:
            raise StageError(f'{name}: "shares" wants two shares between 0 and 1, the larger one last, not {list(self.shares)}.')
        for parameter, allowed in (("best", ("low", "high")), ("on_null", ("keep", "drop"))):
            if (value := getattr(self, parameter)) not in allowed:
                raise StageError(f'{name}: "{parameter}" is "{allowed[0]}" or "{allowed[1]}", not "{value}".')

    def signals_used(self) -> tuple[str, ...]:
        """The signal, what it is compared within, and what `where` names."""
        named = [reference(self.signal), *([reference(self.within)] if self.within else [])]
        return tuple(dict.fromkeys((*named, *super().signals_used())))

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        """Nothing: it is measured above."""
        del docs
        return pl.DataFrame()

    def decide(self, signals: pl.LazyFrame, relations: pl.LazyFrame | None = None) -> pl.LazyFrame:
        """Drop what is in another part."""
        del relations
        value = pl.col(reference(self.signal)).cast(pl.Float64)
        better, of = value.rank("min", descending=self.best == "high") - 1, value.count()  # documents of its own group
        if self.within:
            group = pl.col(reference(self.within))
            better, of = better.over(group), of.over(group)
        # Rounded, for 100 * 0.55 is a little more than 55.
        head, middle = (better < (of * share).round(6) for share in self.shares)
        part = pl.when(value.is_not_null()).then(
            pl.when(head).then(pl.lit("head")).when(middle).then(pl.lit("middle")).otherwise(pl.lit("tail"))
        )
        reasons = pl.when(pl.col("part").is_null()).then(pl.lit(f"{self.signal} not measurable")).otherwise("in the " + pl.col("part"))
        kept = pl.col("part").is_in(list(self.keep)).fill_null(value=self.on_null == "keep")
        return signals.select("copies", part=part).select(
            copies=pl.when(kept).then("copies").otherwise(pl.lit(0, pl.UInt8)),
            reasons=pl.when(kept).then(no_reasons()).otherwise(pl.concat_list(reasons)),
            part="part",
        )
