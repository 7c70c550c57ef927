"""Sections of the page: documents just dropped and just kept, duplicates side by side, and addresses to look at."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from tamis.explain import shown
from tamis.report.drawing import Drawing
from tamis.report.markup import Column, code, folded, number, paragraph, plural, said, table, visible

Fact = Mapping[str, Any]


def samples(facts: Fact) -> str:
    """Of every rule the documents nearest to its limit, with what counts against them."""
    told = facts["samples"]
    if told["missing"]:
        return paragraph(f"No text is shown, for it could not be read again: {said(told['missing'], 400)}")
    if not told["each_side"]:
        return ""
    parts = [_samples(f"{i} {step['stage']}", rule) for i, step in enumerate(facts["stages"], 1) for rule in step["rules"]]
    if not any(parts):
        return ""
    where = (
        "all documents"
        if told["documents"] == facts["documents"]["readable"]
        else f"{plural(told['documents'], 'document')} at the beginnings of {told['chunks']} of {number(told['of_chunks'])} parts of the corpus, "
        "drawn by a hash"
    )
    masked = (
        "E-mail and IP addresses, telephone, card and bank account numbers are masked."
        if told["masked"]
        else "Personal data is <em>not</em> masked."
    )
    intro = paragraph(
        f"For each rule, of {where}, up to {told['each_side']} that it dropped and as many that it let pass and that were kept, nearest to the limit first; "
        f"those that fail nothing else before others. The text is as the stage saw it. What counts against it is marked where it can be found. {masked}"
    )
    search = (
        '<p class="search" hidden><label for="search">Search in the samples</label> <input type="search" id="search"> '
        '<span id="found" class="soft" aria-live="polite"></span></p>\n'
    )
    return intro + search + "".join(parts)


def _samples(stage: str, rule: Fact) -> str:
    sides = {side: rule["samples"][side] for side in ("dropped", "kept")}
    if not any(sides.values()):
        return ""
    columns = "".join(
        f"<div><h4>just {side}</h4>\n{''.join(_sample(one, rule['limit']) for one in found) or paragraph('none')}</div>\n"
        for side, found in sides.items()
    )
    count = " and ".join(f"{len(found)} {side}" for side, found in sides.items() if found)
    summary = f'{said(rule["reason"])} <span class="soft">({said(stage)}; {count})</span>'
    return f'<details class="samples"><summary>{summary}</summary>\n<div class="sides">{columns}</div></details>\n'


def _sample(one: Fact, limit: Fact | None) -> str:
    value = f" <b>{shown(one['value'])}</b>" if one["value"] is not None and limit else ""
    must = f" must be at {'least' if limit['least'] else 'most'} {shown(limit['now'])}" if limit and limit["now"] is not None else ""
    fails = f"; fails {plural(one['fails'], 'rule')}" if one["fails"] > 1 else ""
    name = f"{said(one['id'])} " if one["id"] is not None else ""
    head = f'{name}{code(one["address"], 400)}{";" if value else ""}{value}<span class="soft">{must if value else ""}{fails}</span>'
    return f'<article class="sample"><p>{head}</p>\n{_text(one)}</article>\n'


def _text(one: Fact) -> str:
    text, at, parts = one["text"], 0, []
    for start, stop in one["marks"]:
        parts += [_shown(text[at:start]), f"<mark>{_shown(text[start:stop])}</mark>"]
        at = stop
    parts.append(_shown(text[at:]))
    before = f'<span class="cut">{number(one["before"])} characters before</span>\n' if one["before"] else ""
    after = f'\n<span class="cut">{number(one["after"])} characters after</span>' if one["after"] else ""
    whole = "".join(parts) or '<span class="cut">no text</span>'
    return f'<div class="excerpt" tabindex="0" dir="auto">{before}{whole}{after}</div>\n'


def _shown(text: str) -> str:
    return escape(visible(text, "\n\t"))


def duplicates(facts: Fact, drawing: Drawing) -> str:
    """Sizes of clusters, similarities, and pairs side by side."""
    return "".join(_duplicates(one, facts, drawing) for one in facts["duplicates"])


def _duplicates(one: Fact, facts: Fact, drawing: Drawing) -> str:
    clusters = "" if one["clusters"] is None else f" from {plural(one['clusters'], 'cluster')}"
    left_out = facts["not_compared"].get(one["stage"])
    not_compared = f" It did not compare {plural(left_out, 'pair')}, in groups of too many documents that share much." if left_out else ""
    parts = [f"<h3>{said(one['stage'])}</h3>\n", paragraph(f"It dropped {plural(one['removed'], 'document')}{clusters}.{not_compared}")]
    counted = (
        [("clusters", "clusters"), ("removed", "documents dropped")] if one["clusters"] is not None else [("removed", "documents dropped")]
    )
    key, title = counted[0]
    rows = [
        {"name": _band(band), "order": i, "count": band[key], "shown": f"{number(band[key])} {title}"}
        for i, band in enumerate(one["sizes"])
    ]
    chart = drawing.figure(
        "bars",
        rows,
        f"Documents in a cluster, and how many {title}; square-root scale",
        f"{title} by size of cluster; the table below has the numbers.",
    )
    columns = [Column("documents in a cluster"), *(Column(title, "number") for _, title in counted)]
    cells = [(_band(band), *(number(band[key]) for key, _ in counted)) for band in one["sizes"]]
    largest = [(number(size["size"]), *(number(size[key]) for key, _ in counted)) for size in one["largest"]]
    tables = table("Clusters by size", columns, cells) + table("The largest sizes", columns, largest)
    parts += [chart, folded("Numbers", tables, shut=bool(chart)), _similarity(one, drawing)]
    for order, title in (("largest_pairs", "The largest clusters"), ("doubtful_pairs", "The most doubtful")):
        if one[order]:
            parts.append(f"<h4>{title}</h4>\n" + paragraph(_said_of[order]) + "".join(_pair(pair) for pair in one[order]))
    return "".join(parts)


_said_of = {
    "largest_pairs": "Of each, the document that is least like the one it was dropped for.",
    "doubtful_pairs": "Of each cluster the least alike pair, the least alike of all first.",
}


def _band(band: Fact) -> str:
    return number(band["least"]) if band["least"] == band["most"] else f"{number(band['least'])} to {number(band['most'])}"


def _similarity(one: Fact, drawing: Drawing) -> str:
    if not one["similarity"]:
        return ""
    edges, documents = one["similarity"]["edges"], one["similarity"]["documents"]
    bins = list(zip(edges, edges[1:], documents, strict=False))
    rows = [
        {"low": low, "high": high, "documents": count, "left": count, "shown": f"{number(count)}, {low:g} to {high:g}"}
        for low, high, count in bins
        if count
    ]
    caption = "Similarity of dropped documents with the one that stayed; square-root scale"
    chart = drawing.figure(
        "bins linear", rows, caption, "Histogram of similarities; the table below has the numbers.", begin=edges[0], end=1.0
    )
    columns = [Column("similarity"), Column("documents dropped", "number")]
    cells = [(f"{low:g} to {high:g}", number(count)) for low, high, count in bins]
    return chart + folded("Numbers", table("Dropped documents by similarity with the one that stayed", columns, cells), shut=bool(chart))


def _pair(pair: Fact) -> str:
    similar = "" if pair["similarity"] is None else f", similarity {pair['similarity']:.3f}"
    summary = f'{plural(pair["cluster_size"], "document")}{similar}: <q class="soft">{said(" ".join(pair["begins"].split()), 60)}</q>'
    if pair["same_text"] or not pair["places"]:
        content = paragraph("The same text." if pair["same_text"] else "The same words; only white space differs.")
    else:
        rows = [(number(place["word"]), _words(place, "gone", "del"), _words(place, "come", "ins")) for place in pair["places"]]
        more = f" {plural(pair['more_places'], 'more place')} not shown." if pair["more_places"] else ""
        cut = " Only the first words of long texts are compared." if pair["cut"] else ""
        columns = [Column("word"), Column(f"kept: {code(pair['partner'], 400)}"), Column(f"dropped: {code(pair['address'], 400)}")]
        content = table(f"Where they differ.{more}{cut}", columns, rows, kind="difference")
    return folded(summary, content)


def _words(place: Fact, which: str, tag: str) -> str:
    changed = f"<{tag}>{_shown(place[which])}</{tag}>" if place[which] else '<span class="soft">∅</span>'
    return f'<span class="soft">{_shown(place["before"])}</span> {changed} <span class="soft">{_shown(place["after"])}</span>'


def examples(facts: Fact) -> str:
    """Addresses of documents that fail each rule."""
    columns = [Column("rule"), Column("documents"), Column("id"), Column("rules it fails", "number")]
    parts = []
    for i, step in enumerate(facts["stages"], 1):
        rows = [
            (said(rule["reason"]), code(one["address"], 400), _id(one["id"]), number(one["fails"]))
            for rule in step["rules"]
            for one in rule["examples"]
        ]
        if rows:
            caption = "Up to five documents that fail each rule, drawn by a hash of their address"
            parts.append(folded(f"{i} {said(step['stage'])}", table(caption, columns, rows)))
    if not parts:
        return ""
    text = "<code>tamis explain OUT ADDRESS</code>, OUT being the folder of this page, shows every signal of a document beside its limits; an id does as well as an address."
    return paragraph(text) + "".join(parts)


def _id(value: str | None) -> str:
    if value is None:
        return '<span class="soft">none given</span>'
    return said(value) if value.strip() else '<span class="soft">empty</span>'
