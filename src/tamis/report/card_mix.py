"""The data card's sections on what the data is made of, and what it was to be made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tamis.plan import shown_bytes
from tamis.report import card
from tamis.report.markup import number, percent, plain, plural
from tamis.report.page_mix import sentence

Fact = Mapping[str, Any]
SHOWN = 20
"""Values of an axis that the card lists; `report.html` has more."""


def sections(facts: Fact) -> Iterator[str]:
    """A section for each axis that the recipe made or balances by, and one for each stage that balances."""
    words = {one["topic"]: one["words"] for one in (facts["topics"] or {"topics": []})["topics"]}
    for axis in facts["mix"]:
        if axis["asked"] and axis["values"]:
            yield _axis(axis, words if axis["axis"] == f"{(facts['topics'] or {}).get('stage')}.topic" else {})
    for name, account in facts["balance"].items():
        yield _balance(name, account)


def _axis(axis: Fact, words: Mapping[str, list[str]]) -> str:
    unit, target = axis["measures"][-1], axis["balanced"] is not None
    told = any(words.values())
    heads = ["value", "documents", unit, "share raw", *(["target"] if target else []), "share", *(["words"] if told else [])]
    rows = []
    for row in axis["values"][:SHOWN]:
        shares = row["shares"]
        name = "none given" if row["value"] is None else card.text(row["value"]) if row["value"].strip() else "empty"
        rows.append(
            [
                name,
                number(row["kept"]["documents"]),
                _amount(row["kept"][unit], unit),
                _percent(shares["raw"]),
                *([_percent(shares["target"])] if target else []),
                _percent(shares["kept"]),
                *([card.text(" ".join(words.get(row["value"], [])))] if told else []),
            ]
        )
    left = len(axis["values"]) - SHOWN + (axis["others"]["value"] if axis["others"] else 0)
    more = f"\n{plural(left, 'other value')}: see `report.json`.\n" if left > 0 else ""
    counted = f" as {card.text(axis['tokens'])} counts them" if axis["tokens"] else ""
    said = f"What was written, copies counted; shares are of all {unit}{counted}.\n\n"
    moved = "".join(f"- {card.text(line, 400)}\n" for line in sentence(axis))
    return f"## Mix by {card.text(axis['axis'])}\n\n{said}{card.table(heads, rows)}{more}" + (f"\n{moved}" if moved else "")


def _amount(count: int, unit: str) -> str:
    return shown_bytes(count) if unit == "bytes" else number(count)


def _percent(share: float | None) -> str:
    return plain(percent(share))


def _balance(name: str, account: Fact) -> str:
    unit = account["unit"].rsplit(".", 1)[-1].replace("_", " ")
    heads = ["group", f"{unit} there", "target", "achieved", "copies", f"{unit} lacking"]
    rows = [
        [
            card.text(one["group"]),
            number(one["available"]),
            _percent(one["target_share"]),
            _percent(one["given_share"]),
            "-" if one.get("copies") is None else f"{one['copies']:.3g}",
            number(one.get("short", 0)),
        ]
        for one in account["groups"][:SHOWN]
    ]
    left = len(account["groups"]) - len(rows) + account["more_groups"]
    more = f"\n{plural(left, 'other group')}: see `report.json`.\n" if left > 0 else ""
    met = "met" if account["met"] else "not met"
    said = f"The target of {card.text(name)} was {met}: no group's share is off by more than {_percent(account['farthest'])} of all."
    return f"## Balance by {card.text(' and '.join(account['by']) or 'nothing')}\n\n{said}\n\n{card.table(heads, rows)}{more}"
