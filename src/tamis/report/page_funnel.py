"""Sections of the page: the funnel by stage, who was kept by source, language and so on, the mix, scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tamis.plan import shown_bytes
from tamis.report.charts import stage_colour
from tamis.report.drawing import Drawing
from tamis.report.markup import Column, bar, code, folded, number, paragraph, percent, plain, plural, said, table

Fact = Mapping[str, Any]
TITLES = {
    "source": "By source",
    "lang": "By language",
    "license": "By licence",
    "topic": "By topic",
    "date": "By year",
    "length": "By length",
}
MIXED = ("source", "lang", "topic", "length")
"""Axes whose mix is drawn."""


def funnel(facts: Fact, drawing: Drawing) -> str:
    """Stage by stage, in documents and bytes."""
    columns = [
        Column("stage"),
        Column("of all readable documents", "bar"),
        Column("reached", "number"),
        Column("dropped", "number"),
        Column("share of what reached it", "number"),
        Column("bytes dropped", "number"),
        Column("share of bytes that reached it", "number"),
    ]
    rows = []
    for i, step in enumerate(facts["stages"], 1):
        drawn = bar(step["left_share_of_readable"], step["dropped_share_of_readable"])
        front = [f"{i} {said(step['stage'])}", drawn, number(step["reached"])]
        if step["edits"]:
            rows.append([*front, "edits", "-", "-", "-"])
        else:
            lost = shown_bytes(step["dropped_bytes"]), percent(step["dropped_bytes_share_of_reached"])
            rows.append([*front, number(step["dropped"]), percent(step["dropped_share_of_reached"]), *lost])
    documents, size = facts["documents"], facts["bytes"]
    rows.append(
        [
            "kept, and all that was dropped",
            bar(documents["kept_share_of_readable"]),
            number(documents["kept"]),
            number(documents["dropped"]),
            percent(documents["dropped_share_of_readable"]),
            shown_bytes(size["dropped"]),
            percent(size["dropped_share_of_readable"]),
        ]
    )
    key = keys([("var(--full)", "left after the stage"), ("var(--hatch)", "dropped by it")])
    described = (
        "Of the readable documents and bytes, the share left after each stage and the share it drops; the table below has the numbers."
    )
    said_of = "Of all that is readable: documents above, bytes below. "
    chart = drawing.figure("funnel", list(funnel_rows(facts)), said_of + key, described)
    caption = "Stages in order. Each drops from what reaches it; an edit rewrites text and drops nothing."
    return (chart or paragraph(key)) + table(caption, columns, rows, last="total") + _edits(facts)


def funnel_rows(facts: Fact) -> Iterator[dict[str, Any]]:
    """What `charts.funnel` draws."""
    if not facts["documents"]["readable"]:
        return
    for i, step in enumerate(facts["stages"], 1):
        if step["edits"]:
            continue
        for measure, prefix, shown in (("documents", "", number), ("bytes", "_bytes", shown_bytes)):
            left, dropped = step[f"left{prefix}_share_of_readable"] or 0, step[f"dropped{prefix}_share_of_readable"] or 0
            lost, reached = (step["dropped"], step["reached"]) if measure == "documents" else (step["dropped_bytes"], step["reached_bytes"])
            front = {"stage": f"{i} {step['stage']}", "order": i, "measure": measure}
            yield {
                **front,
                "part": "left",
                "colour": "var(--full)",
                "start": 0,
                "stop": left,
                "shown": f"{shown(reached - lost)}, {plain(percent(left))} of readable",
            }
            yield {
                **front,
                "part": "dropped",
                "colour": "var(--hatch)",
                "start": left,
                "stop": left + dropped,
                "shown": f"{shown(lost)}, {plain(percent(dropped))} of readable",
            }


def _edits(facts: Fact) -> str:
    rows = [
        (
            f"{i} {said(step['stage'])}",
            said(one["signal"]),
            number(one["documents"]),
            percent(one["documents_share_of_readable"]),
            number(one["sum"]),
        )
        for i, step in enumerate(facts["stages"], 1)
        for one in step["edited"]
        if one["documents"]
    ]
    columns = [
        Column("edit"),
        Column("what it counts"),
        Column("documents with any", "number"),
        Column("share of readable", "number"),
        Column("in all", "number"),
    ]
    return (
        folded(
            "What the edits did", table("Of each edit the counts that are not zero everywhere, over all readable documents", columns, rows)
        )
        if rows
        else ""
    )


def keys(entries: Sequence[tuple[str, str]]) -> str:
    """What the colours mean."""
    parts = (f'<span class="entry"><span class="swatch" style="background:{colour}"></span>{text}</span>' for colour, text in entries)
    return f'<span class="soft keys">{" ".join(parts)}</span>\n'


def groups(facts: Fact, drawing: Drawing) -> str:
    """For each axis, what became of the documents of each value."""
    if not facts["documents"]["readable"]:
        return ""
    stages = [step["stage"] for step in facts["stages"] if not step["edits"]]
    intro = paragraph(
        "Of the documents of each value the share that was kept, and the stage that dropped the others. The line across the border is the 95% interval "
        "of the share kept (Wilson): what it might be among all documents of this kind, were these drawn from them one by one."
    )
    key = keys([("var(--full)", "kept"), *((stage_colour(i), f"dropped by {said(name)}") for i, name in enumerate(stages))])
    return intro + (paragraph(key) if drawing.scripts else "") + "".join(_axis(axis, drawing) for axis in facts["axes"])


def _axis(axis: Fact, drawing: Drawing) -> str:
    own = f", column {code(axis['column'])}" if axis["column"] not in (None, axis["axis"]) else ""
    head = f"<h3>{TITLES[axis['axis']]}{own}</h3>\n"
    if axis["values"] is None:
        return head + paragraph("The column has over a million different values: it does not divide the documents into groups.")
    columns = [
        Column("bytes of text" if axis["axis"] == "length" else "value"),
        Column("share kept", "number"),
        Column("95% interval", "number interval"),
        Column("documents", "number"),
        Column("kept", "number"),
        Column("bytes", "number"),
        Column("bytes kept", "number"),
        Column("share of bytes kept", "number"),
    ]
    named = [(value_name(row["value"]), row) for row in axis["rows"]]
    if axis["others"]:
        named.append((plural(axis["other_values"], "other value"), axis["others"]))
    rows = [(_value(name, row["value"]), *_before_and_after(row)) for name, row in named]
    overall = f"Of all readable documents {percent(axis['overall_kept_share_of_documents'])} were kept."
    which = "The values with the most documents, " if axis["others"] else "All values, "
    caption = {"length": "Bands from short to long.", "date": "Years in order, as the dates begin with them."}.get(
        axis["axis"], f"{which}the hardest hit first."
    )
    described = (
        f"{TITLES[axis['axis']]}: share of documents kept, and dropped by each stage, with intervals; the table below has the numbers."
    )
    chart = drawing.figure("groups", list(group_rows(named)), f"{caption} {overall}", described)
    return (
        head
        + chart
        + folded(
            "Numbers", table(f"{caption} {overall} Shares are of the value's documents, and of its bytes.", columns, rows), shut=bool(chart)
        )
    )


def group_rows(named: Sequence[tuple[str, Fact]]) -> Iterator[dict[str, Any]]:
    """What `charts.groups` draws of values by name."""
    for order, (name, row) in enumerate(named):
        if not row["documents"]:
            continue
        low, high = row["kept_share_interval"]
        told = f"{number(row['kept'])} of {number(row['documents'])}, {plain(percent(row['kept_share_of_documents']))}; 95% interval {plain(percent(low))} to {plain(percent(high))}"
        at = row["kept_share_of_documents"]
        yield {
            "value": name,
            "order": order,
            "part": "kept",
            "colour": "var(--full)",
            "start": 0,
            "stop": at,
            "low": low,
            "high": high,
            "shown": told,
        }
        for i, one in enumerate(row["dropped"]):
            share = one["share_of_documents"]
            if share:
                told = f"{number(one['documents'])} of {number(row['documents'])}, {plain(percent(share))}"
                yield {
                    "value": name,
                    "order": order,
                    "part": f"dropped by {one['stage']}",
                    "colour": stage_colour(i),
                    "start": at,
                    "stop": at + share,
                    "shown": told,
                }
            at += share


def value_name(value: str | None) -> str:
    """What a value is called, if it is one."""
    if value is None:
        return "(none given)"
    return value if value.strip() else "(empty)"


def _value(name: str, value: str | None) -> str:
    return said(name) if value is not None and value.strip() else f'<span class="soft">{said(name)}</span>'


def _before_and_after(row: Fact) -> tuple[str, ...]:
    low, high = row["kept_share_interval"] or (None, None)
    return (
        percent(row["kept_share_of_documents"]),
        f"{percent(low)} to {percent(high)}" if low is not None else "-",
        number(row["documents"]),
        number(row["kept"]),
        shown_bytes(row["bytes"]),
        shown_bytes(row["kept_bytes"]),
        percent(row["kept_share_of_bytes"]),
    )


def mix(facts: Fact, drawing: Drawing) -> str:
    """The share of each value in all bytes that were readable, and in all that was kept."""
    parts = []
    for axis in facts["axes"]:
        rows = [row for row in axis["rows"] if row["bytes"]]
        if axis["axis"] not in MIXED or len(rows) < 2 or not facts["bytes"]["kept"]:
            continue
        rows = rows if axis["axis"] == "length" else sorted(rows, key=lambda row: -row["bytes"])
        points = [
            {
                "value": value_name(row["value"]),
                "order": i,
                "before": row["share_of_readable_bytes"],
                "after": row["share_of_kept_bytes"],
                "shown": _moved(row),
            }
            for i, row in enumerate(rows)
        ]
        columns = [Column("value"), Column("of readable bytes", "number"), Column("of kept bytes", "number")]
        cells = [
            (_value(value_name(row["value"]), row["value"]), percent(row["share_of_readable_bytes"]), percent(row["share_of_kept_bytes"]))
            for row in rows
        ]
        title = TITLES[axis["axis"]]
        chart = drawing.figure(
            "mix",
            points,
            "Share of all bytes: hollow before, full after",
            f"{title}: share in all bytes before and after; the table below has the numbers.",
        )
        parts.append(
            f"<h3>{title}</h3>\n{chart}"
            + folded(
                "Numbers", table("Shares of all bytes that were readable, and of all that were kept", columns, cells), shut=bool(chart)
            )
        )
    return "".join(parts)


def _moved(row: Fact) -> str:
    return f"{plain(percent(row['share_of_readable_bytes']))} of readable bytes, {plain(percent(row['share_of_kept_bytes']))} of kept bytes"


def scores(facts: Fact, drawing: Drawing) -> str:
    """What signals that score documents say of all, and of those kept."""
    parts = []
    for one in facts["scores"]:
        bins = list(zip(one["edges"], one["edges"][1:], one["documents"], one["kept"], strict=False))
        means = f"Mean of all readable documents {_number(one['mean_of_readable'])}, of those kept {_number(one['mean_of_kept'])}."
        rows = [
            {"low": low, "high": high, "documents": all_, "left": kept, "shown": f"{number(all_)}, kept {number(kept)}"}
            for low, high, all_, kept in bins
        ]
        chart = drawing.figure(
            f"bins {one['scale']}",
            rows,
            f"{means} Pale: readable; full: kept.",
            f"Histogram of {one['signal']}.",
            begin=one["edges"][0],
            end=one["edges"][-1],
        )
        cells = [(f"{low:g} to {high:g}", number(all_), number(kept)) for low, high, all_, kept in bins]
        columns = [Column("score"), Column("readable", "number"), Column("kept", "number")]
        parts.append(
            f"<h3>{said(one['signal'])}</h3>\n{chart}"
            + folded("Numbers", table(f"Documents by score. {means}", columns, cells), shut=bool(chart))
        )
    return "".join(parts)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
