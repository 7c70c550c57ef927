"""What a run did, for people: facts (every number) and what is drawn from them (a page, Markdown, a data card; they compute nothing)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tamis.folder import Finished
    from tamis.plan import Plan
    from tamis.report.facts import Show

FILES = ("report.json", "report.html", "report.md", "README.md")
"""What `write` writes."""


def write(run: Finished, show: Show | None = None, plan: Plan | None = None, *, workers: int | None = None) -> None:
    """Write `FILES` into a run folder whose ledger and data are complete.

    Args:
        run: with what manifest.json will hold, or holds; `timings` of the report are its seconds, mb_per_second and reused.
        show: what of the documents themselves is shown; None: three masked texts on either side of each rule.
        plan: of the run, if it is at hand; None: it is made again where texts are to be read.
        workers: side by side.
    """
    from tamis.report.facts import facts

    draw(run, facts(run, show, plan, workers=workers))


def draw(run: Finished, found: dict[str, Any]) -> None:
    """Write `FILES` from the facts, which take the timings in."""
    from tamis import files
    from tamis.report import card, markdown, page

    drawn = {"README.md": card.draw(found), "report.md": markdown.draw(found)}
    found["timings"] = {
        "seconds": dict(run.manifest.get("seconds") or {}),
        "mb_per_second": run.manifest.get("mb_per_second"),
        "reused": run.manifest.get("reused", False),
    }
    files.write_json(files.join(run.out, "report.json"), found)
    drawn["report.html"] = page.draw(found)
    for name, text in drawn.items():
        files.write_bytes(files.join(run.out, name), text.encode())
