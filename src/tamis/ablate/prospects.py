"""Before anything is trained: what each stage could gain, beside the smallest gain that these folds can find.

The noise of a fold's difference was measured on another corpus with the model of rung 0, so what is said here is rough; after the trainings
the detectable effect is computed from their own spread.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tamis.ablate.prepare import Prepared
from tamis.ablate.statistics import detectable_effect

TOKENS = (100_000, 400_000, 1_000_000, 4_000_000)
SPREAD = (0.104, 0.053, 0.036, 0.022)
"""Standard deviation of a fold's difference of two arms of disjoint documents, bits per byte, by tokens (123 million tokens of English)."""
SLOPE = (0.28, 0.21, 0.16, 0.12)
"""-dL/d ln D there."""


def prospects(made: Prepared) -> list[dict[str, Any]]:
    """For each stage that an arm leaves out.

    Returns:
        stage; removed_share f: of the bytes of the mix without it, those that it alone removes; most: 1/(1 - f), what it gains if they are
        worthless; detectable: the smallest multiplier that is found with a probability of .8; testable: whether `most` reaches it.
    """
    arms = {one["arm"]: one for one in made.facts["arms"]}
    if "curated" not in arms:
        return []
    found = []
    for name, arm in arms.items():
        if arm["kind"] == "without":
            share = max(0.0, 1 - arms["curated"]["bytes"] / arm["bytes"]) if arm["bytes"] else 0.0
            found.append(
                {
                    "stage": name.removeprefix("without "),
                    **_prospect(share, made.folds, made.overlap, min(arm["compared_at"], arms["curated"]["compared_at"])),
                }
            )
    return found


def _prospect(share: float, folds: int, overlap: float, tokens: int) -> dict[str, Any]:
    most = 1 / (1 - share) if share < 1 else None
    if not share:
        return {"removed_share": 0.0, "most": 1.0, "detectable": None, "testable": False}
    spread = math.exp(float(np.interp(math.log(tokens), np.log(TOKENS), np.log(SPREAD))))
    slope = math.exp(float(np.interp(math.log(tokens), np.log(TOKENS), np.log(SLOPE))))
    effect = detectable_effect(spread * math.sqrt(share), folds, overlap=overlap).effect
    detectable = math.exp(min(effect / slope, 20.0))
    return {
        "removed_share": round(share, 6),
        "most": None if most is None else round(most, 4),
        "detectable": round(detectable, 4),
        "testable": most is None or most >= detectable,
    }
