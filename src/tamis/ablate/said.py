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


def headline(rung: Mapping[str, Any]) -> str:
    """Did it help: the outcome, why, and what may not be left out where it is quoted."""
    net = rung["net"]
    outcome = "cannot say" if net["outcome"] == "not testable" else net["outcome"]
    label = f" ({net['label']})" if net["label"] else ""
    said = [f"{outcome.upper()}{label}. {net['because']}", *net.get("reservations", ())]
    own = rung["parts"]["own"].get("net")
    if own and own["high"] < 0:
        less = f"{-own['mean']:.4f} bits per byte ({-own['high']:.4f} to {-own['low']:.4f})"
        said.append(f"All this is at equal tokens; with all the text that each has, raw is better by {less}.")
    return "Did it help?  " + " ".join(said)


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
