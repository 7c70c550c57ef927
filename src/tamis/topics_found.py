"""The topics of a finished run: how large, by which words, and which documents are most central."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from tamis import files
from tamis.errors import RunError
from tamis.folder import Finished
from tamis.stage import has

CENTRAL = 3


def stage_of(run: Finished) -> str | None:
    """The stage that gives topics; None: there is none."""
    return next((name for name, signals in run.measured.items() if {"topic", "confidence"} <= set(signals)), None)


def topics(run: Finished, most: int = 50, among: Sequence[tuple[int, int]] = ()) -> dict[str, Any]:
    """The topics that documents of a run were given.

    Args:
        run: with a stage that gives topics.
        most: how many are listed.
        among: first document and the one after the last of the ranges in which central ones are looked for; (): all.

    Returns:
        fitted: the file that other runs can name, or None where topics were not found but given. without: documents without a topic.
        topics: the largest: topic, documents, kept, words (most telling first; none where topics were given), and
            central: addresses of the documents of the greatest confidence, ties by address.

    Raises:
        RunError: no stage of the run gives topics.
    """
    name = stage_of(run)
    if name is None:
        raise RunError(f"no stage of {run.out} gives topics.\nFix: put topics into the recipe.")
    parts, central = [], []
    for (shard, chunk), first, verdicts in _verdicts(run):
        frame = files.read_frame(files.join(run.folder(name), chunk), ["row", "topic", "confidence"]).with_columns(pl.col("topic").cast(pl.String))
        frame = frame.with_columns(kept=verdicts > 0, address=pl.format("{}:{}", pl.lit(shard), "row"))
        parts.append(frame.group_by("topic").agg(documents=pl.len().cast(pl.Int64), kept=pl.col("kept").sum().cast(pl.Int64)))
        some = [frame.slice(max(0, start - first), max(0, stop - max(first, start))) for start, stop in among or [(first, first + frame.height)]]
        central.append(_most_central(pl.concat(some).filter(pl.col("topic").is_not_null())))
    counts = (
        pl.concat(parts).group_by("topic").agg(pl.col("documents", "kept").sum()) if parts else pl.DataFrame(schema={"topic": pl.String})
    )
    nearest = (
        _most_central(pl.concat(central)).group_by("topic", maintain_order=True).agg("address")
        if central
        else pl.DataFrame({"topic": [], "address": []})
    )
    best: dict[str, list[str]] = dict(zip(nearest["topic"].to_list(), nearest["address"].to_list(), strict=True))
    without = counts.filter(pl.col("topic").is_null())
    listed = (
        counts.filter(pl.col("topic").is_not_null()).sort("documents", "topic", descending=[True, False]).head(most) if parts else counts
    )
    words, fitted = _words(run, name)
    return {
        "stage": name,
        "fitted": fitted,
        "without": int(without["documents"].sum()) if parts else 0,
        "topics": [
            {**row, "words": words.get(row["topic"], []), "central": best.get(row["topic"], [])} for row in listed.iter_rows(named=True)
        ],
    }


def _verdicts(run: Finished) -> Iterator[tuple[tuple[str, str], int, pl.Series]]:
    """(shard, chunk), the number of its first document and the copies of all of them, in the order of the corpus."""
    copies = pl.concat([frame["copies"] for frame in run.ledger(["copies"])] or [pl.Series("copies", [], pl.UInt8)])
    first = 0
    for place in run.chunk_names():
        rows = files.rows(files.join(run.folder("documents"), place[1]))
        yield place, first, copies.slice(first, rows)
        first += rows


def _most_central(frame: pl.DataFrame) -> pl.DataFrame:
    ranked = frame.sort("topic", "confidence", "address", descending=[False, True, False], nulls_last=True)
    return ranked.group_by("topic", maintain_order=True).head(CENTRAL).select("topic", "confidence", "address")


def _words(run: Finished, name: str) -> tuple[dict[str, list[str]], str | None]:
    stage = dict(run.named)[name]
    describe = getattr(stage, "describe", None)
    place = files.join(run.out, "fitted", run.manifest["signals"][name]) if has(stage, "fit") else getattr(stage, "fitted", None)
    if describe is None or place is None or not files.exists(str(place)):  # the user may have moved a fitted file
        return {}, None
    return {one["topic"]: one["words"] for one in describe(files.read_bytes(str(place)))}, str(place)
