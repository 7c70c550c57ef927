"""How well a classifier of topics does on documents that it did not see: accuracy, F1, what it confuses, and what its confidence is worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tamis.classifier import Classifier
from tamis.model_card import calibrated
from tamis.train.examples import Examples
from tamis.train.validation import calibration, calibration_table

DRAWS = 400
"""Of clusters, with replacement."""
CONFUSED = 15
"""Pairs of topics that are listed."""
LIMITS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
"""Confidences of which it is said how many documents have them, and how many of these are right."""


def validated(model: Classifier, inside: Examples, held: Examples, cluster: np.ndarray, seed: int) -> dict[str, Any]:
    """What the classifier says of held-out documents, beside what is so.

    Args:
        model: trained on `inside`.
        inside: what it learned from.
        held: what it did not see; the same labels.
        cluster: i64[held], near-duplicates have one number.
        seed: of the bootstrap.

    Returns:
        accuracy and macro_f1: value, and its 95 % interval over clusters. majority: label, and accuracy and macro_f1 of always saying it.
        topics: by documents, each with documents, precision, recall, f1 (null where there are none).
        confused: the pairs that most documents fall for: topic, said (null: no known word), documents, share_of_topic.
        calibration: as on the card, of the largest probability; null where all were right, or none.
        calibration_table: as of a quality classifier, good being right. calibration_error: mean distance of probability and share right
            over that table, before ("raw") and after ("calibrated"; each half calibrated by the other).
        limits: confidence, share (of documents with at least that), accuracy (of these).
    """
    said, probability = judged(model, held)
    right = said == held.label
    usual = int(np.bincount(inside.label, minlength=len(inside.labels)).argmax())
    how = calibration(probability, right) if 0 < right.sum() < len(right) else None
    table = calibration_table(probability, right, cluster) if how else []
    drawn = np.array([_both(right, held, said, weights) for weights in _draws(cluster, seed)])
    counts = _counts(held.label, said, len(held.labels))
    confidence = probability if how is None else calibrated(how, probability)
    return {
        "accuracy": _measured(float(right.mean()), drawn[:, 0]),
        "macro_f1": _measured(_macro(*counts), drawn[:, 1]),
        "majority": _majority(held, usual),
        "topics": _by_topic(held.labels, *counts),
        "confused": _confused(held, said),
        "calibration": how,
        "calibration_table": table,
        "calibration_error": {name: _error(table, key) for name, key in (("raw", "score"), ("calibrated", "calibrated"))},
        "limits": _limits(confidence, right),
    }


def judged(model: Classifier, held: Examples) -> tuple[np.ndarray, np.ndarray]:
    """i64[n], the label that is most likely by its place in `held.labels`, −1 for a text without known words; f64[n], its probability."""
    scores = model.scores(held.texts).astype(np.float64)
    place = {label: i for i, label in enumerate(held.labels)}
    own = np.array([place[label] for label in model.labels])
    known = ~np.isnan(scores).any(axis=1)
    best = np.where(known, scores.argmax(axis=1), 0)
    probability = np.clip(scores[np.arange(len(best)), best], 0, 1)
    return np.where(known, own[best], -1), np.where(known, probability, 0.0)


def warnings(found: Mapping[str, Any]) -> list[str]:
    """What a reader must know before using the classifier."""
    own, usual = found["accuracy"], found["majority"]
    said = []
    if own["interval"][0] <= usual["accuracy"]:
        said.append(
            f"It does not beat always saying the most frequent topic: accuracy {own['value']:.3f} (95 % interval "
            f"{own['interval'][0]:.3f} to {own['interval'][1]:.3f}) against {usual['accuracy']:.3f}."
        )
    return said


def _draws(cluster: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """f64[n], `DRAWS` times: how often each document is drawn, with its whole cluster."""
    names, which = np.unique(cluster, return_inverse=True)
    rng = np.random.default_rng(seed)
    for _ in range(DRAWS):
        yield np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))[which.reshape(-1)].astype(np.float64)


def _both(right: np.ndarray, held: Examples, said: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Accuracy and macro-F1 of weighted documents."""
    return float(np.average(right, weights=weights)), _macro(*_counts(held.label, said, len(held.labels), weights))


def _counts(
    label: np.ndarray, said: np.ndarray, labels: int, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """f64[labels] each: documents of the topic that were called so, documents of the topic, documents that were called so."""
    heavy = np.ones(len(label)) if weights is None else weights
    hits, known = said == label, said >= 0
    return (
        np.bincount(label[hits], heavy[hits], labels),
        np.bincount(label, heavy, labels),
        np.bincount(said[known], heavy[known], labels),
    )


def _macro(hits: np.ndarray, there: np.ndarray, called: np.ndarray) -> float:
    """Mean F1 of the topics that there are documents of."""
    some = there > 0
    return float((2 * hits[some] / (there[some] + called[some])).mean())


def _measured(value: float, drawn: np.ndarray) -> dict[str, Any]:
    return {"value": round(value, 6), "interval": [round(float(one), 6) for one in np.quantile(drawn, [0.025, 0.975])]}


def _majority(held: Examples, usual: int) -> dict[str, Any]:
    said = np.full(len(held), usual)
    accuracy = float((held.label == usual).mean())
    return {
        "label": held.labels[usual],
        "accuracy": round(accuracy, 6),
        "macro_f1": round(_macro(*_counts(held.label, said, len(held.labels))), 6),
    }


def _by_topic(labels: tuple[str, ...], hits: np.ndarray, there: np.ndarray, called: np.ndarray) -> list[dict[str, Any]]:
    def share(part: float, whole: float) -> float | None:
        return round(part / whole, 6) if whole else None

    rows = [
        {
            "topic": label,
            "documents": int(there[i]),
            "precision": share(hits[i], called[i]),
            "recall": share(hits[i], there[i]),
            "f1": share(2 * hits[i], there[i] + called[i]) if there[i] else None,
        }
        for i, label in enumerate(labels)
    ]
    return sorted(rows, key=lambda row: (-row["documents"], row["topic"]))


def _confused(held: Examples, said: np.ndarray) -> list[dict[str, Any]]:
    wrong = said != held.label
    pairs, many = np.unique(np.stack([held.label[wrong], said[wrong]]), axis=1, return_counts=True)
    there = np.bincount(held.label, minlength=len(held.labels))
    order = np.lexsort((pairs[1], pairs[0], -many))[:CONFUSED]
    return [
        {
            "topic": held.labels[pairs[0, i]],
            "said": held.labels[pairs[1, i]] if pairs[1, i] >= 0 else None,
            "documents": int(many[i]),
            "share_of_topic": round(float(many[i] / there[pairs[0, i]]), 6),
        }
        for i in order.tolist()
    ]


def _error(table: list[dict[str, float]], key: str) -> float | None:
    total = sum(one["documents"] for one in table)
    return round(sum(one["documents"] * abs(one[key] - one["good_share"]) for one in table) / total, 6) if total else None


def _limits(confidence: np.ndarray, right: np.ndarray) -> list[dict[str, Any]]:
    rows = []
    for limit in LIMITS:
        sure = confidence >= limit
        rows.append(
            {
                "confidence": limit,
                "share": round(float(sure.mean()), 6),
                "accuracy": round(float(right[sure].mean()), 6) if sure.any() else None,
            }
        )
    return rows
