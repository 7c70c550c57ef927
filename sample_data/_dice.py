"""Draws that never change: the same seed gives the same numbers in every version of Python."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")
_BITS = 53  # what a float holds exactly


class Dice:
    """A generator that hashes (seed, number of the draw), so nothing depends on a library."""

    def __init__(self, *seed: object) -> None:
        """Start a stream of its own for every seed; any values that print alike are one seed."""
        self._key = "\0".join(map(str, seed)).encode()
        self._draws = 0

    def share(self) -> float:
        """Draw from [0, 1)."""
        self._draws += 1
        digest = hashlib.sha256(self._key + b"\0" + str(self._draws).encode()).digest()
        return (int.from_bytes(digest[:8], "big") >> (64 - _BITS)) / (1 << _BITS)

    def between(self, low: int, high: int) -> int:
        """Draw an integer, both ends included."""
        return low + int(self.share() * (high - low + 1))

    def pick(self, options: Sequence[T]) -> T:
        """Draw one of the options."""
        return options[self.between(0, len(options) - 1)]

    def shuffled(self, items: Iterable[T]) -> list[T]:
        """Return the items in a drawn order."""
        rest = list(items)
        for i in range(len(rest) - 1, 0, -1):
            j = self.between(0, i)
            rest[i], rest[j] = rest[j], rest[i]
        return rest

    def some(self, items: Iterable[T], n: int) -> list[T]:
        """Draw n of the items (all, if there are fewer) without putting any back."""
        return self.shuffled(items)[:n]
