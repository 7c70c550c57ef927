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
    found: dict[str, Any] | None = files.read_json(place) if files.exists(place) else None
    return found


def line(verdict: Mapping[str, Any] | None) -> str | None:
    """One sentence for the head of the report: what the file holds as "line"."""
    said = verdict.get("line") if verdict else None
    return said if isinstance(said, str) else None
