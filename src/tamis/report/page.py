"""Draw the facts as one HTML file that needs no network and runs no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from typing import Any

from tamis.plan import shown_bytes
from tamis.report.markup import (
    Column,
    bar,
    code,
    cut,
    folded,
    items,
    number,
    paragraph,
    percent,
    plural,
    said,
    section,
    table,
    visible,
)

Fact = Mapping[str, Any]
SHOWN_FILES = 100
SHOWN_RECIPE = 20_000
LONGEST_WARNING = 2_000
TITLES = {"source": "By source", "lang": "By language", "license": "By licence", "topic": "By topic", "length": "By length"}


def draw(facts: Fact) -> str:
    """The page, as HTML in UTF-8."""
    name = facts["recipe"]["name"]
    parts = [
        ("funnel", "Where the documents went", _funnel(facts)),
        ("rules", "What each rule did", _rules(facts)),
        ("pairs", "Rules that fail together", _pairs(facts["pairs"])),
        ("groups", "Who was kept", _groups(facts)),
        ("duplicates", "Duplicates", _duplicates(facts["duplicates"])),
        ("examples", "Documents to look at", _examples(facts)),
        ("input", "Input and recipe", _input(facts)),
    ]
    shown = [(anchor, title, html) for anchor, title, html in parts if html]
    links = items(f'<a href="#{anchor}">{title}</a>' for anchor, title, _ in shown)
    sections = "".join(section(anchor, title, html) for anchor, title, html in shown)
    # The policy forbids what escaping has made impossible already.
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(visible(cut(name)))}: report of a run of tamis</title>\n"
        f"<style>\n{resources.files('tamis.report').joinpath('page.css').read_text('utf-8')}</style>\n</head>\n<body>\n"
        f'<header>\n<h1>{said(name)}</h1>\n<p class="lead">{lead(facts)}</p>\n{_beside(facts)}'
        f'<nav aria-label="Contents">{links}</nav>\n</header>\n'
        f"<main>\n{_problems(facts)}{sections}</main>\n{_foot(facts)}</body>\n</html>\n"
    )


def lead(facts: Fact) -> str:
    """One sentence: documents and bytes, in and out."""
    documents, size = facts["documents"], facts["bytes"]
    if not documents["readable"]:
        return "The input holds no readable document."
    return (
        f"{number(documents['kept'])} of {plural(documents['readable'], 'readable document')} "
        f"{'was' if documents['kept'] == 1 else 'were'} kept ({percent(documents['kept_share_of_readable'])}), "
        f"{shown_bytes(size['kept'])} of {shown_bytes(size['readable'])} of text ({percent(size['kept_share_of_readable'])})."
    )


def _beside(facts: Fact) -> str:
    documents = facts["documents"]
    said_so = [f"Read from {plural(documents['files'], 'file')} with {plural(documents['input'], 'document')}."]
    if documents["quarantined"]:
        said_so.append(f"{plural(documents['quarantined'], 'document')} could not be read and lie in quarantine, not counted here.")
    if documents["written"] != documents["kept"]:
        said_so.append(f"The curated shards have {plural(documents['written'], 'row')}, because some documents are repeated.")
    said_so.append("Bytes are those of the text in UTF-8 as it was read, before edits.")
    return f'<p class="soft">{" ".join(said_so)}</p>\n'


def _problems(facts: Fact) -> str:
    if not (facts["warnings"] or facts["quarantine"] or facts["faults"] or facts["unreadable_files"]):
        return ""
    parts = [items(said(warning, LONGEST_WARNING) for warning in facts["warnings"])] if facts["warnings"] else []
    counted = [
        ("Documents in quarantine, by reason", "reason", "documents", facts["quarantine"]),
        ("Documents on which a stage failed; it measured null", "stage", "documents", facts["faults"]),
    ]
    for caption, what, count, found in counted:
        if found:
            rows = [(said(name, LONGEST_WARNING), number(n)) for name, n in found.items()]
            parts.append(table(caption, [Column(what), Column(count, "number")], rows))
    if facts["unreadable_files"]:
        rows = [(said(name, LONGEST_WARNING), said(problem, LONGEST_WARNING)) for name, problem in facts["unreadable_files"].items()]
        parts.append(table("Files that could not be read", [Column("file"), Column("problem")], rows))
    return f'<section class="note" aria-labelledby="problems-title">\n<h2 id="problems-title">Look at this first</h2>\n{"".join(parts)}</section>\n'


def _funnel(facts: Fact) -> str:
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
    key = '<p class="soft"><span class="key full"></span>left after the stage <span class="key hatched"></span>dropped by it</p>\n'
    return key + table(
        "Stages in order. Each drops from what reaches it; an edit rewrites text and drops nothing.", columns, rows, last="total"
    )


def _rules(facts: Fact) -> str:
    columns = [
        Column("rule"),
        Column("failed, of readable", "bar"),
        Column("failed", "number"),
        Column("share of readable", "number"),
        Column("only this rule", "number"),
        Column("share of readable", "number"),
        Column("remark"),
    ]
    parts = [
        paragraph(
            "<em>Failed</em> counts every document that a rule is against, whichever stage dropped it. <em>Only this rule</em> counts "
            "those that fail nothing else: what would come back without the rule, but for what a stage that compares documents would then "
            "drop. Such a stage judges only the documents that reach it."
        )
    ]
    for i, step in enumerate(facts["stages"], 1):
        if not step["rules"]:
            continue
        rows = [
            (
                said(rule["reason"]),
                bar(failed=rule["failed_share_of_readable"]),
                number(rule["failed"]),
                percent(rule["failed_share_of_readable"]),
                number(rule["only"]),
                percent(rule["only_share_of_readable"]),
                _remark(rule),
            )
            for rule in step["rules"]
        ]
        caption = f"Rules of stage {i}; shares of {plural(facts['documents']['readable'], 'readable document')}"
        parts.append(f"<h3>{i} {said(step['stage'])}</h3>\n{table(caption, columns, rows)}")
    return "".join(parts) if len(parts) > 1 else ""


def _remark(rule: Fact) -> str:
    if not rule["failed"]:
        return "never fired"
    return "" if rule["only"] else "never alone"


def _pairs(pairs: Sequence[Fact]) -> str:
    columns = [Column("rule"), Column("and rule"), Column("fail both", "number"), Column("of the rarer one's documents", "number")]
    rows = [(_rule(pair["a"]), _rule(pair["b"]), number(pair["both"]), percent(pair["both_share_of_rarer"])) for pair in pairs]
    caption = "The most frequent pairs. A rarer rule that nearly always fails with another adds little to it."
    return table(caption, columns, rows) if pairs else ""


def _rule(rule: Fact) -> str:
    return f'{said(rule["reason"])} <span class="soft">({said(rule["stage"])})</span>'


def _groups(facts: Fact) -> str:
    if not facts["documents"]["readable"]:
        return ""
    parts = []
    for axis in facts["axes"]:
        title = TITLES[axis["axis"]]
        own = f", column {code(axis['column'])}" if axis["column"] not in (None, axis["axis"]) else ""
        parts.append(f"<h3>{title}{own}</h3>\n{_axis(axis)}")
    return "".join(parts)


def _axis(axis: Fact) -> str:
    if axis["values"] is None:
        return paragraph("The column has over a million different values: it does not divide the documents into groups.")
    columns = [
        Column("bytes of text" if axis["axis"] == "length" else "value"),
        Column("kept, of its documents", "bar"),
        Column("share kept", "number"),
        Column("documents", "number"),
        Column("kept", "number"),
        Column("bytes", "number"),
        Column("bytes kept", "number"),
        Column("share of bytes kept", "number"),
    ]
    rows = [(_value(row["value"]), *_before_and_after(row)) for row in axis["rows"]]
    if axis["others"]:
        rows.append((f"{plural(axis['values'] - len(axis['rows']), 'other value')}", *_before_and_after(axis["others"])))
    overall = f"Of all readable documents {percent(axis['overall_kept_share_of_documents'])} were kept."
    if axis["axis"] == "length":
        return table(f"Bands from short to long. {overall}", columns, rows)
    which = "The values with the most documents, " if axis["others"] else "All values, "
    return table(f"{which}the hardest hit first. {overall}", columns, rows)


def _value(value: str | None) -> str:
    if value is None:
        return '<span class="soft">none given</span>'
    return said(value) if value.strip() else '<span class="soft">empty</span>'


def _before_and_after(row: Fact) -> tuple[str, ...]:
    return (
        bar(row["kept_share_of_documents"]),
        percent(row["kept_share_of_documents"]),
        number(row["documents"]),
        number(row["kept"]),
        shown_bytes(row["bytes"]),
        shown_bytes(row["kept_bytes"]),
        percent(row["kept_share_of_bytes"]),
    )


def _duplicates(found: Sequence[Fact]) -> str:
    parts = []
    columns = [Column("documents in a cluster"), Column("clusters", "number"), Column("documents dropped", "number")]
    for one in found:
        clusters = "" if one["clusters"] is None else f" from {plural(one['clusters'], 'cluster')}"
        rows = [
            (number(size["size"]), "not known" if size["clusters"] is None else number(size["clusters"]), number(size["removed"]))
            for size in one["largest"]
        ]
        parts.append(paragraph(f"{said(one['stage'])} dropped {plural(one['removed'], 'document')}{clusters}; one of each stayed."))
        parts.append(table("The largest clusters", columns, rows))
    return "".join(parts)


def _examples(facts: Fact) -> str:
    columns = [Column("rule"), Column("documents"), Column("id"), Column("rules it fails", "number")]
    parts = []
    for i, step in enumerate(facts["stages"], 1):
        rows = [
            (said(rule["reason"]), code(one["address"], 400), _value(one["id"]), number(one["fails"]))
            for rule in step["rules"]
            for one in rule["examples"]
        ]
        if rows:
            caption = "Up to five documents that fail each rule, drawn by a hash of their address"
            parts.append(folded(f"{i} {said(step['stage'])}", table(caption, columns, rows)))
    if not parts:
        return ""
    text = (
        "<code>tamis explain OUT ADDRESS</code>, OUT being the folder of this page, shows every signal of a document beside its limits; an id "
        "does as well as an address. No text is shown here, because personal data in it has not been masked."
    )
    return paragraph(text) + "".join(parts)


def _input(facts: Fact) -> str:
    columns = [Column("file"), Column("documents", "number"), Column("bytes", "number"), Column("SHA-256, beginning")]
    files = facts["inputs"][:SHOWN_FILES]
    rows = [(said(one["name"], 400), number(one["rows"]), shown_bytes(one["bytes"]), code(one["fingerprint"][:16])) for one in files]
    more = len(facts["inputs"]) - len(files)
    caption = "Input files" + (f"; {number(more)} more are in report.json" if more else "")
    versions = {"tamis": facts["tamis"], **facts["versions"]}
    listed = "".join(f"<dt>{said(name)}</dt><dd>{said(version)}</dd>\n" for name, version in versions.items())
    recipe = visible(facts["recipe"]["yaml"], "\n")
    shortened = " Paths are shortened to their last part." if facts["recipe"]["shortened"] else ""
    clipped = " It is cut here; recipe.yaml has all of it." if len(recipe) > SHOWN_RECIPE else ""
    pre = f"<pre><bdi>{escape(recipe[:SHOWN_RECIPE])}</bdi></pre>\n"
    return (
        (table(caption, columns, rows) if rows else "")
        + f"<h3>Versions</h3>\n<dl>\n{listed}</dl>\n<h3>Recipe</h3>\n"
        + folded("Every parameter, defaults too", (paragraph(shortened + clipped) if shortened or clipped else "") + pre)
    )


def _foot(facts: Fact) -> str:
    return f"<footer>Drawn by tamis {said(facts['tamis'])} from <code>report.json</code>, which has every number of this page.</footer>\n"
