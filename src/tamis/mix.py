"""What the corpus is made of, before and after every stage: by topic, by source, by whatever a stage groups documents by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from tamis.failures import coded
from tamis.measure import Step
from tamis.stage import Edit

HOUSE = ("doc.topic", "doc.source", "doc.lang")
"""Columns that are counted where the data has them."""
SHOWN = 200
"""Values of an axis that are listed one by one, those with the most bytes."""
MOST_VALUES = 100_000
"""Values that are counted: a column with more does not divide into groups."""
LONGEST = 200
"""Bytes of a value that are told apart; of longer ones the beginning and the length are."""
PARTS = 16
TOKENS = ("tokens", "estimated_tokens")
SUMMED = ("bytes", "tokens", "written_documents", "written_bytes", "written_tokens")
MOVES = 0.05
"""A stage that moves this share of the text between groups of an axis that a stage made is worth a word."""

Coded = tuple[np.ndarray, list[str | None]]


@dataclass
class Mix:
    """Documents, bytes and tokens by the values of some axes and by the stage that drops them; `add` each slab."""

    steps: Sequence[Step]
    parts: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    tokens: str | None = None
    too_many: set[str] = field(default_factory=set)

    def add(self, ledger: pl.DataFrame, frame: pl.DataFrame) -> None:
        """Count a slab; see `count`."""
        self.take(self.count(ledger, frame))

    def count(self, ledger: pl.DataFrame, frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """What `take` wants of a slab; may be called in any thread.

        Args:
            ledger: copies, stage.
            frame: text.bytes, doc.… and signals of the same documents.
        """
        self.tokens = tokens_of(self.steps, frame.columns)
        counted = frame[self.tokens].cast(pl.Int64).fill_null(0).to_numpy() if self.tokens else None
        amounts = _amounts(frame["text.bytes"].to_numpy(), counted, ledger["copies"].to_numpy())
        stages = coded(ledger["stage"])
        axes = [axis for axis in axes_of(self.steps) if axis in frame.columns and axis not in self.too_many]
        return {axis: _counted(coded(_bounded(frame[axis].cast(pl.String))), stages, amounts) for axis in axes}

    def take(self, counted: Mapping[str, pl.DataFrame]) -> None:
        """Add what was counted of the next slab."""
        for axis, part in counted.items():
            if axis in self.too_many:
                continue
            held = self.parts.setdefault(axis, [])
            held.append(part)
            if len(held) >= PARTS:
                self.parts[axis] = [_merged(held)]
                if self.parts[axis][0]["value"].n_unique() > MOST_VALUES:
                    self.too_many.add(axis)
                    self.parts[axis] = []

    def facts(self) -> list[dict[str, Any]]:
        """For each axis what there is of each value, before, dropped and kept, and how far each stage moves the mix.

        Returns:
            axis ("topics.topic", "doc.source"); measures; tokens: the signal that counts them, or None; values: the `SHOWN` largest:
            value (None: documents without one), raw and kept (documents, bytes, tokens; of `kept` copies count), dropped: stage →
            the same; others: the same of all other values together, value being how many they are; changes: for each stage
            that drops, moved: the share of the text that is in another group than before (total variation distance, of tokens or else
                bytes, copies left
            out), of the value whose share changes most: value, before, after (its shares), and gained and lost: the same of the value
            that gains most and of the one that loses most.
        """
        return [self._axis(axis) for axis in axes_of(self.steps) if self.parts.get(axis)]

    def _axis(self, axis: str) -> dict[str, Any]:
        whole = _merged(self.parts[axis])
        sizes = whole.group_by("value").agg(pl.col("bytes").sum(), pl.col("documents").sum())
        values = sizes.sort("bytes", "documents", "value", descending=[True, True, False], nulls_last=True)["value"].to_list()
        rows: dict[Any, list[dict[str, Any]]] = {}
        for row in whole.iter_rows(named=True):
            rows.setdefault(row["value"], []).append(row)
        measures = ["documents", "bytes", *(["tokens"] if self.tokens else [])]
        others = [row for value in values[SHOWN:] for row in rows[value]]
        return {
            "axis": axis,
            "measures": measures,
            "tokens": self.tokens,
            "values": [{"value": value, **_fate(rows[value], measures)} for value in values[:SHOWN]],
            "others": {"value": len(values) - SHOWN, **_fate(others, measures)} if others else None,
            "changes": _changes(whole, [step.name for step in self.steps if not isinstance(step.stage, Edit)], measures[-1]),
        }


def axes_of(steps: Sequence[Step]) -> list[str]:
    """What documents are grouped by: what stages say they group by, then columns that the house knows."""
    made = [group if "." in group else f"{step.name}.{group}" for step in steps for group in step.stage.groups()]
    return list(dict.fromkeys([*made, *HOUSE]))


def tokens_of(steps: Sequence[Step], columns: Sequence[str]) -> str | None:
    """The signal that counts tokens, or else the one that estimates them."""
    named = (f"{step.name}.{signal}" for signal in TOKENS for step in steps if f"{step.name}.{signal}" in columns)
    return next(named, None)


def looked_at(steps: Sequence[Step], columns: Sequence[str]) -> list[str]:
    """What `Mix.add` looks at, besides `text.bytes`, of the columns that there are."""
    tokens = tokens_of(steps, columns)
    return [axis for axis in axes_of(steps) if axis in columns] + ([tokens] if tokens else [])


def shortened(axis: Mapping[str, Any], most: int) -> dict[str, Any]:
    """The facts of an axis with fewer values listed, the rest among the others."""
    left = [*axis["values"][most:], *([axis["others"]] if axis["others"] else [])]
    if not axis["values"][most:]:
        return dict(axis)
    measures = axis["measures"]
    stages = sorted({stage for one in left for stage in one["dropped"]})
    dropped = {stage: {name: sum(one["dropped"].get(stage, {}).get(name, 0) for one in left) for name in measures} for stage in stages}
    summed = {kind: {name: sum(one[kind][name] for one in left) for name in measures} for kind in ("raw", "kept")}
    many = len(axis["values"]) - most + (axis["others"]["value"] if axis["others"] else 0)
    return {**axis, "values": axis["values"][:most], "others": {"value": many, **summed, "dropped": dropped}}


def _bounded(values: pl.Series) -> pl.Series:
    lengths = values.str.len_bytes()
    if not (lengths > LONGEST).any():
        return values
    beginning = pl.concat_str(pl.lit(values).str.head(LONGEST // 4), pl.lit("… ("), pl.lit(lengths).cast(pl.String), pl.lit(" bytes)"))
    return pl.select(pl.when(pl.lit(lengths) > LONGEST).then(beginning).otherwise(pl.lit(values))).to_series()


def _amounts(sizes: np.ndarray, tokens: np.ndarray | None, copies: np.ndarray) -> dict[str, np.ndarray]:
    """What is summed, f64[n]: exactly, for of no slab the sum is near 2^53."""
    counted = {"bytes": sizes.astype(np.float64)} | ({} if tokens is None else {"tokens": tokens.astype(np.float64)})
    written = copies.astype(np.float64)
    return counted | {"written_documents": written} | {f"written_{name}": amount * written for name, amount in counted.items()}


def _counted(values: Coded, stages: Coded, amounts: Mapping[str, np.ndarray]) -> pl.DataFrame:
    """Sums by value and stage, of those that there are."""
    (value, valued), (stage, staged) = values, stages
    key = value.astype(np.int64) * len(staged) + stage
    found = np.arange(len(valued) * len(staged))
    if len(found) > len(key):
        found, key = np.unique(key, return_inverse=True)
    documents = np.bincount(key, minlength=len(found))
    there = documents > 0
    sums = {name: np.bincount(key, amount, len(found))[there].astype(np.int64) for name, amount in amounts.items()}
    texts = zip((valued, staged), np.divmod(found[there], max(1, len(staged))), strict=True)
    value_of, stage_of = (pl.Series(known, dtype=pl.String).gather(which) for known, which in texts)
    nothing = np.zeros(len(stage_of), np.int64)
    return pl.DataFrame({"value": value_of, "stage": stage_of, "documents": documents[there], **dict.fromkeys(SUMMED, nothing), **sums})


def _merged(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(parts).group_by("value", "stage").agg(pl.exclude("value", "stage").sum()).sort("value", "stage", nulls_last=True)


def _fate(rows: Sequence[Mapping[str, Any]], measures: Sequence[str]) -> dict[str, Any]:
    dropped: dict[str, dict[str, int]] = {}
    for row in rows:
        if row["stage"] is not None:
            held = dropped.setdefault(row["stage"], dict.fromkeys(measures, 0))
            for name in measures:
                held[name] += row[name]
    raw = {name: sum(row[name] for row in rows) for name in measures}
    kept = {name: sum(row[f"written_{name}"] for row in rows) for name in measures}
    return {"raw": raw, "kept": kept, "dropped": dict(sorted(dropped.items()))}


def _changes(whole: pl.DataFrame, stages: Sequence[str], measure: str) -> list[dict[str, Any]]:
    values = sorted(whole["value"].unique().to_list(), key=lambda value: (value is None, value))
    place = {value: i for i, value in enumerate(values)}
    left: list[int] = [0] * len(values)
    gone = {stage: [0] * len(values) for stage in stages}
    for value, stage, amount in whole.select("value", "stage", measure).iter_rows():
        left[place[value]] += amount
        if stage is not None:
            gone[stage][place[value]] += amount
    found = []
    for stage in stages:
        after = [a - b for a, b in zip(left, gone[stage], strict=True)]
        if any(gone[stage]) and any(after):
            found.append({"stage": stage, **_moved(left, after, values)})
        left = after
    return found


def _moved(before: list[int], after: list[int], values: Sequence[str | None]) -> dict[str, Any]:
    first, then = ([one / sum(amounts) for one in amounts] for amounts in (before, after))
    gains = [b - a for a, b in zip(first, then, strict=True)]
    sizes = [abs(gain) for gain in gains]

    def of(i: int) -> dict[str, Any]:
        return {"value": values[i], "before": round(first[i], 6), "after": round(then[i], 6)}

    ends = {"gained": of(gains.index(max(gains))), "lost": of(gains.index(min(gains)))}
    return {"moved": round(sum(sizes) / 2, 6), **of(sizes.index(max(sizes))), **ends}


def balances(outcomes: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Of what stages say of their verdicts as a whole, what is the account of a balance (`tamis.stages._balance.account`); a user's stage has its own."""
    return {name: said for name, said in outcomes.items() if {"by", "unit", "groups"} <= said.keys()}


def warnings(facts: Sequence[Mapping[str, Any]], balancing: Mapping[str, Any]) -> list[str]:
    """What was meant as a filter of quality and is one of topics, and targets that cannot be met.

    Args:
        facts: see `Mix.facts`.
        balancing: stages that are meant to move the mix → their accounts.
    """
    said = [f"{name}: {one}" for name, account in balancing.items() for one in account.get("warnings", ())]
    for one in facts:
        if one["axis"] in HOUSE:
            continue
        for change in one["changes"]:
            if change["moved"] >= MOVES and change["stage"] not in balancing:
                value = "none" if change["value"] is None else change["value"]
                said.append(
                    f"{change['stage']} moves {change['moved']:.1%} of the {one['measures'][-1]} between groups of {one['axis']}, most of all "
                    f'"{value}", from {change["before"]:.1%} to {change["after"]:.1%}.'
                )
    return said
