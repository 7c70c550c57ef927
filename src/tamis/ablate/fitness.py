"""Which scores may decide anything: a score that is chance, noise, or blind to bad text is shown and barred.

At the size of these models most benchmark accuracies say nothing: of ARC-Easy, 30 % of junk in the training text moved the bits a byte of the gold
answers by 1.85 of what seeds differ by, and accuracy by 0.07. So each score is judged by the very runs it would decide, before it decides.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import polars as pl

Better = Literal["higher", "lower"]

_KEYS = ["set", "by", "group", "measure"]

ROUNDING = 1e-12
"""Scores, all of about 1, that differ by less are equal."""


class Limits(NamedTuple):
    """What a score must reach to be fit.

    Args:
        min_above_chance: standard deviations over seeds by which the mean at the largest budget is better than chance.
        min_monotone: Spearman correlation of tokens and goodness, mean over seeds.
        min_signal_to_noise: by how many standard deviations of the difference, paired by seed, corrupted training text makes the score worse.

    Source:
        3 standard deviations and 0.5: FineTasks (2024), which screened 185 tasks for FineWeb2 by them; it also asks for a mean of 20 deviations,
        which a score in other units changes. 1: our own, between what is known to be fit and unfit at this size. Models of 64 units, 30 % junk,
        paired: mean bits a byte over domains 5.2, of gold answers 1.85; probability of the gold answer 0.67, BLiMP with 5 pairs a paradigm 0.27,
        ARC accuracy 0.07. 4-grams of 400,000 tokens of the benchmark corpus, six seeds, 30 % of documents with their words shuffled: bits a byte of
        gold answers 1.0 to 7.0 in ARC-Easy, COPA, LAMBADA, OpenBookQA, PIQA, Winograd, Winogrande and BLiMP; no other score of them was fit.
    """

    min_above_chance: float = 3.0
    min_monotone: float = 0.5
    min_signal_to_noise: float = 1.0


LIMITS = Limits()


class Fitness(NamedTuple):
    """What was measured of a score, and the verdict.

    Args:
        above_chance: standard deviations better than chance; null where there is no chance level, or the deviation is 0 or unknown.
        monotone: in [-1, 1]; null for fewer than three budgets, or a score that never changes.
        signal_to_noise: mean difference of raw and corrupted over its standard deviation, both on the same documents; positive where corruption
            makes the score worse; null where the deviation is 0 or unknown.
        fit: whether it may enter decisions.
        reason: why not, in words; null for a fit one.
    """

    above_chance: float | None
    monotone: float | None
    signal_to_noise: float | None
    fit: bool
    reason: str | None


def fitness(raw: np.ndarray, corrupted: np.ndarray, *, better: Better, chance: float | None = None, limits: Limits = LIMITS) -> Fitness:
    """Judge one score by the runs of the raw arm and of a corrupted one.

    Args:
        raw: f64[seeds, budgets], the score in runs on raw text, budgets ascending.
        corrupted: f64[seeds], the score at the largest budget in runs of the same seeds on corrupted text. Seeds hold different documents, and
            decisions are made on differences within a seed: so is this.
        better: which way the score gets better.
        chance: what a model that knows nothing reaches; None where there is no such level (bits a byte), which is then not asked.
        limits: see there.
    """
    sign = 1.0 if better == "higher" else -1.0
    curves = sign * np.asarray(raw, np.float64)
    last = curves[:, -1]
    damage = last - sign * np.asarray(corrupted, np.float64)
    above = None if chance is None else _ratio(last - sign * chance)
    measured = Fitness(above, monotone(curves), _ratio(damage), fit=True, reason=None)
    reason = _reason(curves, damage, chance, measured, limits)
    return measured._replace(fit=reason is None, reason=reason)


def monotone(curves: np.ndarray) -> float | None:
    """Spearman correlation of score and budget, mean over seeds; ties share their mean rank, a seed whose score never changes has 0.

    Args:
        curves: f64[seeds, budgets], higher being better.

    Returns:
        In [-1, 1]; None for fewer than three budgets, with which every score is monotone or its reverse, or if no seed's score changes.
    """
    from scipy.stats import rankdata

    if curves.shape[1] < 3 or not np.ptp(curves, axis=1).any():
        return None
    ranks = rankdata(curves, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    steps = np.arange(curves.shape[1]) - (curves.shape[1] - 1) / 2
    lengths = np.linalg.norm(ranks, axis=1) * np.linalg.norm(steps)
    return float(np.mean(np.divide(ranks @ steps, lengths, out=np.zeros(len(ranks)), where=lengths > 0)))


def fitness_table(raw: pl.DataFrame, corrupted: pl.DataFrame, limits: Limits = LIMITS) -> pl.DataFrame:
    """Judge every score of many runs.

    Args:
        raw: scores as of `item_scores.scores`, with the columns seed and tokens, of the runs on raw text: every seed at every budget.
        corrupted: likewise of those on corrupted text, of the same seeds, at least at the largest budget of `raw`, which counts.
        limits: see there.

    Returns:
        set, by, group, measure, and the fields of `Fitness`: one row for each score, in the order of `raw`.
    """
    largest = corrupted.filter(tokens=raw["tokens"].max()).sort("seed")
    worse = dict(iter(largest.group_by(_KEYS, maintain_order=True)))
    rows = []
    for key, frame in raw.group_by(_KEYS, maintain_order=True):
        curves = frame.sort("seed", "tokens")
        seeds, budgets = curves["seed"].unique().sort(), curves["tokens"].n_unique()
        assert curves.select("seed", "tokens").n_unique() == len(curves) == len(seeds) * budgets, f"{key}: not every seed at every budget"
        assert seeds.equals(worse[key]["seed"]), f"{key}: other seeds on corrupted text"
        values = curves["value"].to_numpy().reshape(len(seeds), budgets)
        better, chance = frame["better"][0], frame["chance"][0]
        rows.append((*key, *fitness(values, worse[key]["value"].to_numpy(), better=better, chance=chance, limits=limits)))
    kinds = {**dict.fromkeys(_KEYS, pl.String), **dict.fromkeys(Fitness._fields[:3], pl.Float64), "fit": pl.Boolean, "reason": pl.String}
    return pl.DataFrame(rows, schema=kinds, orient="row")


def _ratio(values: np.ndarray) -> float | None:
    """Mean over standard deviation; None where that is 0 or unknown."""
    deviation = np.std(values, ddof=1) if len(values) > 1 else 0.0
    # Equal values have a deviation of about 1e-17 where their mean is rounded.
    return float(values.mean() / deviation) if deviation > ROUNDING else None


def _reason(curves: np.ndarray, damage: np.ndarray, chance: float | None, measured: Fitness, limits: Limits) -> str | None:
    """The first thing that is wrong with a score, in words."""
    if len(curves) < 2:
        return "one seed does not show the noise"
    if np.ptp(curves[:, -1]) <= ROUNDING:
        return "the same in every seed"
    if curves.shape[1] < 3:
        return "fewer than three budgets do not show a trend"
    if chance is not None and (measured.above_chance or 0) < limits.min_above_chance:
        return "not above chance"
    if measured.monotone is None or measured.monotone < limits.min_monotone:
        return "does not improve with training"
    if measured.signal_to_noise is None:
        return "differs by the same in every seed" if abs(damage.mean()) > ROUNDING else "does not notice corrupted text"
    if measured.signal_to_noise <= -limits.min_signal_to_noise:
        return "improves with corrupted text"
    return "does not notice corrupted text" if measured.signal_to_noise < limits.min_signal_to_noise else None
