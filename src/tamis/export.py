"""Write any documents of a finished run as shards, with their verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import partial

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tamis import files, keys, mappers, reading
from tamis.disk import DiskSignals
from tamis.errors import DataError, RunError, suggest
from tamis.folder import Finished
from tamis.measure import Step
from tamis.plan import BASE
from tamis.shards import Chunk
from tamis.stage import Edit
from tamis.where import condition, names_in, values_compared
from tamis.work import Work, changed, kept_rows, known
from tamis.writing import edited

VERDICT = ("copies", "stage", "reasons", "also", "partner", "similarity", "cluster_size", "sampling_weight")
PLAIN = ("shard", "row", "id", *VERDICT, "cluster", "verified")
"""Names that a condition takes from the ledger; any other plain name is a column of the documents."""


def export(run: Finished, where: str | None, to: str | None = None, *, edits: Sequence[Edit] = (), workers: int | None = None) -> tuple[str, int]:
    """Write the documents that meet a condition, their text as the edits of the recipe left it, and as these leave it then.

    Args:
        run: a finished run.
        where: a condition over the ledger (`stage == "gopher_quality"`), columns (`lang == "fr"`) and signals
            (`gopher_quality.words < 40`); None: all documents.
        to: a new folder; None: one inside the run's own folder, named after the condition and these edits.
        edits: more edits, in order, for what is written; the condition is about the run as it was.
        workers: side by side.

    Returns:
        The folder and the number of documents. Each shard has the columns of the input, and tamis_shard, tamis_row,
        tamis_copies, tamis_stage, tamis_reasons, tamis_also, tamis_partner … from the ledger.

    Raises:
        RunError: `to` is a file, or holds anything.
        DataError: the condition asks about what the run does not have.
    """
    for edit in edits:
        edit.check()
    to = files.home(to) if to else None
    if to and files.holds_anything(to):
        raise RunError(f'"{to}" is not empty.\nFix: choose a new folder.')
    own = files.join(run.out, "export", keys.digest([where, *map(repr, edits)] if edits else where)[:8])
    plan = run.plan()
    work = Work.of(plan)
    signals = DiskSignals(plan, {chunk.name: known(work, chunk) for chunk in plan.corpus.chunks})
    wanted = names_in(where, _renamed) if where else ()
    present = plan.corpus.schema.names
    roles = [role.name for role in fields(plan.recipe.columns) if plan.recipe.columns.named(role.name) in present]
    _check_names(run, wanted, run.ledger_between(0, 0).columns, [*present, *roles])
    if where:
        _check_stages(run, where)
    folder = to or own
    if not to:  # what the same command wrote before
        files.remove(own)
    writing = replace(work, steps=(*work.steps, *(Step(f"export {edit.name()}", edit) for edit in edits)))
    function = partial(_export_slab, _Export(run, signals, writing, where, wanted, folder))
    return folder, sum(mappers.threads(function, range(len(signals.slabs)), workers or mappers.default_workers()))


@dataclass(frozen=True)
class _Export:
    run: Finished
    signals: DiskSignals
    work: Work
    where: str | None
    wanted: Sequence[str]
    folder: str


def _renamed(name: str) -> str:
    return name if "." in name or name in PLAIN else f"doc.{name}"


def _check_names(run: Finished, wanted: Sequence[str], ledger_columns: Sequence[str], columns: Sequence[str]) -> None:
    for name in wanted:
        plain = name.removeprefix("doc.")
        if name.startswith("doc."):
            if plain not in columns:
                signals = [f"{stage}.{one}" for stage, measured in run.measured.items() if stage != BASE for one in measured if one[0] != "_"]
                alike = [one for one in signals if one.rsplit(".", 1)[1].startswith(plain)]
                near = f'Did you mean "{alike[0]}"?' if alike else suggest(plain, [*ledger_columns, *columns], what="columns:")
                raise DataError(f'the condition asks about "{plain}", which neither the ledger nor the data has. {near}')
        elif "." in name:
            stage = name.rsplit(".", 1)[0]
            if stage not in run.manifest["signals"] and stage != "text":
                raise DataError(f'the condition asks about "{name}", and there is no stage "{stage}". {suggest(stage, run.manifest["signals"], what="stages:")}')
            known = _measured(run, stage)
            if known and name not in known:
                signals = [one.removeprefix(f"{stage}.") for one in known if "._" not in one]
                raise DataError(f'the condition asks about "{name}", which {stage} does not measure. {suggest(name.rsplit(".", 1)[1], signals, what="signals:")}')
        elif name not in ledger_columns:
            raise DataError(f'the condition asks about "{name}", which this ledger lacks. {suggest(name, ledger_columns, what="columns:")}')


def _check_stages(run: Finished, where: str) -> None:
    """Refuse a condition about a stage that dropped nothing because there is none of that name."""
    known = [name for name in run.manifest["signals"] if name != BASE]
    for value in values_compared(where, "stage"):
        if isinstance(value, str) and value not in known:
            raise DataError(f'the condition asks about the stage "{value}", which {run.out} does not have. {suggest(value, known, what="stages:")}')


def _measured(run: Finished, stage: str) -> list[str]:
    chunk = next((name for _, name in run.chunk_names()), None)
    frame = run.signals(chunk, [stage] if stage != "text" else []) if chunk else pl.DataFrame()
    return [name for name in frame.columns if name.startswith(f"{stage}.")]


def _export_slab(task: _Export, slab: int) -> int:
    """One file a slab that has any such document."""
    chunks = task.signals.slabs[slab]
    frame = task.signals.load(slab, {"row", *task.wanted} & set(task.signals.columns))
    start = sum(task.signals.sizes[:slab])
    full = task.run.ledger_between(start, start + frame.height)
    tables, first = [], 0
    for chunk in chunks:
        rows = task.signals.done[chunk.name].readable
        part, side = full.slice(first, rows), frame.slice(first, rows)
        first += rows
        tables.append(_export_chunk(task, chunk, part, side))
    if not tables:
        return 0
    whole = pa.concat_tables(tables)
    if whole.num_rows:
        with files.writing(files.join(task.folder, f"part-{slab:05d}.parquet")) as file:
            pq.write_table(whole, file, compression="zstd")
    return int(whole.num_rows)


def _export_chunk(task: _Export, chunk: Chunk, part: pl.DataFrame, side: pl.DataFrame) -> pa.Table:
    piece = reading.read(chunk)
    rows = side["row"].to_numpy()
    readable = kept_rows(piece, rows)
    if readable.num_rows != len(rows):
        raise changed(chunk.url)
    both = pl.concat([part, side.drop("row")], how="horizontal")
    missing = [name for name in task.wanted if name.startswith("doc.") and name not in both.columns]
    if missing:  # a column that no decision used is read with the text
        columns = {name: readable.column(task.work.columns.named(name[4:])) for name in missing}
        both = both.hstack(pl.DataFrame(pl.from_arrow(files.plain(pa.table(columns)))))
    mask = _met(task.where, both) if task.where else pl.repeat(value=True, n=part.height, eager=True)
    kept = edited(task.work, readable.filter(mask.to_arrow()))
    said = part.filter(mask)
    verdict = said.select(pl.col("shard", "row", *(name for name in VERDICT if name in said.columns)).name.prefix("tamis_"))
    kept = kept.drop_columns([name for name in verdict.columns if name in kept.column_names])  # of an earlier export
    for item, column in zip(*_columns(files.plain(verdict.to_arrow())), strict=True):
        kept = kept.append_column(item, column)
    return kept


def _met(where: str, frame: pl.DataFrame) -> pl.Series:
    try:
        return frame.select(condition(where, _renamed).cast(pl.Boolean)).to_series()
    except pl.exceptions.PolarsError as error:
        raise DataError(f'the condition "{where}" cannot be computed: {str(error).splitlines()[0]}.') from error


def _columns(table: pa.Table) -> tuple[list[pa.Field], list[pa.ChunkedArray]]:
    return list(table.schema), table.columns
