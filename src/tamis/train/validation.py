"""How well scores tell good from bad: AUC with intervals over clusters, curves, calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tamis.model_card import calibrated, log_odds

DRAWS = 1_000
"""Of clusters, with replacement."""
LEVEL = 0.95
POINTS = 101
"""Of a curve that is stored."""
ENOUGH = 1_000
"""Held-out documents from which on calibration is isotonic; of fewer, steps would be noise, and it is Platt's."""
BINS = 10


@dataclass(frozen=True)
class Ranked:
    """Scores of documents that are good or not, ready to be weighted again and again.

    Args:
        score: f64[n].
        good: bool[n], some of each kind.
    """

    score: np.ndarray
    good: np.ndarray

    def __post_init__(self) -> None:
        values, place = np.unique(self.score, return_inverse=True)
        object.__setattr__(self, "_place", place.reshape(-1))
        object.__setattr__(self, "_values", len(values))

    def auc(self, weights: np.ndarray | None = None) -> float:
        """The probability that a good document scores above another, ties counted half; NaN if one kind has no weight."""
        place, values = self._place, self._values  # type: ignore[attr-defined]
        heavy = np.ones(len(self.score)) if weights is None else weights
        good = np.bincount(place, weights=heavy * self.good, minlength=values)
        bad = np.bincount(place, weights=heavy * ~self.good, minlength=values)
        pairs = good.sum() * bad.sum()
        return float((good * (np.cumsum(bad) - bad / 2)).sum() / pairs) if pairs else float("nan")


def compared(scores: Mapping[str, np.ndarray], good: np.ndarray, cluster: np.ndarray, seed: int) -> dict[str, Any]:
    """AUC of each score, and by how much the first exceeds each other, with bootstrap intervals over whole clusters.

    Args:
        scores: name → f64[n]; the first is the classifier's.
        good: bool[n].
        cluster: i64[n].
        seed: of the draws.

    Returns:
        name → {"auc", "interval": [low, high]}, and for all but the first "margin": {"difference", "interval"}.
    """
    ranked = {name: Ranked(np.asarray(score, np.float64), good) for name, score in scores.items()}
    names, which = np.unique(cluster, return_inverse=True)
    rng = np.random.default_rng(seed)
    drawn = np.empty((DRAWS, len(ranked)))
    for i in range(DRAWS):
        weights = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))[which.reshape(-1)]
        drawn[i] = [one.auc(weights) for one in ranked.values()]
    drawn = drawn[~np.isnan(drawn).any(axis=1)]
    found: dict[str, Any] = {}
    first = next(iter(ranked))
    for k, (name, one) in enumerate(ranked.items()):
        found[name] = {"auc": _rounded(one.auc()), "interval": _interval(drawn[:, k])}
        if name != first:
            difference = ranked[first].auc() - one.auc()
            found[name]["margin"] = {"difference": _rounded(difference), "interval": _interval(drawn[:, 0] - drawn[:, k])}
    return found


def _interval(drawn: np.ndarray) -> list[float]:
    if not len(drawn):
        return [0.0, 1.0]
    return [_rounded(float(one)) for one in np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])]


def curves(score: np.ndarray, good: np.ndarray) -> dict[str, list[dict[str, float]]]:
    """ROC and precision-recall, at thresholds that keep from all documents to one, evenly spaced among the scores.

    Returns:
        "points": threshold, kept_share, recall (of the good), false_share (kept of the bad), precision.
    """
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(good[order])
    ends = np.unique(np.linspace(1, len(score), min(POINTS, len(score))).astype(np.int64))
    # Documents of one score are kept together.
    ends = np.unique(np.searchsorted(-score[order], -score[order][ends - 1], side="right"))
    points = []
    for kept in ends:
        right = int(hits[kept - 1])
        points.append({
            "threshold": _rounded(float(score[order][kept - 1])),
            "kept_share": _rounded(kept / len(score)),
            "recall": _rounded(right / int(good.sum())),
            "false_share": _rounded((int(kept) - right) / int((~good).sum())),
            "precision": _rounded(right / int(kept)),
        })  # fmt: skip
    return {"points": points}


def calibration(score: np.ndarray, good: np.ndarray) -> dict[str, Any]:
    """A rising map from scores to the share of good documents among held-out ones like it.

    Returns:
        {"method": "isotonic", "score": [...], "share": [...]}, straight between its points; or {"method": "platt", "slope",
        "intercept"}, the log-odds of the share as a line in those of the score, which never falls.
    """
    if len(score) >= ENOUGH:
        from sklearn.isotonic import IsotonicRegression

        fitted = IsotonicRegression(out_of_bounds="clip", y_min=0, y_max=1).fit(score, good)
        return {"method": "isotonic", "score": [float(x) for x in fitted.X_thresholds_], "share": [float(y) for y in fitted.y_thresholds_]}
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(max_iter=1_000).fit(log_odds(score).reshape(-1, 1), good)
    return {"method": "platt", "slope": max(0.0, float(fitted.coef_[0, 0])), "intercept": float(fitted.intercept_[0])}


def calibration_table(score: np.ndarray, good: np.ndarray, cluster: np.ndarray) -> list[dict[str, float]]:
    """Ten equal parts of the held-out documents by score: what was said, and what was so.

    The calibrated share of each half of the clusters is that of a calibration fitted on the other half.
    """
    names, which = np.unique(cluster, return_inverse=True)
    side = np.random.default_rng(0).permutation(len(names))[which.reshape(-1)] % 2
    said = np.full(len(score), np.nan)
    for half in (0, 1):
        other = side != half
        if 0 < good[other].sum() < other.sum():
            said[~other] = calibrated(calibration(score[other], good[other]), score[~other])
    order = np.argsort(score, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    return [
        {
            "documents": len(part),
            "score": _rounded(float(score[part].mean())),
            "calibrated": _rounded(float(np.nanmean(said[part]))) if not np.isnan(said[part]).all() else 0.0,
            "good_share": _rounded(float(good[part].mean())),
        }
        for part in parts
    ]


def _rounded(value: float) -> float:
    """Six digits: the last ones of a mean depend on the processor."""
    return round(float(value), 6)
