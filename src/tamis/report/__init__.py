"""What a run did, for people: facts (every number) and what is drawn from them (a page, a data card; they compute nothing)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def write(out: str, manifest: Mapping[str, Any]) -> None:
    """Write report.json, report.html and README.md into a run folder whose ledger and data are complete.

    Args:
        out: the run folder, a path or URL.
        manifest: what manifest.json will hold; its timings, if any, are not looked at.
    """
    from tamis import files
    from tamis.folder import Finished
    from tamis.report import card, facts, page

    found = facts.facts(Finished(out.rstrip("/") or out, manifest))
    files.write_json(files.join(out, "report.json"), found)
    files.write_bytes(files.join(out, "report.html"), page.draw(found).encode())
    files.write_bytes(files.join(out, "README.md"), card.draw(found).encode())
