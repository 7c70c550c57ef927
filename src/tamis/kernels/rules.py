"""Count rules that fail together, what each drops alone, and the documents with the smallest hashes of each."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tamis.kernels._jit import aligned, helper, i64, kernel, reads, u64, writes


@dataclass(frozen=True)
class Failed:
    """Counts of some rules, numbered from 0.

    Args:
        rules: how many.
        shown: documents that are kept of each.
        together: i64[rules, rules], documents that fail both; on the diagonal those that fail the one.
        only_bytes: i64[rules], bytes of the documents that fail nothing else.
        hashes: u64[rules, shown], the smallest of those that fail it, ascending.
        rows: i64[rules, shown], the numbers of these documents; -1 where there is none.
        fails: i64[rules, shown], how many rules each fails.
    """

    rules: int
    shown: int
    together: np.ndarray = field(init=False)
    only_bytes: np.ndarray = field(init=False)
    hashes: np.ndarray = field(init=False)
    rows: np.ndarray = field(init=False)
    fails: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        shape = (self.rules, self.shown)
        made = {
            "together": np.zeros((self.rules, self.rules), np.int64), "only_bytes": np.zeros(self.rules, np.int64),
            "hashes": np.zeros(shape, np.uint64), "rows": np.full(shape, -1), "fails": np.zeros(shape, np.int64),
        }  # fmt: skip
        for name, array in made.items():
            object.__setattr__(self, name, array)

    def add(
        self, own: tuple[np.ndarray, np.ndarray], also: tuple[np.ndarray, np.ndarray], *, sizes: np.ndarray, hashes: np.ndarray, first: int
    ) -> None:
        """Count documents, of which each rule counts once.

        Args:
            own: i64[n + 1], where the rules of each document begin, and i64[m], the rules: -1 for one that is not counted.
            also: more of them, likewise.
            sizes: i64[n], bytes.
            hashes: u64[n], each different.
            first: the number of the first document.
        """
        (starts, rules), (more_starts, more) = own, also
        _failed(
            aligned(starts, np.int64), aligned(rules, np.int64), aligned(more_starts, np.int64), aligned(more, np.int64),
            aligned(sizes, np.int64), aligned(hashes, np.uint64), first, np.empty(self.rules, np.int64), self.together, self.only_bytes,
            self.hashes, self.rows, self.fails,
        )  # fmt: skip


@helper
def _gather(start, stop, rules, held, count):
    for k in range(start, stop):
        rule = rules[k]
        known = rule < 0
        for j in range(count):
            known = known or held[j] == rule
        if not known:
            held[count] = rule
            count += 1
    return count


@helper
def _insert(hashes, rows, fails, rule, key, row, many):
    last = rows.shape[1] - 1
    if last < 0 or (rows[rule, last] >= 0 and hashes[rule, last] <= key):
        return
    place = last
    while place > 0 and (rows[rule, place - 1] < 0 or hashes[rule, place - 1] > key):
        hashes[rule, place] = hashes[rule, place - 1]
        rows[rule, place] = rows[rule, place - 1]
        fails[rule, place] = fails[rule, place - 1]
        place -= 1
    hashes[rule, place] = key
    rows[rule, place] = row
    fails[rule, place] = many


@kernel(
    reads(i64), reads(i64), reads(i64), reads(i64), reads(i64), reads(u64), i64, writes(i64), writes(i64, 2), writes(i64), writes(u64, 2),
    writes(i64, 2), writes(i64, 2),
)  # fmt: skip
def _failed(own_starts, own, also_starts, also, sizes, keys, first, held, together, only_bytes, hashes, rows, fails):
    for i in range(len(sizes)):
        many = own_starts[i + 1] - own_starts[i] + also_starts[i + 1] - also_starts[i]
        if many == 0:
            continue
        count = _gather(own_starts[i], own_starts[i + 1], own, held, 0)
        count = _gather(also_starts[i], also_starts[i + 1], also, held, count)
        for a in range(count):
            rule = held[a]
            if many == 1:
                only_bytes[rule] += sizes[i]
            for b in range(count):
                together[rule, held[b]] += 1
            _insert(hashes, rows, fails, rule, keys[i], first + i, many)
