"""What length, topic and source alone would tell: a classifier that beats none of them has learned nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from tamis.train.examples import Examples

TOPICS = 24
"""Directions that stand for a document's topic: as many as WebOrganizer (arXiv:2502.10341) has topics."""
WORDS = 1 << 15
"""Hashed content words."""
CONTENT = r"[^\W\d_]{4,}"
COMMON = 0.2
"""Words in a larger share of the documents are left out: they are of every topic, and tell style."""


def length_alone(train: Examples, test: Examples, good: np.ndarray) -> np.ndarray:
    """f64[test]: a logistic regression on the logarithm of the bytes, its square and its cube, so that neither short nor long need be better.

    Args:
        train: what it learns from.
        test: what it scores.
        good: bool[labels].
    """
    logs = np.log(train.sizes), np.log(test.sizes)
    middle, spread = logs[0].mean(), logs[0].std() or 1.0
    powers = [np.stack([((x - middle) / spread) ** k for k in (1, 2, 3)], axis=1) for x in logs]
    return _regression(powers[0], good[train.label], powers[1])


def topic_alone(train: Examples, test: Examples, good: np.ndarray, seed: int) -> np.ndarray:
    """f64[test]: a logistic regression on 24 topics that were found without the labels.

    Topics are the main directions of documents' content words (latent semantic analysis): words of at least four letters that
    are in 2 documents and in at most a fifth of all, hashed, weighted by TF-IDF, each document made of length 1. A regression on the words
    themselves would be a quality classifier in its own right, style, boilerplate and all; 24 directions hold what documents
    are about, and little of how they are written.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    hashing = HashingVectorizer(n_features=WORDS, token_pattern=CONTENT, alternate_sign=False, norm=None)
    counts: Any = [hashing.transform(_words(one)) for one in (train, test)]
    spread = np.asarray((counts[0] > 0).sum(axis=0)).reshape(-1)
    kept = np.flatnonzero((spread >= 2) & (spread <= COMMON * len(train)))
    if len(kept) < 2:
        return np.zeros(len(test))
    weights = TfidfTransformer(sublinear_tf=True).fit(counts[0][:, kept])
    topics = TruncatedSVD(min(TOPICS, len(kept) - 1), random_state=seed).fit(weights.transform(counts[0][:, kept]))
    a, b = (topics.transform(weights.transform(one[:, kept])) for one in counts)
    scale = a.std(axis=0)
    scale[scale == 0] = 1
    return _regression(a / scale, good[train.label], b / scale)


def column_alone(train: Examples, test: Examples, good: np.ndarray, column: str) -> np.ndarray:
    """f64[test]: the share of good documents among those of the same value of a column; of a value never seen, of all."""
    values = train.columns[column].to_pylist()
    positive = good[train.label]
    share = float(positive.mean())
    seen: dict[str | None, tuple[int, int]] = {}
    for value, one in zip(values, positive, strict=True):
        n, k = seen.get(value, (0, 0))
        seen[value] = n + 1, k + int(one)
    # One document more, as good as the average, so that a source of one document is not certain.
    return np.array(
        [(seen[value][1] + share) / (seen[value][0] + 1) if value in seen else share for value in test.columns[column].to_pylist()]
    )


def _words(examples: Examples) -> list[str]:
    return [text.as_py() for text in examples.texts]


def _regression(train: np.ndarray, positive: np.ndarray, test: np.ndarray) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(max_iter=1_000, class_weight="balanced").fit(train, positive)
    return np.asarray(fitted.decision_function(test))
