"""Excerpts of documents for a person to read: around what counts against them, with personal data masked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tamis.difference import cut_off, places
from tamis.folder import Finished
from tamis.report.counted import Counted
from tamis.report.gather import Gathered
from tamis.report.groups import LONGEST
from tamis.report.markup import cut
from tamis.report.nearest import Near
from tamis.report.texts import CURATED, Texts, Wanted
from tamis.stage import Filter

Fact = dict[str, Any]
SIDES = ("dropped", "kept")
EXCERPT = 800
"""Characters of a text that are shown."""
BEFORE = 120
"""Of these, before the first place that is marked."""
LOOKED_THROUGH = 200_000
"""Characters of a text in which marks are looked for."""
MOST_MARKS = 100
MOST_PLACES = 12
"""Places where two documents differ that are shown."""


def called(run: Finished, gathered: Gathered, counted: Mapping[str, Counted]) -> dict[int, Fact]:
    """The number of every document that is shown → address, id."""
    numbers = {near.row for one in counted.values() for side in (one.dropped, one.kept) for near in side}
    numbers |= {row for code in gathered.rules.values() for row, _ in gathered.examples(code)}
    known = np.array(sorted(numbers), np.int64)
    rows = run.ledger_at(known, ["shard", "row", "id"]).to_dicts()
    return {
        number: {"address": f"{row['shard']}:{row['row']}", "id": row.get("id")} for number, row in zip(known.tolist(), rows, strict=True)
    }


def chosen(counted: Mapping[str, Counted], called: Mapping[int, Fact]) -> dict[str, dict[str, list[Fact]]]:
    """The documents to show of each rule, still without texts: rule → side → address, id, value, fails."""
    return {
        name: {
            side: [_sample(near, called[near.row]) for near in found] for side, found in zip(SIDES, (one.dropped, one.kept), strict=True)
        }
        for name, one in counted.items()
    }


def _sample(one: Near, called: Fact) -> Fact:
    name = None if called["id"] is None else cut(called["id"], LONGEST)
    return {"address": called["address"], "id": name, "value": round(one.value, 6) if np.isfinite(one.value) else None, "fails": one.fails}


def wanted(samples: Mapping[str, Mapping[str, Sequence[Fact]]], counted: Mapping[str, Counted]) -> list[Wanted]:
    """The texts that the samples need: as the stage of the rule saw them."""
    return [(one["address"], counted[name].rule.step.name) for name, sides in samples.items() for side in SIDES for one in sides[side]]


def with_texts(
    samples: Mapping[str, Mapping[str, Sequence[Fact]]], counted: Mapping[str, Counted], texts: Texts
) -> dict[str, dict[str, list[Fact]]]:
    """The samples with their excerpts; see `excerpt`."""
    found: dict[str, dict[str, list[Fact]]] = {}
    for name, sides in samples.items():
        rule = counted[name].rule
        stage = rule.step.stage
        assert isinstance(stage, Filter)
        found[name] = {side: [] for side in SIDES}
        for side in SIDES:
            for one in sides[side]:
                text = texts.get(one["address"], rule.step.name)
                assert text is not None
                marks = stage.found(rule.parameter, text[:LOOKED_THROUGH]) if rule.parameter else []
                found[name][side].append({**one, **excerpt(text, marks)})
    return found


def excerpt(text: str, marks: Sequence[tuple[int, int]]) -> Fact:
    """A part of a text.

    Args:
        text: the whole.
        marks: (first character, the one after the last) of what is to be marked, ascending.

    Returns:
        text; marks in it; before, after: characters left out on either side.
    """
    start = max(0, marks[0][0] - BEFORE) if marks and marks[0][1] > EXCERPT else 0
    stop = min(len(text), start + EXCERPT)
    inside = [[max(a, start) - start, min(b, stop) - start] for a, b in marks if a < stop and b > start]
    return {"text": text[start:stop], "marks": inside[:MOST_MARKS], "before": start, "after": len(text) - stop}


def pairs_wanted(duplicates: Sequence[Fact]) -> list[Wanted]:
    """The texts of the pairs of duplicates that are shown."""
    pairs = [pair for one in duplicates for order in ("largest_pairs", "doubtful_pairs") for pair in one[order]]
    return [(pair[side], CURATED) for pair in pairs for side in ("partner", "address")]


def compared(duplicates: Sequence[Fact], texts: Texts) -> list[Fact]:
    """The facts on duplicates with the places where the documents of a pair differ."""
    return [
        {**one, **{order: [_compared(pair, texts) for pair in one[order]] for order in ("largest_pairs", "doubtful_pairs")}}
        for one in duplicates
    ]


def _compared(pair: Fact, texts: Texts) -> Fact:
    kept, dropped = texts.get(pair["partner"]), texts.get(pair["address"])
    assert kept is not None
    assert dropped is not None
    found = places(kept, dropped)
    shown = [dict(place._asdict()) for place in found[:MOST_PLACES]]
    same = kept == dropped
    return {
        **pair,
        "same_text": same,
        "places": shown,
        "more_places": len(found) - len(shown),
        "cut": cut_off(kept, dropped),
        "begins": kept[:200],
    }
