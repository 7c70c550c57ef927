"""Charts of ablations, see `charts`: what text is worth, by stage, by budget and by size of model; losses by tokens."""

from __future__ import annotations

from typing import Any

from tamis.report.chart_parts import Chart, altair, apart, labels, open_ends


def worth(data: Any) -> Chart:
    """How many times as much text each part of a recipe is worth, with its interval; 1 is nothing.

    Args:
        data: name, order, value (null: outside what was measured), low, high (cut to what was measured), below, beyond (whether they
            were), shown.
    """
    alt = altair()
    y, tooltip = labels("name", "order"), [alt.Tooltip("name:N"), alt.Tooltip("shown:N")]
    scale = alt.Scale(type="log", nice=False, padding=8)
    axis = alt.Axis(title=None, format="~g", tickCount=5, **apart())
    nothing = alt.Chart().mark_rule(color="var(--soft)", strokeDash=[4, 3]).encode(x=alt.datum(1))
    line = (
        alt.Chart()
        .mark_rule(color="var(--full)", strokeWidth=2)
        .encode(y=y, x=alt.X("low:Q", scale=scale, axis=axis), x2="high", tooltip=tooltip)
    )
    point = (
        alt.Chart()
        .mark_point(color="var(--full)", filled=True, opacity=1, size=70)
        .encode(y=y, x=alt.X("value:Q", scale=scale), tooltip=tooltip)
    )
    return alt.layer(nothing, line, point, *open_ends(y=y, tooltip=tooltip), data=data).properties(
        width="container", height=alt.Step(26), description="Multipliers with their intervals; 1 is nothing."
    )


def curve(data: Any) -> Chart:
    """What curated text is worth of raw text, by how much of it there is.

    Args:
        data: tokens, value (null: outside what was measured), low, high (cut to what was measured), below, beyond (whether they were),
            shown.
    """
    alt = altair()
    # A tick at each budget: those that a logarithmic scale chooses are labelled or not by a rule of its own.
    budgets = {"values": alt.ExprRef("pluck(data('rows'), 'tokens')"), "format": ".3~s"}
    x = alt.X("tokens:Q").scale(type="log", nice=False, padding=12).axis(title="tokens of curated text", **budgets, **apart())
    tooltip = [alt.Tooltip("tokens:Q", format=","), alt.Tooltip("shown:N")]
    band = (
        alt.Chart()
        .mark_area(color="var(--full)", opacity=0.2)
        .encode(x=x, y=alt.Y("low:Q").scale(zero=False).axis(title=None, format="~g"), y2="high")
    )
    line = alt.Chart().mark_line(color="var(--full)", point=True).encode(x=x, y=alt.Y("value:Q"), tooltip=tooltip)
    return alt.layer(band, line, *open_ends("y", x=x, tooltip=tooltip), data=data).properties(
        width="container", height=180, description="Multiplier of curated against raw text by the tokens of curated text."
    )


def losses(data: Any) -> Chart:
    """Losses of arms by the tokens that were trained on.

    Args:
        data: tokens (above 0), loss, arm, colour, shown.
    """
    alt = altair()
    x = alt.X("tokens:Q").scale(type="log", nice=False, padding=12).axis(title="tokens", labelExpr="format(datum.value, '~s')", tickCount=4, **apart())
    y = alt.Y("loss:Q").scale(zero=False).axis(title=None, format=".3~g", tickCount=5)
    chart = alt.Chart(data, description="Losses by tokens.").properties(width="container", height=200)
    same = {"color": alt.Color("colour:N", scale=None), "tooltip": [alt.Tooltip(name) for name in ("arm:N", "tokens:Q", "shown:N")]}
    return chart.mark_line(point=alt.OverlayMarkDef(size=45)).encode(x=x, y=y, detail="arm:N", **same)


def rungs(data: Any) -> Chart:
    """Multipliers with their intervals, one below the other for each size of model.

    Args:
        data: name, order, rung, place (of the rung), colour, value (null: outside what was measured), low, high, below, beyond, shown.
    """
    alt = altair()
    place = {"y": labels("name", "order"), "yOffset": alt.YOffset("rung:N", sort=alt.EncodingSortField("place", op="min"))}
    same = {"color": alt.Color("colour:N", scale=None), "tooltip": [alt.Tooltip(name) for name in ("name:N", "rung:N", "shown:N")]}
    scale, axis = alt.Scale(type="log", nice=False, padding=8), alt.Axis(title=None, format="~g", tickCount=5, **apart())
    nothing = alt.Chart().mark_rule(color="var(--soft)", strokeDash=[4, 3]).encode(x=alt.datum(1))
    line = alt.Chart().mark_rule(strokeWidth=2).encode(**place, **same, x=alt.X("low:Q", scale=scale, axis=axis), x2="high")
    point = alt.Chart().mark_point(filled=True, opacity=1, size=55).encode(**place, **same, x=alt.X("value:Q", scale=scale))
    return alt.layer(nothing, line, point, *open_ends(**place, **same), data=data, description="Multipliers by size of model.").properties(
        width="container", height=alt.Step(13)
    )


def trend(data: Any) -> Chart:
    """A multiplier by the operations of a training.

    Args:
        data: rung, operations, value, low, high, shown.
    """
    alt = altair()
    title, tooltip = "floating-point operations of a training", [alt.Tooltip("rung:N"), alt.Tooltip("shown:N")]
    x = alt.X("operations:Q").scale(type="log", nice=False, padding=20).axis(title=title, labelExpr="format(datum.value, '.1e')", tickCount=3, **apart())
    y = alt.Y("low:Q").scale(type="log", nice=False, padding=8).axis(title=None, format="~g", tickCount=4)
    nothing = alt.Chart().mark_rule(color="var(--soft)", strokeDash=[4, 3]).encode(y=alt.datum(1))
    rule = alt.Chart().mark_rule(color="var(--full)", strokeWidth=2).encode(x=x, y=y, y2="high", tooltip=tooltip)
    line = alt.Chart().mark_line(color="var(--full)", point=True).encode(x=x, y="value:Q", tooltip=tooltip)
    return alt.layer(nothing, rule, line, data=data, description="The multiplier by training.").properties(width="container", height=160)
