"""Forms of the pool's text: as edits leave it, and spoilt in a known way. Only the documents that change are tokenised again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.ablate.corrupt import corrupt
from tamis.ablate.design import Design
from tamis.ablate.pool import Pool
from tamis.documents import one_piece
from tamis.lm.tokenizer import Tokenizer
from tamis.lm.tokens import Tokens
from tamis.measure import Step, walk

EDITED = "edit {}"
ALL_EDITS = "all edits"


def edited(pool: Pool, tokenizer: Tokenizer, plain: Tokens, workers: int) -> dict[str, Tokens]:
    """For each edit of the recipe the curated documents as it alone leaves them; for several also as all of them do.

    An edit that changes none of the documents is left out.
    """
    rows = np.flatnonzero(pool.mixes["curated"] > 0)
    asked: list[tuple[str, Sequence[Step]]] = [(EDITED.format(step.name), [step]) for step in pool.edits]
    if len(pool.edits) > 1:
        asked.append((ALL_EDITS, pool.edits))
    docs = pool.docs.take(pa.array(rows)).combine_chunks()
    before = one_piece(docs.column("text"))
    found = {}
    for name, steps in asked:
        after = docs
        for _, walked in walk(docs, steps, (), pool.columns):
            after = walked
        text = one_piece(after.column("text"))
        changed = np.flatnonzero(np.asarray(pc.not_equal(before, text)))
        if len(changed):
            found[name] = with_rows(plain, rows[changed], tokenizer.encode(text.take(pa.array(changed)), workers))
    return found


def corrupted(pool: Pool, design: Design, tokenizer: Tokenizer, plain: Tokens, workers: int) -> dict[str, tuple[Tokens, str, float]]:
    """For each kind and share of corruption: tokens of all documents, kind, share."""
    found = {}
    for kind, shares in design.corrupt.items():
        for share in shares:
            texts, changed = corrupt(pool.texts, kind, share, seed=design.seed)
            rows = np.flatnonzero(changed)
            found[f"{kind} {share:g}"] = (with_rows(plain, rows, tokenizer.encode(texts.take(pa.array(rows)), workers)), kind, share)
    return found


def with_rows(tokens: Tokens, rows: np.ndarray, others: Tokens) -> Tokens:
    """The tokens of all documents, some of them replaced.

    Args:
        tokens: n documents.
        rows: i64[m], which are replaced.
        others: m documents.
    """
    which = np.arange(len(tokens), dtype=np.int64)
    which[rows] = len(tokens) + np.arange(len(rows))
    return Tokens.concat([tokens, others]).take(which)
