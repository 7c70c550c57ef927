"""What `tamis ablate` prints: paragraphs, wrapped, and tables; and what it leaves for the report of the run that it is about."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from tamis import files, folder, report
from tamis.ablate.experiment import Told
from tamis.ablate.tell import Table, for_report
from tamis.cli.show import table
from tamis.report.verdict import PLACE

WIDTH = 120


def page(parts: Iterable[str | Table]) -> str:
    """Paragraphs and tables under each other."""
    return "\n\n".join(_part(part) for part in parts if part)


def _part(part: str | Table) -> str:
    if isinstance(part, str):
        return textwrap.fill(part, WIDTH, break_long_words=False, break_on_hyphens=False)
    return table(part)


def into_report(source: Sequence[str], found: Told) -> None:
    """Draw the report of the run again, with what the ablation found at its head; shards that are no run have none."""
    if len(source) == 1 and files.exists(files.join(run := files.home(source[0]), "manifest.json")):
        files.write_json(files.join(run, PLACE), for_report(found))
        report.write(folder.opened(run))
