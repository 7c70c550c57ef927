"""What is trained: arms, and for each fold the documents of an arm in the order in which they are read.

Seed s owns fold s. An arm is its rule applied to that fold; the random controls are drawn anew in each. All arms of a fold
read their documents in one order, that of hash(text, s), so that two arms that share documents share most of their streams.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pyarrow as pa

from tamis.ablate.draws import apart, seeded
from tamis.ablate.strata import matched_subset, random_subset

AS_READ = "as read"
Kind = Literal["raw", "curated", "random", "matched", "without", "null", "corrupt", "edit", "ladder", "mix", "repeat", "rehydrate"]
REHYDRATED = "rehydrated"


@dataclass(frozen=True)
class Arm:
    """A mix to train on.

    Args:
        name: for people and in results.
        kind: what it is for.
        mix: the copies it starts from.
        against: the arm that it is compared with; "" for the first.
        form: of the text, `AS_READ` or one of the forms that were prepared.
        share: of what is dropped (null) or spoilt (corrupt).
        redraws: how often it is drawn and trained in each fold.
        unique: tokens, the first of its stream, that are seen again and again; None: all of them, once.
    """

    name: str
    kind: Kind
    mix: str
    against: str = ""
    form: str = AS_READ
    share: float = 0.0
    redraws: int = 1
    unique: int | None = None


@dataclass(frozen=True)
class Ground:
    """What arms are drawn from.

    Args:
        size: i64[n], bytes of the documents as they were read.
        key: u64[n], text hashes.
        domain: str[n], by which the matched control is matched, beside lengths.
        mixes: name → u8[n].
        fold: i16[n], -1 for documents that no arm may have.
        overlapping: bool[S, n] instead of folds, where the pool is too small for disjoint ones.
        seed: of draws.
    """

    size: np.ndarray
    key: np.ndarray
    domain: np.ndarray
    mixes: Mapping[str, np.ndarray]
    fold: np.ndarray
    overlapping: np.ndarray | None
    seed: int

    @cached_property
    def key_apart(self) -> np.ndarray:
        """u64[n]: keys of their own for equal texts, so that a random half may hold one of two copies."""
        return apart(self.key)

    @cached_property
    def source(self) -> pa.Array:
        """`domain` as matching wants it."""
        return pa.array([str(name) for name in self.domain])

    def inside(self, fold: int) -> np.ndarray:
        """bool[n]: documents of a fold."""
        return np.asarray(self.fold == fold if self.overlapping is None else self.overlapping[fold])


def order(ground: Ground, fold: int) -> np.ndarray:
    """f64[n] in [0, 1): where in a fold's stream a document stands; a share x of the fold are those below x."""
    return _draw(ground, "order", fold).astype(np.float64) / 2.0**64


def stream(ground: Ground, arm: Arm, fold: int, redraw: int = 0) -> np.ndarray:
    """The documents of an arm in a fold, in order; second copies come after all first ones.

    Returns:
        i64[m], rows of the pool.
    """
    inside = ground.inside(fold)
    copies = np.where(inside, ground.mixes[arm.mix], 0).astype(np.uint8)
    raw = inside & (ground.mixes["raw"] > 0)
    rank = _draw(ground, arm.name, fold, redraw)
    if arm.kind == "random":
        copies = random_subset(ground.size, raw, float((ground.size * copies).sum()), rank).astype(np.uint8)
    elif arm.kind == "matched":
        copies = matched_subset(ground.size, raw, copies, ground.source, rank).subset.astype(np.uint8)
    elif arm.kind == "null":
        copies[rank.astype(np.float64) / 2.0**64 < arm.share] = 0
    rows = np.flatnonzero(copies)
    if arm.kind == "rehydrate":
        return _scattered(ground, rows, copies[rows], fold)
    rows = rows[np.argsort(_draw(ground, "order", fold)[rows], kind="stable")]
    most = int(copies.max(initial=0))
    return rows if most <= 1 else np.concatenate([rows[copies[rows] > again] for again in range(most)])


def _scattered(ground: Ground, rows: np.ndarray, copies: np.ndarray, fold: int) -> np.ndarray:
    """Rows as often as there are copies: the first of each in its place in the order of all arms, the others anywhere.

    After all first ones, as copies stand elsewhere, they would begin beyond the budget at which arms are compared.
    """
    parts = [
        (some := rows[copies > i], _draw(ground, REHYDRATED if i else "order", fold, i)[some]) for i in range(int(copies.max(initial=0)))
    ]
    if not parts:
        return rows
    whole, place = (np.concatenate(both) for both in zip(*parts, strict=True))
    return whole[np.argsort(place, kind="stable")]


def again(ground: Ground, rows: np.ndarray, fold: int, epoch: int) -> np.ndarray:
    """i64[m], in which order the documents of a stream come in an epoch; in epoch 0 as they are."""
    return np.argsort(_draw(ground, "again", fold, epoch)[rows], kind="stable") if epoch else np.arange(len(rows))


def _draw(ground: Ground, what: str, fold: int, redraw: int = 0) -> np.ndarray:
    """u64[n], from the text's hash and what is drawn for."""
    name = int.from_bytes(hashlib.blake2b(what.encode(), digest_size=8).digest(), "little")
    return seeded(ground.key_apart, ground.seed, name, fold, redraw)


def arms_of(mixes: Sequence[str], *, edits: Sequence[str], forms: Mapping[str, tuple[str, float]], redraws: int, null: float) -> list[Arm]:
    """All arms of an ablation.

    Args:
        mixes: names of the pool's mixes.
        edits: forms of the curated documents.
        forms: corrupted form → kind and share.
        redraws: of the random controls.
        null: share that is dropped at random; 0: no such arm.
    """
    arms = [Arm("raw", "raw", "raw")]
    if "curated" in mixes:
        arms += [
            Arm("curated", "curated", "curated", "raw"),
            Arm("random", "random", "curated", "raw", redraws=redraws),
            Arm("matched", "matched", "curated", "raw", redraws=redraws),
        ]
    for mix in mixes:
        if mix.startswith("without "):
            # The stage's arm is everything, so that the question is what the stage adds to it.
            arms.append(Arm(mix, "without", mix, "curated"))
    arms += [Arm(form, "edit", "curated", "curated", form) for form in edits]
    if null:
        arms.append(Arm("null", "null", "raw", "raw", share=null))
    arms += [Arm(form, "corrupt", "raw", "raw", form, share) for form, (_, share) in forms.items()]
    if REHYDRATED in mixes:
        arms.append(Arm(REHYDRATED, "rehydrate", REHYDRATED, "curated"))
    others = [mix for mix in mixes if mix not in ("raw", "curated", REHYDRATED) and not mix.startswith("without ")]
    return arms + [Arm(mix, "ladder" if "." in mix else "mix", mix, "raw") for mix in others]
