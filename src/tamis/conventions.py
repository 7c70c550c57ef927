"""How many documents other readings of a rule would judge otherwise: every convention of a stage on the same text.

Each text is read once and measured by all variants of all stages while it is in memory. The limits are those of the
recipe for all variants; only what is measured differs. A document that cannot be measured fails a rule as it does in a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, groupby, product
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import polars as pl
import pyarrow as pa

from tamis import ledger, mappers, reading, shards
from tamis.documents import Columns, canonical, utf8
from tamis.errors import RecipeError, StageError, suggest
from tamis.measure import Step, base, edited, measure
from tamis.progress import Say, phase
from tamis.recipe import Recipe
from tamis.shards import Chunk, Corpus
from tamis.stage import Edit, Filter, Stage, has
from tamis.table import TABLE, stage_class
from tamis.where import condition
from tamis.work import conform

AXES = ("convention", "word_rule")
"""Parameters that say whose reading of a rule is meant."""
ANY = "any rule"


@dataclass(frozen=True)
class Compared:
    """A stage and its variants.

    Args:
        name: in the recipe.
        variants: "dclm", or "dclm, whitespace" where word rules vary too → the stage.
        rules: reasons of any variant, in order; the last is `ANY`.
    """

    name: str
    variants: Mapping[str, Filter]
    rules: tuple[str, ...]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Two variants each."""
        return list(combinations(self.variants, 2))


def compare(
    inputs: Sequence[str],
    recipe: Recipe,
    names: Sequence[str] = (),
    *,
    word_rules: bool = False,
    workers: int | None = None,
    say: Say | None = None,
) -> dict[str, Any]:
    """Measure every convention of some stages, and count who fails what.

    Args:
        inputs: Parquet files and folders of them.
        recipe: whose edits are applied, and whose stages and limits are compared.
        names: of its stages; none: all that have conventions.
        word_rules: vary the word rule too.
        workers: side by side.
        say: where progress goes.

    Returns:
        shards, documents, bytes, unreadable (rows that are no text), and stages: for each its name, variants, failed
        (rule → variant → documents), and flips: for each pair its two variants and, by rule, how many fail under one alone.

    Raises:
        TamisError: there is no such stage or shard, or an edit would have to be fitted to the corpus.
    """
    stages = compared(recipe, names, word_rules=word_rules)
    corpus = shards.survey(inputs, text=recipe.columns.text)
    work = _Work(recipe.columns, tuple(Step(name, stage) for name, stage in recipe.named()), tuple(stages))
    _refuse_fitted(work)
    counts = [np.zeros((len(one.variants) + len(one.pairs), len(one.rules)), np.int64) for one in stages]
    documents = size = unreadable = 0
    say = say or Say()
    with phase(say, "measure", sum(shard.rows for shard in corpus.shards), 0):
        for part in mappers.threads(
            partial(_counted, work, corpus), _pieces(corpus, work.columns_read(corpus)), workers or mappers.default_workers()
        ):
            documents, size, unreadable = documents + part.documents, size + part.bytes, unreadable + part.unreadable
            counts = [total + more for total, more in zip(counts, part.counts, strict=True)]
            say.advance(part.documents, part.bytes)
    return {
        "shards": len(corpus.shards),
        "documents": documents,
        "bytes": size,
        "unreadable": unreadable,
        "stages": [_told(one, total) for one, total in zip(stages, counts, strict=True)],
    }


def defaults(names: Sequence[str] = ()) -> Recipe:
    """A recipe of the built-in stages that have conventions, with their defaults.

    Raises:
        RecipeError: a name is none of them.
    """
    found = {name: stage_class(name) for name in TABLE}
    able = {name: cls for name, cls in found.items() if choices(cls, AXES[0])}
    for name in names:
        if name not in able:
            raise RecipeError(_without(name, able))
    return Recipe("conventions", tuple(able[name]() for name in names or able))


def _without(name: str, able: Mapping[str, object]) -> str:
    return f'there is no stage "{name}" with conventions. {suggest(name, able, what="stages:")}'


def choices(cls: type[Stage], parameter: str) -> tuple[str, ...]:
    """What a parameter may be, where it is one of a few names; else nothing."""
    hint = get_type_hints(cls).get(parameter)
    return tuple(map(str, get_args(hint))) if get_origin(hint) is Literal else ()


def compared(recipe: Recipe, names: Sequence[str], *, word_rules: bool) -> list[Compared]:
    """The variants of a recipe's stages.

    Raises:
        RecipeError: none of them has conventions, or not one that was named.
    """
    able = {name: stage for name, stage in recipe.named() if isinstance(stage, Filter) and choices(type(stage), AXES[0])}
    for name in names:
        if name not in able:
            raise RecipeError(_without(name, able))
    if not able:
        raise RecipeError(
            f"{recipe.name} has no stage with conventions.\nFix: name another recipe, or none to compare the defaults of all built-in stages."
        )
    found = []
    for name in names or able:
        stage = able[name]
        axes = [axis for axis in (AXES if word_rules else AXES[:1]) if choices(type(stage), axis)]
        made = [dict(zip(axes, values, strict=True)) for values in product(*(choices(type(stage), axis) for axis in axes))]
        variants = {", ".join(one.values()): replace(stage, **one) for one in made}  # type: ignore[arg-type]
        rules = dict.fromkeys(reason for variant in variants.values() for reason in variant.rules())
        found.append(Compared(name, variants, (*rules, ANY)))
    return found


@dataclass(frozen=True)
class _Work:
    columns: Columns
    steps: tuple[Step, ...]
    stages: tuple[Compared, ...]

    def used(self) -> set[str]:
        """What `where` and `by` of the compared stages look at."""
        return {name for one in self.stages for stage in one.variants.values() for name in stage.signals_used()}

    def needed(self) -> list[Step]:
        """Edits, compared stages, and those whose signals a compared one looks at; none below the last compared."""
        names = {one.name for one in self.stages} | {name.rsplit(".", 1)[0] for name in self.used()}
        wanted = [step for step in self.steps if step.name in names or isinstance(step.stage, Edit)]
        last = max(i for i, step in enumerate(wanted) if step.name in names)
        return wanted[: last + 1]

    def columns_read(self, corpus: Corpus) -> list[str]:
        """Of the data."""
        roles = {name for step in self.needed() for name in step.stage.columns_read() if name != "text"}
        roles |= {name[4:] for name in self.used() if name.startswith("doc.")}
        names = {self.columns.text, *(self.columns.named(role) for role in roles)}
        return [name for name in corpus.schema.names if name in names]


def _refuse_fitted(work: _Work) -> None:
    for step in work.needed():
        if has(step.stage, "fit"):
            raise StageError(
                f"{step.name} is fitted to the corpus, which comparing conventions does not do.\nFix: leave it out of the recipe that is compared."
            )


def _pieces(corpus: Corpus, names: Sequence[str]) -> Iterator[tuple[Chunk, reading.Piece]]:
    """All rows, some megabytes at a time, read by the thread that hands them out."""
    for _, group in groupby(corpus.chunks, key=lambda chunk: (chunk.url, chunk.streamed, chunk.groups if chunk.streamed else ())):
        yield from reading.pieces(list(group), names, size=reading.MEASURED_BYTES)


@dataclass(frozen=True)
class _Part:
    """Counts of a piece; for each stage i64[variants + pairs, rules]."""

    documents: int
    bytes: int
    unreadable: int
    counts: list[np.ndarray]


def _counted(work: _Work, corpus: Corpus, given: tuple[Chunk, reading.Piece]) -> _Part:
    """Measure a piece by every variant."""
    chunk, piece = given
    batch = canonical(conform(piece.table, corpus.schema, work.columns_read(corpus)), work.columns, place=chunk.url)
    docs, used = batch.docs, work.used()
    roles = sorted(name[4:] for name in used if name.startswith("doc."))
    frame = base(batch, work.columns, roles, ties=False, used=roles) if used else pl.DataFrame({"row": batch.rows})
    stages = {one.name: one for one in work.stages}
    counts = {}
    for step in work.needed():
        if isinstance(step.stage, Edit):
            measured, docs = edited(step, docs, work.columns, whole=False)
            frame = _beside(frame, step.name, measured.signals)
            continue
        if step.name in stages:
            counts[step.name] = _each_variant(stages[step.name], docs, frame, work.columns)
        if any(name.startswith(f"{step.name}.") for name in used):
            frame = _beside(frame, step.name, measure(step, docs, work.columns, whole=False).signals)
    borders = utf8(batch.docs.column("text"))[1]
    lost = sum(one.stop - one.start for one in piece.lost)
    return _Part(docs.num_rows, int(borders[-1] - borders[0]), batch.broken.num_rows + lost, [counts[one.name] for one in work.stages])


def _beside(frame: pl.DataFrame, name: str, signals: pl.DataFrame) -> pl.DataFrame:
    return frame.hstack(signals.select(pl.all().name.prefix(f"{name}.")))


def _each_variant(one: Compared, docs: pa.Table, frame: pl.DataFrame, columns: Columns) -> np.ndarray:
    """i64[variants + pairs, rules]: failures, then flips."""
    fails = []
    for stage in one.variants.values():
        step = Step(one.name, stage)
        fails.append(_fails(step, _beside(frame, one.name, measure(step, docs, columns, whole=False).signals), one.rules))
    flips = [a ^ b for a, b in combinations(fails, 2)]
    return np.array([mask.sum(axis=1) for mask in (*fails, *flips)])


def _fails(step: Step, frame: pl.DataFrame, rules: Sequence[str]) -> np.ndarray:
    """bool[rules, n]: which documents fail which rule, and, last, any."""
    stage = step.stage
    assert isinstance(stage, Filter)
    keeps = stage.rules()
    with ledger.naming(step):
        seen = ledger.seen(step, frame.with_columns(copies=pl.lit(1, pl.UInt8)))
        judged = seen.with_columns(_judged=condition(stage.where) if stage.where else pl.lit(value=True))
        failed = judged.with_columns(_failed(keeps.get(rule), stage).alias(f"_{i}") for i, rule in enumerate(rules[:-1]))
    each = np.array([failed[f"_{i}"].to_numpy() for i in range(len(rules) - 1)], np.bool_).reshape(len(rules) - 1, frame.height)
    return np.concatenate([each, each.any(axis=0, keepdims=True)])


def _failed(keep: pl.Expr | None, stage: Filter) -> pl.Expr:
    met = pl.lit(value=True) if keep is None else keep.fill_null(value=stage.on_null == "keep")
    return pl.col("_judged") & ~met


def _told(one: Compared, counts: np.ndarray) -> dict[str, Any]:
    names, pairs = list(one.variants), one.pairs
    return {
        "stage": one.name,
        "variants": names,
        "failed": {rule: {name: int(counts[i, k]) for i, name in enumerate(names)} for k, rule in enumerate(one.rules)},
        "flips": [
            {"between": list(pair), "by_rule": {rule: int(counts[len(names) + i, k]) for k, rule in enumerate(one.rules)}}
            for i, pair in enumerate(pairs)
        ],
    }
