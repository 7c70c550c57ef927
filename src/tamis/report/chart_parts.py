"""What charts of all kinds are made of."""

from __future__ import annotations

from typing import Any

Chart = Any
"""Of Altair, which is loaded when the first one is asked for."""


def altair() -> Any:
    """Altair."""
    import altair as alt

    return alt


def apart() -> dict[str, Any]:
    """How the labels of an axis of numbers make room for each other: those that would touch are left out, the outermost never run over the edge."""
    return {"labelOverlap": "greedy", "labelSeparation": 8, "labelFlush": True}


def open_ends(across: str = "x", **encoding: Any) -> list[Chart]:
    """Arrows where an interval goes on beyond what was measured: data has low and high, and whether each is open: below, beyond."""
    alt = altair()
    ways = (("low", "below", "left", "down"), ("high", "beyond", "right", "up"))
    colour = {} if "color" in encoding else {"color": "var(--full)"}
    # All are drawn, and those of closed ends not seen: an axis of no values at all is a warning in the browser's console.
    return [
        alt.Chart()
        .mark_point(shape=f"triangle-{aside if across == 'x' else upright}", filled=True, size=90, **colour)
        .encode(**encoding, **{across: f"{end}:Q"}, opacity=alt.condition(f"datum.{goes_on}", alt.value(1), alt.value(0)))
        for end, goes_on, aside, upright in ways
    ]


def labels(name: str, order: str, longest: int = 150) -> Any:
    """Names down the side, in the order of another column."""
    alt = altair()
    limit = alt.ExprRef(f"containerSize()[0] < 500 ? 125 : {longest}")
    return alt.Y(f"{name}:N", sort=alt.EncodingSortField(order, op="min")).axis(
        title=None, labelLimit=limit, ticks=False, domain=False, offset=6
    )
