"""Which shape has a trend: constant, a straight line in the logarithm of the operations, or one that levels off? By the corrected AIC."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST = 4
"""Rungs. A curve that levels off goes through any three."""
AHEAD = 2.0
"""Of AICc, by which a shape must be ahead of every other (Burnham and Anderson 2002: below, both have substantial support)."""
BENDS = tuple(0.1 * 10 ** (step / 16) for step in range(25))
"""Decades in which a saturating curve covers all but 1/e of what is left of it: .1 to 3.2."""


@dataclass(frozen=True)
class Shape:
    """The shape of a trend.

    Attributes:
        label: "constant", "straight", "levels off", or "undetermined".
        because: why it is undetermined, a clause; None.
        criteria: shape → its AICc less the least of them; empty where there are too few rungs.
    """

    label: str
    because: str | None
    criteria: Mapping[str, float]


def shape(logs: NDArray[np.float64], operations: Sequence[float]) -> Shape:
    """Compare shapes by AICc, with an effect of each fold: folds are the same on all rungs.

    Args:
        logs: f64[R, S], ln multiplier by rung and fold.
        operations: f64[R], of a training, ascending.
    """
    rungs, folds = logs.shape
    if rungs < FEWEST:
        return Shape("undetermined", f"{rungs} rung{'' if rungs == 1 else 's'}, and a shape wants {FEWEST}", {})
    centred = logs - logs.mean(axis=0)
    # An effect of each fold takes one number of each, so that many are left.
    left = folds * (rungs - 1)
    found = {name: min(_criterion(centred, curve, left, free) for curve in curves) for name, free, curves in _candidates(operations)}
    least = min(found.values())
    criteria = {name: value - least for name, value in found.items()}
    near = [name for name, value in criteria.items() if value < AHEAD]
    return Shape(near[0], None, criteria) if len(near) == 1 else Shape("undetermined", f"{' or '.join(near)}", criteria)


def _candidates(operations: Sequence[float]) -> Iterator[tuple[str, int, list[NDArray[np.float64]]]]:
    """Name, free numbers beside the fold's effects (the noise among them), and curves to be scaled."""
    decades = np.log10(np.asarray(operations, np.float64))
    decades -= decades[0]
    yield "constant", 1, [np.zeros(len(decades))]
    yield "straight", 2, [decades]
    yield "levels off", 3, [-np.expm1(-decades / bend) for bend in BENDS]


def _criterion(centred: NDArray[np.float64], curve: NDArray[np.float64], left: int, free: int) -> float:
    x = curve - curve.mean()
    square = float(x @ x)
    scale = x @ centred.mean(axis=1) / square if square else 0.0
    rest = float(((centred - scale * x[:, None]) ** 2).sum())
    return left * math.log(max(rest / left, 1e-300)) + 2 * free + 2 * free * (free + 1) / (left - free - 1)
