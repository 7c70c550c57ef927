"""What a better loss means for a benchmark, and who gains, easy documents or hard ones; in plain words and tables. Computes nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tamis.ablate.said import bits, part

Table = Sequence[Sequence[str]]
QUOTED = {
    "may be quoted": "the multiplier of the loss may be quoted for it",
    "its own": "it has a multiplier of its own, and that of the loss must not be quoted",
    "undetermined": "undetermined",
}


def line_shift(found: Any) -> Iterator[str | Table]:
    """What `conclusions` says under "line_shift"; nothing where there is no curated text."""
    if found is None:
        return
    if isinstance(found, Mapping):
        yield f"Whether a multiplier of bits per byte may be quoted for a benchmark: not measurable; {_clause(found['withheld'])}"
        return
    rows = [("benchmark", "off the line of raw text", "95% interval", "its multiplier, of that of the loss", "")]
    for one in found:
        if "withheld" in one:
            yield f"Whether a multiplier of bits per byte may be quoted for {one['set']}: not measurable; {_clause(one['withheld'])}"
            continue
        factor = one["factor"]
        times = f"×{math.exp(factor['mean']):.3g} ({math.exp(factor['low']):.3g} to {math.exp(factor['high']):.3g})"
        rows.append((one["set"], *part("", one["shift"])[1:], times, QUOTED[one["label"]]))
    if len(rows) > 1:
        yield rows


def difficulty(found: Mapping[str, Any] | None, rung: str) -> Iterator[str | Table]:
    """What it says under "difficulty" of a rung."""
    if found is None:
        return
    if "withheld" in found:
        yield f"{rung}, gains by difficulty: not measurable; {_clause(found['withheld'])}"
        return
    for name, one in found.items():
        of = "documents of the target" if name == "target" else "raw documents held out" if name == "raw" else f"items of {name}"
        if "withheld" in one:
            yield f"{rung}, gains by difficulty of {of}: not measurable; {_clause(one['withheld'])}"
            continue
        rows = [(f"{rung}: {of}, by fifths of difficulty", "each", "raw", "gained", "95% interval")]
        called = ("the easiest", "second", "third", "fourth", "the hardest")
        for title, fifth in zip(called, one["fifths"], strict=True):
            rows.append((title, f"{fifth['documents']:,}", f"{fifth['loss']:.3f}", *part("", fifth["gain"])[1:]))
        yield rows
        widens = one["widens"]
        label = one["label"]
        yield f"{rung}, {of}: {label}. The hardest fifth gains {bits(widens['mean'])} more than the easiest ({bits(widens['low'])} to {bits(widens['high'])}); what is hard was told by models of other folds."


def _clause(withheld: str) -> str:
    return withheld[:1].lower() + withheld[1:] if withheld[1:2].islower() else withheld
