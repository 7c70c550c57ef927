"""Deal things of different sizes to piles that shall weigh the same."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels._jit import aligned, i64, kernel, reads, writes


def deal(sizes: np.ndarray, piles: int) -> np.ndarray:
    """Give each thing in turn to the lightest pile, the first of equals.

    Args:
        sizes: i64[n], in the order in which they are dealt; the largest first leave the piles most equal.
        piles: at least 1.

    Returns:
        i64[n], the pile of each.
    """
    given = np.empty(len(sizes), np.int64)
    _deal(aligned(sizes, np.int64), np.zeros(piles, np.int64), given)
    return given


@kernel(reads(i64), writes(i64), writes(i64))
def _deal(sizes, weights, given):
    for i in range(len(sizes)):
        lightest = 0
        for pile in range(1, len(weights)):
            if weights[pile] < weights[lightest]:
                lightest = pile
        weights[lightest] += sizes[i]
        given[i] = lightest
