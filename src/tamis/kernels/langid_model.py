"""langid's model, laid out for `tamis.kernels.langid`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TOGETHER = 8
"""Rows that are added at once; their sum must not pass 16 bits."""
LINE = 32
"""Weights in a line of the cache."""
SILENT = 0xFFFF
"""The place of every state that emits no feature."""


@dataclass(frozen=True)
class Automaton:
    """A model, laid out for the walk.

    Args:
        moves: u32[rows, 256], where a byte leads from a state of this row: the next state's row in the upper 16 bits, and in the
            lower its place among the states of that row, or SILENT if it emits no feature.
        starts: i32[rows], the number of the first state of each row.
        features: i32[states], the feature that arriving emits; 0 where it emits none.
        root: the row of the state to begin in.
        weights: u16[features + 1, columns and some of 0], of each feature the log probability in every column, from its lowest on;
            the last row is of zeros.
        unit: what one of `weights` stands for.
        priors: f64[columns].
        labels: i32[columns], the label that a column counts for.
        n_labels: how many labels there are.
    """

    moves: np.ndarray
    starts: np.ndarray
    features: np.ndarray
    root: int
    weights: np.ndarray
    unit: float
    priors: np.ndarray
    labels: np.ndarray
    n_labels: int


def pack(moves: np.ndarray, rows: np.ndarray, features: np.ndarray, weights: np.ndarray, priors: np.ndarray, names: list[str]) -> Automaton:
    """Lay out a model as it is published.

    Args:
        moves: unsigned[rows · 256], the next state.
        rows: unsigned[states], the row of each state; states may share one.
        features: int[states], −1 for none.
        weights: float16[features, columns], log probabilities.
        priors: float32[columns].
        names: of the columns; columns of one name count together.

    Raises:
        ValueError: the model has more rows than can be numbered here, or finer weights.
    """
    n_rows = len(moves) // 256
    order = np.argsort(rows, kind="stable")
    starts = np.searchsorted(rows[order], np.arange(n_rows)).astype(np.int32)
    place = np.empty(len(rows), np.int64)
    place[order] = np.arange(len(rows))
    place -= starts[rows]
    if n_rows > 1 << 16 or place.max() >= SILENT:
        raise ValueError(f"{n_rows:,} rows of states")
    code = rows.astype(np.uint32) << np.uint32(16) | np.where(features < 0, SILENT, place).astype(np.uint32)
    emitted = np.maximum(features, 0)[order].astype(np.int32)
    whole, unit = _whole(weights)
    labels = list(dict.fromkeys(names))
    columns = np.array([labels.index(name) for name in names], np.int32)
    return Automaton(
        code[moves].reshape(n_rows, 256), starts, emitted, int(rows[0]), lined(whole), unit, priors.astype(np.float64), columns, len(labels)
    )


def lined(weights: np.ndarray) -> np.ndarray:
    """A copy of which each row begins with a line of the cache, and fills it: fewer are fetched, and adding has no rest to see to."""
    n, width = len(weights), -(-weights.shape[1] // LINE) * LINE
    room = np.zeros((n + 1) * width, np.uint16)
    first = -room.ctypes.data % (2 * LINE) // 2
    rows = room[first : first + n * width].reshape(n, width)
    rows[:, : weights.shape[1]] = weights
    return rows


def _whole(weights: np.ndarray) -> tuple[np.ndarray, float]:
    """The weights from the lowest of each row on, as multiples of a unit; a row of zeros after the last."""
    # As half-precision floats between 2 and 16 they are multiples of 2 ** -9; a little room for other models.
    for bits in range(9, 12):
        scaled = weights.astype(np.float32) * np.float32(1 << bits)
        above = scaled - scaled.min(axis=1, keepdims=True)
        if np.array_equal(scaled, np.rint(scaled)) and above.max() * TOGETHER <= 0xFFFF:
            return np.concatenate([above, np.zeros_like(above[:1])]).astype(np.uint16), 1 / (1 << bits)
    raise ValueError("weights that 16 bits do not hold")
