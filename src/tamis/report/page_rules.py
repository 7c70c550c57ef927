"""Sections of the page: every rule with its histogram and its slider, and which rules fail together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tamis.explain import shown
from tamis.plan import shown_bytes
from tamis.report.drawing import Drawing
from tamis.report.markup import Column, bar, code, folded, number, paragraph, percent, plural, said, table

Fact = Mapping[str, Any]
MOST_CARDS = 4
"""Limits of a stage that are drawn at once, those that alone decide most; the others are folded."""
MOST_DECIDING = 8


def rules(facts: Fact, drawing: Drawing) -> str:
    """The rules that decide most; then for each stage a table of its rules, and its limits, those first that matter most."""
    intro = paragraph(
        "<em>Failed</em> counts every document that a rule is against, whichever stage dropped it. <em>Only this rule</em> counts "
        "those that fail nothing else: what would come back without the rule, but for what a stage that compares documents would then "
        "drop. Such a stage judges only the documents that reach it."
    )
    drawing.sliders |= {"readable": {"documents": facts["documents"]["readable"], "bytes": facts["bytes"]["readable"]}, "rules": {}}
    parts = [_stage(i, step, facts, drawing) for i, step in enumerate(facts["stages"], 1) if step["rules"]]
    return intro + _deciding(facts) + _how(facts, drawing) + "".join(parts) if parts else ""


def _deciding(facts: Fact) -> str:
    """Over all stages: what would come back first. Nothing where the one table of the one stage says it."""
    found = [(i, step, rule) for i, step in enumerate(facts["stages"], 1) for rule in step["rules"] if rule["only"]]
    if len({i for i, _, _ in found}) < 2:
        return ""
    most = sorted(found, key=lambda one: -one[2]["only"])[:MOST_DECIDING]
    columns = [Column("rule"), Column("stage"), Column("failed", "number"), Column("only this rule", "number"), Column("their bytes", "number")]
    rows = [
        (said(rule["reason"]), f'<a href="#stage-{i}">{i} {said(step["stage"])}</a>', number(rule["failed"]), number(rule["only"]), shown_bytes(rule["only_bytes"]))
        for i, step, rule in most
    ]
    return table("Rules that decide most: documents that would be kept but for this one rule", columns, rows)


def _how(facts: Fact, drawing: Drawing) -> str:
    limits = [rule["limit"] for step in facts["stages"] for rule in step["rules"] if rule["limit"]]
    if not any(limit["histogram"] for limit in limits):
        return ""
    colours = (
        "Blue bars meet the limit, rust ones do not; the full part of a bar is what all other rules on single documents let pass, so that this rule alone "
        "decides. Heights are on a square-root scale, and values on one where small ones need room. "
    )
    return paragraph(
        (colours if drawing.scripts else "")
        + "Move a slider to see what another limit would keep, all other rules on single documents unchanged. Stages that "
        "compare documents then choose among these: <code>tamis what-if</code> says how."
    )


def _stage(number_: int, step: Fact, facts: Fact, drawing: Drawing) -> str:
    columns = [
        Column("rule"),
        Column("failed, of readable", "bar"),
        Column("failed", "number"),
        Column("share of readable", "number"),
        Column("only this rule", "number"),
        Column("share of readable", "number"),
        Column("their bytes", "number"),
        Column("remark"),
    ]
    rows = [
        (
            said(rule["reason"]),
            bar(failed=rule["failed_share_of_readable"]),
            number(rule["failed"]),
            percent(rule["failed_share_of_readable"]),
            number(rule["only"]),
            percent(rule["only_share_of_readable"]),
            shown_bytes(rule["only_bytes"]),
            _remark(rule),
        )
        for rule in sorted(step["rules"], key=lambda rule: -rule["failed"])
    ]
    caption = f"Rules of stage {number_}; shares of {plural(facts['documents']['readable'], 'readable document')}"
    return f'<h3 id="stage-{number_}">{number_} {said(step["stage"])}</h3>\n{table(caption, columns, rows)}{_cards(number_, step, drawing)}'


def _cards(number_: int, step: Fact, drawing: Drawing) -> str:
    """The limits of a stage: those that alone decide most at once, the others when they are asked for."""
    drawn = [(i, rule) for i, rule in enumerate(step["rules"], 1) if rule["limit"] and rule["limit"]["histogram"]]
    drawn.sort(key=lambda one: (-one[1]["only"], -one[1]["failed"]))
    cards = [_card(f"rule-{number_}-{i}", rule, drawing) for i, rule in drawn]
    first, others = (f'<div class="rules">\n{"".join(some)}</div>\n' if some else "" for some in (cards[:MOST_CARDS], cards[MOST_CARDS:]))
    if not others:
        return first
    names = ", ".join(said(rule["reason"]) for _, rule in drawn[MOST_CARDS:])
    return first + folded(f"{plural(len(cards) - MOST_CARDS, 'more limit')}: {names}", others)


def _remark(rule: Fact) -> str:
    note, limit = rule["note"], rule["limit"]
    if note and note["fires"] == "cannot":
        return "can never fire"
    if not rule["failed"]:
        if note and note["extreme"] is not None and limit:
            return f"never fired: the {'smallest' if limit['least'] else 'largest'} value is {shown(note['extreme'])}"
        return "never fired"
    if note and note["fires"] == "always":
        return "fires nearly always"
    return "" if rule["only"] else "never alone"


def _card(name: str, rule: Fact, drawing: Drawing) -> str:
    limit = rule["limit"]
    signal, must = code(limit["signal"], 200), f"must be at {'least' if limit['least'] else 'most'} {shown(limit['now'])}"
    if limit["now"] is None:
        must = "has limits for some documents only"
    aside = f" Not measurable for {number(limit['not_measurable'])}." if limit["not_measurable"] else ""
    caption = f"{signal} {must}; {plural(limit['judged'], 'document')} judged.{aside}"
    chart = _histogram(rule, caption, drawing)
    slider = _slider(name, rule, drawing) if limit["moved"] else ""
    numbers = folded("Numbers", _numbers(limit["histogram"]))
    return f'<article class="rule"><h4>{said(rule["reason"])}</h4>\n{chart or paragraph(caption)}{slider}{numbers}</article>\n'


def _bins(histogram: Fact) -> Iterator[tuple[float, float, int, int]]:
    edges = histogram["edges"]
    yield from zip(edges, edges[1:], histogram["documents"], histogram["left_to_this_rule"], strict=False)


def _histogram(rule: Fact, caption: str, drawing: Drawing) -> str:
    limit = rule["limit"]
    histogram = limit["histogram"]
    rows = [
        {
            "low": low,
            "high": high,
            "documents": documents,
            "left": left,
            "shown": f"{number(documents)}, of which {number(left)} are left to this rule; {_between(low, high, histogram)}",
        }
        for low, high, documents, left in _bins(histogram)
        if documents
    ]
    now, edges = limit["now"], histogram["edges"]
    # A limit on whole numbers is drawn behind the bin of the largest that meets it.
    drawn = None if now is None else now + (1 if histogram["whole"] and not limit["least"] else 0)
    begin, end = edges[0], edges[-1]
    if drawn is not None and (histogram["scale"] == "symlog" or begin - (end - begin) <= drawn <= end + (end - begin)):
        begin, end = min(begin, drawn), max(end, drawn)
    described = f"Histogram of {limit['signal']} with its limit; the numbers are in the table below."
    params = {
        "begin": begin,
        "end": end,
        "limited": now is not None,
        "least": limit["least"],
        **({} if drawn is None else {"limit": drawn}),
    }
    return drawing.figure(f"histogram {histogram['scale']}", rows, caption, described, **params)


def _between(low: float, high: float, histogram: Fact) -> str:
    if histogram["whole"]:
        return f"{low:,.0f}" if high - low == 1 else f"{low:,.0f} to {high - 1:,.0f}"
    return f"{low:g} to {high:g}"


def _numbers(histogram: Fact) -> str:
    columns = [Column("value"), Column("documents", "number"), Column("left to this rule", "number")]
    rows = [
        (_between(low, high, histogram), number(documents), number(left)) for low, high, documents, left in _bins(histogram) if documents
    ]
    return table("Documents by value, and those of them that all other rules on single documents let pass", columns, rows)


def _slider(name: str, rule: Fact, drawing: Drawing) -> str:
    limit = rule["limit"]
    moved = limit["moved"]
    chart = drawing.last() if drawing.scripts else None
    drawing.sliders["rules"][name] = {
        **moved, "now": limit["now"], "place": limit["place"], "least": limit["least"], "whole": limit["histogram"]["whole"], "chart": chart
    }  # fmt: skip
    at = moved["limits"].index(limit["now"])
    least = "at least" if limit["least"] else "at most"
    return (
        f'<div class="slider" id="{name}" hidden>\n<label for="{name}-range">{least} <b class="limit"></b></label> '
        f'<button type="button">back</button>\n'
        f'<input type="range" id="{name}-range" min="0" max="{len(moved["limits"]) - 1}" step="1" value="{at}">\n'
        f'<output for="{name}-range" hidden><span>pass all rules: <b class="others"></b></span> <span class="change"></span> '
        '<span>meet this one: <b class="alone"></b></span></output>\n<p class="soft"><code></code></p>\n</div>\n'
    )


def together(facts: Fact, drawing: Drawing) -> str:
    """The matrix of rules that fired, and the most frequent pairs."""
    pairs, overlap = facts["pairs"], facts["overlap"]
    if not pairs:
        return ""
    names = [f"{i} {one['reason']}" for i, one in enumerate(overlap["rules"], 1)]
    rows = [
        {
            "rule": names[i],
            "order": i,
            "other": j + 1,
            "with": names[j],
            "share": both / line[i],
            "shown": f"{number(both)} of {number(line[i])}",
        }
        for i, line in enumerate(overlap["both"])
        for j, both in enumerate(line)
    ]
    caption = "Of the documents that fail the rule of the row, how many fail the rule of the column too: the fuller, the more. Columns have the numbers of the rows."
    chart = drawing.figure("overlap", rows, caption, "Which rules fail together; the tables below have the numbers.")
    columns = [Column("rule"), *(Column(str(i + 1), "number") for i in range(len(names)))]
    cells = [(said(name), *(number(both) for both in line)) for name, line in zip(names, overlap["both"], strict=True)]
    matrix = folded("Numbers", table("Documents that fail both rules; on the diagonal, that fail the one", columns, cells), shut=True)
    return chart + matrix + _pairs(pairs)


def _pairs(pairs: list[Fact]) -> str:
    columns = [Column("rule"), Column("and rule"), Column("fail both", "number"), Column("of the rarer one's documents", "number")]
    rows = [(_rule(pair["a"]), _rule(pair["b"]), number(pair["both"]), percent(pair["both_share_of_rarer"])) for pair in pairs]
    return table("The most frequent pairs. A rarer rule that nearly always fails with another adds little to it.", columns, rows)


def _rule(rule: Fact) -> str:
    return f'{said(rule["reason"])} <span class="soft">({said(rule["stage"])})</span>'
