"""Text that classifiers under test were trained on: it may decide nothing about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tamis import model_card
from tamis.folder import Finished
from tamis.stage import parameters


def learned(run: Finished) -> dict[str, np.ndarray]:
    """Model → u64[n], ascending, the text hashes that its card says it was trained on; for every model that a stage of the run names.

    A model without a card says nothing of its training text, and cannot be asked.

    Raises:
        DataError: the hashes are not those that the card names.
    """
    found = {}
    for _, stage in run.named:
        for place in _paths(parameters(stage)):
            if model_card.card_of(place).is_file():
                found[place.name] = model_card.training_texts(place)
    return found


def _paths(value: Any) -> list[Path]:
    if isinstance(value, Path):
        return [value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, tuple | list) else ()
    return [path for one in inside for path in _paths(one)]
