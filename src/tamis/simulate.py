"""What becomes of every document of a finished run under other limits: from its numbers alone, without reasons.

The same functions decide as in a run (`ledger.after`, `ledger.living`, `ledger.copies_of`), so that the fates are those
of a run with these limits. Held in memory: two bytes a document, and what stages that need the corpus look at.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import polars as pl

from tamis import files, ledger, mappers
from tamis.folder import Finished
from tamis.measure import Step
from tamis.plan import BASE
from tamis.stage import Edit

Result = TypeVar("Result")
SLAB_ROWS = 500_000
"""Documents that are judged at once: polars' calls cost nothing then, and ten columns of them are 40 MB."""


@dataclass(frozen=True)
class Fates:
    """What becomes of each readable document, in the order of the corpus.

    Args:
        copies: u8[n].
        stage: u8[n], 0 for a kept document, else the number of the stage that drops it, from 1.
        outcomes: what stages that need the corpus say of their verdicts as a whole.
    """

    copies: np.ndarray
    stage: np.ndarray
    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Numbers:
    """The signals of a finished run, a slab at a time.

    Args:
        run: a finished run.
        workers: side by side.
        rows: documents of a slab, at least, but for the last; None: `SLAB_ROWS`.
    """

    run: Finished
    workers: int
    rows: int | None = None

    @cached_property
    def number(self) -> dict[str, int]:
        """Stage → its number, from 1."""
        return {name: i for i, name in enumerate((name for name in self.run.manifest["signals"] if name != BASE), 1)}

    @cached_property
    def documents(self) -> int:
        """Readable ones."""
        return int(self.run.manifest["counts"]["readable"])

    @cached_property
    def chunks(self) -> list[tuple[str, int]]:
        """The name of every chunk's file and how many readable documents it holds, in the order of the corpus."""
        names = [name for _, name in self.run.chunk_names()]
        rows = [int(stop) - int(start) for start, stop in (name.removesuffix(".parquet").split("-")[1:] for name in names)]
        if sum(rows) != self.documents:  # some were set aside: their footers know
            rows = [files.rows(files.join(self.run.folder(BASE), name)) for name in names]
        return list(zip(names, rows, strict=True))

    @cached_property
    def slabs(self) -> list[tuple[int, int, list[str]]]:
        """First document, the one after the last, and the chunks that hold them."""
        cut: list[tuple[int, int, list[str]]] = []
        for name, count in self.chunks:
            if not cut or cut[-1][1] - cut[-1][0] >= (self.rows or SLAB_ROWS):
                first = cut[-1][1] if cut else 0
                cut.append((first, first, []))
            first, stop, held = cut[-1]
            cut[-1] = (first, stop + count, [*held, name])
        assert not cut or cut[-1][1] == self.documents, "the signals are not those of the ledger"
        return [slab for slab in cut if slab[0] < slab[1]]

    def each(self, names: Collection[str], function: Callable[[slice, pl.DataFrame], Result]) -> Iterator[Result]:
        """The function of each slab's place and columns, in order; slabs are read and given side by side.

        Args:
            names: of columns, as in `Finished.numbers`.
            function: may be called in any thread.
        """

        def one(slab: tuple[int, int, list[str]]) -> Result:
            start, stop, chunks = slab
            return function(slice(start, stop), self.run.numbers(chunks, names))

        return mappers.threads(one, self.slabs, self.workers)


Look = Callable[[Step, pl.DataFrame], None]


def fates(numbers: Numbers, steps: Sequence[Step], look: Look | None = None) -> Fates:
    """What becomes of every document.

    Args:
        numbers: of the run.
        steps: its stages, some with other limits, some perhaps left out; none that measures otherwise.
        look: is shown each slab before each stage that judges documents by themselves; may be called in any thread.

    Raises:
        StageError: a stage cannot decide.
    """
    found = Fates(np.ones(numbers.documents, np.uint8), np.zeros(numbers.documents, np.uint8))
    pending: list[Step] = []
    for step in steps:
        if isinstance(step.stage, Edit):
            continue
        if step.stage.needs_corpus:
            _choose(numbers, pending, step, found, look)
            pending = []
        else:
            pending.append(step)
    if pending:
        for _ in numbers.each(
            _looked_at(numbers, pending), lambda place, frame: _judge(numbers, pending, found, place, frame, look).height
        ):
            pass
    return found


def columns(numbers: Numbers, step: Step) -> set[str]:
    """What a stage's decision looks at."""
    return ledger.looked_at(step, numbers.run.measured[step.name])


def _looked_at(numbers: Numbers, steps: Sequence[Step]) -> set[str]:
    return {name for step in steps for name in columns(numbers, step)}


def _judge(
    numbers: Numbers, steps: Sequence[Step], found: Fates, place: slice, frame: pl.DataFrame, look: Look | None = None
) -> pl.DataFrame:
    """Take a slab through stages that judge each document by itself; its frame, with `row` and `copies`."""
    rows = pl.int_range(place.start, place.stop, dtype=pl.UInt64, eager=True).alias("row")
    frame = pl.DataFrame([rows, pl.Series("copies", found.copies[place])]).hstack(frame)
    for step in steps:
        if look is not None:
            look(step, frame)
        before = frame["copies"].to_numpy()
        frame = frame.with_columns(ledger.after(step, frame))
        _note(found, place, before, frame["copies"].to_numpy(), numbers.number[step.name])
    return frame


def _note(found: Fates, place: slice | np.ndarray, before: np.ndarray, after: np.ndarray, number: int) -> None:
    found.stage[place] = np.where((before > 0) & (after == 0), np.uint8(number), found.stage[place])
    found.copies[place] = after


def _choose(numbers: Numbers, pending: Sequence[Step], step: Step, found: Fates, look: Look | None) -> None:
    """Let a stage that needs the corpus choose among those that the stages above leave alive."""

    def reached(place: slice, frame: pl.DataFrame) -> pl.DataFrame:
        return ledger.living(step, _judge(numbers, pending, found, place, frame, look))

    parts = list(numbers.each(_looked_at(numbers, [*pending, step]), reached))
    if not parts:
        return
    living = pl.concat(parts, how="vertical_relaxed")
    del parts
    place = numbers.run.relation(step.name)
    relations = files.read_frame(place).lazy() if files.exists(place) else None
    copies = ledger.copies_of(step, living, relations)
    if (outcome := ledger.outcome_of(step, living, copies)) is not None:
        found.outcomes[step.name] = outcome
    _note(found, living["row"].to_numpy(), living["copies"].to_numpy(), copies.to_numpy(), numbers.number[step.name])


def before(numbers: Numbers) -> Fates:
    """What became of every document in the run itself, as its ledger says."""
    codes: Mapping[str, int] = numbers.number
    copies, stage, start = np.ones(numbers.documents, np.uint8), np.zeros(numbers.documents, np.uint8), 0
    for frame in mappers.threads(lambda url: files.read_columns([url], ["copies", "stage"]), numbers.run.ledger_files(), numbers.workers):
        place = slice(start, start + frame.height)
        copies[place] = frame["copies"].to_numpy()
        stage[place] = frame["stage"].replace_strict(list(codes), list(codes.values()), default=0, return_dtype=pl.UInt8).to_numpy()
        start = place.stop
    return Fates(copies, stage)
