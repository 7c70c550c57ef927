"""The section on an ablation of the run: what each part of the recipe is worth, and everything that was said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tamis.report.drawing import Drawing
from tamis.report.markup import Column, paragraph, said, table

Fact = Mapping[str, Any]
LONGEST = 2_000
NAMES = 200


def ablation(facts: Fact, drawing: Drawing) -> str:
    """Charts, and paragraphs and tables as `tamis ablate` prints them; nothing where no ablation was run."""
    verdict = facts["verdict"]
    if not verdict or "parts" not in verdict:
        return ""
    worth = drawing.figure(
        "worth",
        list(worth_rows(verdict["worth"])),
        "How many times as much text without it buys the same loss: the recipe, then each stage and edit. 1 is nothing; the line is the 95% interval, as far as it was measured.",
        "Multipliers of the recipe, its stages and edits with their intervals; the tables below have the numbers.",
    )
    curve = drawing.figure(
        "curve",
        list(worth_rows([one for one in verdict["curve"] if one["value"] is not None])),
        "What curated text is worth of raw text, by how much there is of it, with the 95% interval.",
        "The multiplier of curated against raw text at several budgets; the tables below have the numbers.",
    )
    return worth + curve + "".join(_part(part) for part in verdict["parts"])


def worth_rows(given: Sequence[Fact]) -> Iterator[dict[str, Any]]:
    """Multipliers as a chart wants them: intervals that are open end where measuring ended."""
    for order, one in enumerate(given):
        smallest, largest = one["reach"]
        low, high = (one[end] if one[end] is not None else bound for end, bound in (("low", smallest), ("high", largest)))
        value = f"×{one['value']:.3g}" if one["value"] is not None else "outside what was measured"
        shown = f"{value} ({low:.3g} to {high:.3g}){': ' + one['outcome'] if 'outcome' in one else ''}"
        yield {**{key: one[key] for key in ("name", "tokens", "value") if key in one}, "order": order, "low": low, "high": high, "shown": shown}


def _part(part: str | Sequence[Sequence[str]]) -> str:
    if isinstance(part, str):
        return paragraph(said(part, LONGEST))
    head, *rows = part
    columns = [Column(said(name) if i else "", "number" if i else "text") for i, name in enumerate(head)]
    return table(said(head[0]), columns, [[said(cell, NAMES) for cell in row] for row in rows])
