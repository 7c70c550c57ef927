"""The limits of a run's filters as levers, on at most `SEARCHED` of its documents, spread evenly over the corpus.

What stages that need the corpus dropped stays dropped here: only a simulation on all documents knows better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tamis import ledger, simulate
from tamis.assignments import place_of
from tamis.errors import RunError
from tamis.measure import Step
from tamis.simulate import Fates, Numbers
from tamis.stage import Filter
from tamis.what_if import axes_of, groups_of
from tamis.where import condition, reference

SEARCHED = 500_000
"""Documents on which values are searched."""


@dataclass(frozen=True)
class Lever:
    """A limit that can be moved, on the searched documents.

    Args:
        place: what an assignment calls it.
        least: whether it is the least that the signal may be, or the most.
        now: its value.
        whole: whether the signal counts.
        rule: its number among `Model.met`.
        moved: bool[n], documents that it judges by this value: `by` has no other for them, and they are measurable.
        values: f64[n].
    """

    place: str
    least: bool
    now: float
    whole: bool
    rule: int
    moved: np.ndarray
    values: np.ndarray

    def meets(self, limit: float) -> np.ndarray:
        """bool[n], of `moved`."""
        return self.values >= limit if self.least else self.values <= limit


@dataclass(frozen=True)
class Model:
    """The searched documents.

    Args:
        sizes: f64[n], bytes.
        groups: i64[n], source × language × length.
        before: bool[n], kept by the run.
        met: bool[rules, n], for every rule of every filter; the last one stands for all other stages.
        levers: what can be moved.
    """

    sizes: np.ndarray
    groups: np.ndarray
    before: np.ndarray
    met: np.ndarray
    levers: tuple[Lever, ...]

    def kept(self, limits: Sequence[tuple[Lever, float]]) -> np.ndarray:
        """bool[n], with some limits moved."""
        moved = [lever.rule for lever, _ in limits]
        mask = np.delete(self.met, moved, axis=0).all(axis=0)
        for lever, limit in limits:
            mask &= np.where(lever.moved, lever.meets(limit), self.met[lever.rule])
        return np.asarray(mask)

    def share(self, limits: Sequence[tuple[Lever, float]]) -> float:
        """Of the bytes, kept."""
        return float(self.sizes[self.kept(limits)].sum() / max(1.0, self.sizes.sum()))

    def mix_change(self, limits: Sequence[tuple[Lever, float]]) -> float:
        """As `what_if.mix_change`."""
        a, b = (
            np.bincount(self.groups[mask], self.sizes[mask], minlength=int(self.groups.max(initial=0)) + 1)
            for mask in (self.before, self.kept(limits))
        )
        return float(np.abs(a / max(1.0, a.sum()) - b / max(1.0, b.sum())).sum() / 2)


def model_of(numbers: Numbers, steps: Sequence[Step], before: Fates, base: Fates) -> Model:
    """Read every k-th document.

    Args:
        numbers: of the run.
        steps: its stages, perhaps with other limits.
        before: what became of its documents in the run.
        base: what becomes of them by `steps`.

    Raises:
        RunError: there is no document.
    """
    filters = [step for step in steps if ledger.only_limits(step.stage)]
    axes = axes_of(numbers)
    every = -(-numbers.documents // SEARCHED) or 1
    names = {"text.bytes", *(f"doc.{axis}" for axis in axes)}.union(*(simulate.columns(numbers, step) for step in filters))

    def one(place: slice, frame: pl.DataFrame) -> pl.DataFrame:
        first = -place.start % every
        said = [pl.Series("_before", before.stage[place] == 0), pl.Series("_by", base.stage[place])]
        return frame.with_columns(said, copies=pl.lit(1, pl.UInt8), row=pl.lit(0, pl.UInt64)).gather_every(every, first)

    parts = list(numbers.each(names, one))
    if not parts:
        raise RunError(f"{numbers.run.out} has no readable document.")
    frame = pl.concat(parts, how="vertical_relaxed")
    met: list[np.ndarray] = []
    levers = [lever for step in filters for lever in _levers(step, ledger.seen(step, frame), met)]
    elsewhere = [numbers.number[step.name] for step in steps if step not in filters]
    met.append(~np.isin(frame["_by"].to_numpy(), elsewhere))
    groups = frame.select(pl.struct(groups_of(axes)).rank("dense")).to_series().to_numpy()
    sizes = frame["text.bytes"].cast(pl.Float64).to_numpy()
    return Model(sizes, groups.astype(np.int64), frame["_before"].to_numpy(), np.array(met), tuple(levers))


def _levers(step: Step, frame: pl.DataFrame, met: list[np.ndarray]) -> list[Lever]:
    """The limits of a filter that can be moved; whether each of its rules is met is appended to `met`."""
    stage = step.stage
    assert isinstance(stage, Filter)
    asked = _mask(frame, condition(stage.where) if stage.where else pl.lit(value=True))
    limits = {stage.reasons[parameter]: (parameter, signal) for parameter, (signal, _) in stage.limits().items()}
    levers = []
    for reason, keep in stage.rules().items():
        met.append((_mask(frame, keep.fill_null(value=stage.on_null == "keep")) | ~asked).to_numpy())
        parameter, signal = limits.get(reason, (None, None))
        now, place = (stage.value_of(parameter), place_of(stage, parameter)) if parameter else (None, None)
        if parameter is None or signal is None or now is None or place is None:
            continue
        values = frame[signal]
        moved = asked & values.is_not_null() & ~_mask(frame, excepted(stage, parameter))
        whole = values.dtype.is_integer()
        array = values.cast(pl.Float64).fill_null(0).to_numpy()
        levers.append(Lever(f"{step.name}.{place}", parameter.startswith("min_"), float(now), whole, len(met) - 1, moved.to_numpy(), array))
    return levers


def _mask(frame: pl.DataFrame, said: pl.Expr) -> pl.Series:
    return frame.with_columns(said.alias("_said"))["_said"]


def excepted(stage: Filter, parameter: str) -> pl.Expr:
    """Documents for which `by` has a limit of their own."""
    own = pl.lit(value=False)
    for column, groups in stage.by.items():
        for group, limits in groups.items():
            if parameter in limits:
                own |= (pl.col(reference(column)).cast(pl.String) == str(group)).fill_null(value=False)
    return own
