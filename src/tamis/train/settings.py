"""How a classifier is trained: fastText's numbers, and presets of them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from tamis.errors import RecipeError, suggest


@dataclass(frozen=True)
class Settings:
    """fastText's numbers, under plain names.

    Args:
        dim: numbers a feature; of two classes any is as good as one, and the file grows with it.
        epochs: passes over the training texts.
        learning_rate: at the beginning; it falls to 0.
        word_ngrams: longest run of words that is a feature.
        buckets: rows that runs of words share by their hash; none are made for single words.
        min_count: occurrences below which a word has no row.
    """

    dim: int = 8
    epochs: int = 10
    learning_rate: float = 1.0
    word_ngrams: int = 2
    buckets: int = 200_000
    min_count: int = 3

    def changed(self, **values: Any) -> Settings:
        """The same with other values, where they are not None.

        Raises:
            RecipeError: a value is impossible.
        """
        new = replace(self, **{name: value for name, value in values.items() if value is not None})
        for item in fields(new):
            if getattr(new, item.name) <= 0:
                raise RecipeError(f'training: "{item.name}" must be above 0, not {getattr(new, item.name)}.')
        return new


PRESETS = {
    "default": Settings(),
    # The numbers of the script that trained DCLM's quality classifier (mlfoundations/dclm), which are fastText's own.
    "dclm": Settings(dim=100, epochs=5, learning_rate=0.1, word_ngrams=1, buckets=2_000_000, min_count=1),
    # At most about a megabyte, to be shipped: single words that are not rare.
    "small": Settings(dim=2, word_ngrams=1, buckets=1, min_count=10),
    # Single words tell topics, and many passes are needed where a topic has few documents: see docs/topics.md.
    "topics": Settings(dim=32, epochs=25, word_ngrams=1, buckets=1, min_count=2),
}
"""Our own default is what held-out documents of real web pages liked; see docs/quality.md."""


def preset(name: str) -> Settings:
    """Settings by name.

    Raises:
        RecipeError: there is no such preset.
    """
    if name not in PRESETS:
        raise RecipeError(f'there is no preset "{name}". {suggest(name, PRESETS, what="presets:")}')
    return PRESETS[name]
