"""Where a signal's histogram is cut, and at which other limits a rule is asked what it would keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

LIMITS = 200
"""Limits that a rule is asked about, at most; the one of the recipe is among them."""
BINS = 40
WIDE = 20
"""Values that reach beyond so many times their median are drawn on a scale that has room for the small ones."""
Scale = Literal["linear", "sqrt", "symlog"]


@dataclass(frozen=True)
class Grid:
    """Of one rule.

    Args:
        scale: on which the bins are about equally wide: "symlog" is the logarithm of 1 + x.
        edges: f64[bins + 1], ascending; a value on an edge is in the bin above it, and what lies outside in the nearest bin.
        limits: f64[at most LIMITS], ascending.
        whole: the values are whole numbers, and a bin holds those from its lower edge to below its upper one.
    """

    scale: Scale
    edges: np.ndarray
    limits: np.ndarray
    whole: bool = False


def _same(values: Any) -> Any:
    return values


WAYS: dict[Scale, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "linear": (_same, _same),
    "sqrt": (np.sqrt, np.square),
    "symlog": (np.log1p, np.expm1),
}
"""To a scale on which bins are equally wide, and back."""


def grid(values: np.ndarray, now: float | None, *, whole: bool) -> Grid:
    """Cut for some of a signal's values.

    Args:
        values: f64[n], finite.
        now: the limit of the recipe; None where the rule is no limit that can be moved.
        whole: the signal counts.
    """
    values = np.sort(values)
    known = values if now is None else np.append(values, now)
    if not len(known):
        return Grid("linear", np.array([0.0, 1.0]), np.zeros(0))
    scale = _scale(values if len(values) else known)
    edges = _edges(values if len(values) else known, scale, whole=whole)
    return Grid(scale, edges, np.zeros(0) if now is None else _limits(values, now, whole=whole), whole)


def _scale(values: np.ndarray) -> Scale:
    """Of ascending values, as everything below."""
    low, high = float(values[0]), float(values[-1])
    if low < 0 or high <= WIDE * float(values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2:
        return "linear"
    return "sqrt" if high <= 1 else "symlog"


def _edges(values: np.ndarray, scale: Scale, *, whole: bool) -> np.ndarray:
    there, back = WAYS[scale]
    low, high = float(values[0]), float(values[-1])
    edges: np.ndarray = back(np.linspace(there(low), there(high), BINS + 1))
    edges[0], edges[-1] = low, high
    if whole:  # 3 is in the bin from 3 to 4, so that every number has a bin of its own where there are few
        edges = np.unique(np.append(np.floor(edges), high + 1))
    edges = np.unique(np.array([_rounded(edge, 4) for edge in edges]))
    return edges if len(edges) > 1 else np.array([edges[0], edges[0] + (1.0 if whole else max(abs(edges[0]), 1e-6))])


def _limits(values: np.ndarray, now: float, *, whole: bool) -> np.ndarray:
    """Quantiles, values around the limit of the recipe, and values between the extremes, three significant digits each."""
    wanted = [np.linspace(0.0, 2 * now, 61)]
    if len(values):
        quantiles = values[np.around((len(values) - 1) * np.linspace(0, 1, 80)).astype(np.int64)]
        wanted += [quantiles, np.linspace(values[0], values[-1], 40)]
    rounded = [np.round(part) if whole else part for part in wanted]
    found = np.unique([_rounded(value, 3) for value in np.concatenate(rounded)])
    found = found[np.abs(found) < 1e15]
    if len(found) > LIMITS - 1:
        found = found[np.unique(np.linspace(0, len(found) - 1, LIMITS - 1).round().astype(np.int64))]
    return np.unique(np.append(found, now))


def _rounded(value: float, digits: int) -> float:
    """So many significant digits, but no more than six behind the point, so that it reads as a number everywhere."""
    return round(float(f"{value:.{digits}g}"), 6) + 0.0
