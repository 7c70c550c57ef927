"""What charts of all kinds are made of."""

from __future__ import annotations

from typing import Any

Chart = Any
"""Of Altair, which is loaded when the first one is asked for."""


def altair() -> Any:
    """Altair."""
    import altair as alt

    return alt


def labels(name: str, order: str, longest: int = 150) -> Any:
    """Names down the side, in the order of another column."""
    alt = altair()
    limit = alt.ExprRef(f"containerSize()[0] < 500 ? 105 : {longest}")
    return alt.Y(f"{name}:N", sort=alt.EncodingSortField(order, op="min")).axis(
        title=None, labelLimit=limit, ticks=False, domain=False, offset=6
    )
