"""Why folds and held-out sets are whole clusters: split by document, a stage that removes copies looks harmful, and is not."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
from ablations import Language

from tamis.ablate.folds import held_out
from tamis.documents import utf8
from tamis.kernels.hashing import murmur128
from tamis.lm.ngram import NGram
from tamis.lm.tokenizer import Tokenizer
from tamis.lm.tokens import Tokens

COPIES = 3


def _gain(tokens: Tokens, held: np.ndarray, first: np.ndarray) -> float:
    """Bits per token that training on one copy of each text gains over training on all of them, each with all that is left of it."""
    judged, losses = tokens.take(np.flatnonzero(held)), []
    for kept in (np.ones(len(tokens), np.bool_), first):
        model = NGram(512)
        model.add(tokens.take(np.flatnonzero(kept & ~held)))
        losses.append(model.bits(judged).sum() / judged.total)
    return float(losses[0] - losses[1])


def test_split_by_document_dedup_looks_harmful() -> None:
    """Texts stand three times. Where one copy is held out the raw mix knows it by heart from the others; held out whole, it makes no difference."""
    language, draw = Language(), random.Random(3)
    unique = [language.text(draw, draw.randint(30, 90)) for _ in range(300)]
    texts = pa.array([text for text in unique for _ in range(COPIES)], pa.large_string())
    tokens = Tokenizer.train(unique, 512).encode(texts)
    key, size = murmur128(*utf8(texts))[0], np.diff(utf8(texts)[1])
    cluster = np.repeat(np.arange(len(unique)), COPIES) * COPIES
    by_cluster = held_out(cluster, key, size, share=0.2, seed=0)
    by_document = np.random.default_rng(1).random(len(texts)) < 0.2
    first = np.arange(len(texts)) == cluster
    # Of what is held out dedup often leaves no copy, and raw nearly always one.
    assert _gain(tokens, by_document, first) < -0.1
    assert abs(_gain(tokens, by_cluster, first)) < 0.02
