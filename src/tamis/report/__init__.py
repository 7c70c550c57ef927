"""What a run did, for people: facts (numbers) and pages (they draw the facts and compute nothing)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def write(out: str, manifest: Mapping[str, Any]) -> None:
    """placeholder"""
