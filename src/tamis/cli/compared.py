"""What `tamis diff` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tamis.cli.answers import short, value
from tamis.cli.show import table
from tamis.plan import shown_bytes

MOST_LINES = 25
"""Kinds of change that are listed one by one."""


def diff(found: Mapping[str, Any]) -> str:
    """What differs in the recipe, how many documents have another fate, and why."""
    parts = [_recipe(found), _documents(found)]
    if found["changed"]:
        parts.append(_changed(found["changed"]))
        parts.append(f"Next: `tamis explain {found['b']} ID` says why, or --to FILE writes all of them.")
    return "\n\n".join(parts)


def _recipe(found: Mapping[str, Any]) -> str:
    if not found["recipe"]:
        return "The recipes are the same."
    return "\n".join(f"{one['place']}: {value(one['before'])} → {value(one['after'])}" for one in found["recipe"])


def _documents(found: Mapping[str, Any]) -> str:
    documents, kept = found["documents"], found["kept"]
    rows = [("", "documents", "bytes"), _row("in both", documents["both"]), _row("  same fate", documents["same"]), _row("  another fate", documents["changed"])]
    for name in ("a", "b"):
        if documents[f"only_{name}"]["documents"]:
            rows.append(_row(f"only in {found[name]}", documents[f"only_{name}"]))
    rows += [_row(f"kept by {found[name]}", kept[name]) for name in ("a", "b")]
    said = table(rows, right=(1, 2))
    return f"{said}\n\n{documents['by_text']:,} documents were recognised by their text." if documents["by_text"] else said


def _row(name: str, counts: Mapping[str, int]) -> tuple[str, str, str]:
    return name, f"{counts['documents']:,}", shown_bytes(counts["bytes"])


def _changed(groups: list[Mapping[str, Any]]) -> str:
    rows = [("change", "stage", "reason", "documents", "bytes", "for example")]
    for one in groups[:MOST_LINES]:
        rows.append((one["change"], _stage(one), short(_reason(one), 60), f"{one['documents']:,}", shown_bytes(one["bytes"]), short(", ".join(map(str, one["examples"])), 60)))
    if rest := groups[MOST_LINES:]:
        rows.append((f"({len(rest):,} more)", "", "", f"{sum(one['documents'] for one in rest):,}", shown_bytes(sum(one["bytes"] for one in rest)), ""))
    return table(rows, right=(3, 4))


def _stage(one: Mapping[str, Any]) -> str:
    if one["stage_a"] and one["stage_b"]:
        return f"{one['stage_a']} → {one['stage_b']}"
    return one["stage_a"] or one["stage_b"] or ""


def _reason(one: Mapping[str, Any]) -> str:
    if one["copies_a"] is not None:
        return f"{one['copies_a']} → {one['copies_b']}"
    return ", ".join(one["reasons_a"] or one["reasons_b"] or ())
