"""The chart of a mix, stage by stage."""

from __future__ import annotations

from typing import Any

from tamis.report.chart_parts import Chart, altair, labels


def steps(data: Any, *, target: bool) -> Chart:
    """The share of each value raw, after every stage, kept, and as it should be.

    Args:
        data: value, order, kind ("raw", "after", "kept", "target"), at (share), from (raw share), colour, shown.
        target: whether there are any; a layer of none would have no extent, of which Vega complains.
    """
    alt = altair()
    y = labels("value", "order")
    tooltip = [alt.Tooltip("value:N"), alt.Tooltip("shown:N")]
    at, colour = alt.X("at:Q").axis(title=None, format="~%", tickCount=5), alt.Color("colour:N", scale=None)

    def of(kind: str) -> Any:
        return alt.Chart().transform_filter(f"datum.kind === '{kind}'")

    def points(kind: str, **look: Any) -> Any:
        return of(kind).mark_point(opacity=1, **look).encode(y=y, x=at, color=colour, tooltip=tooltip)

    line = of("kept").mark_rule(color="var(--soft)").encode(y=y, x=alt.X("from:Q"), x2="at", tooltip=tooltip)
    layers = [
        line,
        points("raw", filled=False, size=70, strokeWidth=2),
        points("kept", filled=True, size=80),
        points("after", filled=True, size=28),
    ]
    if target:
        layers.append(of("target").mark_tick(thickness=2, size=18).encode(y=y, x=at, color=colour, tooltip=tooltip))
    return alt.layer(*layers, data=data).properties(
        width="container", height=alt.Step(24), description="Share of each value raw, after every stage, kept, and as it should be."
    )
