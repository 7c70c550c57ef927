"""What `tamis mix` prints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tamis.ablate.mixing import OTHERS
from tamis.ablate.said import bits
from tamis.ablate.tell import Table
from tamis.cli.ablate import page as paragraphs


def page(found: Mapping[str, Any]) -> str:
    """A proposal, what was foreseen of it, what was measured, and the lines of a recipe."""
    return "\n\n".join([paragraphs(_parts(found)), _recipe(found)] if found["fit"]["usable"] else [paragraphs(_parts(found))])


def _parts(found: Mapping[str, Any]) -> Iterator[str | Table]:
    rows = [(found["by"], "present", "proposed", "nine in ten refits", "copies at equal size")]
    rows += [
        (one["group"], f"{one['present']:.1%}", f"{one['proposed']:.1%}", f"{one['low']:.1%} to {one['high']:.1%}", f"{one['copies']:.2g}")
        for one in found["groups"]
    ]
    yield rows
    fit, nearest, gain = found["fit"], found["nearest"], found["predicted"]["gain"]
    yield (
        f"{fit['runs']} models; of those that the regression did not see it foresees the order with a correlation of "
        f"{fit['held_back_correlation']:.2f}. It foresees {bits(gain[0])} bits per byte gained ({bits(gain[1])} to {bits(gain[2])}) on {found['target']}."
    )
    yield (
        f"The nearest mix that was trained has {nearest['apart']:.1%} of its text in other groups, and came out as number {nearest['rank']} of {fit['runs']}."
    )
    yield _measured(found["confirmed"])
    if not fit["usable"]:
        yield "NOT USABLE: the regression does not foresee runs that it did not see. More documents or more --runs may help."
    yield "Models were counts of n-grams, which cannot tell what a repeat is worth: copies are a bound that was set, and no finding."
    yield from (f"Note: {note}" for note in found["notes"])


def _measured(confirmed: Mapping[str, Any]) -> str:
    if "withheld" in confirmed:
        return f"Measured: withheld; {confirmed['withheld']}"
    gain = confirmed["gain"]
    says = "the proposal is better" if gain["low"] > 0 else "the present mix is better" if gain["high"] < 0 else "no difference is certain"
    ends = f"{bits(gain['low'])} to {bits(gain['high'])}"
    return (
        f"Measured in {gain['seeds']} folds of {confirmed['tokens']:,} tokens: {bits(gain['mean'])} bits per byte gained ({ends}); {says}."
    )


def _recipe(found: Mapping[str, Any]) -> str:
    """A line of a recipe; what it leaves of the whole goes to the groups that are too small to be told apart."""
    shares = ", ".join(f"{json.dumps(one['group'])}: {one['proposed']:.3f}" for one in found["groups"] if one["group"] != OTHERS)
    return f"- rebalance: {{by: {found['by']}, unit: bytes, target: {{{shares}}}}}"
