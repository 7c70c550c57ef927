"""What `tamis train lm` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tamis.cli.show import table
from tamis.plan import shown_bytes


def models(made: Sequence[Mapping[str, Any]], by: str | None) -> str:
    """Each model with what it was trained on and what it makes of documents that it did not see."""
    rows = [("model", "documents", "bytes", "tokens", "bits per byte", "better third", "worse third")]
    for one in made:
        held = one["held_out"]
        shown = (f"{held['bits_per_byte']:.3f}", f"up to {held['thirds'][0]:.3f}", f"from {held['thirds'][1]:.3f}")
        rows.append((one["file"], f"{one['documents']:,}", shown_bytes(one["bytes"]), f"{one['tokens']:,}", *shown))
    left = ", ".join(f"{count:,} {why}" for why, count in made[0]["left_out"].items())
    named = "{" + ", ".join(f"{one['name']}: {one['file']}" for one in made) + "}" if by else made[0]["file"]
    more = f"{{model: {named}" + (f", column: {by}" if by not in (None, "lang") else "") + "}"
    lines = [table(rows, right=(1, 2, 3, 4, 5, 6)), "", "Bits per byte are those of documents that were held out."]
    lines += [f"Left out: {left}."] if left else []
    return "\n".join([*lines, f"Next: in a recipe, perplexity: {more}"])
