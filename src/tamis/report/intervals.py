"""Shares, and how far chance may have moved them."""

from __future__ import annotations

import math

Z = 1.959964
"""Of the normal distribution, 95 % lie within so many standard deviations."""


def share(part: int, whole: int) -> float | None:
    """A fraction with six digits; None of nothing."""
    return round(part / whole, 6) if whole else None


def interval(part: int, whole: int) -> list[float] | None:
    """The 95 % interval of a share, two fractions with six digits; None of nothing.

    What the share may be among all documents such as these, were these drawn from them one by one. Documents of one site
    are more alike than that, so it is narrower than it should be where few sites make up a group.

    Source:
        Wilson 1927 (score interval), which stays within [0, 1] and holds for small counts.
    """
    if not whole:
        return None
    p, square = part / whole, Z * Z / whole
    middle, half = p + square / 2, Z * math.sqrt((p * (1 - p) + square / 4) / whole)
    low, high = (middle - half) / (1 + square), (middle + half) / (1 + square)
    # Rounding must not push the share itself out of its interval.
    return [0.0 if part == 0 else min(round(low, 6), round(p, 6)), 1.0 if part == whole else max(round(high, 6), round(p, 6))]
