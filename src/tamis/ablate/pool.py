"""The documents that mixes are made of, in memory: drawn from a run's shards, or from any, by whole clusters; and who keeps which.

A mix is `copies`, u8[n] over the pool: 0 = not in it. What the stages of a run keep comes from its numbers (`simulate.fates`), so no
text is measured again; text is read for the documents of the pool alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from tamis import files, folder, reading, shards, simulate
from tamis.ablate import domains
from tamis.ablate.arms import REHYDRATED
from tamis.ablate.design import Design
from tamis.ablate.learned import learned
from tamis.documents import Columns, canonical, one_piece, utf8
from tamis.errors import DataError, RunError, StageError, suggest
from tamis.folder import Finished
from tamis.measure import Step
from tamis.plan import BASE
from tamis.simulate import Numbers
from tamis.stage import Edit
from tamis.work import Work, changed, conform, kept_rows, rows_of

WITHOUT = "without {}"


@dataclass(frozen=True)
class Tested:
    """A stage that an arm leaves out.

    Args:
        name: in the recipe.
        needs_corpus: it compares documents, which an order-blind model of counts cannot judge.
    """

    name: str
    needs_corpus: bool


@dataclass(frozen=True)
class Pool:
    """Documents and the mixes over them.

    Args:
        docs: canonical: text, and the columns that edits read.
        key: u64[n], the text's hash.
        domain: str[n], by which losses are averaged and mixes are matched.
        raw: bool[n], which documents belong to the raw pool; the others came with further mixes.
        mixes: name → u8[n] copies: "raw", "curated", "without <stage>", ladders, the user's own.
        stages: those that an arm leaves out.
        edits: of the recipe, in order.
        columns: what the data calls the roles.
        drawn: share of the raw bytes that the pool holds.
        learned: model → u64[:], hashes of the texts that it was trained on, for the models of the stages under test.
        notes: what a person should know.
    """

    docs: pa.Table
    key: np.ndarray
    domain: np.ndarray
    raw: np.ndarray
    mixes: Mapping[str, np.ndarray]
    stages: tuple[Tested, ...] = ()
    edits: tuple[Step, ...] = ()
    columns: Columns = field(default_factory=Columns)
    drawn: float = 1.0
    learned: Mapping[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def texts(self) -> pa.Array:
        """large_string[n], as they were read."""
        return one_piece(self.docs.column("text"))

    @property
    def bytes(self) -> np.ndarray:
        """i64[n], of the texts as they were read."""
        return np.diff(utf8(self.texts)[1])


def gather(source: Sequence[str], design: Design, workers: int) -> Pool:
    """The pool of a run folder, or of any shards, with the further mixes of the design.

    Raises:
        TamisError: there is nothing to compare, a column is missing, or a place cannot be read.
    """
    run = folder.opened(source[0]) if len(source) == 1 and files.exists(files.join(source[0], "inputs.json")) else None
    if run is None and not design.mixes:
        is_recipe = source[0].endswith((".yaml", ".yml"))
        fix = f"run the recipe first, `tamis run {source[0]} SHARDS… -o OUT`, then ablate OUT" if is_recipe else "name the folder that `tamis run … -o` wrote, or add mixes to the plan"
        raise RunError(f"{source[0]} is no run folder, so there is nothing that it could be compared with.\nFix: {fix}.")
    pool = _of_run(run, design, workers) if run else _of_shards(source, design)
    return _with_mixes(pool, design)


def drawn(unit: np.ndarray, size: np.ndarray, most: int) -> np.ndarray:
    """Which documents are taken: in the order of their draws as many as fit; those of one draw go together.

    Args:
        unit: f64[n], draws; the same for all documents of a cluster.
        size: i64[n], bytes.
        most: bytes.

    Returns:
        bool[n].
    """
    if int(size.sum()) <= most:
        return np.ones(len(unit), np.bool_)
    values, inverse = np.unique(unit, return_inverse=True)
    total = np.cumsum(np.bincount(inverse, size, len(values)))
    return (np.searchsorted(total, most, side="right") > inverse).astype(np.bool_)


def _of_run(run: Finished, design: Design, workers: int) -> Pool:
    numbers = Numbers(run, workers)
    parts = list(numbers.each(["text.bytes", "text._low"], lambda _, frame: frame))
    if not parts:
        raise DataError(f"{run.out} holds no document.\nFix: choose a run over some shards.")
    frame = pl.concat(parts)
    size, key = frame["text.bytes"].to_numpy().astype(np.int64), frame["text._low"].to_numpy()
    taken = drawn(_draws(_clustered(run, key), design.seed), size, design.pool)
    steps = [Step(name, stage) for name, stage in run.named]
    edits = tuple(Step(name, stage) for name, stage in run.named if isinstance(stage, Edit))
    tested = tuple(Tested(step.name, step.stage.needs_corpus) for step in steps if not isinstance(step.stage, Edit))
    mixes = {"curated": simulate.fates(numbers, steps).copies[taken]}
    for stage in tested if design.leave_out else ():
        others = [step for step in steps if step.name != stage.name]
        mixes[WITHOUT.format(stage.name)] = simulate.fates(numbers, others).copies[taken]
    hydrated, notes = _rehydrated(numbers, steps, design, taken, mixes["curated"])
    mixes |= hydrated | _ladders(numbers, design, size, taken)
    docs = _docs_of_run(run, taken, [stage for _, stage in run.named if isinstance(stage, Edit)], design)
    if docs.num_rows != int(taken.sum()):
        raise changed(run.out)
    n = docs.num_rows
    domain = domains.of_run(numbers, docs, taken, run.recipe.columns, design)
    share = float(size[taken].sum() / max(1, size.sum()))
    mixes = {"raw": np.ones(n, np.uint8), **mixes}
    return Pool(docs, key[taken], domain, np.ones(n, np.bool_), mixes, tested, edits, run.recipe.columns, share, learned(run), notes)


def _rehydrated(
    numbers: Numbers, steps: Sequence[Step], design: Design, taken: np.ndarray, curated: np.ndarray
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The curated mix with copies by the size of clusters, and why there is none."""
    if not design.rehydrate:
        return {}, ()
    asked = dict(design.rehydrate)
    able = [step.name for step in steps if hasattr(step.stage, "keep_copies")]
    # mypy cannot know which stages have the parameter.
    more = [Step(step.name, replace(step.stage, keep_copies=asked)) if step.name in able else step for step in steps]  # type: ignore[type-var]
    copies = simulate.fates(numbers, more).copies[taken] if able else curated
    if np.array_equal(copies, curated):
        why = "no document of the pool stands for others" if able else "no stage of the recipe takes keep_copies"
        return {}, (f"There is no rehydrated arm: {why}.",)
    return {REHYDRATED: copies}, ()


def _draws(cluster: np.ndarray, seed: int) -> np.ndarray:
    from tamis.kernels.hashing import unit

    return unit(seed, cluster, np.zeros_like(cluster))


def _clustered(run: Finished, key: np.ndarray) -> np.ndarray:
    """u64[n]: for each document a hash that all documents of its cluster share, as far as the run compared them."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    found = [
        files.read_columns([place], ["a", "b"]).drop_nulls()
        for name, stage in run.named
        if stage.needs_corpus and files.exists(place := run.relation(name))
    ]
    if not found:
        return key
    pairs = pl.concat(found, how="vertical_relaxed")
    a, b = pairs["a"].to_numpy().astype(np.int64), pairs["b"].to_numpy().astype(np.int64)
    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(len(key), len(key)))
    _, component = connected_components(graph, directed=False)
    least = np.full(component.max(initial=-1) + 1, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(least, component, key)
    return np.asarray(least[component])


def _ladders(numbers: Numbers, design: Design, size: np.ndarray, taken: np.ndarray) -> dict[str, np.ndarray]:
    """For each step of a ladder the raw documents with the highest (or lowest) values, that share of the raw bytes."""
    measured = numbers.run.measured.items()
    known = [
        "text.bytes",
        *(f"{stage}.{signal}" for stage, signals in measured if stage != BASE for signal in signals if not signal.startswith("_")),
    ]
    mixes = {}
    for asked, shares in design.ladders.items():
        name = asked.removeprefix("-")
        if name not in known:
            raise StageError(f'ladders: there is no signal "{name}" in {numbers.run.out}. {suggest(name, known, what="signals:")}')
        values = pl.concat(list(numbers.each([name], lambda _, frame: frame)))[name].cast(pl.Float64, strict=False).to_numpy()
        if np.isnan(values).all():
            raise StageError(f'ladders: "{name}" is no number.\nFix: name a signal that is.')
        for share in shares:
            mixes[f"{asked} {share:g}"] = highest(-values if asked.startswith("-") else values, size, share)[taken]
    return mixes


def highest(values: np.ndarray, size: np.ndarray, share: float) -> np.ndarray:
    """u8[n]: 1 for the documents of the highest values (f64[n]) that hold a share of all bytes (i64[n]), and for all that are equal to the last of them.

    One without a value (NaN) is not among them, so that they may hold less than the share.
    """
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(-values[known], kind="stable")]
    last = int(np.searchsorted(np.cumsum(size[order]), share * size.sum()))
    return np.asarray(values >= values[order[min(last, len(order) - 1)]], np.uint8)


def _docs_of_run(run: Finished, taken: np.ndarray, edits: Sequence[Edit], design: Design) -> pa.Table:
    """The text of the documents of the pool as it was read, with the columns that edits and the mix look at."""
    plan = run.plan()
    work = Work.of(plan)
    named = [work.columns.named(name) for edit in edits for name in edit.columns_read() if name != "text"]
    wanted = {work.columns.text, work.columns.named(design.domain), *named}
    names = [name for name in work.schema.names if name in wanted]
    wanted_rows, start = {}, 0
    for chunk in plan.corpus.chunks:
        rows = rows_of(work, chunk)
        wanted_rows[chunk] = rows[taken[start : start + len(rows)]]
        start += len(rows)
    tables = [canonical(conform(table, work.schema, names), work.columns).docs for table in _tables(wanted_rows, names)]
    nothing = canonical(pa.schema([work.schema.field(name) for name in names]).empty_table(), work.columns).docs
    return pa.concat_tables([nothing, *tables]).combine_chunks()


def _tables(wanted: Mapping[Any, np.ndarray], names: Sequence[str]) -> Iterator[pa.Table]:
    """Some rows of chunks, in order; parts of one large row group are decoded in one go."""
    for (_, streamed, _), group in groupby(wanted, key=lambda chunk: (chunk.url, chunk.streamed, chunk.groups)):
        held = list(group)
        for some in [held] if streamed else [[chunk] for chunk in held]:
            for chunk, piece in reading.pieces(some, names):
                if len(wanted[chunk]):
                    yield kept_rows(piece, wanted[chunk])


def _of_shards(places: Sequence[str], design: Design) -> Pool:
    docs, domain, share = read_shards(places, design, design.pool, beside=False)
    n = docs.num_rows
    return Pool(docs, _text_keys(docs), domain, np.ones(n, np.bool_), {"raw": np.ones(n, np.uint8)}, drawn=share)


def _with_mixes(pool: Pool, design: Design) -> Pool:
    """The pool and the documents of further mixes below it; of each as large a share is drawn as of the raw documents."""
    for name, places in design.mixes.items():
        docs, domain, _ = read_shards(places, design, design.pool, share=pool.drawn)
        docs = docs.select(["text"])
        before, n = pool.docs.num_rows, docs.num_rows
        mixes = {other: np.concatenate([copies, np.zeros(n, np.uint8)]) for other, copies in pool.mixes.items()}
        mixes[name] = np.concatenate([np.zeros(before, np.uint8), np.ones(n, np.uint8)])
        pool = Pool(
            pa.concat_tables([pool.docs, docs], promote_options="default").combine_chunks(),
            np.concatenate([pool.key, _text_keys(docs)]),
            np.concatenate([pool.domain, domain]),
            np.concatenate([pool.raw, np.zeros(n, np.bool_)]),
            mixes,
            pool.stages,
            pool.edits,
            pool.columns,
            pool.drawn,
            pool.learned,
            pool.notes,
        )
    return pool


def read_shards(places: Sequence[str], design: Design, most: int, share: float = 1.0, *, beside: bool = True) -> tuple[pa.Table, np.ndarray, float]:
    """Readable documents of shards, by hash of their text as many as fit; their domains, see `domains.of_columns`; the share of the bytes that they are."""
    columns = Columns()
    corpus = shards.survey(places, text=columns.text)
    names = [name for name in corpus.schema.names if name in (columns.text, columns.named(design.domain))]
    held = canonical(pa.schema([corpus.schema.field(name) for name in names]).empty_table(), columns).docs
    seen, below = 0, share
    for _, group in groupby(corpus.chunks, key=lambda chunk: (chunk.url, chunk.streamed, chunk.groups)):
        chunks = list(group)
        for _, piece in reading.pieces(chunks, names, size=reading.MEASURED_BYTES):
            docs = canonical(conform(piece.table, corpus.schema, names), columns, place=chunks[0].url).docs
            seen += int(np.diff(utf8(docs.column("text"))[1]).sum())
            unit = _draws(_text_keys(docs), design.seed)
            held = pa.concat_tables([held, docs.filter(pa.array(unit < below))]).combine_chunks()
            if held.nbytes > 2 * most:
                held, below = _fewer(held, design.seed, most, below)
    held, _ = _fewer(held, design.seed, most, below)
    size = int(np.diff(utf8(one_piece(held.column("text")))[1]).sum())
    return held, domains.of_columns(held, columns, design, place=places[0], beside=beside), size / max(1, seen)


def _fewer(docs: pa.Table, seed: int, most: int, below: float) -> tuple[pa.Table, float]:
    unit = _draws(_text_keys(docs), seed)
    kept = drawn(unit, np.diff(utf8(one_piece(docs.column("text")))[1]), most)
    return docs.filter(pa.array(kept)).combine_chunks(), below if kept.all() else float(unit[~kept].min(initial=below))


def _text_keys(docs: pa.Table) -> np.ndarray:
    from tamis.kernels.hashing import murmur128

    return murmur128(*utf8(one_piece(docs.column("text"))))[0]
