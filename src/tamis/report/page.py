"""Draw the facts as one HTML file that needs no network: its head, its frame, and what came in."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from tamis.plan import shown_bytes
from tamis.report import page_ablation, page_documents, page_funnel, page_mix, page_rules, verdict
from tamis.report.drawing import NO_CHARTS, Drawing, whole
from tamis.report.markup import (
    Column,
    code,
    folded,
    items,
    lead,
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
SHOWN_STAGES = 3
SHOWN_RECIPE = 20_000
LONGEST_WARNING = 2_000


def draw(facts: Fact, drawing: Drawing | None = None) -> str:
    """The page, as HTML in UTF-8."""
    name, drawing = facts["recipe"]["name"], drawing or Drawing()
    parts = [
        ("funnel", "Where the documents went", page_funnel.funnel(facts, drawing)),
        ("ablation", "Did it help?", page_ablation.ablation(facts, drawing)),
        ("groups", "Who was kept", page_funnel.groups(facts, drawing)),
        ("mix", "The mix before and after", page_funnel.mix(facts, drawing)),
        ("composition", "What it is made of, stage by stage", page_mix.composition(facts, drawing)),
        ("scores", "Scores before and after", page_funnel.scores(facts, drawing)),
        ("rules", "What each rule did, and would do", page_rules.rules(facts, drawing)),
        ("pairs", "Rules that fail together", page_rules.together(facts, drawing)),
        ("samples", "Just dropped, just kept", page_documents.samples(facts)),
        ("duplicates", "Duplicates", page_documents.duplicates(facts, drawing)),
        ("examples", "Documents to look at", page_documents.examples(facts)),
        ("input", "Input and recipe", _input(facts)),
    ]
    shown = [(anchor, title, html) for anchor, title, html in parts if html]
    links = items(f'<a href="#{anchor}">{title}</a>' for anchor, title, _ in shown)
    sections = "".join(section(anchor, title, html) for anchor, title, html in shown)
    body = (
        f'<header>\n<h1>{said(name)}</h1>\n<p class="lead">{lead(facts)}</p>\n{_verdict(facts)}{_why(facts)}{_head(facts)}{_beside(facts)}'
        f'<nav aria-label="Contents">{links}</nav>\n</header>\n'
        f"<main>\n{_problems(facts)}{'' if drawing.scripts else NO_CHARTS}{sections}</main>\n{_foot(facts)}"
    )
    return whole(f"{name}: report of a run of tamis", body, drawing)


def _verdict(facts: Fact) -> str:
    line = verdict.line(facts["verdict"])
    return f'<p class="verdict">{said(line, LONGEST_WARNING)}</p>\n' if line else ""


def _why(facts: Fact) -> str:
    """The stages that dropped most, and what they mostly said."""
    stages = sorted((step for step in facts["stages"] if step["dropped"]), key=lambda step: -step["dropped"])
    parts = []
    for step in stages[:SHOWN_STAGES]:
        fired = sorted((rule for rule in step["rules"] if rule["failed"]), key=lambda rule: -rule["failed"])
        mostly = f" ({'mostly ' if len(fired) > 1 else ''}{said(fired[0]['reason'])})" if fired else ""
        parts.append(f"{said(step['stage'])} {number(step['dropped'])}{mostly}")
    return f"<p>Dropped most: {'; '.join(parts)}.</p>\n" if parts else ""


def _head(facts: Fact) -> str:
    """What came in and what came out."""
    documents, size, words, tokens = facts["documents"], facts["bytes"], facts["words"], facts["tokens"]
    rows = [("documents", number(documents["readable"]), number(documents["kept"]), percent(documents["kept_share_of_readable"]))]
    if words:
        rows.append(("words", number(words["readable"]), number(words["kept"]), percent(words["kept_share_of_readable"])))
    rows.append(("bytes of text", shown_bytes(size["readable"]), shown_bytes(size["kept"]), percent(size["kept_share_of_readable"])))
    rows.append(("tokens, estimated", number(tokens["readable"]), number(tokens["kept"]), percent(size["kept_share_of_readable"])))
    columns = [Column(""), Column("readable", "number"), Column("kept", "number"), Column("share kept", "number")]
    counted = f" Words are those of {code(words['signal'])}." if words else ""
    caption = (
        f"What came in, and what came out. Bytes are of the text in UTF-8 as it was read, before edits.{counted} "
        f"Tokens are estimated at {tokens['bytes_per_token']} bytes each, about right for English."
    )
    return table(caption, columns, rows)


def _beside(facts: Fact) -> str:
    documents, timings = facts["documents"], facts.get("timings")
    lines = [f"Read from {plural(documents['files'], 'file')} with {plural(documents['input'], 'document')}."]
    if documents["quarantined"]:
        lines.append(f"{plural(documents['quarantined'], 'document')} could not be read and lie in quarantine, not counted here.")
    if documents["written"] != documents["kept"]:
        lines.append(f"The curated shards have {plural(documents['written'], 'row')}, because some documents are repeated.")
    if timings and timings["seconds"]:
        speed = timings["mb_per_second"]
        rate = f", {speed:.{0 if speed >= 10 else 1}f} MB of text a second" if speed else ""
        more = ", with signals that an earlier run had measured" if timings.get("reused") else rate
        lines.append(f"It took {timings['seconds']['all']:.1f} s{more}.")
    return f'<p class="soft">{" ".join(lines)}</p>\n'


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
        files = facts["unreadable_files"]
        rows = [(said(name, LONGEST_WARNING), said(problem, LONGEST_WARNING)) for name, problem in [*files.items()][:SHOWN_FILES]]
        more = f"; {number(len(files) - SHOWN_FILES)} more are in report.json" if len(files) > SHOWN_FILES else ""
        parts.append(table(f"Files that could not be read{more}", [Column("file"), Column("problem")], rows))
    return f'<section class="note" aria-labelledby="problems-title">\n<h2 id="problems-title">Look at this first</h2>\n{"".join(parts)}</section>\n'


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
    seconds = (facts.get("timings") or {}).get("seconds") or {}
    timed = (
        table(
            "Seconds by phase; the report itself not counted",
            [Column("phase"), Column("seconds", "number")],
            [(said(name), f"{value:,.1f}") for name, value in seconds.items()],
        )
        if seconds
        else ""
    )
    return (
        (table(caption, columns, rows) if rows else "")
        + timed
        + f"<h3>Versions</h3>\n<dl>\n{listed}</dl>\n<h3>Recipe</h3>\n"
        + folded("Every parameter, defaults too", (paragraph(shortened + clipped) if shortened or clipped else "") + pre)
    )


def _foot(facts: Fact) -> str:
    return f"<footer>Drawn by tamis {said(facts['tamis'])} from <code>report.json</code>, which has every number of this page.</footer>\n"
