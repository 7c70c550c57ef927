"""What a recipe asks of a mix: its parameters checked, and read as the share of each group."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tamis.errors import DataError, StageError, suggest
from tamis.stages import _shares

if TYPE_CHECKING:
    from tamis.stages.rebalance import Rebalance

NONE = "none"
"""The group of documents without a value."""
BETWEEN = " / "
"""Between the values of crossed groups."""
UNITS = ("documents", "bytes", "words", "tokens")
_POWERS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
Group = tuple[str, ...]


def check(stage: Rebalance) -> None:
    """Refuse what cannot be meant."""
    name, axes = stage.name(), stage.axes()
    if len(set(axes)) < len(axes):
        raise StageError(f'{name}: "by" names columns or signals, each once, not "{stage.by}".')
    asked = [
        one for one, value in (("target", stage.target), ("exponent", stage.exponent), ("like", stage.like or None)) if value is not None
    ]
    if len(asked) > 1:
        raise StageError(f'{name}: "{asked[0]}" and "{asked[1]}" both say what the shares should be.\nFix: give one of them.')
    if asked and not axes and stage.target != "natural":
        raise StageError(
            f'{name}: "{asked[0]}" says what the shares of groups should be, and "by" names none.\nFix: say by: topics.topic, or whatever makes a group.'
        )
    if stage.exponent is not None and not 0 <= stage.exponent < math.inf:
        raise StageError(f'{name}: "exponent" is at least 0, not {stage.exponent}.')
    if stage.unit not in UNITS and "." not in stage.unit:
        raise StageError(
            f'{name}: "unit" is documents, bytes, words, tokens or a signal of a stage above, not "{stage.unit}". {suggest(stage.unit, UNITS)}'
        )
    if not 1 <= stage.max_copies <= 255:
        raise StageError(f'{name}: "max_copies" is 1 to 255, not {stage.max_copies}.')
    if stage.emit not in ("copies", "weights"):
        raise StageError(f'{name}: "emit" is "copies" or "weights", not "{stage.emit}".')
    _check_order(stage)
    _check_numbers(stage)
    if isinstance(stage.target, Mapping):
        _check_target(stage.target, stage)


def _check_order(stage: Rebalance) -> None:
    if stage.prefer and stage.importance:
        raise StageError(f'{stage.name()}: "prefer" and "importance" both say who is taken first.\nFix: give one of them.')
    if stage.importance is not None and "." not in stage.importance:
        raise StageError(f'{stage.name()}: "importance" is a signal of a stage above, like importance.log_ratio, not "{stage.importance}".')


def _check_numbers(stage: Rebalance) -> None:
    name = stage.name()
    for parameter, value in (("min_share", stage.min_share), ("max_share", stage.max_share)):
        if value is not None and not 0 < value <= 1:
            raise StageError(f'{name}: "{parameter}" is above 0 and at most 1, not {value}.')
    if stage.min_share is not None and stage.max_share is not None and stage.min_share > stage.max_share:
        raise StageError(f'{name}: "min_share" is {stage.min_share} and "max_share" is {stage.max_share}: nothing could be both.')
    for column, weights in stage.weights.items():
        for group, weight in weights.items():
            if not 0 < weight < math.inf:
                raise StageError(
                    f'{name}: "weights: {column}: {group}" must be above 0, not {weight}.\nFix: to leave documents out, use `rules` above.'
                )
    budget_of(stage)


def _check_target(target: Mapping[str, Any], stage: Rebalance) -> None:
    name = stage.name()
    if not target:
        raise StageError(f'{name}: "target" names no group.')
    nested = [axis for axis, shares in target.items() if isinstance(shares, Mapping)]
    if nested:
        axes = dict(zip(_axis_names(stage), stage.axes(), strict=True))
        for axis in target:
            if axis not in axes:
                raise StageError(
                    f'{name}: the target names the axis "{axis}", and "by" has none of that name. {suggest(axis, axes, what="axes:")}'
                )
    for axis, shares in target.items() if nested else [("", target)]:
        said = f"target: {axis}" if axis else "target"
        for group, share in shares.items():
            if not 0 <= share < math.inf:
                raise StageError(f'{name}: "{said}: {group}" is a share of at least 0, not {share}.')
        total = sum(shares.values())
        if total > 1 + _shares.CLOSE:
            listed = ", ".join(f"{group} {share:g}" for group, share in shares.items())
            raise StageError(f"{name}: the targets{f' of {axis}' if axis else ''} sum to {total:.3f}, not 1 ({listed}).\nFix: scale them.")


def budget_of(stage: Rebalance) -> float | None:
    """The budget in units; infinite for "all".

    Raises:
        StageError: it is no number.
    """
    given = stage.budget
    if given is None:
        return None
    if isinstance(given, str):
        if given.strip() == "all":
            return math.inf
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:([kMGT])B?)?\s*", given)
        if not found:
            raise StageError(f'{stage.name()}: "budget" is a number like 500M, 2GB or 10e9, or "all", not "{given}".')
        amount = float(found[1]) * _POWERS[found[2] or ""]
    else:
        amount = float(given)
    if not 0 < amount < math.inf:
        raise StageError(f'{stage.name()}: "budget" must be above 0, not {given}.')
    return amount


def _axis_names(stage: Rebalance) -> tuple[str, ...]:
    return (stage.by,) if isinstance(stage.by, str) else tuple(stage.by)


def shares_of(stage: Rebalance, groups: Sequence[Group], amounts: np.ndarray) -> tuple[list[Group], np.ndarray]:
    """The groups, with those that only the target has, and the share that each should have.

    Args:
        stage: with its target.
        groups: that there are.
        amounts: f64[g].

    Returns:
        The groups, and after them those of `like` that are not here; f64[groups], summing to 1, or to 0 without groups.
    """
    found = list(groups)
    if not groups:
        return found, np.zeros(0)
    if stage.like:
        found, shares = _alike(stage, found, amounts)
    elif stage.exponent is not None or stage.target in (None, "natural", "uniform"):
        exponent = stage.exponent if stage.exponent is not None else 0.0 if stage.target == "uniform" else 1.0
        shares = _shares.powered(amounts, exponent)
    else:
        assert isinstance(stage.target, Mapping)
        margins = {axis: dict(shares) for axis, shares in stage.target.items() if isinstance(shares, Mapping)}
        flat = {group: share for group, share in stage.target.items() if not isinstance(share, Mapping)}
        shares = (
            _by_axis(stage, found, amounts, margins)
            if margins
            else _shares.named(list(map(BETWEEN.join, found)), amounts, flat, stage.name())
        )
    return found, _shares.within(shares, stage.min_share, stage.max_share, stage.name())


def _by_axis(stage: Rebalance, groups: Sequence[Group], amounts: np.ndarray, wanted: Mapping[str, Mapping[str, float]]) -> np.ndarray:
    cells, margins = [], []
    for i, axis in enumerate(_axis_names(stage)):
        values = sorted({group[i] for group in groups})
        place = {value: j for j, value in enumerate(values)}
        cell = np.array([place[group[i]] for group in groups], np.int64)
        held = np.bincount(cell, amounts, len(values))
        if axis in wanted:
            cells.append(cell)
            margins.append(_shares.named(values, held, wanted[axis], stage.name()))
    return _shares.raked(np.stack(cells, axis=1), amounts, margins)


def _alike(stage: Rebalance, groups: list[Group], amounts: np.ndarray) -> tuple[list[Group], np.ndarray]:
    if stage.like[0].suffix == ".json":
        wanted = {name: _of_manifest(stage, axis) for name, axis in zip(_axis_names(stage), stage.axes(), strict=True)}
        if len(wanted) > 1:
            there = {
                name: {value: share for value, share in shares.items() if any(group[i] == value for group in groups)}
                for i, (name, shares) in enumerate(wanted.items())
            }
            return groups, _by_axis(stage, groups, amounts, {name: _scaled(shares) for name, shares in there.items()})
        counted: dict[Group, float] = {(value,): share for value, share in next(iter(wanted.values())).items()}
    else:
        counted = dict(_of_shards(stage))
    whole = [*groups, *sorted(set(counted) - set(groups))]
    shares = np.array([counted.get(group, 0.0) for group in whole])
    if not shares.sum():
        raise StageError(f'{stage.name()}: "like" holds no documents.')
    return whole, shares / shares.sum()


def _scaled(shares: Mapping[str, float]) -> dict[str, float]:
    total = sum(shares.values())
    return {value: share / total for value, share in shares.items()} if total else dict(shares)


def _of_manifest(stage: Rebalance, axis: str) -> dict[str, float]:
    try:
        mix = json.loads(stage.like[0].read_text("utf-8"))["mix"]
        (found,) = [one for one in mix if one["axis"] == axis]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f'{stage.name()}: "{stage.like[0]}" does not tell the mix by "{axis.removeprefix("doc.")}".\nFix: name the manifest.json of a run that has it.'
        ) from error
    what = stage.unit if stage.unit in ("documents", "tokens") and stage.unit in found["measures"] else "bytes"
    return _scaled({NONE if one["value"] is None else one["value"]: float(one["kept"][what]) for one in found["values"]})


def _of_shards(stage: Rebalance) -> Iterator[tuple[Group, float]]:
    names = [axis.rsplit(".", 1)[-1] if not axis.startswith("doc.") else axis[4:] for axis in stage.axes()]
    frames = []
    for path in stage.like:
        try:
            scan = pl.scan_parquet(path)
            present = scan.collect_schema().names()
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DataError(f'{stage.name()}: "{path}" cannot be read as Parquet: {str(error).splitlines()[0]}.') from error
        for name in names:
            if name not in present:
                raise DataError(f'{stage.name()}: "{path}" lacks the column "{name}". {suggest(name, present, what="columns:")}')
        size = pl.col("text").str.len_bytes() if stage.unit in ("bytes", "words") and "text" in present else pl.lit(1)
        copies = pl.col("copies").cast(pl.Int64) if "copies" in present else pl.lit(1)
        labels = [pl.col(name).cast(pl.String).fill_null(NONE).alias(f"{i}") for i, name in enumerate(names)]
        frames.append(
            scan.select(*labels, size=(size.cast(pl.Int64) * copies).fill_null(0))
            .group_by(pl.exclude("size"))
            .agg(pl.col("size").sum())
            .collect()
        )
    whole = pl.concat(frames).group_by([f"{i}" for i in range(len(names))]).agg(pl.col("size").sum())
    for row in whole.iter_rows():
        yield tuple(map(str, row[:-1])), float(row[-1])
