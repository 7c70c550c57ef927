"""Which documents have another fate in another run, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from tamis import changes, files, mappers
from tamis import recipe as recipes
from tamis.changes import Change
from tamis.errors import RunError
from tamis.folder import Finished
from tamis.pairing import Pairs, Side, paired, side
from tamis.plan import BASE

DROPPED, KEPT, OTHER, COPIES = "kept → dropped", "dropped → kept", "dropped by another stage", "other copies"
KINDS = (DROPPED, KEPT, OTHER, COPIES)
EXAMPLES = 3
"""Documents that are named for each kind of change."""
ROWS = 250_000
"""Changed documents that are written at once."""


def diff(a: Finished, b: Finished, to: str | None = None, *, workers: int | None = None) -> dict[str, Any]:
    """Compare the fates of the documents of two runs.

    Args:
        a: a finished run.
        b: another.
        to: a Parquet file for all changed documents, with both verdicts; None: none is written.
        workers: side by side.

    Returns:
        a, b, recipe (place, before, after), documents (both, by_text, same, changed, only_a, only_b: documents, bytes;
        of the last two also kept), kept (a, b), and changed: one entry for each change, with stages, reasons, copies,
        documents, bytes and examples; a document that is dropped by another stage is counted by the two stages alone.

    Raises:
        RunError: the file exists.
    """
    to = files.home(to) if to is not None else None
    if to is not None and files.exists(to):
        raise RunError(f'"{to}" exists already.\nFix: choose another file.')
    stages = tuple(dict.fromkeys(name for run in (a, b) for name in _stages(run)))
    count = workers or mappers.default_workers()
    sides = side(a, stages, count), side(b, stages, count)
    pairs = paired(*sides)
    changed = _changed(*sides, pairs)
    groups = _groups(changed, stages)
    if to is not None:
        _write(to, changed, a, b, stages)
    return {
        "a": a.out,
        "b": b.out,
        "recipe": [asdict(change) for change in recipe_changes(a, b)],
        "documents": _documents(*sides, pairs, changed.frame),
        "kept": {name: _sums(one, one.copies > 0) for name, one in zip("ab", sides, strict=True)},
        "changed": _entries(groups, changed, a),
    }


def _stages(run: Finished) -> list[str]:
    return [name for name in run.manifest["signals"] if name != BASE]


def _sums(one: Side, chosen: np.ndarray) -> dict[str, int]:
    sizes = one.sizes[chosen]
    return {"documents": len(sizes), "bytes": int(sizes.sum(dtype=np.int64))}


def _documents(a: Side, b: Side, pairs: Pairs, frame: pl.DataFrame) -> dict[str, Any]:
    both = _sums(a, pairs.a)
    moved = {"documents": frame.height, "bytes": int(frame["bytes"].sum())}
    alone = {name: (one, only) for name, one, only in (("only_a", a, pairs.only_a), ("only_b", b, pairs.only_b))}
    return {
        "both": both,
        "by_text": pairs.by_text,
        "same": {name: both[name] - moved[name] for name in both},
        "changed": moved,
        **{name: {**_sums(one, only), "kept": int((one.copies[only] > 0).sum())} for name, (one, only) in alone.items()},
    }


@dataclass(frozen=True)
class _Changed:
    """Documents of another fate.

    Args:
        frame: kind (u8, of `KINDS`), a and b (numbers of the document), bytes, stage_a, stage_b, copies_a, copies_b,
            and why_a and why_b (u32, numbers of reasons).
        reasons: lists of reasons, by number.
    """

    frame: pl.DataFrame
    reasons: list[list[str]]


def _changed(a: Side, b: Side, pairs: Pairs) -> _Changed:
    copies = a.copies[pairs.a], b.copies[pairs.b]
    stage = a.stage[pairs.a], b.stage[pairs.b]
    kept = copies[0] > 0, copies[1] > 0
    conditions = [
        kept[0] & ~kept[1],
        ~kept[0] & kept[1],
        ~kept[0] & ~kept[1] & (stage[0] != stage[1]),
        kept[0] & kept[1] & (copies[0] != copies[1]),
    ]
    kind = np.select(conditions, range(len(KINDS)), len(KINDS)).astype(np.uint8)
    at = np.flatnonzero(kind < len(KINDS))
    known: dict[str, int] = {}
    why = {name: _why(one.run, numbers[at], known) for name, one, numbers in (("why_a", a, pairs.a), ("why_b", b, pairs.b))}
    frame = pl.DataFrame(
        {
            "kind": kind[at],
            "a": pairs.a[at],
            "b": pairs.b[at],
            "bytes": a.sizes[pairs.a[at]].astype(np.int64),
            "stage_a": stage[0][at],
            "stage_b": stage[1][at],
            "copies_a": copies[0][at],
            "copies_b": copies[1][at],
            **why,
        }
    )
    return _Changed(frame, [text.split("\n") if text else [] for text in known])


def _ledger_parts(run: Finished, wanted: np.ndarray, columns: Sequence[str]) -> Iterator[tuple[np.ndarray, pl.DataFrame]]:
    """Rows of the ledger by their numbers, a file at a time: their places among the wanted, and what they hold."""
    order = np.argsort(wanted, kind="stable")
    ascending = wanted[order]
    start = 0
    for url in run.ledger_files():
        stop = start + files.rows(url)
        first, last = np.searchsorted(ascending, [start, stop])
        if first < last:
            yield order[first:last], files.read_columns([url], columns)[ascending[first:last] - start]
        start = stop


def _why(run: Finished, wanted: np.ndarray, known: dict[str, int]) -> np.ndarray:
    """u32: for each document the number of its reasons; new ones are added to `known`."""
    found = np.zeros(len(wanted), np.uint32)
    for places, frame in _ledger_parts(run, wanted, ["reasons"]):
        said = frame["reasons"].list.join("\n")
        for text in said.unique(maintain_order=True).to_list():
            known.setdefault(text, len(known))
        found[places] = said.replace_strict(list(known), list(known.values()), return_dtype=pl.UInt32).to_numpy()
    return found


def _groups(changed: _Changed, stages: tuple[str, ...]) -> list[dict[str, Any]]:
    """Equal changes, most documents first within each kind."""
    kind = pl.col("kind")
    by = changed.frame.with_columns(
        why_a=pl.when(kind == KINDS.index(KEPT)).then("why_a"),
        why_b=pl.when(kind == KINDS.index(DROPPED)).then("why_b"),
        copies_a=pl.when(kind == KINDS.index(COPIES)).then("copies_a"),
        copies_b=pl.when(kind == KINDS.index(COPIES)).then("copies_b"),
    )
    names = ["kind", "stage_a", "stage_b", "why_a", "why_b", "copies_a", "copies_b"]
    counted = by.group_by(names).agg(documents=pl.len(), bytes=pl.col("bytes").sum(), examples=pl.col("a").sort().head(EXAMPLES))
    ordered = counted.sort("kind", "documents", *names[1:], descending=[False, True, *(False for _ in names[1:])])
    called = (None, *stages)
    return [
        {**row, "kind": KINDS[row["kind"]], "stage_a": called[row["stage_a"]], "stage_b": called[row["stage_b"]]}
        for row in ordered.iter_rows(named=True)
    ]


def _entries(groups: list[dict[str, Any]], changed: _Changed, run: Finished) -> list[dict[str, Any]]:
    """Groups as they are told, with examples by name."""
    wanted = np.array([number for group in groups for number in group["examples"]], np.int64)
    called = iter(_called(run, wanted))
    return [
        {
            "change": group["kind"],
            "stage_a": group["stage_a"],
            "stage_b": group["stage_b"],
            "reasons_a": None if group["why_a"] is None else changed.reasons[group["why_a"]],
            "reasons_b": None if group["why_b"] is None else changed.reasons[group["why_b"]],
            **{name: group[name] for name in ("copies_a", "copies_b", "documents", "bytes")},
            "examples": [next(called) for _ in group["examples"]],
        }
        for group in groups
    ]


def _called(run: Finished, wanted: np.ndarray) -> list[str]:
    """The id of each document, or its address."""
    rows = _addresses(run, wanted, "")
    address = pl.format("{}:{}", "shard_", "row_")
    return rows.select(pl.coalesce("id_", address) if "id_" in rows.columns else address).to_series().to_list()


def _write(to: str, changed: _Changed, a: Finished, b: Finished, stages: tuple[str, ...]) -> None:
    """All changed documents, in the order of the first run, some at a time."""
    frame = changed.frame
    reasons = pl.Series(changed.reasons, dtype=pl.List(pl.String))
    names = pl.Series([None, *stages], dtype=pl.String)
    with ExitStack() as stack:
        file = stack.enter_context(files.writing(to))
        writer = None
        for start in range(0, max(1, frame.height), ROWS):
            part = frame.slice(start, ROWS)
            said = pl.DataFrame(pl.Series("change", KINDS, pl.String)[part["kind"]])
            for name, run in (("a", a), ("b", b)):
                said = said.hstack(_addresses(run, part[name].to_numpy(), name))
                verdict = [
                    part[f"copies_{name}"],
                    names[part[f"stage_{name}"]].alias(f"stage_{name}"),
                    reasons[part[f"why_{name}"]].alias(f"reasons_{name}"),
                ]
                said = said.hstack(verdict)
            table = files.plain(said.hstack([part["bytes"]]).to_arrow())
            writer = writer or stack.enter_context(pq.ParquetWriter(file, table.schema, compression="zstd"))
            writer.write_table(table)


def _addresses(run: Finished, wanted: np.ndarray, name: str) -> pl.DataFrame:
    """Shard, row and, where documents have one, id."""
    present = files.columns_of(run.ledger_files()[0])
    columns = [column for column in ("shard", "row", "id") if column in present]
    parts = [frame.with_columns(pl.Series("_at", places)) for places, frame in _ledger_parts(run, wanted, columns)]
    empty = files.read_columns(run.ledger_files()[:1], columns).head(0).with_columns(pl.Series("_at", [], pl.Int64))
    return pl.concat([empty, *parts]).sort("_at").drop("_at").select(pl.all().name.suffix(f"_{name}"))


def recipe_changes(a: Finished, b: Finished) -> list[Change]:
    """What differs between the recipes, and in what a stage measures though its parameters are the same."""
    before, after = _sections(a), _sections(b)
    found = changes.between(before, after)
    orders = [[name for name in _stages(run) if name in before and name in after] for run in (a, b)]
    if orders[0] != orders[1]:
        found.append(Change("order of stages", *orders))
    told = {change.place.split(".")[0] for change in found}
    if not told and a.manifest["inputs"] == b.manifest["inputs"]:
        keys = [run.manifest["signals"] for run in (a, b)]
        found += [Change(f"{name}: what it measures", keys[0][name], keys[1][name]) for name in orders[0] if keys[0][name] != keys[1][name]]
    return found


def _sections(run: Finished) -> dict[str, Any]:
    """Recipe by section and stage; read as it lies there, so that a user's own stage may be gone."""
    content = recipes.from_yaml(files.read_bytes(files.join(run.out, "recipe.yaml")).decode())
    stages = {name: next(iter(stage.values())) or {} for name, stage in zip(_stages(run), content["stages"], strict=True)}
    rest = {
        "tamis": {"version": run.manifest["tamis"]},
        "columns": content["columns"],
        "recipe": {"seed": content["seed"]},
        "output": content["output"],
    }
    return {**stages, **rest}
