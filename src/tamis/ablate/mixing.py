"""Which shares should groups of documents have? Many cheap models on mixes drawn around the present one, and a regression from shares to losses.

mix/
  mix.json       the proposal, with all that speaks for and against it
  runs.parquet   one row a model: the share of each group, the loss on each domain of the target

Models are those of rung 0, which cannot tell what a repeat is worth: how often a group may be repeated is a bound, and no finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tamis import begin, files, mappers
from tamis.ablate.design import Design
from tamis.ablate.draws import seeded
from tamis.ablate.experiment import refuse_folder
from tamis.ablate.held import RAW, TARGET, losses
from tamis.ablate.pool import Pool, gather
from tamis.ablate.prepare import Prepared, prepare
from tamis.ablate.rungs import NGramRung
from tamis.ablate.shares import Bounds, Fit, fitted
from tamis.ablate.statistics import paired
from tamis.errors import AblationError
from tamis.lm.tokens import Tokens
from tamis.mappers import default_workers
from tamis.progress import Logged, Say, phase

MIX, RUNS = "mix.json", "runs.parquet"
OTHERS = "(others)"
LEAST_SHARE = 0.01
"""Of the present tokens; smaller groups keep their proportions among each other, and are one."""
PART = 4
"""A run has so great a part of the tokens that there are: a group may then have four times its share."""
LEAST_TOKENS = 10_000
"""Of a model; of fewer, counts of n-grams say little."""
TRIED = 2
"""A fold is so many times as large as the mixes that are tried in it, so that a group may have twice its share."""
CONCENTRATION = 3.0
"""Of the Dirichlet distribution around the present shares, for each group: of ten groups, two draws in three of a share of .1 lie in .05 to .15."""


@dataclass(frozen=True)
class Mixing:
    """What is asked.

    Args:
        by: the column whose values are groups.
        target: see `Design.target`; what stages or shares under test chose is no target.
        runs: models that are trained.
        max_copies: how often a document may be given, if the mix is to be as large as it is.
        min_share: least share of a group.
        max_share: most.
        seed: of draws.
    """

    by: str
    target: tuple[str, ...] | str = "reference"
    runs: int = 128
    max_copies: int = 4
    min_share: float = 0.0
    max_share: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class _Ground:
    """Documents that mixes are drawn from.

    Args:
        tokens: of all documents of the pool.
        key: u64[n].
        group: i64[n], -1 for documents that are in no mix.
        names: of groups.
        fold: i16[n].
    """

    tokens: Tokens
    key: np.ndarray
    group: np.ndarray
    names: Sequence[str]
    fold: np.ndarray

    def available(self, inside: np.ndarray | None = None) -> np.ndarray:
        """i64[G], tokens of each group."""
        here = self.group >= 0 if inside is None else (self.group >= 0) & inside
        return np.bincount(self.group[here], self.tokens.lengths[here], len(self.names)).astype(np.int64)

    def drawn(
        self, shares: NDArray[np.float64], size: int, seed: int, inside: np.ndarray | None = None
    ) -> tuple[Tokens, NDArray[np.float64]]:
        """Documents of about so many tokens with about these shares; and the shares that they have."""
        rank, lengths, rows = seeded(self.key, seed), self.tokens.lengths, []
        for i, share in enumerate(shares):
            here = np.flatnonzero((self.group == i) & (True if inside is None else inside))
            here = here[np.argsort(rank[here], kind="stable")]
            ends = np.cumsum(lengths[here])
            rows.append(here[ends - lengths[here] / 2 <= share * size])
        chosen = np.concatenate(rows)
        counted = np.bincount(self.group[chosen], lengths[chosen], len(self.names))
        return self.tokens.take(chosen[np.argsort(rank[chosen], kind="stable")]), counted / max(1, counted.sum())


def mix(source: str, out: str, asked: Mixing, *, jobs: int | None = None, say: Say | None = None) -> dict[str, Any]:
    """Propose shares for the groups of a run's curated documents.

    Args:
        source: the run folder.
        out: a new folder, or one that this call wrote before.
        asked: by what, for what, within which bounds.
        jobs: models side by side; nothing depends on it.
        say: where progress goes.

    Returns:
        What `mix.json` holds: groups (name, present, proposed, low, high, copies), predicted, confirmed, nearest, fit, notes.

    Raises:
        TamisError: something the user can mend.
    """
    jobs, say = jobs or default_workers(), say or Say()
    source, out = files.home(source), files.home(out)
    refuse_folder(source, out, MIX)
    with begin.alone(out):
        say = Logged(say, begin.log(out))
        files.remove_temporary(out)
        design = Design(
            target=asked.target,
            domain=asked.by,
            leave_out=False,
            edits=False,
            random_drop=0,
            corrupt={},
            redraws=1,
            least_tokens=TRIED * LEAST_TOKENS,
            rungs=("ngram",),
            seed=asked.seed,
        )
        made = prepare(_as_mixed(gather([source], design, jobs)), design, jobs, say)
        ground = _ground(made)
        shares, found, domains = _trained(ground, made, asked, jobs, say)
        files.write_frame(files.join(out, RUNS), _table(ground.names, shares, found, domains))
        told = _told(ground, made, asked, shares, found, jobs) | {"by": asked.by, "notes": list(made.facts["notes"])}
        files.write_json(files.join(out, MIX), told)
    return told


def _as_mixed(pool: Pool) -> Pool:
    """A run that drops nothing has one mix, and shares to choose all the same."""
    alike = np.array_equal(pool.mixes["raw"] > 0, pool.mixes["curated"] > 0)
    return replace(pool, mixes={"raw": pool.mixes["raw"]}) if alike else pool


def _ground(made: Prepared) -> _Ground:
    ground, tokens = made.field.ground, made.field.forms["as read"]
    inside = (ground.mixes.get("curated", ground.mixes["raw"]) > 0) & (
        ground.fold >= 0 if ground.overlapping is None else ground.overlapping.any(axis=0)
    )
    names, which = np.unique(ground.domain.astype(str), return_inverse=True)
    counted = np.bincount(which[inside], tokens.lengths[inside], len(names))
    large = counted >= LEAST_SHARE * counted.sum()
    kept = [str(name) for name in names[large]] + ([OTHERS] if counted[~large].sum() else [])
    if len(kept) < 2:
        raise AblationError("all curated documents are of one group, so there is no mix to change.\nFix: name another column with --by.")
    place = np.where(large, np.cumsum(large) - 1, len(kept) - 1)
    return _Ground(tokens, ground.key, np.where(inside, place[which], -1), kept, ground.fold)


def _trained(
    ground: _Ground, made: Prepared, asked: Mixing, jobs: int, say: Say
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    """Shares f64[runs, G] and losses f64[runs, domains] of every model; the first has the present shares."""
    available = ground.available()
    size = int(available.sum()) // PART
    if size < LEAST_TOKENS:
        raise AblationError(
            f"a quarter of the curated text is {size:,} tokens, and a model wants {LEAST_TOKENS:,}.\nFix: use more documents."
        )
    present = available / available.sum()
    draw = np.random.default_rng(asked.seed)
    wanted = [present, *(_within(one, available / size) for one in draw.dirichlet(CONCENTRATION * len(present) * present, asked.runs - 1))]
    rows: list[tuple[NDArray[np.float64], list[float]]] = []
    domains: list[str] = []

    def one(number: int) -> tuple[NDArray[np.float64], dict[str, float]]:
        stream, shares = ground.drawn(wanted[number], size, seed=number + 1)
        return shares, _losses(made, stream, stream.total)

    with phase(say, "train", asked.runs, 0, unit="models"):
        for shares, found in mappers.threads(one, range(asked.runs), jobs):
            domains = list(found)
            rows.append((shares, list(found.values())))
            say.advance(1, 0)
    return np.array([shares for shares, _ in rows]), np.array([found for _, found in rows]), domains


def _within(shares: NDArray[np.float64], most: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares of 1 in all, none above its most; what is cut off goes to the others."""
    for _ in range(len(shares)):
        shares = np.minimum(shares, most)
        room = shares < most
        if not room.any() or shares.sum() >= 1 - 1e-12:
            break
        shares = np.where(room, shares * (1 + (1 - shares.sum()) / shares[room].sum()), shares)
    return np.minimum(shares, most)


def _losses(made: Prepared, stream: Tokens, size: int) -> dict[str, float]:
    """Bits per byte by domain of the target, or of raw held-out documents where there is none."""
    held = made.field.held
    bits = NGramRung(made.tokenizer.vocabulary).train(stream, [size], held.tokens, held.first, 0)[0]
    by_name = {one.name: one for one in held.sets}
    one = by_name.get(TARGET) or by_name[RAW]
    return dict(losses(bits[one.rows], one))


def _table(names: Sequence[str], shares: NDArray[np.float64], found: NDArray[np.float64], domains: Sequence[str]) -> pl.DataFrame:
    columns = {f"share {name}": shares[:, i] for i, name in enumerate(names)}
    columns |= {f"loss {name}": found[:, i] for i, name in enumerate(domains)}
    return pl.DataFrame(columns | {"loss": found.mean(axis=1)})


def _told(
    ground: _Ground, made: Prepared, asked: Mixing, shares: NDArray[np.float64], found: NDArray[np.float64], jobs: int
) -> dict[str, Any]:
    available = ground.available()
    present = available / available.sum()
    bounds = Bounds(np.full(len(present), asked.min_share), np.minimum(asked.max_share, asked.max_copies * present))
    fit = fitted(shares, found, present, bounds, seed=asked.seed)
    distances = np.abs(shares - fit.proposed).sum(axis=1) / 2
    nearest, means = int(np.argmin(distances)), found.mean(axis=1)
    return {
        "groups": [
            {
                "group": name,
                "present": float(present[i]),
                "proposed": float(fit.proposed[i]),
                "low": float(fit.low[i]),
                "high": float(fit.high[i]),
                "copies": float(fit.proposed[i] / present[i]),
            }
            for i, name in enumerate(ground.names)
        ],
        "predicted": {"present": fit.loss_present, "proposed": fit.loss_proposed, "gain": list(fit.gain)},
        "fit": {"runs": len(shares), "held_back_correlation": fit.correlation, "usable": fit.usable},
        "nearest": {
            "run": nearest,
            "apart": float(distances[nearest]),
            "loss": float(means[nearest]),
            "rank": int((means < means[nearest]).sum()) + 1,
        },
        "confirmed": _confirmed(ground, made, present, fit, jobs),
        "target": made.facts["target"]["name"],
    }


def _confirmed(ground: _Ground, made: Prepared, present: NDArray[np.float64], fit: Fit, jobs: int) -> dict[str, Any]:
    """The proposal and the present mix, trained at equal tokens in every fold: what was foreseen is not believed, but measured.

    Where a fold has too little of a group, the others have what is missing.
    """
    if made.overlap:
        return {"withheld": "there are too few documents for folds that share none."}

    inside = [ground.fold == fold for fold in range(made.folds)]
    size = min(int(ground.available(here).sum()) for here in inside) // TRIED

    def one(fold: int) -> tuple[int, float]:
        most = ground.available(inside[fold]) / size
        streams = [ground.drawn(_within(shares, most), size, fold, inside[fold])[0] for shares in (present, fit.proposed)]
        equal = min(stream.total for stream in streams)
        before, after = (float(np.mean(list(_losses(made, stream, equal).values()))) for stream in streams)
        return equal, before - after

    try:
        each = list(mappers.threads(one, range(made.folds), jobs))
        gains = np.array([gain for _, gain in each])
        return {"tokens": min(size for size, _ in each), "gain": asdict(paired(gains, level=0.95, what="the present and the proposed mix"))}
    except AblationError as error:
        return {"withheld": str(error).splitlines()[0]}
