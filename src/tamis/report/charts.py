"""Charts, as Altair makes them: of named data for pages, of frames for notebooks. They compute nothing.

Colours are those of the page ("var(--full)"), so that one drawing serves light and dark screens and paper. What a colour
means stands beside the chart, for it is said in HTML; a notebook has no such page, and `for_notebook` puts real colours in.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from tamis.report.chart_parts import Chart, altair, apart, labels
from tamis.report.charts_ablation import curve, losses, rungs, trend, worth
from tamis.report.charts_mix import steps

Spec = dict[str, Any]
COLOURS = {
    "full": "#2f6fa8", "hatch": "#b4532a", "soft": "#5a626c", "line": "#d9dde2", "ink": "#1c1f23", "track": "#e8ebef",
    "s1": "#b4532a", "s2": "#d08c1f", "s3": "#7d6bb3", "s4": "#3f8f6b", "s5": "#a8578f", "s6": "#7a7f86", "s7": "#8a6a3b", "s8": "#4a90a8",
}  # fmt: skip
"""By the names that they have in page.css, there for light and for dark."""
STAGE_COLOURS = 8
FONT = 'system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif'
SCALES = ("linear", "sqrt", "symlog")
PASSES = ("limited && least ? max(datum.low, limit) : datum.low", "limited && !least ? min(datum.high, limit) : datum.high")
"""Where the part of a bin begins and ends that meets the limit."""
TICKS = (0, 1, 3, *(digit * 10**power for power in range(1, 12) for digit in (1, 3)))
"""Of an axis on a logarithmic scale; those outside of it are not drawn."""
FAILS = ("least ? datum.low : max(datum.low, limit)", "!limited ? datum.low : least ? min(datum.high, limit) : datum.high")


def stage_colour(number: int) -> str:
    """The colour of what a stage drops, by its place among those that drop, from 0."""
    return f"var(--s{number % STAGE_COLOURS + 1})"


def funnel(data: Any) -> Chart:
    """What is left after each stage and what it drops, in documents and in bytes.

    Args:
        data: stage, order, measure ("documents", "bytes"), part, colour, start and stop (shares of all that is readable), shown.
    """
    alt = altair()
    return (
        alt.Chart(data, description="Share of readable documents and bytes left after each stage and dropped by it.")
        .mark_bar(cornerRadius=1)
        .encode(
            y=labels("stage", "order"),
            yOffset=alt.YOffset("measure:N", sort=["documents", "bytes"]),
            x=_shares("start", [0, 1]),
            x2="stop",
            color=alt.Color("colour:N", scale=None),
            opacity=alt.condition("datum.measure == 'bytes'", alt.value(0.6), alt.value(1.0)),
            tooltip=[alt.Tooltip(name) for name in ("stage:N", "part:N", "measure:N", "shown:N")],
        )
        .properties(width="container", height=alt.Step(17))
    )


def groups(data: Any) -> Chart:
    """The fate of the documents of each value: kept, or dropped by which stage; the line is the interval of the share kept.

    Args:
        data: value, order, part, colour, start and stop (shares of the value's documents), low and high (of the part kept), shown.
    """
    alt = altair()
    y = labels("value", "order")
    tooltip = [alt.Tooltip(name) for name in ("value:N", "part:N", "shown:N")]
    bars = (
        alt.Chart()
        .mark_bar(cornerRadius=1)
        .encode(y=y, x=_shares("start", [0, 1]), x2="stop", color=alt.Color("colour:N", scale=None), tooltip=tooltip)
    )
    lines = (
        alt.Chart()
        .transform_filter("isValid(datum.low)")
        .mark_rule(color="var(--ink)", strokeWidth=2)
        .encode(y=y, x=alt.X("low:Q"), x2="high", tooltip=tooltip)
    )
    ends = [
        alt.Chart()
        .transform_filter("isValid(datum.low)")
        .mark_tick(color="var(--ink)", thickness=2, size=9)
        .encode(y=y, x=alt.X(f"{end}:Q"))
        for end in ("low", "high")
    ]
    described = "Share of the documents of each value that was kept, or dropped by each stage, with the 95 % interval of the share kept."
    return alt.layer(bars, lines, *ends, data=data).properties(width="container", height=alt.Step(24), description=described)


def histogram(
    data: Any, scale: str, limit: float | None = None, *, least: bool = True, low: float = 0.0, high: float = 1.0, most: int = 1
) -> Chart:
    """A signal's values, on either side of a limit that can be moved.

    Args:
        data: low, high (of the bin), documents, left (documents that all other rules let pass), shown.
        scale: "linear", "sqrt" or "symlog".
        limit: None: a rule without one.
        least: whether what is below the limit fails, or what is above it.
        low: where the axis begins.
        high: where it ends.
        most: documents of the fullest bin.
    """
    alt = altair()
    edges = {"begin": low, "end": high, "limit": limit, "least": least, "limited": limit is not None, "most": most, "ticks": list(TICKS)}
    params = [alt.param(name=name, value=value) for name, value in edges.items()]
    options = {"constant": 1} if scale == "symlog" else {}
    x = alt.X("from:Q").scale(type=scale, domain=[alt.ExprRef("begin"), alt.ExprRef("end")], nice=False, zero=False, **options)
    ticks = (
        {"values": alt.ExprRef("ticks"), "labelExpr": "datum.value < 1000 ? datum.value : format(datum.value, '~s')"}
        if scale == "symlog"
        else {"tickCount": 5}
    )
    x = x.axis(title=None, grid=False, labelFlush=True, labelOverlap="greedy", **ticks)
    layers = []
    for colour, first, last in (("var(--full)", *PASSES), ("var(--hatch)", *FAILS)):
        side = (
            alt.Chart().transform_calculate(**{"from": first, "to": last}).transform_filter("datum.from < datum.to && datum.documents > 0")
        )
        for count, opacity in (("documents", 0.4), ("left", 1.0)):
            y = alt.Y(f"{count}:Q").scale(type="sqrt", domain=[0, alt.ExprRef("most")], nice=False).axis(title=None, tickCount=4, grid=True)
            tooltip = [alt.Tooltip("shown:N", title="documents")]
            layers.append(
                side.mark_rect(color=colour, opacity=opacity, aria=False).encode(x=x, x2="to", y=y, y2=alt.datum(0), tooltip=tooltip)
            )
    line = alt.Chart(alt.InlineData([{}])).transform_calculate(at="limit").transform_filter("limited && limit >= begin && limit <= end")
    layers.append(line.mark_rule(color="var(--ink)", strokeWidth=2, strokeDash=[4, 3]).encode(x=alt.X("at:Q")))
    return (
        alt.layer(*layers, data=data)
        .add_params(*params)
        .properties(width="container", height=130, description="Documents by the value of the signal.")
    )


def bins(data: Any, scale: str, *, low: float = 0.0, high: float = 1.0, most: int = 1) -> Chart:
    """Documents by a value.

    Args:
        data: low, high (of the bin), documents, left (some of these), shown.
        scale: "linear", "sqrt" or "symlog".
        low: where the axis begins.
        high: where it ends.
        most: documents of the fullest bin.
    """
    return histogram(data, scale, low=low, high=high, most=most)


def overlap(data: Any) -> Chart:
    """Of the documents that fail one rule, how many fail another.

    Args:
        data: rule, order, other (its number), share (of the documents of the rule), shown.
    """
    alt = altair()
    return (
        alt.Chart(data, description="Of the documents that fail the rule of the row, the share that also fails the rule of the column.")
        .mark_rect(color="var(--full)", stroke="var(--line)", strokeWidth=0.5)
        .encode(
            y=labels("rule", "order", longest=230),
            x=alt.X("other:O").axis(orient="top", labelAngle=0, title=None, labelOverlap=True),
            opacity=alt.Opacity("share:Q").scale(domain=[0, 1], range=[0, 1]).legend(None),
            tooltip=[alt.Tooltip(name) for name in ("rule:N", "with:N", "shown:N")],
        )
        .properties(width="container", height=alt.Step(20))
    )


def bars(data: Any) -> Chart:
    """Counts by name.

    Args:
        data: name, order, count, shown.
    """
    alt = altair()
    return (
        alt.Chart(data, description="Counts by name.")
        .mark_bar(color="var(--full)", cornerRadius=1)
        .encode(
            y=labels("name", "order"),
            x=alt.X("count:Q").scale(type="sqrt").axis(title=None, format="~s", tickCount=5, **apart()),
            tooltip=[alt.Tooltip(name) for name in ("name:N", "shown:N")],
        )
        .properties(width="container", height=alt.Step(22))
    )


def mix(data: Any) -> Chart:
    """The share of each value, on two sides.

    Args:
        data: value, order, before, after (shares of all bytes, or of all documents), shown.
    """
    alt = altair()
    y, tooltip = labels("value", "order"), [alt.Tooltip("value:N"), alt.Tooltip("shown:N")]
    line = alt.Chart().mark_rule(color="var(--soft)").encode(y=y, x=_shares("before"), x2="after", tooltip=tooltip)
    before = (
        alt.Chart().mark_point(color="var(--soft)", filled=False, size=60, strokeWidth=2).encode(y=y, x=alt.X("before:Q"), tooltip=tooltip)
    )
    after = alt.Chart().mark_point(color="var(--full)", filled=True, opacity=1, size=70).encode(y=y, x=alt.X("after:Q"), tooltip=tooltip)
    return alt.layer(line, before, after, data=data).properties(
        width="container", height=alt.Step(22), description="Share of each value, before and after."
    )


def _shares(name: str, domain: list[float] | None = None) -> Any:
    alt = altair()
    ticks = alt.ExprRef("containerSize()[0] < 500 ? 2 : 5")  # so that there is room for the last
    return alt.X(f"{name}:Q").scale(domain=domain or alt.Undefined).axis(title=None, format="~%", tickCount=ticks, **apart())


KINDS: dict[str, Callable[[Any], Chart]] = {
    "funnel": funnel,
    "groups": groups,
    "overlap": overlap,
    "bars": bars,
    "mix": mix,
    "worth": worth,
    "curve": curve,
    "losses": losses,
    "rungs": rungs,
    "trend": trend,
    "steps": partial(steps, target=False),
    "steps target": partial(steps, target=True),
    **{f"histogram {scale}": partial(histogram, scale=scale, limit=0.0) for scale in SCALES},
    **{f"bins {scale}": partial(bins, scale=scale) for scale in SCALES},
}
"""What a page draws: each once, over data that it is given by the name "rows"."""


def specs() -> dict[str, Spec]:
    """Every kind of chart as Vega-Lite over named data."""
    alt = altair()
    return {kind: _plain(draw(alt.NamedData("rows"))) for kind, draw in KINDS.items()}


def _plain(chart: Any) -> Spec:
    spec: Spec = chart.to_dict()
    spec.pop("$schema")  # an address; nothing fetches it, and nobody should have to wonder
    spec["background"] = "transparent"
    label, title = (
        {"labelColor": "var(--soft)", "labelFontSize": 12},
        {"titleColor": "var(--soft)", "titleFontSize": 12, "titleFontWeight": "normal"},
    )
    spec["config"] = {
        "font": FONT,
        "view": {"stroke": None},
        "axis": {**label, **title, "gridColor": "var(--line)", "domainColor": "var(--line)", "tickColor": "var(--line)"},
    }
    return spec


def for_notebook(chart: Any) -> Any:
    """The chart with real colours, at a width of its own, as Altair shows it."""
    alt = altair()
    text = json.dumps(chart.properties(width=480).to_dict())
    for name, colour in COLOURS.items():
        text = text.replace(f"var(--{name})", colour)
    return alt.Chart.from_json(text)
