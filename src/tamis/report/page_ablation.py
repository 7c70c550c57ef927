"""The section on an ablation of the run: what each part of the recipe is worth, and everything that was said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tamis.report.charts import stage_colour
from tamis.report.drawing import Drawing
from tamis.report.markup import Column, folded, paragraph, said, table

Fact = Mapping[str, Any]
LONGEST = 2_000
NAMES = 200
FEWEST = 2
"""Sizes of GPTs of which a trend is drawn."""
OPEN = ("curated against raw, measured on", "stage")
"""Heads of the tables that answer the question; all else is for those who ask."""
COLOURED = {"raw": "var(--hatch)", "curated": "var(--full)"}
"""Arms with a colour of their own; the others take those of stages, but the first, which is that of raw text."""


def ablation(facts: Fact, drawing: Drawing) -> str:
    """Charts, the tables that answer the question, and folded all that `tamis ablate` prints beside; nothing where no ablation was run."""
    verdict = facts["verdict"]
    if not verdict or "parts" not in verdict:
        return ""
    worth = drawing.figure(
        "worth",
        list(worth_rows(verdict["worth"])),
        "How many times as much text without it buys the same loss: the recipe, then each stage and edit. 1 is nothing; the line is the 95% interval, with an arrow where it goes on beyond what was measured.",
        "Multipliers of the recipe, its stages and edits with their intervals; the tables below have the numbers.",
    )
    curve = drawing.figure(
        "curve",
        list(worth_rows([one for one in verdict["curve"] if one["value"] is not None])),
        "What curated text is worth of raw text, by how much there is of it, with the 95% interval; an arrow: it goes on beyond what was measured.",
        "The multiplier of curated against raw text at several budgets; the tables below have the numbers.",
    )
    parts = verdict["parts"]
    answers = [not isinstance(part, str) and part[0][0] in OPEN for part in parts]
    shown, more = ("".join(_part(part) for part, one in zip(parts, answers, strict=True) if one is wanted) for wanted in (True, False))
    return shown + worth + curve + _ladder(verdict, drawing) + folded("Everything that was said: parts of the gain, domains, controls, limits", more)


def _ladder(verdict: Fact, drawing: Drawing) -> str:
    """Charts of what several sizes of models say; nothing where there was one."""
    rungs = list(dict.fromkeys(one["rung"] for one in verdict.get("rungs", [])))
    colours = {rung: stage_colour(i + 1) for i, rung in enumerate(rungs)}
    drawn = drawing.figure(
        "rungs",
        [{**row, "place": rungs.index(row["rung"]), "colour": colours[row["rung"]]} for row in worth_rows(verdict.get("rungs", []))],
        f"The same by size of model, from counts of n-grams to the largest GPT. {_key(colours)}",
        "Multipliers with their intervals for each size of model; the tables below have the numbers.",
    )
    trend = verdict.get("trend", [])
    if len(trend) < FEWEST:
        trend = []
    drawn += drawing.figure(
        "trend",
        [{**one, "shown": f"×{one['value']:.3g} ({one['low']:.3g} to {one['high']:.3g})"} for one in trend],
        "What curated text is worth of raw text as GPTs grow, with the 95% interval; the dashed line is nothing. Beyond what was measured nothing is drawn.",
        "The multiplier of the recipe against the operations of a training; the tables below have the numbers.",
    )
    return (
        drawn
        + "".join(_losses(rung, verdict, drawing) for rung in dict.fromkeys(one["rung"] for one in verdict.get("losses", [])))
        + "".join(_died(one, drawing) for one in verdict.get("died", []))
    )


def _losses(rung: str, verdict: Fact, drawing: Drawing) -> str:
    rows = [one for one in verdict["losses"] if one["rung"] == rung]
    others = [arm for arm in dict.fromkeys(one["arm"] for one in rows) if arm not in COLOURED]
    colours = COLOURED | {arm: stage_colour(i + 1) for i, arm in enumerate(others)}
    shown = {arm: colours[arm] for arm in dict.fromkeys(one["arm"] for one in rows)}
    return drawing.figure(
        "losses",
        [{**one, "colour": colours[one["arm"]], "shown": f"{one['loss']:.4f} bits per byte"} for one in rows],
        f"{said(rung)}: bits per byte of what was held out, after so many tokens; lower is better. {_key(shown)}",
        f"Losses of each arm on {rung} against the tokens trained on; verdict.json has the numbers.",
    )


def _died(one: Fact, drawing: Drawing) -> str:
    rows = [
        {"arm": one["who"], "tokens": tokens, "loss": loss, "colour": "var(--hatch)", "shown": f"{loss:.2f} nats a token"}
        for tokens, loss in one["losses"]
        if tokens
    ]
    return drawing.figure(
        "losses",
        rows,
        f"{said(one['who'])} died: its loss in nats a token, as far as it was a number.",
        "The loss of a training that died.",
    )


def _key(colours: Mapping[str, str]) -> str:
    """What a colour means."""
    parts = (
        f'<span class="entry"><span class="swatch" style="background:{colour}"></span>{said(name, NAMES)}</span>'
        for name, colour in colours.items()
    )
    return f'<span class="soft keys">{" ".join(parts)}</span>'


def worth_rows(given: Sequence[Fact]) -> Iterator[dict[str, Any]]:
    """Multipliers as a chart wants them: intervals that are open end where measuring ended."""
    for order, one in enumerate(given):
        smallest, largest = one["reach"]
        low, high = (one[end] if one[end] is not None else bound for end, bound in (("low", smallest), ("high", largest)))
        value = f"×{one['value']:.3g}" if one["value"] is not None else "outside what was measured"
        shown = f"{value} ({_interval(one['low'], one['high'])}){': ' + one['outcome'] if 'outcome' in one else ''}"
        yield {
            **{key: one[key] for key in ("name", "rung", "tokens", "value") if key in one},
            "order": order,
            "low": low,
            "high": high,
            "below": one["low"] is None,
            "beyond": one["high"] is None,
            "shown": shown,
        }


def _interval(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"at least {low:.3g}" if low is not None else f"at most {high:.3g}" if high is not None else "no bounds within what was measured"
    return f"{low:.3g} to {high:.3g}"


def _part(part: str | Sequence[Sequence[str]]) -> str:
    if isinstance(part, str):
        return paragraph(said(part, LONGEST))
    head, *rows = part
    wide = [any(" to " in row[i] for row in rows) for i in range(len(head))]
    columns = [Column(said(name) if i else "", ("number interval" if wide[i] else "number") if i else "text") for i, name in enumerate(head)]
    return table(said(head[0]), columns, [[said(cell, NAMES) for cell in row] for row in rows])
