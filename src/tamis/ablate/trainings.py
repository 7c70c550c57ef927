"""Carry trainings out, side by side, each once: what a training finds lies in a file named after all that it depends on.

A training that was finished is never repeated, whether the command was killed, more arms were asked for, or two arms hold
the same documents. One that dies is reported, and tried again the next time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from tamis import files, keys, mappers
from tamis.ablate import arms as drawing
from tamis.ablate.apart import Processes, timed
from tamis.ablate.arms import AS_READ, Arm, Ground
from tamis.ablate.design import GRID
from tamis.ablate.held import EACH, SCHEMA, Held
from tamis.ablate.rungs import Rung
from tamis.errors import RunError, TamisError
from tamis.lm.gpt import Diverged
from tamis.lm.tokens import Tokens
from tamis.progress import Say, phase

OWN = (0.125, 0.25, 0.5, 1.0)
"""Shares of a fold of which every arm is trained on all that it keeps: quality against quantity."""
EQUAL, OWN_SIZE = "equal", "own"
CURVED = ("raw", "curated", "without", "corrupt")
"""Kinds of arms that others are told in multiples of, and so have a curve of losses over budgets; evaluating is half of the work."""
OWN_SHARES = {"raw": OWN, "curated": OWN, "random": OWN[-1:], "matched": OWN[-1:]}
FARTHEST = 4.0
"""Times T, to which a curve goes where there is text: a multiplier above it is "over ×4", and evaluating farther would not be read.
GPTs, which have to be trained farther for it, stop at the grid's end."""
EPOCHS = (1, 2, 4, 8)
"""How often repeated text is seen: Muennighoff et al. (2023, arXiv:2305.16264) found up to 4 nearly as good as fresh text."""
APART = 1.05
"""Budgets nearer to each other than this say the same."""
PATIENCE = 8
"""Trainings that may die before one has ended."""
VERSION = 2
"""Raised when a training means something else, or its file holds more: from 2 on losses of each document."""
EACH_OF = ("raw", "curated")
"""Kinds of arms whose losses of each document are among the results, at T."""


@dataclass(frozen=True)
class Spot:
    """Where in a stream a model is evaluated.

    Args:
        kind: "equal": at the budget at which arms are compared; "own": when all that the arm has of a share of the fold was seen.
        budget: tokens, of "equal".
        share: of the fold, of "own".
        tokens: of the stream that were seen.
    """

    kind: str
    budget: int | None
    share: float | None
    tokens: int


@dataclass(frozen=True)
class Training:
    """One model: an arm in a fold."""

    rung: Rung
    arm: Arm
    fold: int
    redraw: int = 0


@dataclass(frozen=True)
class Field:
    """What all trainings share.

    Args:
        ground: what arms are drawn from.
        forms: of the text → tokens of every document of the pool.
        held: what is evaluated.
        tokens: T, for all arms that are large enough.
        least: arm → tokens that it has in its smallest fold, as they were read: as far as its curve reaches.
        extra: arm → further budgets, at which smaller arms are compared with it.
        grid: multiples of T at which arms with a curve are evaluated.
        farthest: multiple of T to which a curve goes where there is text.
        curved: kinds of arms that have a curve.
        own: shares of the fold of which each kind of arm is trained on all that it keeps.
    """

    ground: Ground
    forms: Mapping[str, Tokens]
    held: Held
    tokens: int
    least: Mapping[str, int]
    extra: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    grid: tuple[float, ...] = GRID
    farthest: float = FARTHEST
    curved: tuple[str, ...] = CURVED
    own: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: OWN_SHARES)

    @cached_property
    def held_digest(self) -> str:
        """Names what is evaluated, so that other held-out text is another training."""
        tokens = self.held.tokens
        sets = [[one.name, one.rows.tolist(), [str(name) for name in one.domain], one.size.tolist()] for one in self.held.sets]
        items = [
            [one.name, one.kind, start, stop, _digest(one.sequences.items), _digest(one.sequences.is_gold)]
            for one, start, stop in self.held.items
        ]
        return keys.digest([_digest(tokens.ids), _digest(tokens.starts), _digest(self.held.first), sets, items])

    def budgets(self, arm: Arm) -> list[int]:
        """Tokens at which an arm is evaluated in every fold: what it is compared at, and a curve around that as far as it reaches."""
        if arm.kind not in self.curved:
            return sorted(
                {self.tokens, *self.extra.get(arm.name, ())} if self.least[arm.name] >= self.tokens else self.extra.get(arm.name, ())
            )
        most = self.least[arm.name]
        grid = [budget for share in self.grid if (budget := round(share * self.tokens)) <= most]
        most = min(most, round(self.farthest * self.tokens))
        beyond = [most] if grid and grid[-1] * APART < most else []
        return sorted({*grid, *beyond, *(budget for budget in self.extra.get(arm.name, ()) if budget <= most)})


def stream_of(ground: Ground, forms: Mapping[str, Tokens], arm: Arm, fold: int, redraw: int) -> tuple[np.ndarray, Tokens]:
    """Rows of the pool, in order, and their tokens."""
    rows = drawing.stream(ground, arm, fold, redraw)
    tokens = forms[arm.form].take(rows)
    if arm.unique is None:
        return rows, tokens
    first = tokens.head(arm.unique)
    rows = rows[: len(first)]
    places = np.concatenate([drawing.again(ground, rows, fold, epoch) for epoch in range(EPOCHS[-1])])
    return rows[places], first.take(places)


def spots(given: Field, training: Training, rows: np.ndarray, tokens: Tokens) -> list[Spot]:
    """Where a training is evaluated, ascending."""
    arm, total = training.arm, tokens.total
    found = [
        Spot(EQUAL, budget, None, at) for budget in given.budgets(arm) if (at := _same_documents(given, arm, rows, tokens, budget)) > 0
    ]
    lengths = np.diff(tokens.starts)
    position = drawing.order(given.ground, training.fold)[rows]
    found += [
        Spot(OWN_SIZE, None, share, int(lengths[position < share].sum()) if share < 1 else total) for share in given.own.get(arm.kind, ())
    ]
    return sorted((spot for spot in found if spot.tokens), key=lambda spot: (spot.tokens, spot.kind, spot.budget or 0, spot.share or 0.0))


def _same_documents(given: Field, arm: Arm, rows: np.ndarray, tokens: Tokens, budget: int) -> int:
    """How many tokens of a stream stand for a budget; -1 where it is too short.

    An edit is compared on the same documents, so its text is cut where the same text as it was read reaches the budget.
    """
    if arm.form == AS_READ or arm.kind == "corrupt":
        return budget if tokens.total >= budget else -1
    plain = np.diff(given.forms[AS_READ].starts)[rows]
    ends = np.cumsum(plain)
    if not len(ends) or ends[-1] < budget:
        return -1
    last = int(np.searchsorted(ends, budget))
    part = (budget - (ends[last] - plain[last])) / max(1, plain[last])
    return max(1, int(tokens.starts[last] + round(part * (tokens.starts[last + 1] - tokens.starts[last]))))


def carry_out(given: Field, trainings: Sequence[Training], out: str, jobs: int, say: Say) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """Do what is left of the trainings.

    Args:
        given: what they share.
        trainings: all of them.
        out: the ablation's folder.
        jobs: side by side; they share nothing, and what they find does not depend on it.
        say: where progress goes.

    Returns:
        One row for each training, spot, set, domain and measure; and the trainings that died: arm, seed, redraw, rung, error, losses (tokens,
        nats a token: of one that diverged, until then).
    """
    frames: list[pl.DataFrame] = []
    died: list[dict[str, Any]] = []
    with phase(say, "train", len(trainings), 0, unit="trainings"):
        for training, found in _each(given, trainings, out, jobs):
            if isinstance(found, pl.DataFrame):
                frames.append(found)
            else:
                who = {"arm": training.arm.name, "seed": training.fold, "redraw": training.redraw, "rung": training.rung.name}
                died.append({**who, **found})
                say.note(f"The training of {training.arm.name}, seed {training.fold}, died: {found['error']}", **who)
                if not frames and len(died) >= PATIENCE:
                    raise RunError(
                        f"the first {len(died)} trainings died, the last of: {found['error']}\nFix: see run.log in {out}; what ails all of them is no chance."
                    )
            say.advance(1, 0)
    return pl.concat(frames) if frames else pl.DataFrame(), died


def _each(given: Field, trainings: Sequence[Training], out: str, jobs: int) -> Iterator[tuple[Training, pl.DataFrame | dict[str, Any]]]:
    def one(training: Training) -> tuple[Training, pl.DataFrame | dict[str, Any]]:
        try:
            return training, train(given, training, out, processes)
        except (TamisError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001  whatever a model dies of is said, and the others go on
            said = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
            return training, {"error": said, "losses": error.losses if isinstance(error, Diverged) else []}

    # Trainings side by side on a GPU would wait for each other, and share its memory.
    gpu = any(training.rung.device != "cpu" for training in trainings)
    with Processes(1 if gpu else jobs) as processes:
        yield from mappers.threads(one, trainings, jobs)


def train(given: Field, training: Training, out: str, processes: Processes | None = None) -> pl.DataFrame:
    """One training, or what it found before; in one of the processes where there are some and the rung asks for that."""
    arm = training.arm
    rows, tokens = stream_of(given.ground, given.forms, arm, training.fold, training.redraw)
    where = spots(given, training, rows, tokens)
    at = sorted({spot.tokens for spot in where})
    digests = [_digest(tokens.ids[:count]) + _digest(tokens.starts[: int(np.searchsorted(tokens.starts, count))]) for count in at]
    key = keys.digest(
        [VERSION, training.rung.settings, at, digests, given.held_digest, training.fold if not training.rung.order_blind else None]
    )
    place = files.join(out, "trainings", f"{training.rung.name}-{key}.parquet")
    if not files.exists(place):
        how = processes.timed if processes is not None and training.rung.apart else timed
        asked = (training.rung, tokens, at, given.held.tokens, given.held.first, training.fold)
        bits, seconds = how(*asked) if at else (np.zeros((0, 0)), 0.0)
        files.write_frame(place, _found(given, at, bits, seconds))
    found = files.read_frame(place)
    sizes = np.cumsum(given.ground.size[rows])
    documents = [min(len(rows), int(np.searchsorted(tokens.starts, spot.tokens))) for spot in where]
    spotted = pl.DataFrame(
        {
            "rung": training.rung.name,
            "arm": arm.name,
            "kind": arm.kind,
            "seed": pl.Series([training.fold] * len(where), dtype=pl.Int32),
            "redraw": pl.Series([training.redraw] * len(where), dtype=pl.Int32),
            "at": [spot.kind for spot in where],
            "budget": pl.Series([spot.budget for spot in where], dtype=pl.Int64),
            "share": pl.Series([spot.share for spot in where], dtype=pl.Float64),
            "tokens": pl.Series([spot.tokens for spot in where], dtype=pl.Int64),
            "documents": pl.Series(documents, dtype=pl.Int64),
            "bytes": pl.Series([int(sizes[count - 1]) for count in documents], dtype=pl.Int64),
            "stream": [digests[at.index(spot.tokens)] for spot in where],
        }
    )
    found = spotted.join(found, on="tokens", how="left", maintain_order="left_right")
    wanted = (pl.col("at") == EQUAL) & (pl.col("budget") == given.tokens) & pl.lit(arm.kind in EACH_OF)
    return found.filter((pl.col("measure") != EACH) | wanted)


def _found(given: Field, at: Sequence[int], bits: np.ndarray, seconds: float) -> pl.DataFrame:
    schema = {"tokens": pl.Int64, **SCHEMA, "cpu_seconds": pl.Float64}
    frames = [
        measured(some).with_columns(tokens=pl.lit(tokens, pl.Int64), cpu_seconds=pl.lit(seconds))
        for tokens, some in zip(at, bits, strict=True)
        for measured in (given.held.measures, given.held.each)
    ]
    return pl.concat([pl.DataFrame(schema=schema), *(frame.select(list(schema)) for frame in frames)])


def _digest(values: np.ndarray) -> str:
    return hashlib.blake2b(np.ascontiguousarray(values).tobytes(), digest_size=8).hexdigest()
