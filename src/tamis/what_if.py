"""What a finished run would have kept under other limits, by stage, source and language; no text is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import polars as pl

from tamis import mappers, mix, simulate
from tamis.assignments import changed
from tamis.firing import Firing
from tamis.folder import Finished
from tamis.plan import BASE
from tamis.simulate import Fates, Numbers
from tamis.stage import Edit

AXES = ("source", "lang")
"""Roles by whose values documents are counted, and whose mix is compared."""
LENGTH = "length"
"""What the mix is over besides: the binary logarithm of a document's bytes. Without it, the least change of mix would be to
drop the longest documents of every source."""
MOST_GROUPS = 100_000
"""Groups of documents that are told apart: a column with more values does not divide into groups."""
LONGEST = 200
"""Characters of a value that are told apart."""
MEASURES = ("documents", "bytes", "words", "written")
FATES = ("before", "after")


def what_if(run: Finished, assignments: Sequence[str], *, workers: int | None = None) -> dict[str, Any]:
    """What would be kept and dropped with other limits.

    Args:
        run: a finished run.
        assignments: see `assignments.changed`.
        workers: side by side.

    Returns:
        run, changes (place, before, after), readable, kept, stages, source, lang (where the data has them; most kept
        bytes first), moved (documents and bytes that are kept only before, or only after), mix_change (see `mix_change`),
        rules (see `firing.Firing.noted`), balance (of each stage that balances: its account before and after), and words: the signal that counts them, or None.

    Raises:
        TamisError: an assignment cannot be meant, or not be answered from numbers.
    """
    steps, changes = changed(run, assignments)
    numbers = Numbers(run, workers or mappers.default_workers())
    firing = Firing()
    fates = simulate.fates(numbers, steps, firing.look)
    cube = counted(numbers, simulate.before(numbers), fates)
    return {
        "run": run.out,
        "changes": [asdict(change) for change in changes],
        **summary(numbers, cube),
        "rules": firing.noted(steps),
        "balance": {name: {"before": run.manifest.get("balance", {}).get(name), "after": said} for name, said in mix.balances(fates.outcomes).items()},
        "words": words_of(numbers),
    }


def words_of(numbers: Numbers) -> str | None:
    """The first signal called `words`."""
    named = (f"{stage}.words" for stage, signals in numbers.run.measured.items() if stage != BASE and "words" in signals)
    return next(named, None)


def axes_of(numbers: Numbers) -> list[str]:
    """Those of `AXES` that the data has."""
    return [axis for axis in AXES if f"doc.{axis}" in numbers.run.measured[BASE]]


def counted(numbers: Numbers, before: Fates, after: Fates) -> pl.DataFrame:
    """Documents by group and fate.

    Returns:
        One row for each combination that occurs of: the axes (string), before and after (u8, the stage that drops, 0:
        kept); with documents, bytes, words (null: nobody counts them), written_before and written_after (i64).
    """
    axes, words = axes_of(numbers), words_of(numbers)
    held = {"axes": axes or [LENGTH]}

    def one(place: slice, frame: pl.DataFrame) -> pl.DataFrame:
        said = {"before": before.stage, "after": after.stage, "written_before": before.copies, "written_after": after.copies}
        frame = frame.with_columns(pl.Series(name, values[place]) for name, values in said.items())
        groups = frame.with_columns(groups_of(axes)).group_by(*held["axes"], *FATES)
        return groups.agg(
            documents=pl.len().cast(pl.Int64),
            bytes=pl.col("text.bytes").cast(pl.Int64).sum(),
            words=pl.col(words).cast(pl.Int64).sum() if words else pl.lit(None, pl.Int64),
            written_before=pl.col("written_before").cast(pl.Int64).sum(),
            written_after=pl.col("written_after").cast(pl.Int64).sum(),
        )

    whole = _nothing(held["axes"])
    for part in numbers.each({"text.bytes", *(f"doc.{axis}" for axis in axes), *([words] if words else [])}, one):
        whole = _merged([whole, part.select(name for name in whole.columns if name in part.columns)])
        if whole.height > MOST_GROUPS and held["axes"]:
            widest = max(held["axes"], key=lambda axis: whole[axis].n_unique())
            held["axes"] = [axis for axis in held["axes"] if axis != widest]
            whole = _merged([whole.drop(widest)])
    return whole


def _nothing(axes: Sequence[str]) -> pl.DataFrame:
    counts = dict.fromkeys(("documents", "bytes", "words", "written_before", "written_after"), pl.Int64)
    return pl.DataFrame(schema={**dict.fromkeys(axes, pl.String), **dict.fromkeys(FATES, pl.UInt8), **counts})


def _merged(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Groups that occur in several parts once; axes that one of them lacks are gone."""
    names = [name for name in parts[0].columns if all(name in part.columns for part in parts)]
    whole = pl.concat([part.select(names) for part in parts], how="vertical_relaxed")
    groups = [name for name in names if name in (*AXES, LENGTH, *FATES)]
    counts = [pl.col(name).sum() for name in names if name not in groups]
    return whole.group_by(groups, maintain_order=True).agg(counts)


def groups_of(axes: Sequence[str]) -> list[pl.Expr]:
    """The groups that a document belongs to (string), one for each axis and one for its length."""
    length = (pl.col("text.bytes").cast(pl.Float64) + 1).log(2).floor().cast(pl.Int32).cast(pl.String).alias(LENGTH)
    return [*(pl.col(f"doc.{axis}").cast(pl.String).str.head(LONGEST).alias(axis) for axis in axes), length]


def summary(numbers: Numbers, cube: pl.DataFrame) -> dict[str, Any]:
    """Everything that a counted table says; see `what_if`."""
    words = words_of(numbers) is not None
    kept = {when: cube.filter(pl.col(when) == 0) for when in FATES}
    found: dict[str, Any] = {
        "readable": _totals(cube, words=words),
        "kept": {when: {**_totals(part, words=words), "written": _sum(part, f"written_{when}")} for when, part in kept.items()},
        "moved": {
            "only_before": _totals(kept["before"].filter(pl.col("after") > 0), words=words),
            "only_after": _totals(kept["after"].filter(pl.col("before") > 0), words=words),
        },
        "stages": [
            {
                "stage": name,
                "edits": isinstance(stage, Edit),
                **{when: _totals(cube.filter(pl.col(when) == numbers.number[name]), words=words) for when in FATES},
            }
            for name, stage in numbers.run.named
        ],
        "mix_change": mix_change(cube),
    }
    for axis in AXES:
        if axis in cube.columns:
            found[axis] = _by(cube, axis, words=words)
    return found


def _totals(part: pl.DataFrame, *, words: bool) -> dict[str, int]:
    return {name: _sum(part, name) for name in ("documents", "bytes", *(["words"] if words else []))}


def _sum(part: pl.DataFrame, name: str) -> int:
    return int(part[name].sum())


def _by(cube: pl.DataFrame, axis: str, *, words: bool) -> list[dict[str, Any]]:
    """One entry for each value, most kept bytes before or after first."""
    names = ["documents", "bytes", *(["words"] if words else [])]
    parts = {"readable": cube, **{when: cube.filter(pl.col(when) == 0) for when in FATES}}
    summed = {
        when: {row[axis]: row for row in part.group_by(axis).agg(pl.col(names).sum()).iter_rows(named=True)} for when, part in parts.items()
    }
    found = [
        {"value": value, **{when: {name: rows[value][name] if value in rows else 0 for name in names} for when, rows in summed.items()}}
        for value in summed["readable"]
    ]
    return sorted(
        found, key=lambda one: (*(-max(one[when]["bytes"] for when in kind) for kind in (FATES, ("readable",))), str(one["value"]))
    )


def mix_change(cube: pl.DataFrame) -> float:
    """How far the mix of what is kept moved: total variation distance, in [0, 1], of bytes over source × language × length."""
    axes = [axis for axis in (*AXES, LENGTH) if axis in cube.columns]
    if not axes:
        return 0.0
    before, after = (pl.when(pl.col(when) == 0).then("bytes").otherwise(0).sum().alias(when) for when in FATES)
    pairs = list(cube.group_by(axes).agg(before, after).select(FATES).iter_rows())
    a, b = (sum(pair[i] for pair in pairs) for i in (0, 1))
    if not a or not b:
        return 0.0 if a == b else 1.0
    # In whole numbers, so that the order of the groups does not matter.
    return float(sum(abs(one * b - other * a) for one, other in pairs) / (2 * a * b))
