"""Which documents of two finished runs are the same: by shard and row where both read the same file, else by their text.

Held in memory: about 60 bytes a document of each run; where texts are compared, 100 more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from tamis import files, mappers
from tamis.folder import Finished

KEPT = ""
"""What stands for the stage that drops a kept document."""


@dataclass(frozen=True)
class Side:
    """The ledger of a run in numbers, in its order.

    Args:
        run: the folder.
        starts: i64[shards + 1], each shard's first document.
        rows: i64[n], in the shard.
        copies: u8[n].
        stage: u8[n], a number in `stages`.
        sizes: u32[n], bytes.
        stages: names; the first is `KEPT`.
    """

    run: Finished
    starts: np.ndarray
    rows: np.ndarray
    copies: np.ndarray
    stage: np.ndarray
    sizes: np.ndarray
    stages: tuple[str, ...]

    def chunks(self, shards: Sequence[int]) -> list[str]:
        """Names of the files of some shards' signals, in order."""
        return [name for i in shards for _, _, name in self.run.chunks.get(self.run.shards[i].fingerprint[:16], [])]

    def documents(self, shards: Sequence[int]) -> np.ndarray:
        """i64: the numbers of all documents of some shards."""
        return np.concatenate([np.zeros(0, np.int64), *(np.arange(self.starts[i], self.starts[i + 1]) for i in shards)])


@dataclass(frozen=True)
class Pairs:
    """Documents of two runs.

    Args:
        a: i64[pairs], numbers of documents in the first run, ascending.
        b: i64[pairs], the same documents in the second.
        only_a: i64, documents that the second lacks.
        only_b: i64.
        by_text: pairs that were found by their text.
    """

    a: np.ndarray
    b: np.ndarray
    only_a: np.ndarray
    only_b: np.ndarray
    by_text: int


def side(run: Finished, stages: Sequence[str], workers: int) -> Side:
    """Read what is compared.

    Args:
        run: a finished run.
        stages: of both runs.
        workers: side by side.
    """
    code = {name: i for i, name in enumerate(stages, 1)}
    read = _Read(code)
    for frame in mappers.threads(lambda url: files.read_columns([url], ["shard", "row", "copies", "stage"]), run.ledger_files(), workers):
        read.add(frame)
    chunks = [name for _, name in run.chunk_names()]
    sizes = run.numbers(chunks, {"text.bytes"})["text.bytes"].to_numpy() if chunks else np.zeros(0, np.uint32)
    counts = [read.shards[shard.name] for shard in run.shards]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    rows, copies, stage = (
        np.concatenate([np.zeros(0, kind), *parts]).astype(kind)
        for kind, parts in zip((np.int64, np.uint8, np.uint8), read.parts, strict=True)
    )
    assert len(sizes) == len(rows) == starts[-1], "the signals are not those of the ledger"
    return Side(run, starts, rows, copies, stage, sizes, (KEPT, *stages))


@dataclass
class _Read:
    code: dict[str, int]
    shards: Counter[str] = field(default_factory=Counter)
    parts: tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]] = field(default_factory=lambda: ([], [], []))

    def add(self, frame: pl.DataFrame) -> None:
        for shard, documents in frame.group_by("shard").len().iter_rows():
            self.shards[shard] += documents
        stage = frame["stage"].replace_strict(list(self.code), list(self.code.values()), default=0, return_dtype=pl.UInt8)
        for part, values in zip(self.parts, (frame["row"], frame["copies"], stage), strict=True):
            part.append(values.to_numpy())


def paired(a: Side, b: Side) -> Pairs:
    """Find each document of one run in the other."""
    same = _same_shards(a.run, b.run)
    found = [_by_row(a, b, i, j) for i, j in same]
    here, there = (
        [i for i in range(len(one.run.shards)) if i not in taken] for one, taken in ((a, {i for i, _ in same}), (b, {j for _, j in same}))
    )
    texts = _by_text(a, b, here, there)
    left, right = (np.concatenate([np.zeros(0, np.int64), *(pair[k] for pair in [*found, texts])]) for k in (0, 1))
    order = np.argsort(left, kind="stable")
    return Pairs(left[order], right[order], _missing(len(a.rows), left), _missing(len(b.rows), right), len(texts[0]))


def _missing(count: int, taken: np.ndarray) -> np.ndarray:
    mask = np.ones(count, np.bool_)
    mask[taken] = False
    return np.flatnonzero(mask)


def _same_shards(a: Finished, b: Finished) -> list[tuple[int, int]]:
    """Shards of equal content; of several equal ones the first is the first."""

    def keyed(run: Finished) -> dict[tuple[str, int], int]:
        seen: Counter[str] = Counter()
        found = {}
        for i, shard in enumerate(run.shards):
            found[shard.fingerprint, seen[shard.fingerprint]] = i
            seen[shard.fingerprint] += 1
        return found

    there = keyed(b)
    return [(i, there[key]) for key, i in keyed(a).items() if key in there]


def _by_row(a: Side, b: Side, i: int, j: int) -> tuple[np.ndarray, np.ndarray]:
    """Documents of one shard; a row that only one of the runs could read is in only one."""
    first, second = a.rows[a.starts[i] : a.starts[i + 1]], b.rows[b.starts[j] : b.starts[j + 1]]
    if len(first) == len(second) and (first == second).all():
        return np.arange(a.starts[i], a.starts[i + 1]), np.arange(b.starts[j], b.starts[j + 1])
    _, left, right = np.intersect1d(first, second, assume_unique=True, return_indices=True)
    return left + a.starts[i], right + b.starts[j]


def _by_text(a: Side, b: Side, here: Sequence[int], there: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Documents of equal text, by its 128-bit hash; of several the first is the first."""
    if not here or not there:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    both = _texts(a, here).join(_texts(b, there), on=["low", "high", "again"], suffix="_b")
    return both["i"].to_numpy(), both["i_b"].to_numpy()


def _texts(one: Side, shards: Sequence[int]) -> pl.DataFrame:
    chunks = one.chunks(shards)
    names = {"text._low": "low", "text._high": "high"}
    hashes = one.run.numbers(chunks, names).rename(names) if chunks else pl.DataFrame(schema=dict.fromkeys(names.values(), pl.UInt64))
    frame = hashes.with_columns(pl.Series("i", one.documents(shards), pl.Int64), again=pl.lit(0, pl.UInt32))
    twins = pl.col("low").is_duplicated()
    # Most texts occur once: only those that share half a hash are counted.
    counted = frame.filter(twins).with_columns(again=pl.int_range(pl.len(), dtype=pl.UInt32).over("low", "high"))
    return pl.concat([frame.filter(~twins), counted])
