"""How many folds there are, and how much of an arm is trained on in each: as many small folds as the smallest arm allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tamis.ablate import arms as drawing
from tamis.ablate.arms import AS_READ, Arm, Ground
from tamis.ablate.design import Design
from tamis.ablate.folds import folds as dealt
from tamis.ablate.folds import held_out
from tamis.ablate.pool import Pool
from tamis.errors import AblationError
from tamis.lm.tokens import Tokens

SAFE = 0.9
"""Of the smallest arm in its smallest fold: what arms are compared at (planned: F)."""
SUBSAMPLES = 10
"""Overlapping subsamples of a pool that is too small for folds."""
MOST_OVERLAP = 0.8
"""Of the pool in one of those subsamples: larger ones hardly differ."""
CORE = ("raw", "curated", "random", "matched", "without")
"""Kinds of arms that stages are judged by."""
LEAST_PART = 0.25
"""Of `least_tokens`: a smaller arm is not trained."""


@dataclass(frozen=True)
class Sized:
    """How much of each arm is trained on.

    Args:
        arms: that are large enough.
        main: T, the tokens at which arms are compared.
        tokens: arm → T, or fewer for one that has not so many in every fold.
        least: arm → tokens that it has in its smallest fold.
        extra: arm → further budgets at which it is evaluated, since a smaller arm is compared with it there.
        notes: what a person should know.
    """

    arms: Sequence[Arm]
    main: int
    tokens: Mapping[str, int]
    least: Mapping[str, int]
    extra: Mapping[str, tuple[int, ...]]
    notes: Sequence[str]


def _core(pool_mixes: Mapping[str, np.ndarray]) -> list[str]:
    return [name for name in pool_mixes if name in ("raw", "curated") or name.startswith("without ")]


def folded(pool: Pool, design: Design, available: np.ndarray, cluster: np.ndarray, plain: Tokens) -> tuple[Ground, int, float]:
    """Disjoint folds, as many as the smallest arm allows; overlapping subsamples where that is too few."""
    lengths = np.diff(plain.starts)
    core = _core(pool.mixes)
    least = {name: int((lengths * (pool.mixes[name] > 0))[available].sum()) for name in (core if "curated" in core else pool.mixes)}
    smallest = min(least, key=lambda name: least[name])
    if least[smallest] * SAFE * MOST_OVERLAP < design.least_tokens:
        raise AblationError(
            f'the mix "{smallest}" holds {least[smallest]:,} tokens once held-out text is taken out, and a fold needs {design.least_tokens:,}.\n'
            "Fix: use more documents, or lower least_tokens in a plan."
        )
    size, count = pool.bytes, min(design.most_folds, int(SAFE * least[smallest] / design.least_tokens))
    fold = np.full(len(size), -1, np.int16)
    rows = np.flatnonzero(available)
    if count >= design.least_folds:
        fold[rows] = dealt(cluster[rows], pool.key[rows], size[rows], count=count, seed=design.seed).fold
        return Ground(size, pool.key, pool.domain, pool.mixes, fold, None, design.seed), count, 0.0
    part = min(MOST_OVERLAP, design.least_tokens / (SAFE * least[smallest]))
    overlapping = np.zeros((SUBSAMPLES, len(size)), np.bool_)
    for i in range(SUBSAMPLES):
        overlapping[i, rows] = held_out(cluster[rows], pool.key[rows], size[rows], share=part, seed=design.seed + 1 + i)
    return Ground(size, pool.key, pool.domain, pool.mixes, fold, overlapping, design.seed), SUBSAMPLES, part


def budgets(ground: Ground, forms: Mapping[str, Tokens], arms: Sequence[Arm], folds: int, design: Design) -> Sized:
    """T: a safe part of the smallest of the arms that stages are judged by; an arm that is smaller has its own.

    Raises:
        AblationError: that is too little.
    """
    lengths = {name: np.diff(tokens.starts) for name, tokens in forms.items()}
    least: dict[str, int] = {}
    for arm in arms:
        # Of an edit the same documents are taken, so that it is their text as it was read that counts.
        size = lengths[AS_READ if arm.kind == "edit" else arm.form]
        streams = (drawing.stream(ground, arm, fold, redraw) for fold in range(folds) for redraw in range(arm.redraws))
        least[arm.name] = min(int(size[rows].sum()) for rows in streams)
    core = [arm.name for arm in arms if arm.kind in CORE]
    main = int(SAFE * min(least[name] for name in (core if "curated" in least else least)))
    if main < LEAST_PART * design.least_tokens:
        raise AblationError(
            f"the smallest arm has {main:,} tokens in its smallest fold, too few to train on.\nFix: use more documents, or fewer folds."
        )
    tokens = {name: min(main, int(SAFE * count)) for name, count in least.items()}
    kept = [arm for arm in arms if tokens[arm.name] >= LEAST_PART * design.least_tokens]
    small = [arm.name for arm in arms if arm not in kept]
    notes = [f'"{name}" has {least[name]:,} tokens in its smallest fold: too few to be trained.' for name in small]
    return Sized(kept, main, tokens, least, _extra(kept, tokens, main), notes)


def _extra(arms: Sequence[Arm], tokens: Mapping[str, int], main: int) -> dict[str, tuple[int, ...]]:
    """Budgets at which smaller arms, and what they are compared with, are evaluated as well: a curve around each."""
    extra: dict[str, set[int]] = {}
    for arm in arms:
        if tokens[arm.name] < main:
            extra.setdefault(arm.name, set()).add(tokens[arm.name])
            extra.setdefault(arm.against, set()).update(round(factor * tokens[arm.name]) for factor in (0.7071, 1.0, 1.4142))
    return {name: tuple(sorted(budgets)) for name, budgets in extra.items()}
