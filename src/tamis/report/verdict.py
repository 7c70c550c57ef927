"""The verdict of an ablation that was run on these data: the line at the head of a report, and its own section.

`tamis ablate OUT` leaves `verdict.json` in the run folder, see `tamis.ablate.tell.for_report`, and draws the report again with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tamis import files

PLACE = "verdict.json"


def read(out: str) -> dict[str, Any] | None:
    """What the file holds; None where no ablation was run."""
    place = files.join(out, PLACE)
    found = files.read_json(place) if files.exists(place) else None
    return found if isinstance(found, dict) else None


def line(verdict: Mapping[str, Any] | None) -> str | None:
    """One sentence for the head of the report: what the file holds as "line". A section of its own belongs into `page.draw`, beside the others."""
    said = verdict.get("line") if verdict else None
    return said if isinstance(said, str) else None
