"""Make everything that trainings share, before the first of them: held-out sets, folds, tokens, and how much each arm is trained on.

The order matters: documents that share text with anything that is evaluated leave all arms; of the rest some whole clusters of
near-duplicates are held out; what remains is dealt to folds, whole clusters again. Only then is it known how many tokens the
smallest arm has in its smallest fold, which is what all arms are compared at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from tamis.ablate import arms as drawing
from tamis.ablate import forms as texts_as
from tamis.ablate.arms import AS_READ, Arm, Ground
from tamis.ablate.clusters import Clusters, clusters
from tamis.ablate.design import Design
from tamis.ablate.draws import seeded
from tamis.ablate.evaluation import BYTES_PER_TOKEN, Evaluation, evaluation
from tamis.ablate.folds import held_out
from tamis.ablate.overlap import Overlap, assert_clean, shared
from tamis.ablate.pool import Pool
from tamis.ablate.sizes import budgets, folded
from tamis.ablate.trainings import Field
from tamis.errors import AblationError
from tamis.lm.tokenizer import Tokenizer
from tamis.lm.tokens import Tokens
from tamis.progress import Say

MOST_HELD = 0.2
"""Of the raw bytes that are held out."""
TOLD_OVERLAP = 0.05
"""Of a set's words in the pool: from there on a person is told."""
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


class _Split(NamedTuple):
    """Which documents are trained on, which are held out, and what left both.

    Args:
        removed: what shares text with anything that is evaluated.
        found: clusters of near-duplicates.
        held: i64[h], rows of raw documents that are held out.
        available: bool[n], what arms may have.
    """

    removed: Overlap
    found: Clusters
    held: np.ndarray
    available: np.ndarray


def prepare(pool: Pool, design: Design, workers: int, say: Say) -> Prepared:
    """Everything that trainings share.

    Raises:
        TamisError: a mix is too small, two mixes are the same, or nothing can be held out.
    """
    say.note(f"{pool.docs.num_rows:,} documents, {int(pool.bytes.sum()) / 1e6:.1f} MB in the pool")
    _refuse_empty(pool)
    asked = evaluation(design)
    split = _split(pool, design, asked, workers)
    tokenizer = _tokenizer(pool, design)
    plain = tokenizer.encode(pool.texts, workers)
    say.note(f"{plain.total:,} tokens of a vocabulary of {tokenizer.vocabulary:,}")
    held = asked.held(tokenizer, pool, split.held, plain, workers, most=design.held_out)
    ground, folds, overlap = folded(pool, design, split.available, split.found.cluster, plain)
    forms, arms = _arms(pool, design, tokenizer, plain, workers)
    sized = budgets(ground, forms, arms, folds, design)
    field = Field(ground, forms, held, sized.main, sized.least, sized.extra)
    notes = [*pool.notes, *_overlap_notes(split.removed.counts()), *sized.notes]
    if overlap:
        notes.append(
            f"The pool is too small for {design.least_folds} disjoint folds of {design.least_tokens:,} tokens: {folds} subsamples of {overlap:.0%} each "
            "overlap, and intervals are as much wider. More documents would say more."
        )
    facts = {
        "pool": _pool_facts(pool, plain),
        **_split_facts(pool, split),
        "held_out": {"documents": len(split.held), "bytes": int(pool.bytes[split.held].sum()), "digest": field.held_digest},
        "target": asked.facts(),
        "tokenizer": {"vocabulary": tokenizer.vocabulary, "sha256": tokenizer.sha256},
        "folds": {"count": folds, "overlap": overlap, "tokens": sized.main},
        "arms": [_arm_facts(ground, plain, arm, sized.tokens[arm.name]) for arm in sized.arms],
        "notes": notes,
    }
    return Prepared(field, tuple(sized.arms), folds, overlap, sized.tokens, tokenizer, facts)


def _split(pool: Pool, design: Design, asked: Evaluation, workers: int) -> _Split:
    removed = shared(pool.texts, asked.texts(), workers=workers)
    raw = pool.raw & ~removed.documents
    if not raw.any():
        raise AblationError("every document of the pool shares text with what is evaluated.\nFix: name another --target.")
    _refuse_learned(pool, asked)
    found = clusters(pool.texts, workers=workers)
    fresh = raw.copy()
    for model in pool.learned.values():
        fresh &= ~np.isin(pool.key, model)  # what a model under test learned from may be trained on, and judges nothing
    if not fresh.any():
        raise AblationError("every document of the pool was training text of a model under test.\nFix: examine a run over other documents.")
    share = min(MOST_HELD, design.held_out * BYTES_PER_TOKEN / int(pool.bytes[fresh].sum()))
    out = held_out(found.cluster, pool.key, np.where(fresh, pool.bytes, 0), share=share, seed=design.seed)
    available = ~removed.documents & ~out
    # The runner's own assertion: whatever was found above, nothing that is evaluated stands in what is trained on.
    assert_clean(pool.texts.filter(pa.array(available)), asked.texts(), workers=workers)
    return _Split(removed, found, np.flatnonzero(out & fresh), available)


def _refuse_learned(pool: Pool, asked: Evaluation) -> None:
    for name, model in pool.learned.items():
        if count := int(np.isin(asked.keys, model).sum()):
            raise AblationError(
                f"{count:,} documents of the target were training text of {name}, which is under test.\nFix: name another --target."
            )


def _arms(pool: Pool, design: Design, tokenizer: Tokenizer, plain: Tokens, workers: int) -> tuple[dict[str, Tokens], list[Arm]]:
    edited = texts_as.edited(pool, tokenizer, plain, workers) if design.edits and pool.edits else {}
    spoilt = texts_as.corrupted(pool, design, tokenizer, plain, workers)
    forms = {AS_READ: plain, **edited, **{name: tokens for name, (tokens, _, _) in spoilt.items()}}
    kinds = {name: (kind, share) for name, (_, kind, share) in spoilt.items()}
    return forms, drawing.arms_of(list(pool.mixes), edits=list(edited), forms=kinds, redraws=design.redraws, null=design.random_drop)


def _refuse_empty(pool: Pool) -> None:
    for name, copies in pool.mixes.items():
        if not copies.any():
            raise AblationError(f'the mix "{name}" holds no document.\nFix: compare mixes that keep something.')
    others = [name for name in pool.mixes if name != "raw" and not name.startswith("without ")]
    same = [name for name in others if np.array_equal(pool.mixes[name], pool.mixes["raw"])]
    if others and len(same) == len(others):
        raise AblationError(
            f'the mixes "raw" and "{same[0]}" hold the same documents, so there is nothing to compare.\nFix: compare a run that drops some.'
        )


def _overlap_notes(counts: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"{one['found_share']:.0%} of the words of {one['set']} stood in the pool; {one['documents']:,} documents that share text with it left every arm."
        for one in counts
        if one["found_share"] and one["found_share"] > TOLD_OVERLAP
    ]


def _pool_facts(pool: Pool, plain: Tokens) -> dict[str, Any]:
    return {
        "documents": pool.docs.num_rows,
        "bytes": int(pool.bytes.sum()),
        "tokens": plain.total,
        "share_of_raw_bytes": pool.drawn,
        "digest": hashlib.sha256(np.sort(pool.key).tobytes()).hexdigest()[:16],
    }


def _split_facts(pool: Pool, split: _Split) -> dict[str, Any]:
    gone = split.removed.documents
    return {
        "overlap": split.removed.counts(),
        "removed": {"documents": int(gone.sum()), "bytes": int(pool.bytes[gone].sum())},
        "clusters": {
            "threshold": split.found.threshold,
            "largest_share": split.found.largest_share,
            "not_compared": split.found.not_compared,
        },
    }


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
