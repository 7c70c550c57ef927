"""Rungs that do something odd, in a module that processes can import."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tamis.lm.tokens import Tokens


@dataclass(frozen=True)
class Odd:
    """Tells its process and what it was given; or fails; or dies."""

    does: str = "tell"
    name: str = "odd"
    order_blind: bool = False
    apart: bool = True
    device: str = "cpu"

    @property
    def settings(self) -> dict[str, object]:
        return {"rung": self.name, "does": self.does}

    def train(self, stream: Tokens, budgets: Sequence[int], held: Tokens, first: np.ndarray, seed: int) -> np.ndarray:
        if self.does == "die":
            os._exit(3)
        if self.does == "fail":
            raise ArithmeticError("the loss is no number")
        if self.does == "wait":
            import time

            print(os.getpid(), flush=True)
            time.sleep(300)
        return np.array([[os.getpid(), stream.total, budget, seed] for budget in budgets], np.float64)
