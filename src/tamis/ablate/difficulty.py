"""Who gains: documents that are easy to foresee, or hard ones? Gains by fifths of difficulty.

How hard a document is, is told by models of other folds than the one whose gain is read. Were it the same, a document on which one raw
model happened to do badly would count as hard, and would seem to gain whatever the other model was trained on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tamis.ablate.statistics import Estimate, measured, paired
from tamis.errors import AblationError

PARTS = 5
LEAST = 5
"""Documents in a fifth; of fewer the mean is that of one or two."""
FEWEST_FOLDS = 3
"""The difficulty of a document is a mean over the others."""


@dataclass(frozen=True)
class Fifth:
    """Documents of about the same difficulty.

    Attributes:
        documents: how many, in a fold.
        loss: of raw text's models, bits per byte, mean over documents and folds.
        gain: loss of raw − loss of curated, bits per byte, mean over documents.
    """

    documents: int
    loss: float
    gain: Estimate


@dataclass(frozen=True)
class Difficulty:
    """Gains from the easiest fifth to the hardest.

    Attributes:
        fifths: the easiest first.
        widens: gain of the hardest fifth − gain of the easiest, bits per byte.
        label: "hard ones gain more", "easy ones gain more", or "no difference is certain".
    """

    fifths: tuple[Fifth, ...]
    widens: Estimate
    label: str


def difficulty(raw: NDArray[np.float64], curated: NDArray[np.float64], *, overlap: float = 0.0, level: float = 0.95) -> Difficulty:
    """Gains by fifths of difficulty; each document counts alike, whatever its length.

    Args:
        raw: f64[S, N], bits per byte of N documents by the models of S folds.
        curated: f64[S, N], likewise.
        overlap: share of its documents that a fold has in common with another.
        level: of intervals.

    Raises:
        AblationError: folds overlap or are fewer than 3, fewer than 25 documents, a loss that is missing.
    """
    before, after = (measured(one, "raw and curated text", dimensions=2) for one in (raw, curated))
    folds, documents = before.shape
    if overlap:
        raise AblationError("folds overlap, so no model is another's judge of what is hard.")
    if folds < FEWEST_FOLDS:
        raise AblationError(f"{folds} folds are too few for one to be judged by the others.")
    if documents < PARTS * LEAST:
        raise AblationError(f"{documents} documents were asked for, and {PARTS * LEAST} are needed.")
    others = (before.sum(axis=0) - before) / (folds - 1)
    ranks = np.argsort(np.argsort(others, axis=1, kind="stable"), axis=1)
    part = ranks * PARTS // documents
    gains, losses = (np.stack([_mean(one, part == i) for i in range(PARTS)], axis=1) for one in (before - after, before))
    fifths = tuple(
        Fifth(int((part[0] == i).sum()), float(losses[:, i].mean()), paired(gains[:, i], level=level, what="raw and curated text"))
        for i in range(PARTS)
    )
    widens = paired(gains[:, -1] - gains[:, 0], level=level, what="the hardest and the easiest documents")
    more = "hard" if widens.mean > 0 else "easy"
    return Difficulty(fifths, widens, f"{more} ones gain more" if widens.significant else "no difference is certain")


def _mean(values: NDArray[np.float64], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """f64[S], of each fold's chosen documents."""
    found: NDArray[np.float64] = np.where(chosen, values, 0).sum(axis=1) / chosen.sum(axis=1)
    return found
