"""Limits that would keep a wanted share of the bytes, with the least change of mix.

Candidates, each with everything else as it is: every limit of every filter moved alone, and all of them together by one
severity, which multiplies the odds of failing each rule by the same number, so that a rule that fails few documents goes
on to fail few (where a count jumps over the target, counts have a severity of their own). Values are found on at most `levers.SEARCHED` documents; they are rounded to three digits, to more only where three would miss. The
most promising are then simulated exactly on all documents, corrected where they miss, and ranked by how far the mix moves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tamis import mappers, simulate
from tamis.assignments import changed
from tamis.errors import RunError, TamisError
from tamis.folder import Finished
from tamis.levers import Lever, Model, model_of
from tamis.simulate import Fates, Numbers
from tamis.what_if import counted, summary

SIMULATED = 6
"""Candidates that are simulated on all documents."""
SHOWN = 5
NEAR, REACHED = 0.001, 0.01
"""A candidate that misses by more of the readable bytes is corrected; one that misses by more in the end does not reach."""
DIGITS = (3, 4, 5, 6)
CORRECTIONS = 2
SEVEREST = 20.0


Candidate = Callable[[float], "list[tuple[Lever, float]]"]
"""Wanted share of the bytes → limits that come nearest."""


def propose(run: Finished, share: float, assignments: Sequence[str] = (), *, workers: int | None = None) -> dict[str, Any]:
    """Limits that keep a share of the bytes.

    Args:
        run: a finished run.
        share: of the bytes of all readable documents.
        assignments: that hold in any case.
        workers: side by side.

    Returns:
        target (share, bytes), now (share: with the assignments), reached, and proposals, best first: assignments, kept
        (documents, bytes), share, mix_change. Where nothing reaches the target, the one that comes nearest.

    Raises:
        RunError: there is nothing to keep, or no limit to move.
    """
    if not 0 < share <= 1:
        raise RunError(f"the share to keep must be above 0 and at most 1, not {share}.")
    numbers = Numbers(run, workers or mappers.default_workers())
    steps, _ = changed(run, assignments)
    before, base = simulate.before(numbers), simulate.fates(numbers, steps)
    model = model_of(numbers, steps, before, base)
    if not model.levers:
        raise RunError(f"{run.out} has no filter with a limit that could be moved.")
    candidates = sorted(_candidates(model), key=lambda one: _promise(model, one(share), share))[:SIMULATED]
    found = [_simulated(numbers, assignments, candidate, share, before) for candidate in candidates]
    unique = list({tuple(one["assignments"]): one for one in found if one.get("assignments")}.values())
    reached = sorted((one for one in unique if abs(one["share"] - share) <= REACHED), key=lambda one: one["mix_change"])
    nearest = sorted(unique, key=lambda one: abs(one["share"] - share))[:1]
    now = summary(numbers, counted(numbers, before, base))
    return {
        "target": {"share": share, "bytes": round(share * now["readable"]["bytes"])},
        "now": {"share": _share(now), **now["kept"]["after"]},
        "reached": bool(reached),
        "proposals": reached[:SHOWN] or nearest,
    }


def share_of(run: Finished, size: int) -> float:
    """What share of the readable bytes some bytes are.

    Raises:
        RunError: there are not as many.
    """
    there = int(run.manifest["counts"]["bytes"])
    if not 0 < size <= there:
        raise RunError(f"{run.out} has {there:,} bytes of text: it cannot keep {size:,}.")
    return size / there


def _promise(model: Model, limits: list[tuple[Lever, float]], share: float) -> tuple[bool, float]:
    """First what reaches the target, then what moves the mix least; of what misses, what comes nearest."""
    missed = abs(model.share(limits) - share)
    return (True, missed) if missed > REACHED else (False, model.mix_change(limits))


def _share(said: dict[str, Any]) -> float:
    return float(said["kept"]["after"]["bytes"] / max(1, said["readable"]["bytes"]))


def _simulated(numbers: Numbers, assignments: Sequence[str], candidate: Candidate, share: float, before: Fates) -> dict[str, Any]:
    """A candidate on all documents; aimed anew where what the model does not know makes it miss."""
    best: dict[str, Any] = {}
    aim = share
    for _ in range(1 + CORRECTIONS):
        moved = [f"{lever.place}={_printed(limit)}" for lever, limit in candidate(aim) if limit != lever.now]
        if not moved or moved == best.get("assignments"):
            break
        try:
            steps, _ = changed(numbers.run, [*assignments, *moved])
        except TamisError:  # limits that cross each other
            break
        said = summary(numbers, counted(numbers, before, simulate.fates(numbers, steps)))
        kept = _share(said)
        one = {"assignments": moved, "kept": said["kept"]["after"], "share": kept, "mix_change": said["mix_change"]}
        if not best or abs(kept - share) < abs(best["share"] - share):
            best = one
        if abs(kept - share) <= NEAR or not kept:
            break
        aim = min(1.0, aim * share / kept)
    return best


def _candidates(model: Model) -> list[Candidate]:
    return [*(_alone(model, lever) for lever in model.levers), _together(model)]


def _alone(model: Model, lever: Lever) -> Candidate:
    """One limit, everything else as it is: found in the bytes that are kept at or within each of its values."""
    others = np.delete(model.met, lever.rule, axis=0).all(axis=0)
    free = others & lever.moved
    fixed = float(model.sizes[others & model.met[lever.rule] & ~lever.moved].sum())
    sign = -1 if lever.least else 1
    order = np.argsort(sign * lever.values[free], kind="stable")
    keys, held = (sign * lever.values[free])[order], np.concatenate([[0.0], np.cumsum(model.sizes[free][order])])
    total = float(model.sizes.sum())

    def share(limit: float) -> float:
        return float(fixed + held[np.searchsorted(keys, sign * limit, side="right")]) / total

    def find(wanted: float) -> list[tuple[Lever, float]]:
        if not len(keys):
            return []
        place = min(int(np.searchsorted(held, wanted * total - fixed)), len(keys) - 1)
        # The value itself, and the nearest others on both sides: of documents with equal values all are kept, or none.
        left, right = (int(np.searchsorted(keys, keys[place], side=side)) for side in ("left", "right"))
        near = {sign * float(keys[i]) for i in (max(0, left - 1), place, min(right, len(keys) - 1))}
        return [(lever, _rounded(near, lever, lambda limit: abs(share(limit) - wanted)))]

    return find


def _rounded(near: set[float], lever: Lever, missed: Callable[[float], float]) -> float:
    """The limit of few digits that misses least; more digits where few would miss."""
    best = lever.now
    for digits in DIGITS:
        best = min([best, *sorted({option for value in near for option in options(value, digits, whole=lever.whole)})], key=missed)
        if missed(best) <= NEAR:
            break
    return best


def _together(model: Model) -> Candidate:
    """All limits that fail anybody, by one severity: the logarithm of what the odds of failing are multiplied by."""
    levers = [(lever, np.sort(lever.values[lever.moved])) for lever in model.levers]
    failing = [(lever, values, 1 - float(lever.meets(lever.now)[lever.moved].mean())) for lever, values in levers if len(values)]
    # What fails everybody has no odds: half a document is taken to meet it.
    moving = [(lever, values, min(share, 1 - 0.5 / len(values))) for lever, values, share in failing if share > 0]

    def at(severity: float, counts: float | None = None) -> list[tuple[Lever, float]]:
        own = severity if counts is None else counts
        return [(lever, _at_odds(lever, values, share, own if lever.whole else severity)) for lever, values, share in moving]

    def find(share: float) -> list[tuple[Lever, float]]:
        low, high = _bisected(lambda severity: model.share(at(severity)) > share, -SEVEREST, SEVEREST)
        # A count may jump over the target: then counts stay on the near side of it, and the others do what is left.
        _, rest = _bisected(lambda severity: model.share(at(severity, low)) > share, low, SEVEREST)
        return min((at(high), at(rest, low), at(low)), key=lambda limits: abs(model.share(limits) - share))

    return find


def _bisected(too_much: Callable[[float], bool], low: float, high: float) -> tuple[float, float]:
    """Two severities close to each other, of which the first keeps too much and the second does not."""
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if too_much(middle) else (low, middle)
    return low, high


def _at_odds(lever: Lever, values: np.ndarray, share: float, severity: float) -> float:
    """The limit that fails so much of a sorted signal; never moved against the severity."""
    odds = share / (1 - share) * math.exp(severity)
    failed = round(odds / (1 + odds) * len(values))
    value = values[min(failed, len(values) - 1)] if lever.least else values[max(0, len(values) - 1 - failed)]
    down, up = min(low := options(float(value), DIGITS[0], whole=lever.whole)), max(low)
    limit = (down if lever.least else up) if severity < 0 else (up if lever.least else down)
    tighter = limit > lever.now if lever.least else limit < lever.now
    return limit if tighter == (severity > 0) else lever.now


def options(value: float, digits: int, *, whole: bool) -> list[float]:
    """The numbers of few digits below and above a value.

    >>> options(12345.6, 3, whole=True), options(0.012345, 3, whole=False), options(7.2, 3, whole=True)
    ([12300.0, 12400.0], [0.0123, 0.0124], [7.0, 8.0])
    """
    if not value or not math.isfinite(value):
        return [0.0]
    place = digits - 1 - math.floor(math.log10(abs(value)))
    place = min(place, 0) if whole else place
    unit = 10.0**-place
    steps = round(value / unit, 6)  # 0.8 is 800,000 steps of 0.000001, though not in binary
    return [round(math.floor(steps) * unit, place), round(math.ceil(steps) * unit, place)]


def _printed(limit: float) -> str:
    """As a recipe has it.

    >>> _printed(30.0), _printed(0.0123)
    ('30', '0.0123')
    """
    return str(int(limit)) if limit == int(limit) else repr(limit)
