"""What a net gain is made of: better documents, another mix, and fewer bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tamis.ablate.statistics import Estimate, measured, paired
from tamis.errors import AblationError

TERMS = ("net", "quality", "composition", "quantity_cost")


@dataclass(frozen=True)
class Decomposition:
    """net = quality + composition − quantity_cost, in bits per byte; exact in the means.

    Attributes:
        net: loss of raw − loss of curated.
        quality: loss of random documents of curated's bytes and mix − loss of curated: better documents within strata.
        composition: loss of random documents of equal bytes − that of random documents of equal bytes and mix: another mix of sources
            and lengths.
        quantity_cost: loss of random documents of equal bytes − loss of raw: what fewer bytes cost; positive is a cost. At equal tokens 0
            by design, and its estimate is noise around it.
    """

    net: Estimate
    quality: Estimate
    composition: Estimate
    quantity_cost: Estimate


def decompose(
    raw: ArrayLike,
    random: ArrayLike,
    mixed: ArrayLike,
    curated: ArrayLike,
    *,
    same: Mapping[str, ArrayLike] | None = None,
    overlap: float = 0.0,
    level: float = 0.95,
) -> Decomposition:
    """Split the net gain of curation, paired over folds, macro-averaged over domains.

    Args:
        raw: f64[S] or f64[S, G], losses by fold and domain, bits per byte.
        random: random documents of curated's bytes: as raw, or with redraws as second axis (f64[S, R] or f64[S, R, G]), which are averaged.
        mixed: random documents of curated's bytes and of its source × length mix; as `random`, with redraws of its own number.
        curated: as raw.
        same: term → bool[S], folds in which the two arms of the term hold the same documents (under every redraw); see
            `statistics.paired`. Terms: "net", "quality", "composition", "quantity_cost".
        overlap: see `statistics.paired`.
        level: of the intervals.

    Raises:
        AblationError: as `statistics.paired`; shapes that do not fit; an unknown term in `same`.
    """
    arms = _arms(raw, random, mixed, curated)
    return _terms([arm.reshape(len(arm), -1).mean(axis=1) for arm in arms], same or {}, overlap, level, "")


def decompose_domains(
    raw: ArrayLike,
    random: ArrayLike,
    mixed: ArrayLike,
    curated: ArrayLike,
    *,
    same: Mapping[str, ArrayLike] | None = None,
    overlap: float = 0.0,
    level: float = 0.95,
) -> tuple[Decomposition, ...]:
    """`decompose` for each domain by itself; losses are f64[S, G], random ones f64[S, G] or f64[S, R, G]."""
    arms = _arms(raw, random, mixed, curated)
    if arms[0].ndim != 2:
        raise AblationError("A decomposition by domain needs losses by fold and domain.")
    return tuple(_terms([arm[:, g] for arm in arms], same or {}, overlap, level, f" in domain {g}") for g in range(arms[0].shape[1]))


def _arms(raw: ArrayLike, random: ArrayLike, mixed: ArrayLike, curated: ArrayLike) -> list[NDArray[np.float64]]:
    """The four arms by fold, or by fold and domain, redraws averaged."""
    dimensions = np.asarray(raw).ndim
    if dimensions not in (1, 2):
        raise AblationError(f"Losses are given by fold, or by fold and domain; those of raw have {dimensions} dimensions.")
    arms = [measured(raw, "raw", dimensions=dimensions)]
    for name, losses in (("random", random), ("random of equal mix", mixed)):
        redrawn = np.asarray(losses).ndim == dimensions + 1
        array = measured(losses, name, dimensions=dimensions + redrawn)
        arms.append(array.mean(axis=1) if redrawn else array)
    arms.append(measured(curated, "curated", dimensions=dimensions))
    shapes = {arm.shape for arm in arms}
    if len(shapes) > 1:
        listed = ", ".join(
            f"{name} {arm.shape}" for name, arm in zip(("raw", "random", "random of equal mix", "curated"), arms, strict=True)
        )
        raise AblationError(f"The arms have other folds or domains: {listed}.")
    return arms


def _terms(arms: list[NDArray[np.float64]], same: Mapping[str, ArrayLike], overlap: float, level: float, where: str) -> Decomposition:
    unknown = set(same) - set(TERMS)
    if unknown:
        raise AblationError(f'There is no term "{min(unknown)}"; the terms are {", ".join(TERMS)}.')
    raw, random, mixed, curated = arms
    differences = {"net": raw - curated, "quality": mixed - curated, "composition": random - mixed, "quantity_cost": random - raw}
    names = {
        "net": "raw and curated",
        "quality": "random of equal mix and curated",
        "composition": "the two random arms",
        "quantity_cost": "random and raw",
    }
    return Decomposition(
        **{term: paired(differences[term], same=same.get(term), overlap=overlap, level=level, what=names[term] + where) for term in TERMS}
    )
