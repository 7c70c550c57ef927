"""A classifier's judgement of each document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from tamis import classifier, model_card
from tamis.documents import one_piece
from tamis.errors import StageError, suggest
from tamis.stage import Filter

Label = str | tuple[str, ...] | Mapping[str, float]
SHOWN = 8
"""Features on either side, in an explanation."""


@dataclass(frozen=True)
class Quality(Filter):
    """Score documents by a classifier, and keep those that score within limits.

    The model is any supervised fastText model: one of `tamis train quality`, or another's. To keep the best share of the documents rather
    than those above a limit, let `best` follow: `best: {of: quality.score, share: 0.1}`.

    Signals:
        score: f64. Of one good label its probability, in [0, 1]; of several their sum; of labels with values (levels 0 to 5) the sum of the
            probabilities times the values, as FineWeb-Edu has it. Null for a blank text, and one
            without a feature that the model knows; most models know the end of a text, and of unknown words score that alone.
        calibrated: f64 in [0, 1], if the model's card holds a calibration: the share of good documents among held-out ones of
            that score. It holds for documents mixed as those were.

    Args:
        model: the file; its card (`<model>.json`) is read if there is one. "default": the model that ships, which tells running prose from
            menus, lists, tables and code, but not good prose from bad; see docs/quality.md.
        label: the good label, several of them, or {label: value}; null: what the card says, or, without a card, numbers their own
            values. Of two labels one must be named, unless the card does.

    Source:
        The score is the model's own probability: fastText's `predict` says 1e-5 more. DCLM keeps what scores at least 0.018112 by its
        model's label "hq", the best tenth of its pool. With "ova" models probabilities of labels are independent, and their sum is held at 1.
    """

    model: Literal["default"] | Path = "default"
    label: Label | None = None
    min_score: float | None = None
    max_score: float | None = None
    min_calibrated: float | None = None

    measured_by: ClassVar[tuple[str, ...] | None] = ("model", "label")
    reasons: ClassVar[Mapping[str, str]] = {
        "min_score": "quality score too low",
        "max_score": "quality score too high",
        "min_calibrated": "too unlikely to be good",
    }

    @property
    def _place(self) -> Path:
        return model_card.located(self.model)

    def check(self) -> None:
        """Refuse a model that cannot be read, labels that it does not have, and limits on what is not measured."""
        super().check()
        model, _ = _loaded(self._place)
        card = model_card.read(self._place)
        _weights(model, card, self.label)
        if self.min_calibrated is not None and self._calibration() is None:
            raise StageError(
                f'{self.name()}: "min_calibrated" needs a calibration, which "{self.model}" does not come with'
                + ("" if self.label is None else " for a label of your own")
                + ".\nFix: limit the score, or train the model with `tamis train quality`."
            )

    def files_beside(self) -> tuple[Path, ...]:
        """The card, which says what is good and how scores are calibrated; and the model, where the parameter is no path."""
        card = model_card.card_of(self._place)
        model = () if isinstance(self.model, Path) else (self._place,)
        return (*model, card) if card.is_file() else model

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        """Score all texts in one pass over their bytes."""
        model, card = _loaded(self._place)
        weights = _weights(model, card, self.label)
        text = one_piece(docs.column("text"))
        found = model.scores(text).astype(np.float64)
        blank = pc.or_(pc.utf8_is_space(text), pc.equal(pc.binary_length(text), 0)).to_numpy(zero_copy_only=False)
        known = ~np.isnan(found).any(axis=1) & ~blank
        score = np.zeros(len(found))
        for i, weight in enumerate(weights):  # not a matrix product, whose sums depend on how many texts there are
            if weight:
                score += np.where(known, found[:, i], 0.0) * weight
        score = np.clip(score, min(weights.min(), 0.0), weights.max())
        columns = {"score": score}
        if (calibration := self._calibration()) is not None:
            columns["calibrated"] = model_card.calibrated(calibration, _in_unit(score, weights))
        frame = pl.DataFrame(columns)
        return frame.select(pl.when(pl.Series(known)).then(pl.col(name)).alias(name) for name in columns)

    def account(self, text: str) -> list[str]:
        """What in a text pushes its score up, and what down."""
        if not text.strip():
            return []
        model, card = _loaded(self._place)
        weights = _weights(model, card, self.label)
        best = model.labels[int(np.argmax(weights))]
        features = model.explain(text, best)
        lines = []
        for word, some in (
            ("up", [one for one in features if one[1] > 0][:SHOWN]),
            ("down", [one for one in features[::-1] if one[1] < 0][:SHOWN]),
        ):
            if some:
                lines.append(f"{word:<4}  " + ", ".join(f"{_plain(name)} {weight:+.2f}" for name, weight in some))
        return lines

    def _calibration(self) -> Mapping[str, Any] | None:
        card = _loaded(self._place)[1] if self.label is None else None
        return (card or {}).get("calibration")


def _loaded(path: Path) -> tuple[classifier.Classifier, dict[str, Any] | None]:
    model = classifier.load(path)
    card = model_card.card_of(path)
    return model, _card(path, model.sha256, card.stat().st_mtime_ns if card.is_file() else 0)


@lru_cache(maxsize=16)
def _card(path: Path, _sha256: str, _changed: int) -> dict[str, Any] | None:
    return model_card.read(path)


def _weights(model: classifier.Classifier, card: Mapping[str, Any] | None, label: Label | None) -> np.ndarray:
    """f64[labels]: what each label's probability counts for."""
    if label is None and card is not None and "score" in card:
        label = {str(name): float(value) for name, value in card["score"].items()}
    if label is None:
        if not all(name.replace(".", "", 1).isdigit() for name in model.labels):
            raise StageError(
                f'quality: which of the labels of "{model.path.name}" is good? There are {", ".join(model.labels[:10])}.\nFix: name it with "label".'
            )
        label = {name: float(name) for name in model.labels}
    values = label if isinstance(label, Mapping) else dict.fromkeys((label,) if isinstance(label, str) else label, 1.0)
    for name in values:
        if name not in model.labels:
            raise StageError(f'quality: "{model.path.name}" has no label "{name}". {suggest(name, model.labels, what="labels:")}')
    weights = np.array([values.get(name, 0.0) for name in model.labels])
    if weights.min() == weights.max():
        raise StageError(f'quality: "label" gives all labels of "{model.path.name}" the same value, so that it tells nothing apart.')
    return weights


def _in_unit(score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.asarray((score - weights.min()) / (weights.max() - weights.min()))


def _plain(feature: str) -> str:
    """A feature in quotation marks, without what a terminal would act on."""
    return '"' + "".join(c if c.isprintable() else "�" for c in feature[:40]) + '"'
