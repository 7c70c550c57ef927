"""The contract: a stage measures documents (text in, numbers out) and decides from numbers (numbers in, verdicts out).

Names inside `decide`: a stage sees its own signals by their plain names ("words"), those of earlier stages with the
stage's name in front ("quality.score"), and columns of the document as "doc.<column>" ("doc.lang"). Outside, in
recipes, the plain name of a column is enough: `by: {lang: …}`, `where: lang == "fr"`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, TypeVar

import numpy as np
import polars as pl
import pyarrow as pa

from tamis.errors import StageError
from tamis.limits import check as check_limits
from tamis.where import condition, names_in, reference

Result = TypeVar("Result")
WORD = 64
"""Reasons whose bits make a number."""
By = Mapping[str, Mapping[str, Mapping[str, Any]]]


class Scan(Protocol):
    """The documents of the corpus, for `fit`: in canonical order, as the edits above the stage left them."""

    def __iter__(self) -> Iterator[pa.Table]:
        """Each chunk in turn, with the columns that the stage reads."""
        ...

    def map(self, function: Callable[[pa.Table], Result]) -> Iterator[Result]:
        """`function` of each chunk, computed by all workers, in the order of the chunks."""
        ...


class Read(Protocol):
    """Documents by row number, for `relate`: as the edits above the stage left them."""

    workers: int
    """How many may work side by side."""

    def __call__(self, rows: np.ndarray) -> pa.Table:
        """The documents of some rows (u64[n], as in the column `row`), in that order."""
        ...

    def map(self, function: Callable[[pa.Table, np.ndarray], Result], rows: np.ndarray) -> Iterator[Result]:
        """`function` of documents and their row numbers, a few megabytes at a time, by threads; results in order.

        Args:
            function: called side by side; each document is in one call.
            rows: u64[n], ascending, each once.
        """
        ...


class Stage:
    """Parameters, `measure` and `decide`. Subclasses are frozen dataclasses, and `__init__` only stores parameters.

    A stage that needs the corpus (`needs_corpus`) chooses among the living: `decide` sees only documents that the
    stages above left alive and that meet `where`. Any other stage judges every document by itself.
    """

    reads: ClassVar[tuple[str, ...]] = ("text",)
    """Document columns that `measure` sees."""
    uses: ClassVar[tuple[str, ...]] = ()
    """What `decide` sees besides its own signals: "quality.score", "doc.lang"."""
    measured_by: ClassVar[tuple[str, ...] | None] = None
    """Parameters that change what `measure` returns; None: all."""
    version: ClassVar[int] = 1
    """Raised when `measure` changes its numbers."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Installed packages of which another version may measure other numbers."""
    needs_corpus: ClassVar[bool] = False
    """`decide` must see all documents at once."""
    decides_by_private: ClassVar[bool] = True
    """`decide` sees private signals; False spares their memory where only `relate` does."""

    @classmethod
    def name(cls) -> str:
        """The name in recipes and ledgers: the class name in snake case."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()

    def check(self) -> None:
        """Refuse parameters that cannot be meant.

        Raises:
            StageError: says which parameter, what it holds and what it may hold.
        """

    def columns_read(self) -> tuple[str, ...]:
        """`reads`, and the columns that this stage's parameters name."""
        return self.reads

    def signals_used(self) -> tuple[str, ...]:
        """`uses`, and what this stage's parameters (`where`, `by`, `prefer`) name."""
        where = getattr(self, "where", None)
        return tuple(dict.fromkeys((*self.uses, *(names_in(where) if where else ()))))

    def files_beside(self) -> tuple[Path, ...]:
        """Files that `measure` reads besides those that parameters name, as the card of a model; keys hold what is in them."""
        return ()

    def account(self, text: str) -> list[str]:  # noqa: ARG002  most stages have nothing to add
        """Lines for `tamis explain`: what in a text makes its signals what they are, beyond their values.

        Args:
            text: of the document, as the edits above left it.
        """
        return []

    def packages_used(self) -> tuple[str, ...]:
        """`packages`, and those that this stage's parameters ask for."""
        return self.packages

    def spares(self) -> tuple[str, ...]:
        """Which of `fit` and `relate` this stage's parameters make needless, as what it would be fitted to is given."""
        return ()

    def groups(self) -> tuple[str, ...]:
        """Own signals, and others by their names in `decide`, by whose values a run counts what every stage keeps."""
        return ()

    def measure(self, docs: pa.Table) -> pl.DataFrame:  # noqa: ARG002  the contract's default measures nothing
        """Signals, row for row; a stage with `fit` takes the fitted bytes as its second argument.

        Args:
            docs: the columns of `columns_read()`; `text` is large_string in one piece, without nulls, valid UTF-8.

        Returns:
            One row a document. No NaN; null: not measurable. Columns that begin with "_" are private: stored, but
            without rules, histograms or a line in `explain`.
        """
        return pl.DataFrame()

    def decide(self, signals: pl.LazyFrame, relations: pl.LazyFrame | None = None) -> pl.LazyFrame:  # noqa: ARG002
        """Verdicts, row for row, from numbers alone.

        Args:
            signals: own signals, `signals_used()`, `copies` (u8, as the stages above left them) and `row` (u64).
            relations: what `relate` found, for a stage that has it.

        Returns:
            copies: u8, 0 = dropped.
            reasons: list[str], empty if and only if the document is not dropped.
            Further columns join the ledger; one called `partner` holds a row number (u64) and is shown as an address.
        """
        return signals.select(pl.col("copies"), reasons=no_reasons())

    def outcome(self, signals: pl.DataFrame, copies: pl.Series) -> dict[str, Any] | None:  # noqa: ARG002
        """What a stage that needs the corpus has to say of its verdicts as a whole, as JSON for the manifest; None: nothing.

        Args:
            signals: what `decide` saw.
            copies: u8, what it said.

        Returns:
            "warnings": sentences for the user; "met": whether it could do what it was asked to. More is the stage's own.
        """
        return None


@dataclass(frozen=True)
class Filter(Stage):
    """A stage whose decision is a set of limits on its own signals.

    A parameter `min_x` or `max_x` that `reasons` names limits the signal `x` in the direction it says; equality
    keeps; None is off.

    Args:
        by: other limits for some values of a column: {"lang": {"fr": {"min_words": 40}}}. A later column wins.
        where: judge only the documents that meet this condition: 'source == "web" and words.words > 10'.
        on_null: what a signal that is not measurable does to a document that a limit asks about: "drop" or "keep".
    """

    by: By = field(default_factory=dict, kw_only=True)
    where: str | None = field(default=None, kw_only=True)
    on_null: Literal["drop", "keep"] = field(default="drop", kw_only=True)

    reasons: ClassVar[Mapping[str, str]] = {}
    """Limiting parameter → what is wrong with a document that fails it, in words."""
    marks: ClassVar[Mapping[str, str]] = {}
    """Limiting parameter → a regular expression for what counts against a text, where there is one; reports highlight it."""

    def found(self, parameter: str, text: str) -> list[tuple[int, int]]:
        """Where in a text lies what counts against it by a limit: first character and the one after the last, ascending; [] where nobody can tell."""
        mark = self.marks.get(parameter)
        return [match.span() for match in re.finditer(mark, text) if match.group()] if mark else []

    def signals_used(self) -> tuple[str, ...]:
        """What `uses`, `where` and `by` name."""
        return tuple(dict.fromkeys((*super().signals_used(), *(reference(column) for column in self.by))))

    def value_of(self, parameter: str) -> float | None:
        """The limit that holds where `by` says nothing."""
        value: float | None = getattr(self, parameter, None)
        return value

    def limit(self, parameter: str) -> pl.Expr:
        """The limit that holds for each document, f64; null where it is off."""
        value = pl.lit(self.value_of(parameter), dtype=pl.Float64)
        for column, groups in self.by.items():
            group_of = pl.col(reference(column)).cast(pl.String)
            for group, limits in groups.items():
                if parameter in limits:
                    own = pl.lit(limits[parameter], dtype=pl.Float64)
                    value = pl.when(group_of == str(group)).then(own).otherwise(value)
        return value

    def limits(self) -> dict[str, tuple[str, pl.Expr]]:
        """Limiting parameter → (its signal, its limit for each document), for those that are on for anybody."""
        return {parameter: (parameter[4:], self.limit(parameter)) for parameter in self.reasons if self._is_on(parameter)}

    def rules(self) -> dict[str, pl.Expr]:
        """Reason for dropping → condition for keeping; null where the signal is not measurable."""
        rules = {}
        for parameter, (signal, limit) in self.limits().items():
            value = pl.col(signal).cast(pl.Float64)
            inside = value >= limit if parameter.startswith("min_") else value <= limit
            rules[self.reasons[parameter]] = inside | limit.is_null()
        return rules

    def keeps(self) -> pl.Expr:
        """Whether a document meets every rule, or is not judged at all; never null."""
        kept = [keep.fill_null(value=self.on_null == "keep") for keep in self.rules().values()]
        met = pl.all_horizontal(kept) if kept else pl.lit(value=True)
        return met | ~condition(self.where) if self.where else met

    def decide(self, signals: pl.LazyFrame, relations: pl.LazyFrame | None = None) -> pl.LazyFrame:
        """Drop what fails any rule, with every rule it fails."""
        del relations
        failed = [mark for rule in self.rules().items() for mark in self._marks_of(*rule)]
        if not failed:
            return signals.select("copies", reasons=no_reasons())
        # Lists are slow to build, and few are different: each is built once, and found again by the bits of what it names.
        words = [failed[i : i + WORD] for i in range(0, len(failed), WORD)]
        codes = [f"_{i}" for i in range(len(words))]
        coded = signals.select("copies", pl.when(self.keeps()).then(0).otherwise(1).alias("_dropped"), **dict(zip(codes, map(_bits, words), strict=True)))
        said = [reason for code, marks in zip(codes, words, strict=True) for reason in _named(code, marks)]
        lists = pl.concat_list(said).list.drop_nulls().list.unique(maintain_order=True)
        known = coded.select("_dropped", *codes).unique().with_columns(reasons=pl.when(pl.col("_dropped") > 0).then(lists).otherwise(no_reasons()))
        verdicts = coded.join(known, on=["_dropped", *codes], how="left", maintain_order="left")
        return verdicts.select(pl.when(pl.col("_dropped") > 0).then(pl.lit(0, pl.UInt8)).otherwise("copies").alias("copies"), "reasons")

    def check(self) -> None:
        """Refuse limits that cannot be meant, and exceptions for limits that do not exist."""
        if self.on_null not in ("drop", "keep"):
            raise StageError(f'{self.name()}: "on_null" is "drop" or "keep", not "{self.on_null}".')
        check_limits(self)
        if self.where is not None:
            condition(self.where)

    def written(self, parameter: str) -> str:
        """How a recipe writes a limiting parameter."""
        return parameter

    def is_share(self, parameter: str) -> bool:
        """Whether a limiting parameter limits a share, which lies in [0, 1]: any whose name ends so."""
        return parameter.rsplit("_", maxsplit=1)[-1].rsplit(".", maxsplit=1)[-1] == "share"

    def _is_on(self, parameter: str) -> bool:
        exceptions = (limits.get(parameter) for groups in self.by.values() for limits in groups.values())
        return self.value_of(parameter) is not None or any(value is not None for value in exceptions)

    def _marks_of(self, reason: str, keep: pl.Expr) -> list[tuple[str, pl.Expr]]:
        """Reasons that a rule may give, each with the condition for it."""
        judged = condition(self.where) if self.where else pl.lit(value=True)
        failed = (reason, (judged & ~keep).fill_null(value=False))
        if self.on_null == "keep":
            return [failed]
        return [failed, (not_measurable(reason, keep), judged & keep.is_null())]


def not_measurable(reason: str, keep: pl.Expr) -> str:
    """What is wrong with a document of which a rule cannot tell whether it is met."""
    signal = next((name for name in keep.meta.root_names() if not name.startswith("doc.")), reason)
    return f"{signal if '.' in signal else signal.replace('_', ' ')} not measurable"


def _bits(marks: Sequence[tuple[str, pl.Expr]]) -> pl.Expr:
    """u64: bit i for the condition of mark i."""
    return pl.sum_horizontal(pl.when(met).then(pl.lit(1 << i, pl.UInt64)).otherwise(pl.lit(0, pl.UInt64)) for i, (_, met) in enumerate(marks))


def _named(code: str, marks: Sequence[tuple[str, pl.Expr]]) -> list[pl.Expr]:
    """The way back: of each mark its reason, where its bit is set."""
    return [pl.when(pl.col(code) & pl.lit(1 << i, pl.UInt64) > 0).then(pl.lit(reason)) for i, (reason, _) in enumerate(marks)]


class Edit(Stage):
    """A stage that rewrites text instead of judging it: pure, and re-applied whenever text is read."""

    def edit(self, docs: pa.Table) -> tuple[pa.Array, pl.DataFrame]:
        """Rewrite texts, and say what was done.

        Args:
            docs: as for `measure`.

        Returns:
            The new texts: large_string[n], no nulls. Signals about the change: one row a document.
        """
        raise NotImplementedError

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        """The signals of `edit`."""
        return self.edit(docs)[1]


def parameters(stage: Stage) -> dict[str, Any]:
    """Every parameter of a stage with its value, in the order of declaration."""
    return {item.name: getattr(stage, item.name) for item in fields(stage)}  # type: ignore[arg-type]


def has(stage: Stage, method: Literal["fit", "relate"]) -> bool:
    """Whether a stage defines one of the two optional methods, and needs it."""
    return callable(getattr(stage, method, None)) and method not in stage.spares()


HOUSE_NAMES = ("text", "doc", "documents")
"""Names that no stage may have: `text.bytes` and `doc.<column>` are kept by the house, in a folder called documents."""


def named(stages: Sequence[Stage]) -> list[tuple[str, Stage]]:
    """Give every stage a name of its own: the second "rules" of a recipe is "rules_2".

    Raises:
        StageError: one has a name of the house.
    """
    seen: dict[str, int] = {}
    pairs = []
    for stage in stages:
        base = stage.name()
        if base in HOUSE_NAMES:
            raise StageError(f'a stage cannot be called "{base}": tamis keeps its own signals under that name.\nFix: rename its class.')
        seen[base] = seen.get(base, 0) + 1
        pairs.append((base if seen[base] == 1 else f"{base}_{seen[base]}", stage))
    return pairs


def no_reasons() -> pl.Expr:
    """An empty list of reasons."""
    return pl.lit([], dtype=pl.List(pl.String))
