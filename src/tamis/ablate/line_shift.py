"""May a multiplier of bits per byte be quoted for a benchmark? Only if curation leaves the line from one to the other where it was.

Models of raw text, trained on more and more of it, draw a line: the loss on the target against the bits of the gold answers. If those of curated
text lie on it, a better loss means as much for the benchmark as it does with raw text. If they lie beside it, the text has changed what a
loss means, and the benchmark has a multiplier of its own.

Source:
    That the line depends on the data and hardly on the model: "LLMs on the line" (arXiv:2502.12120).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tamis.ablate.statistics import Estimate, measured, paired
from tamis.errors import AblationError

FEWEST_RAW, FEWEST_CURATED = 3, 2
"""Budgets: the line may bend, so raw text draws a quadratic."""
QUOTABLE = 0.1
"""A multiplier that is wrong by less than a tenth may be quoted."""


@dataclass(frozen=True)
class Shift:
    """How far curated text lies off the line of raw text.

    Attributes:
        shift: bits per byte of the gold answers above the line: below 0, curated text does better on the benchmark than its loss says.
        factor: the benchmark's multiplier over that of the loss, as a logarithm: the shift over the fall of the gold answers' bits by ln D.
        budgets: of curated text that lie within what raw text reached.
        label: "may be quoted" (the factor lies within a tenth of 1 for certain), "its own" (the shift is certain), "undetermined".
    """

    shift: Estimate
    factor: Estimate
    budgets: int
    label: str


def line_shift(
    raw: tuple[ArrayLike, ArrayLike],
    budgets: ArrayLike,
    curated: tuple[ArrayLike, ArrayLike],
    *,
    overlap: float = 0.0,
    level: float = 0.95,
    what: str = "the benchmark",
) -> Shift:
    """Regress the gold answers' bits on the loss, its square, and an indicator of curated text; a jackknife over folds.

    The regression goes through means over folds: within one, losses are as noisy as what is explained by them, and a slope that is too flat
    would show as a shift. Budgets of curated text beyond the losses that raw text reached are left out: nothing is extrapolated.

    Args:
        raw: f64[S, G] twice, losses on the target and bits per byte of gold answers.
        budgets: f64[G], tokens, ascending.
        curated: f64[S, H] twice.
        overlap: see `statistics.paired`.
        level: of intervals.
        what: names the benchmark in errors.

    Raises:
        AblationError: too few budgets, curated text beyond what raw text reached, gold answers that more text does not help.
    """
    sides = [measured(one, what, dimensions=2) for one in (*raw, *curated)]
    logs = np.log(np.asarray(budgets, np.float64))
    if sides[0].shape[1] < FEWEST_RAW:
        raise AblationError(f"{what}: a line wants {FEWEST_RAW} budgets of raw text, and there are {sides[0].shape[1]}.")
    reached, here = sides[0].mean(axis=0), sides[2].mean(axis=0)
    inside = (reached.min() <= here) & (here <= reached.max())
    if inside.sum() < FEWEST_CURATED:
        raise AblationError(f"{what}: curated text has losses that raw text did not reach, so there is no line to lay beside it.")
    sides = [*sides[:2], *(one[:, inside] for one in sides[2:])]
    folds = len(sides[0])
    whole = _off(sides, logs, what)
    without = np.array([_off([np.delete(one, fold, axis=0) for one in sides], logs, what) for fold in range(folds)])
    pseudo = folds * whole - (folds - 1) * without
    shift, factor = (paired(pseudo[:, i], overlap=overlap, level=level, what=what) for i in range(2))
    close = -math.log1p(QUOTABLE) < factor.low and factor.high < math.log1p(QUOTABLE)
    return Shift(shift, factor, int(inside.sum()), "may be quoted" if close else "its own" if shift.significant else "undetermined")


def _off(sides: list[NDArray[np.float64]], logs: NDArray[np.float64], what: str) -> NDArray[np.float64]:
    """The shift, and the logarithm of the factor, through means over folds."""
    x, y, x_curated, y_curated = (one.mean(axis=0) for one in sides)
    fall = float(np.polyfit(logs, y, 1)[0])
    if fall >= 0:
        raise AblationError(f"{what}: more text does not lower the bits of its gold answers.")
    losses = np.concatenate([x, x_curated]) - x.mean()
    indicator = np.repeat([0.0, 1.0], [len(x), len(x_curated)])
    terms = np.stack([np.ones(len(losses)), losses, losses**2, indicator], axis=1)
    off = float(np.linalg.lstsq(terms, np.concatenate([y, y_curated]), rcond=None)[0][-1])
    return np.array([off, off / fall])
