"""What `tamis ablate` prints: paragraphs, wrapped, and tables."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from tamis.ablate.tell import Table
from tamis.cli.show import table

WIDTH = 120


def page(parts: Iterable[str | Table]) -> str:
    """Paragraphs and tables under each other."""
    return "\n\n".join(_part(part) for part in parts if part)


def _part(part: str | Table) -> str:
    if isinstance(part, str):
        return textwrap.fill(part, WIDTH, break_long_words=False, break_on_hyphens=False)
    return table(part)
