"""Rebalancing: draw or repeat documents until topics, sources, languages or any other groups have the shares that they should have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl
import pyarrow as pa

from tamis import preference
from tamis.documents import utf8
from tamis.errors import StageError
from tamis.stage import Stage, no_reasons
from tamis.stages import _balance, _targets
from tamis.where import reference

UNASKED_REASON = "not in the target"
UNDRAWN_REASON = "not drawn"
Target = Literal["natural", "uniform"] | Mapping[str, float] | Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Rebalance(Stage):
    """Draw and repeat documents until groups of them have the shares that they should have.

    Without a budget the shares come first, and the size gives way: as much as there is now, or as much as the scarcest
    group allows when it is repeated `max_copies` times. With a budget the size comes first: what a scarce group cannot give the others
    give, in the proportions of the target; the run then warns, with the shortfall, and with `strict` it stops.

    Inside a group, documents are taken by a hash of their text (or best first, see `prefer`), the same ones in any order, shard or
    run, and a group that shall have a little more keeps all that it had. A group whose documents are to be
    repeated 2.3 times has each of them twice, and three tenths of it a third time.

    Args:
        by: what makes a group: a column (`source`), or a signal of a stage above (`topics.topic`, `axes.format`); or
            several of them, crossed. A document without a value is of the group "none". Of nothing: all documents are one group.
        target: {law: 0.3, news: 0.2}: shares of groups; what they leave goes to the other groups, in the proportions that
            these have, and if they leave nothing, the others are dropped. Of several axes, {topics.topic: {law: 0.3}, lang: {en: 0.9}}: the
            shares on each axis, met together, by raking; or shares of crossed groups, {law / en: 0.1}. "uniform": the same for all.
            "natural": as they are.
        exponent: instead of a target: shares proportional to p^exponent, p being those there are: 1 leaves them, 0 makes them
            equal, 0.3 to 0.7 favours the small (temperature sampling, 1 / T).
        like: instead of a target: the shares that groups have in these files: Parquet shards with the columns of `by`
            (of `topics.topic`, the column `topic`; a column `copies` counts), or the `manifest.json` of a run.
        unit: what shares and budget count: "documents", "bytes" (of UTF-8, as the edits above leave the text), "words" (between white
            space), "tokens" (needs the stage `tokens` with a tokenizer), or any signal of a stage above that counts
            ("tokens.estimated_tokens").
        budget: units to keep: a number, or "500M", "2GB", "10B"; "all": as many as there are. null: the shares come first.
        max_copies: how often a document may be given; one that comes with copies has each of them so often, up to 255 in all.
        min_share: no group of the target shall have less; its share is raised.
        max_share: no group shall have more, also where others are scarce.
        prefer: who is taken first inside a group, best first: a signal of a stage above ("quality.score": more is better),
            "length", a column ("date"), "-date" for less is better, or a column with its values best first.
        weights: {source: {books: 2}}: inside each group, documents of this source are taken twice as often as others.
        importance: a signal of a stage above with the logarithm of each document's weight, as `importance.log_ratio`: inside a group,
            documents are drawn without replacement with probabilities proportional to their weights.
        emit: "copies", or "weights": repeat and drop nothing that has a share, and put into the ledger how often each document should be
            given.
        strict: a target that cannot be met, or a budget, stops the run.
        seed: another seed is another draw; null: the recipe's, and 0 in memory.
        where: only documents that meet this condition take part; the others stay as they are, beside the budget.

    Signals:
        bytes: u32. words: u32, maximal runs of bytes above 0x20.

    Ledger:
        sampling_weight: f64, with `emit: weights`: how often the document should be given.

    Source:
        Repeating up to four times is nearly as good as new text, and then decays (Muennighoff et al. 2023, arXiv:2305.16264).
        p^exponent: Devlin et al. 2019 (multilingual BERT, .7), Conneau et al. 2020 (XLM-R, .3). Weighted draws: Efraimidis and Spirakis
        2006.
    """

    by: str | tuple[str, ...] = ()
    target: Target | None = None
    exponent: float | None = None
    like: tuple[Path, ...] = ()
    unit: str = "bytes"
    budget: float | str | None = None
    max_copies: int = 4
    min_share: float | None = None
    max_share: float | None = None
    prefer: tuple[str | Mapping[str, tuple[str, ...]], ...] = ()
    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    importance: str | None = None
    emit: Literal["copies", "weights"] = "copies"
    strict: bool = False
    seed: int | None = None
    where: str | None = None

    measured_by: ClassVar = ("seed",)
    needs_corpus: ClassVar = True

    def check(self) -> None:
        """Refuse targets that cannot be meant, with where and what."""
        _targets.check(self)
        preference.check(self.prefer, self.name())

    def axes(self) -> tuple[str, ...]:
        """What `by` names, as `decide` knows it."""
        names = (self.by,) if isinstance(self.by, str) else self.by
        return tuple(reference(name) for name in names)

    def unit_signal(self) -> str | None:
        """The signal that counts; None: every document is one."""
        return {"documents": None, "bytes": "bytes", "words": "words", "tokens": "tokens.tokens"}.get(self.unit, self.unit)

    def signals_used(self) -> tuple[str, ...]:
        """The axes, the unit, and what orders documents."""
        unit = self.unit_signal()
        chosen = [*self.axes(), *([unit] if unit and "." in unit else []), *(reference(name) for name in self.weights)]
        chosen += [] if self.importance is None else [self.importance]
        preferred = [name for name in preference.names(self.prefer) if name not in preference.TIES]
        return tuple(dict.fromkeys((*super().signals_used(), *chosen, *preferred, "text._rest")))

    def groups(self) -> tuple[str, ...]:
        """Each axis."""
        return self.axes()

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        """Bytes, words, and privately the draw (u64)."""
        from tamis.kernels.characters import word_counts
        from tamis.kernels.hashing import mix, murmur128

        data, borders = utf8(docs.column("text"))
        low, high = murmur128(data, borders)
        seed = np.full(len(low), (self.seed or 0) % 2**64, np.uint64)
        sizes = np.diff(borders).astype(np.uint32)
        return pl.DataFrame({"bytes": sizes, "words": word_counts(data, borders), "_draw": mix(mix(seed, low), high)})

    def decide(self, signals: pl.LazyFrame, relations: pl.LazyFrame | None = None) -> pl.LazyFrame:
        """How often each document is taken."""
        del relations
        frame = signals.collect()
        solved = _balance.solve(self, frame)
        if self.strict and (said := solved.shortfall()):
            raise StageError(f"{self.name()}: {said}\nFix: lower the budget or the shares, raise max_copies, or do without strict.")
        weighing = self.emit == "weights"
        taken = np.minimum(np.ceil(solved.rates()), 1).astype(np.int64) if weighing else _balance.taken(self, frame, solved)
        copies = np.minimum(frame["copies"].to_numpy().astype(np.int64) * taken, 255).astype(np.uint8)
        dropped = pl.lit(pl.Series(taken == 0))
        unasked = pl.lit(pl.Series(solved.quotas.shares[solved.group] == 0))
        reason = pl.when(unasked).then(pl.lit([UNASKED_REASON])).otherwise(pl.lit([UNDRAWN_REASON]))
        weight = {"sampling_weight": pl.when(dropped).then(None).otherwise(pl.lit(pl.Series(solved.rates())))} if weighing else {}
        reasons = pl.when(dropped).then(reason).otherwise(no_reasons())
        return frame.lazy().select(copies=pl.lit(pl.Series(copies)), reasons=reasons, **weight)

    def outcome(self, signals: pl.DataFrame, copies: pl.Series) -> dict[str, Any]:
        """What the target was, group by group, and what became of it; see `_balance.account`."""
        return _balance.account(self, signals, copies)
