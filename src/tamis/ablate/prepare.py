"""Make everything that trainings share, before the first of them: held-out sets, folds, tokens, and how much each arm is trained on.

The order matters: documents that share text with anything that is evaluated leave all arms; of the rest some whole clusters of
near-duplicates are held out; what remains is dealt to folds, whole clusters again. Only then is it known how many tokens the
smallest arm has in its smallest fold, which is what all arms are compared at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tamis.ablate import arms as drawing
from tamis.ablate import forms as texts_as
from tamis.ablate.arms import AS_READ, Arm, Ground
from tamis.ablate.clusters import clusters
from tamis.ablate.design import Design
from tamis.ablate.draws import seeded
from tamis.ablate.evaluation import Evaluation, evaluation
from tamis.ablate.folds import folds as dealt
from tamis.ablate.folds import held_out
from tamis.ablate.held import Held
from tamis.ablate.overlap import assert_clean, shared
from tamis.ablate.pool import Pool
from tamis.ablate.trainings import Field
from tamis.errors import AblationError
from tamis.lm.tokenizer import Tokenizer
from tamis.lm.tokens import Tokens
from tamis.progress import Say

SAFE = 0.9
"""Of the smallest arm in its smallest fold: what arms are compared at (planned: F)."""
SUBSAMPLES = 10
"""Overlapping subsamples of a pool that is too small for folds."""
MOST_OVERLAP = 0.8
"""Of the pool in one of those subsamples: larger ones hardly differ."""
LEAST_PART = 0.25
"""Of `least_tokens`: a smaller arm is not trained."""
TOKENIZER_BYTES = 8_000_000
"""Text that the tokenizer is trained on; more changes its merges by a few."""


@dataclass(frozen=True)
class Prepared:
    """What trainings need, and what a plan says of it.

    Args:
        field: for trainings.
        arms: that are large enough.
        folds: S.
        overlap: share of its documents that a fold has in common with another: 0 for disjoint folds.
        tokens: arm → tokens that it is compared at.
        tokenizer: the one of all arms.
        facts: for the plan: counts, shares, digests, and what a person should know under "notes".
    """

    field: Field
    arms: tuple[Arm, ...]
    folds: int
    overlap: float
    tokens: Mapping[str, int]
    tokenizer: Tokenizer
    facts: Mapping[str, Any]


def prepare(pool: Pool, design: Design, workers: int, say: Say) -> Prepared:
    """Everything that trainings share.

    Raises:
        TamisError: a mix is too small, two mixes are the same, or nothing can be held out.
    """
    notes = list(pool.notes)
    say.note(f"{pool.docs.num_rows:,} documents, {int(pool.bytes.sum()) / 1e6:.1f} MB in the pool")
    _refuse_empty(pool)
    asked = evaluation(design)
    removed = shared(pool.texts, asked.texts(), workers=workers)
    available = ~removed.documents
    notes += _overlap_notes(removed.counts(), pool, available)
    found = clusters(pool.texts, workers=workers)
    share = min(0.2, design.held_out * 3.0 / max(1, int(pool.bytes[pool.raw & available].sum())))
    out = held_out(found.cluster, pool.key, np.where(pool.raw & available, pool.bytes, 0), share=share, seed=design.seed)
    held_rows = np.flatnonzero(out & available & pool.raw)
    available &= ~out
    assert_clean(pool.texts.filter(pa.array(available)), asked.texts(), workers=workers)
    tokenizer = _tokenizer(pool, design)
    say.note(f"tokenizer: {tokenizer.vocabulary:,} tokens")
    plain = tokenizer.encode(pool.texts, workers)
    held = asked.held(tokenizer, pool, held_rows, plain, workers, most=design.held_out)
    ground, folds, overlap = _folds(pool, design, available, found.cluster, plain)
    if overlap:
        notes.append(
            f"The pool is too small for {design.least_folds} disjoint folds of {design.least_tokens:,} tokens: {folds} subsamples of {overlap:.0%} each "
            "overlap, and intervals are as much wider. More documents would say more."
        )
    edited = texts_as.edited(pool, tokenizer, plain, ground, workers) if design.edits and pool.edits else {}
    spoilt = texts_as.corrupted(pool, design, tokenizer, plain, workers)
    forms = {AS_READ: plain, **edited, **{name: tokens for name, (tokens, _, _) in spoilt.items()}}
    listed = drawing.arms_of(list(pool.mixes), edits=list(edited), forms={name: (kind, part) for name, (_, kind, part) in spoilt.items()}, redraws=design.redraws, null=design.null)
    arms, tokens, least, small = _budgets(ground, forms, listed, folds, design)
    notes += small
    main = tokens["raw"]
    field = Field(ground, forms, held, main, least, _extra(arms, tokens, main))
    facts = {
        "pool": {
            "documents": pool.docs.num_rows,
            "bytes": int(pool.bytes.sum()),
            "share_of_raw_bytes": pool.drawn,
            "digest": f"{int(np.bitwise_xor.reduce(pool.key)):016x}",
        },
        "overlap": removed.counts(),
        "removed": {"documents": int(removed.documents.sum()), "bytes": int(pool.bytes[removed.documents].sum())},
        "clusters": {"threshold": found.threshold, "largest_share": found.largest_share, "not_compared": found.not_compared},
        "held_out": {"documents": len(held_rows), "bytes": int(pool.bytes[held_rows].sum()), "digest": field.held_digest},
        "target": asked.facts(),
        "tokenizer": {"vocabulary": tokenizer.vocabulary, "sha256": tokenizer.sha256, "bytes_per_token": float(pool.bytes.sum() / max(1, plain.total))},
        "folds": {"count": folds, "overlap": overlap, "tokens": main},
        "arms": [_arm_facts(ground, plain, arm, tokens[arm.name]) for arm in arms],
        "notes": notes,
    }
    return Prepared(field, tuple(arms), folds, overlap, tokens, tokenizer, facts)


def _refuse_empty(pool: Pool) -> None:
    for name, copies in pool.mixes.items():
        if not copies.any():
            raise AblationError(f'the mix "{name}" holds no document.\nFix: compare mixes that keep something.')
    others = [name for name in pool.mixes if name != "raw" and not name.startswith("without ")]
    same = [name for name in others if np.array_equal(pool.mixes[name], pool.mixes["raw"])]
    if others and len(same) == len(others):
        raise AblationError(f'the mixes "raw" and "{same[0]}" hold the same documents, so there is nothing to compare.\nFix: compare a run that drops some.')


def _overlap_notes(counts: Sequence[Mapping[str, Any]], pool: Pool, available: np.ndarray) -> list[str]:
    notes = []
    for one in counts:
        if one["found_share"] and one["found_share"] > 0.05:
            notes.append(f"{one['found_share']:.0%} of the words of {one['set']} stood in the pool; {one['documents']:,} documents that share text with it left every arm.")
    if not (pool.raw & available).any():
        raise AblationError("every document of the pool shares text with what is evaluated.\nFix: name another --target.")
    return notes


def _tokenizer(pool: Pool, design: Design) -> Tokenizer:
    """Trained on raw documents before any curation, of each domain as many bytes as of the others, as far as there are."""
    raw = np.flatnonzero(pool.raw)
    order = raw[np.argsort(seeded(pool.key[raw], design.seed, 1), kind="stable")]
    size, domain = pool.bytes[order], pool.domain[order].astype(str)
    names, which = np.unique(domain, return_inverse=True)
    taken = np.zeros(len(order), np.bool_)
    for i in range(len(names)):
        here = np.flatnonzero(which == i)
        taken[here[np.cumsum(size[here]) - size[here] < TOKENIZER_BYTES / len(names)]] = True
    return Tokenizer.train((str(text) for text in pool.texts.take(pa.array(order[taken]))), design.vocabulary)


def _core(pool_mixes: Mapping[str, np.ndarray]) -> list[str]:
    return [name for name in pool_mixes if name in ("raw", "curated") or name.startswith("without ")]


def _folds(pool: Pool, design: Design, available: np.ndarray, cluster: np.ndarray, plain: Tokens) -> tuple[Ground, int, float]:
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


def _budgets(ground: Ground, forms: Mapping[str, Tokens], arms: Sequence[Arm], folds: int, design: Design) -> tuple[list[Arm], dict[str, int], dict[str, int], list[str]]:
    """T: a safe part of the smallest of the arms that stages are judged by; an arm that is smaller has its own."""
    lengths = {name: np.diff(tokens.starts) for name, tokens in forms.items()}
    least: dict[str, int] = {}
    for arm in arms:
        # Of an edit the same documents are taken, so that it is their text as it was read that counts.
        size = lengths[AS_READ if arm.kind == "edit" else arm.form]
        least[arm.name] = min(int(size[drawing.stream(ground, arm, fold, redraw)].sum()) for fold in range(folds) for redraw in range(arm.redraws))
    core = [arm.name for arm in arms if arm.kind in ("raw", "curated", "random", "matched", "without")]
    main = int(SAFE * min(least[name] for name in (core if "curated" in least else least)))
    tokens, kept, notes = {}, [], []
    for arm in arms:
        tokens[arm.name] = min(main, int(SAFE * least[arm.name]))
        if tokens[arm.name] < LEAST_PART * design.least_tokens:
            notes.append(f'"{arm.name}" has {least[arm.name]:,} tokens in its smallest fold: too few to be trained.')
        else:
            kept.append(arm)
    if main < LEAST_PART * design.least_tokens:
        raise AblationError(f"the smallest arm has {main:,} tokens in its smallest fold, too few to train on.\nFix: use more documents, or fewer folds.")
    return kept, tokens, least, notes


def _extra(arms: Sequence[Arm], tokens: Mapping[str, int], main: int) -> dict[str, tuple[int, ...]]:
    """Budgets at which smaller arms, and what they are compared with, are evaluated as well: a curve around each."""
    extra: dict[str, set[int]] = {}
    for arm in arms:
        if tokens[arm.name] < main:
            extra.setdefault(arm.name, set()).add(tokens[arm.name])
            extra.setdefault(arm.against, set()).update(round(factor * tokens[arm.name]) for factor in (0.7071, 1.0, 1.4142))
    return {name: tuple(sorted(budgets)) for name, budgets in extra.items()}


def _arm_facts(ground: Ground, plain: Tokens, arm: Arm, tokens: int) -> dict[str, Any]:
    inside = ground.fold >= 0 if ground.overlapping is None else ground.overlapping.any(axis=0)
    copies = np.where(inside, ground.mixes[arm.mix], 0)
    return {
        "arm": arm.name,
        "kind": arm.kind,
        "against": arm.against,
        "documents": int((copies > 0).sum()),
        "bytes": int((ground.size * copies).sum()),
        "tokens": int((np.diff(plain.starts) * copies).sum()),
        "compared_at": tokens,
        "redraws": arm.redraws,
        "share": arm.share,
    }


__all__ = ["Evaluation", "Held", "Prepared", "prepare"]
