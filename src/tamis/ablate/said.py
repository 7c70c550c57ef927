"""Numbers as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def bits(value: float) -> str:
    """Bits per byte, signed."""
    return f"{value:+.4f}" if abs(value) >= 0.00005 or not value else f"{value:+.0e}"


def part(called: str, one: Mapping[str, Any], *, minus: bool = False) -> tuple[str, str, str]:
    """A row: what it is called, an estimate, its interval."""
    if one["by_construction"]:
        return called, "0", "by construction"
    low, high = (-one["high"], -one["low"]) if minus else (one["low"], one["high"])
    return called, bits(-one["mean"] if minus else one["mean"]), f"{bits(low)} to {bits(high)}"


def worth(multiplier: Mapping[str, Any] | None) -> str:
    """A multiplier and its interval; "" where there is none."""
    if multiplier is None:
        return ""
    if multiplier["state"] == "by construction":
        return "×1, the same documents"
    if multiplier["state"] == "flat":
        return "not measurable"
    ends = [f"{multiplier[end]:.3g}" if multiplier[end] is not None else "?" for end in ("low", "high")]
    size = (
        f"×{multiplier['value']:.3g}"
        if multiplier["value"] is not None
        else f"over ×{multiplier['largest']:.3g}"
        if multiplier["state"] == "at least"
        else f"under ×{multiplier['smallest']:.3g}"
    )
    return f"{size} ({ends[0]} to {ends[1]})"
