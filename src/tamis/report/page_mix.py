"""The section on what the corpus is made of: each axis raw, after every stage, as it should be and as it is; targets; topics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tamis.plan import shown_bytes
from tamis.report.charts import stage_colour
from tamis.report.drawing import Drawing
from tamis.report.markup import Column, code, folded, items, number, paragraph, percent, plain, plural, said, table
from tamis.report.page_funnel import keys, value_name

Fact = Mapping[str, Any]
DRAWN = 15
"""Values of a chart."""
LONGEST_NAME = 200
RAW, KEPT, TARGET = "raw", "kept", "target"


def composition(facts: Fact, drawing: Drawing) -> str:
    """Every axis that a stage of the recipe made or balances by; nothing where none does."""
    axes = "".join(_axis(axis, drawing) for axis in facts["mix"] if axis["asked"] and axis["values"])
    targets = "".join(_balance(name, account) for name, account in facts["balance"].items())
    return axes + targets + _topics(facts["topics"])


def sentence(axis: Fact) -> Iterator[str]:
    """Which filters moved the mix unasked, one plain sentence each."""
    unit = axis["measures"][-1]
    for one in axis["movers"]:
        ends = [f'"{value_name(end["value"])}" {word} most, from {plain(percent(end["before"]))} to {plain(percent(end["after"]))}'
                for word, end in (("gains", one.get("gained")), ("loses", one.get("lost"))) if end]  # fmt: skip
        yield f"{one['stage']} moves {plain(percent(one['moved']))} of the {unit} to other groups{': ' if ends else ''}{'; '.join(ends)}."


def _axis(axis: Fact, drawing: Drawing) -> str:
    unit, balanced = axis["measures"][-1], axis["balanced"]
    lines = [said(line, 400) for line in sentence(axis)]
    told = (
        paragraph("Filters that were not meant to change this mix, and changed it most:") + items(lines)
        if lines
        else paragraph(f"No filter moves 0.5% of the {unit} or more to another group.")
    )
    points = list(chart_rows(axis))
    key = keys([(stage_colour(i), f"after {said(stage)}") for i, stage in enumerate(axis["stages"])])
    signs = "hollow: raw; full: kept, copies counted; small: after each stage" + ("; bar across: target" if balanced else "")
    chart = drawing.figure(
        "steps target" if any(point["kind"] == TARGET for point in points) else "steps",
        points,
        f"Share of the {unit} of each value; {signs}. {key}",
        f"Share of {unit} of each value raw, after each stage and kept; the table below has the numbers.",
    )
    heads = [RAW, *(f"after {said(stage)}" for stage in axis["stages"]), *([TARGET] if balanced else []), KEPT]
    columns = [Column("value"), *(Column(head, "number") for head in heads)]
    cells = [[_name(name), *_shares(row["shares"], axis, balanced)] for name, row in _rows(axis)]
    shares = table(f"Shares of all {unit}{_counted(axis)}; kept is what was written, copies counted", columns, cells)
    amounts = "".join(
        folded(f"The same in {measure}", table(f"{measure.capitalize()} of each value", [*columns[: len(axis["stages"]) + 2], columns[-1]],
               [[_name(name), *_amounts(row, axis, measure)] for name, row in _rows(axis)]))
        for measure in axis["measures"] if measure != "bytes" or unit == "bytes"
    )  # fmt: skip
    return f"<h3>By {code(axis['axis'])}</h3>\n{told}{chart}{folded('Numbers', shares, shut=bool(chart))}{amounts}"


def chart_rows(axis: Fact) -> Iterator[dict[str, Any]]:
    """What `charts.steps` draws: a row for each value and moment."""
    for order, (name, row) in enumerate(_rows(axis)[:DRAWN]):
        shares = row["shares"]
        moments = [(RAW, RAW, shares["raw"], "var(--soft)")]
        moments += [("after", f"after {stage}", shares["after"][stage], stage_colour(i)) for i, stage in enumerate(axis["stages"])]
        moments += [(KEPT, KEPT, shares["kept"], "var(--full)"), (TARGET, TARGET, shares["target"], "var(--ink)")]
        for kind, moment, at, colour in moments:
            if at is not None:
                shown = f"{moment}: {plain(percent(at))}"
                yield {"value": name, "order": order, "kind": kind, "at": at, "from": shares["raw"], "colour": colour, "shown": shown}


def _rows(axis: Fact) -> list[tuple[str, Fact]]:
    rows = [(value_name(row["value"]), row) for row in axis["values"]]
    return [*rows, *([(plural(axis["others"]["value"], "other value"), axis["others"])] if axis["others"] else [])]


def _name(name: str) -> str:
    return said(name, LONGEST_NAME)


def _counted(axis: Fact) -> str:
    return f", as {code(axis['tokens'])} counts them" if axis["tokens"] else ""


def _shares(shares: Fact, axis: Fact, balanced: str | None) -> list[str]:
    target = [percent(shares["target"])] if balanced else []
    return [percent(shares["raw"]), *(percent(shares["after"][stage]) for stage in axis["stages"]), *target, percent(shares["kept"])]


def _amounts(row: Fact, axis: Fact, measure: str) -> list[str]:
    shown = shown_bytes if measure == "bytes" else number
    return [shown(one[measure]) for one in (row["raw"], *(row["after"][stage] for stage in axis["stages"]), row["kept"])]


def _balance(name: str, account: Fact) -> str:
    """The targets of a stage, and what became of them."""
    unit = account["unit"].rsplit(".", 1)[-1].replace("_", " ")
    heads = ("there", "share", "target", "achieved", "copies", "lacking")
    columns = [Column(" × ".join(map(said, account["by"])) or "group"), *(Column(head, "number") for head in heads)]
    cells = [
        (
            _name(one["group"]),
            number(one["available"]),
            percent(one["share"]),
            percent(one["target_share"]),
            percent(one["given_share"]),
            "-" if one.get("copies") is None else f"{one['copies']:.3g}",
            number(one["short"]) if one.get("short") else "",
        )
        for one in account["groups"]
    ]
    more = f" {plural(account['more_groups'], 'smaller group')} are not listed." if account["more_groups"] else ""
    budget = f" of a budget of {number(round(account['budget']))}" if account["budget"] else ""
    met = "The target is met" if account["met"] else "The target cannot be met"
    text = (
        f"{met}: {number(account['given'])} {said(unit)} were given{budget}, {number(account['available'])} were there; no group's share is off its target "
        f"by more than {percent(account['farthest'])} of all. A document is given {account['max_copies']} times at most.{more}"
    )
    warnings = items(said(warning, 2_000) for warning in account["warnings"]) if account["warnings"] else ""
    caption = f"What {said(name)} was asked for and gave, in {said(unit)}; copies: how often a group's text is given on average"
    return f"<h3>Targets of {said(name)}</h3>\n{paragraph(text)}{warnings}{table(caption, columns, cells)}"


def _topics(found: Fact | None) -> str:
    """Each topic with its words and its most central documents."""
    if not found or not found["topics"]:
        return ""
    columns = [Column("topic"), Column("documents", "number"), Column("kept", "number"), Column("words")]
    cells = [
        (_name(one["topic"]), number(one["documents"]), number(one["kept"]), said(" ".join(one["words"]), LONGEST_NAME))
        for one in found["topics"]
    ]
    without = f" {plural(found['without'], 'document')} without a topic." if found["without"] else ""
    central = "".join(
        f"<h4>{_name(one['topic'])}</h4>\n{items(map(_central, one['central']))}" for one in found["topics"] if one["central"]
    )
    told = "Of each topic the documents of the greatest confidence, among those that samples are taken from."
    caption = f"The largest topics of {said(found['stage'])}.{without}"
    return f"<h3>Topics</h3>\n{table(caption, columns, cells)}{folded('Their most central documents', paragraph(told) + central)}"


def _central(one: Fact) -> str:
    return code(one["address"], 120) + (f' <span class="soft">{said(one["begins"], 400)}</span>' if one["begins"] else "")
