"""What `tamis diff` and `tamis compare-conventions` print."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote
from typing import Any

from tamis.cli.answers import value
from tamis.cli.show import counted, share, short, table
from tamis.plan import shown_bytes

MOST_LINES = 25
"""Kinds of change that are listed one by one."""
MOST_LIMITS = 3
"""Changed limits that are listed of those that depend on one column's values."""
MOST_PAIRS = 3
"""Pairs of conventions that stand beside each other as columns; more are told one a line."""
COUNTED = "A document counts under each rule that it fails, or by which it flips, whatever the other rules say: a rule may have more than all together."


def diff(found: Mapping[str, Any], to: str | None = None, html: str | None = None) -> str:
    """What differs in the recipe, how many documents have another fate, and why; and the files that were written."""
    parts = [_recipe(found), _documents(found)]
    if found["changed"]:
        parts.append(_changed(found["changed"]))
    written = [(to, counted(found["documents"]["changed"]["documents"], "document"))] if to else []
    written += [(html, "the comparison as a page")] if html else []
    parts += [table(written)] if written else []
    if found["changed"]:
        more = "" if to else ", or --to FILE writes all of them"
        parts.append(f"Next: `tamis explain {quote(found['b'])} ID` says why{more}.")
    return "\n\n".join(parts)


def _recipe(found: Mapping[str, Any]) -> str:
    if not found["recipe"]:
        return "The recipes are the same."
    groups: dict[str, list[str]] = {}
    for one in found["recipe"]:
        limits = ".".join(one["place"].split(".")[:3]) if one["place"].split(".")[1:2] == ["by"] else one["place"]
        groups.setdefault(limits, []).append(f"{one['place']}: {value(one['before'])} → {value(one['after'])}")
    lines = []
    for limits, said in groups.items():
        lines += said if len(said) <= MOST_LIMITS + 1 else [*said[:MOST_LIMITS], f"{limits}: {len(said) - MOST_LIMITS:,} more"]
    return "\n".join(lines)


def _documents(found: Mapping[str, Any]) -> str:
    documents, kept = found["documents"], found["kept"]
    rows = [
        ("", "documents", "bytes"),
        _row("in both", documents["both"]),
        _row("  same fate", documents["same"]),
        _row("  another fate", documents["changed"]),
    ]
    rows += [_row(f"only in {found[name]}", only) for name in ("a", "b") if (only := documents[f"only_{name}"])["documents"]]
    rows += [_row(f"kept by {found[name]}", kept[name]) for name in ("a", "b")]
    said = table(rows, right=(1, 2))
    return f"{said}\n\n{documents['by_text']:,} documents were recognised by their text." if documents["by_text"] else said


def _row(name: str, counts: Mapping[str, int]) -> tuple[str, str, str]:
    return name, f"{counts['documents']:,}", shown_bytes(counts["bytes"])


def _changed(groups: list[Mapping[str, Any]]) -> str:
    rows = [("change", "stage", "reason", "documents", "bytes", "for example")]
    rows += [
        (
            one["change"],
            _stage(one),
            short(_reason(one), 60),
            f"{one['documents']:,}",
            shown_bytes(one["bytes"]),
            short(", ".join(one["examples"]), 60),
        )
        for one in groups[:MOST_LINES]
    ]
    if rest := groups[MOST_LINES:]:
        rows.append(
            (
                f"({len(rest):,} more)",
                "",
                "",
                f"{sum(one['documents'] for one in rest):,}",
                shown_bytes(sum(one["bytes"] for one in rest)),
                "",
            )
        )
    return table(rows, right=(3, 4))


def _stage(one: Mapping[str, Any]) -> str:
    if one["stage_a"] and one["stage_b"]:
        return f"{one['stage_a']} → {one['stage_b']}"
    return one["stage_a"] or one["stage_b"] or ""


def _reason(one: Mapping[str, Any]) -> str:
    if one["copies_a"] is not None:
        return f"{one['copies_a']} → {one['copies_b']}"
    return ", ".join(one["reasons_a"] or one["reasons_b"] or ())


def conventions(found: Mapping[str, Any]) -> str:
    """Who fails what under each convention, and how many flip."""
    count = f"{counted(found['documents'], 'document')} of {counted(found['shards'], 'shard')}, {shown_bytes(found['bytes'])}"
    aside = f"; {counted(found['unreadable'], 'row')} left out that hold no text" if found["unreadable"] else ""
    return "\n\n".join([f"{count + aside}\n{COUNTED}", *(_stage_conventions(one, found["documents"]) for one in found["stages"])])


def _stage_conventions(one: Mapping[str, Any], documents: int) -> str:
    flips, names = one["flips"], one["variants"]
    beside = flips if len(flips) <= MOST_PAIRS else []
    rows = [("fails", *names, *(_pair(flip) for flip in beside))]
    for rule, by in one["failed"].items():
        rows.append((rule, *(f"{by[name]:,}" for name in names), *(f"{flip['by_rule'][rule]:,}" for flip in beside)))
    last = list(one["failed"])[-1]
    rows.append(
        (
            "of all",
            *(share(one["failed"][last][name], documents) for name in names),
            *(share(flip["by_rule"][last], documents) for flip in beside),
        )
    )
    said = f"{one['stage']}\n{table(rows, right=range(1, len(rows[0])))}"
    if beside:
        return said
    lines = [("flip", "documents", "of all", "most by, other rules aside")]
    for flip in flips:
        rules = {rule: documents for rule, documents in flip["by_rule"].items() if rule != last}
        most = max(rules, key=lambda rule: rules[rule], default="")
        lines.append(
            (
                _pair(flip),
                f"{flip['by_rule'][last]:,}",
                share(flip["by_rule"][last], documents),
                f"{most}, {rules[most]:,}" if rules.get(most) else "",
            )
        )
    return f"{said}\n\n{table(lines, right=(1, 2))}"


def _pair(flip: Mapping[str, Any]) -> str:
    return " ↔ ".join(flip["between"])
