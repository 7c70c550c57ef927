"""Two runs compared, as a page: what changed in the recipe, the funnel, the mix and the fates of documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from tamis.folder import Finished
from tamis.plan import shown_bytes
from tamis.report.drawing import NO_CHARTS, Drawing, data, whole
from tamis.report.gather import gather
from tamis.report.groups import AXES, Groups, band_names
from tamis.report.intervals import share
from tamis.report.markup import Column, code, folded, items, number, paragraph, percent, plain, plural, said, section, table
from tamis.report.page_funnel import TITLES, value_name

Fact = Mapping[str, Any]
SHOWN_VALUES = 12
SHOWN_CHANGES = 100
SIDES = ("a", "b")


def facts(a: Finished, b: Finished, found: Fact) -> dict[str, Any]:
    """What `diff.diff` found, and of both runs the funnel and the mix of what they keep.

    Returns:
        The keys of `found`; funnel: stage, and of a and b (null: not in that run) dropped, dropped_bytes and their shares of
        readable; mix: axis, and for the values with most kept bytes those bytes and their share of all kept bytes in a and in b.
    """
    return {**found, "funnel": _funnel(a, b), "mix": list(_mix(a, b))}


def _funnel(a: Finished, b: Finished) -> list[dict[str, Any]]:
    steps = [{step["stage"]: step for step in run.manifest["funnel"] if not step["edits"]} for run in (a, b)]
    counts = [run.manifest["counts"] for run in (a, b)]
    return [
        {"stage": name, **{side: _dropped(one.get(name), count) for side, one, count in zip(SIDES, steps, counts, strict=True)}}
        for name in dict.fromkeys((*steps[0], *steps[1]))
    ]


def _dropped(step: Fact | None, counts: Fact) -> dict[str, Any] | None:
    if step is None:
        return None
    return {
        "dropped": step["dropped"],
        "dropped_share_of_readable": share(step["dropped"], counts["readable"]),
        "dropped_bytes": step["dropped_bytes"],
        "dropped_bytes_share_of_readable": share(step["dropped_bytes"], counts["bytes"]),
    }


def _mix(a: Finished, b: Finished) -> Iterator[dict[str, Any]]:
    groups = [gather(run).groups for run in (a, b)]
    totals = [run.manifest["counts"]["kept_bytes"] for run in (a, b)]
    for axis in (*AXES, "length"):
        sides = [one.get(axis, Groups()) for one in groups]
        if not all(side.parts for side in sides) or any(side.too_many for side in sides):
            continue
        kept = [{row["value"]: row["kept_bytes"] for row in side.whole(()).iter_rows(named=True)} for side in sides]
        bands = {str(i): name for i, name in enumerate(band_names())}
        values = list(bands) if axis == "length" else _most_kept(kept)
        rows = [
            {
                "value": bands[str(value)] if axis == "length" else value,
                **{f"kept_bytes_{side}": one.get(value, 0) for side, one in zip(SIDES, kept, strict=True)},
                **{
                    f"share_of_kept_bytes_{side}": share(one.get(value, 0), whole)
                    for side, one, whole in zip(SIDES, kept, totals, strict=True)
                },
            }
            for value in values
        ]
        yield {"axis": axis, "rows": rows}


def _most_kept(kept: Sequence[Mapping[str | None, int]]) -> list[str | None]:
    values = {value for one in kept for value in one}
    return sorted(values, key=lambda value: (-max(one.get(value, 0) for one in kept), value is None, value or ""))[:SHOWN_VALUES]


def draw(found: Fact) -> str:
    """The page, as HTML in UTF-8."""
    drawing = Drawing()
    parts = [
        ("recipe", "What changed in the recipe", _recipe(found)),
        ("documents", "How many documents have another fate", _documents(found)),
        ("funnel", "What each stage drops", _stages(found, drawing)),
        ("mix", "The mix of what is kept", _mixes(found, drawing)),
        ("flipped", "Documents of another fate", _flipped(found)),
    ]
    shown = [(anchor, title, html) for anchor, title, html in parts if html]
    links = items(f'<a href="#{anchor}">{title}</a>' for anchor, title, _ in shown)
    a, b, documents = found["a"], found["b"], found["documents"]
    lead = f"{number(documents['changed']['documents'])} of {plural(documents['both']['documents'], 'document')} in both have another fate."
    body = (
        f'<header>\n<h1>{said(a)} and {said(b)}</h1>\n<p class="lead">{lead}</p>\n<p class="soft">A is {code(a, 400)}, B is {code(b, 400)}.</p>\n'
        f'<nav aria-label="Contents">{links}</nav>\n</header>\n<main>\n{"" if drawing.scripts else NO_CHARTS}'
        + "".join(section(*one) for one in shown)
        + "</main>\n<footer>Drawn by <code>tamis diff --html</code>; its numbers are those of <code>tamis diff --json</code> and stand in this page as JSON "
        "(<code>facts</code>).</footer>\n" + data("facts", found)
    )
    return whole(f"{a} and {b}: two runs of tamis compared", body, drawing)


def _recipe(found: Fact) -> str:
    if not found["recipe"]:
        return paragraph("The recipes are the same.")
    columns = [Column("parameter"), Column("A"), Column("B")]
    rows = [(code(one["place"], 400), code(_value(one["before"]), 400), code(_value(one["after"]), 400)) for one in found["recipe"]]
    return table("What is other in B; null is off", columns, rows)


def _value(given: Any) -> str:
    return (
        given
        if isinstance(given, str)
        else str(yaml.safe_dump(given, default_flow_style=True, allow_unicode=True, width=10_000)).removesuffix("\n...\n").strip()
    )


def _documents(found: Fact) -> str:
    documents, kept = found["documents"], found["kept"]
    rows = [("in both", documents["both"]), ("same fate", documents["same"]), ("another fate", documents["changed"])]
    rows += [(f"only in {side.upper()}", documents[f"only_{side}"]) for side in SIDES]
    rows += [(f"kept by {side.upper()}", kept[side]) for side in SIDES]
    cells = [(name, number(one["documents"]), shown_bytes(one["bytes"])) for name, one in rows]
    by_text = f" {plural(documents['by_text'], 'document')} recognised by the text." if documents["by_text"] else ""
    return table(
        f"Documents are the same by shard and row, else by their text.{by_text}",
        [Column(""), Column("documents", "number"), Column("bytes", "number")],
        cells,
    )


def _stages(found: Fact, drawing: Drawing) -> str:
    rows, points = [], []
    for i, step in enumerate(found["funnel"]):
        a, b = step["a"], step["b"]
        cells = [
            cell
            for one in (a, b)
            for cell in (
                (number(one["dropped"]), percent(one["dropped_share_of_readable"]), shown_bytes(one["dropped_bytes"]))
                if one
                else ("-", "-", "-")
            )
        ]
        rows.append((said(step["stage"]), *cells))
        shares = [one["dropped_share_of_readable"] or 0 if one else 0 for one in (a, b)]
        points.append(
            {
                "value": step["stage"],
                "order": i,
                "before": shares[0],
                "after": shares[1],
                "shown": f"A {plain(percent(shares[0]))}, B {plain(percent(shares[1]))} of readable",
            }
        )
    columns = [Column("stage")]
    for side in ("A", "B"):
        columns += [
            Column(f"dropped, {side}", "number"),
            Column(f"share of readable, {side}", "number"),
            Column(f"bytes dropped, {side}", "number"),
        ]
    chart = drawing.figure(
        "mix",
        points,
        "Dropped documents, as a share of readable ones: hollow A, full B",
        "Share of readable documents that each stage drops in A and in B.",
    )
    return chart + table("A dash: the stage is not in that run", columns, rows) if rows else ""


def _mixes(found: Fact, drawing: Drawing) -> str:
    parts = []
    for axis in found["mix"]:
        title = TITLES[axis["axis"]]
        named = [(value_name(row["value"]), row, [row[f"share_of_kept_bytes_{side}"] for side in SIDES]) for row in axis["rows"]]
        points = [
            {
                "value": name,
                "order": i,
                "before": a or 0,
                "after": b or 0,
                "shown": f"A {plain(percent(a))}, B {plain(percent(b))} of kept bytes",
            }
            for i, (name, _, (a, b)) in enumerate(named)
        ]
        columns = [
            Column("value"),
            Column("bytes kept, A", "number"),
            Column("share, A", "number"),
            Column("bytes kept, B", "number"),
            Column("share, B", "number"),
        ]
        rows = [
            (said(name), shown_bytes(row["kept_bytes_a"]), percent(a), shown_bytes(row["kept_bytes_b"]), percent(b))
            for name, row, (a, b) in named
        ]
        chart = drawing.figure(
            "mix", points, "Share of all kept bytes: hollow A, full B", f"{title}: share of all kept bytes in A and in B."
        )
        parts.append(
            f"<h3>{title}</h3>\n{chart}"
            + folded("Numbers", table("Shares of all bytes that the run keeps", columns, rows), shut=bool(chart))
        )
    return "".join(parts)


def _flipped(found: Fact) -> str:
    changed = found["changed"]
    if not changed:
        return paragraph("None.")
    columns = [
        Column("change"),
        Column("in A"),
        Column("in B"),
        Column("documents", "number"),
        Column("bytes", "number"),
        Column("for example"),
    ]
    rows = [
        (
            said(one["change"]),
            *(_verdict(one, side) for side in SIDES),
            number(one["documents"]),
            shown_bytes(one["bytes"]),
            ", ".join(code(name, 60) for name in one["examples"]),
        )
        for one in changed[:SHOWN_CHANGES]
    ]
    more = changed[SHOWN_CHANGES:]
    left = f" {plural(len(more), 'rarer change')} of {plural(sum(one['documents'] for one in more), 'document')} not shown." if more else ""
    return table(
        f"Equal changes together, by kind, most documents first; with the reason before and after.{left}", columns, rows, kind="difference"
    )


def _verdict(one: Fact, side: str) -> str:
    stage, reasons, copies = one[f"stage_{side}"], one[f"reasons_{side}"], one[f"copies_{side}"]
    if stage is None:
        return "kept" if copies is None else f"{number(copies)} copies"
    return f"{said(stage)}{': ' if reasons else ''}{said(', '.join(reasons or ()), 200)}"
