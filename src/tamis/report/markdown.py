"""Draw the facts as a page of Markdown, for a terminal, an issue or a log of experiments: report.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tamis.plan import shown_bytes
from tamis.report import verdict
from tamis.report.card import funnel, listed, table, text
from tamis.report.markup import lead, number, percent, plain, plural

Fact = Mapping[str, Any]
SHOWN_RULES = 15
SHOWN_GROUPS = 3


def draw(facts: Fact) -> str:
    """The summary, as Markdown in UTF-8."""
    line = verdict.line(facts["verdict"])
    parts = [f"# {text(facts['recipe']['name'])}\n", f"{plain(lead(facts))}\n", *([f"{text(line, 2_000)}\n"] if line else [])]
    if facts["warnings"]:
        parts.append("## Look at this first\n\n" + listed(text(warning, 2_000) for warning in facts["warnings"]))
    parts += [funnel(facts), _rules(facts), _groups(facts)]
    parts.append(f"`report.html` shows all of it, `report.json` has every number; drawn by tamis {text(facts['tamis'])}.\n")
    return "\n".join(part for part in parts if part)


def _rules(facts: Fact) -> str:
    """The rules that alone decide most, and those that decide nothing."""
    rules = [(step["stage"], rule) for step in facts["stages"] for rule in step["rules"]]
    fired = sorted((pair for pair in rules if pair[1]["failed"]), key=lambda pair: -pair[1]["only"])
    rows = [
        [
            f"{text(stage)}: {text(rule['reason'])}",
            number(rule["failed"]),
            number(rule["only"]),
            plain(percent(rule["only_share_of_readable"])),
            shown_bytes(rule["only_bytes"]),
        ]
        for stage, rule in fired[:SHOWN_RULES]
    ]
    never = [f"{text(stage)}: {text(rule['reason'])}" for stage, rule in rules if not rule["failed"]]
    said = f"\nNever fired: {'; '.join(never)}.\n" if never else ""
    if not rows:
        return said
    return "## Rules\n\n" + table(["rule", "fail it", "fail nothing else", "share of readable", "their bytes"], rows) + said


def _groups(facts: Fact) -> str:
    lines = [line for axis in facts["axes"] for line in _hardest_hit(axis)]
    return "## Who lost most\n\n" + table(["group", "kept", "of documents", "95% interval"], lines) if lines else ""


def _hardest_hit(axis: Fact) -> Iterator[list[str]]:
    rows = [row for row in axis["rows"] if row["documents"]]
    if len(rows) < 2:
        return
    for row in sorted(rows, key=lambda row: (row["kept_share_of_documents"], -row["documents"], str(row["value"])))[:SHOWN_GROUPS]:
        low, high = row["kept_share_interval"]
        name = "none given" if row["value"] is None else text(row["value"]) if row["value"].strip() else "empty"
        yield [
            f"{axis['axis']} {name}",
            plain(percent(row["kept_share_of_documents"])),
            plural(row["documents"], "document"),
            f"{plain(percent(low))} to {plain(percent(high))}",
        ]
