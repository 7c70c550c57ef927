"""What the rungs say together: is rung 0 confirmed, does the gain last as models grow, does it hold at other rates of learning?

What a stage gains is told of each rung. Of GPTs the logarithm of the multiplier is followed over the floating-point operations of a
training; the seeds are the same folds on all rungs, so that the change between rungs is taken within a fold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tamis.ablate.comparisons import primary_of
from tamis.ablate.conclusions import RECIPE
from tamis.ablate.lasting import bytes_per_token, holds, trend
from tamis.ablate.losses import Losses
from tamis.ablate.multiplier import FEWEST_BUDGETS, slopes
from tamis.ablate.repeats import repeats
from tamis.ablate.rungs import GATES, GPTS
from tamis.ablate.statistics import paired
from tamis.errors import AblationError


def across(results: pl.DataFrame, rungs: Mapping[str, Mapping[str, Any]], plan: Mapping[str, Any]) -> dict[str, Any] | None:
    """Everything that takes more than one rung, or a GPT.

    Args:
        results: of all rungs.
        rungs: what `conclusions.conclude` says of each.
        plan: as it was registered.

    Returns:
        JSON; None where no GPT was trained. subjects: for the recipe, each stage that a GPT was trained for and the spoilt text: by_rung (rung, tokens,
        hidden, flops, gain, multiplier, outcome), agreement (of each GPT with rung 0), trend, holds (probability that the sign is that of
        the next rung); curves (losses of each arm and rung on the primary set, mean over folds); decades; repeats; gate (other rates).
    """
    ladder = [name for name in rungs if name in GPTS]
    if not ladder:
        return None
    told = {name: _entries(rung) for name, rung in rungs.items() if name not in GATES}
    subjects = dict.fromkeys(subject for name in ladder for subject in told[name])
    found = [_subject(subject, told, ladder, results, plan) for subject in subjects]
    kept = _kept(found)
    text = bytes_per_token(plan)
    for one in found:
        one["holds"] = holds(one["by_rung"][-1]["gain"]["mean"], text, kept) if one["by_rung"] else None
    return {
        "subjects": found,
        "curves": _curves(results, [*(name for name in rungs if name not in GATES)], plan),
        "decades": _decades(ladder, plan),
        "repeats": repeats(results, ladder[0], plan),
        "gate": _gate(results, plan),
    }


def _entries(rung: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Subject → arm, against, gain, multiplier and outcome, of those that are not withheld."""
    found: dict[str, dict[str, Any]] = {}
    for one in [rung.get("net"), *rung["stages"]]:
        if one and "facts" in one:
            facts, whole = one["facts"], one["stage"] == RECIPE
            sides = ("curated", "raw" if whole else one["arm"])
            found[one["stage"]] = {
                "sides": sides,
                "gain": facts["gain"],
                "multiplier": facts["multiplier"],
                "outcome": one["outcome"],
                "barred": facts["barred"],
            }
    for one in [*rung["corrupted"], *rung["rehydrated"]]:
        if "gain" in one:
            # How much spoilt text buys what raw text does is told the other way round, elsewhere.
            multiplier = one["multiplier"] if one["against"] == "curated" else None
            sides = (one["arm"], one["against"])
            found[one["arm"]] = {"sides": sides, "gain": one["gain"], "multiplier": multiplier, "outcome": None, "barred": None}
    return found


def _subject(
    subject: str, told: Mapping[str, Mapping[str, Any]], ladder: Sequence[str], results: pl.DataFrame, plan: Mapping[str, Any]
) -> dict[str, Any]:
    by_rung = []
    for name, entries in told.items():
        if subject in entries:
            facts = plan["rungs"][name]
            sizes = {"tokens": facts["tokens"], "hidden": facts.get("hidden"), "flops": _operations(facts)}
            by_rung.append({"rung": name, **sizes, **{key: value for key, value in entries[subject].items() if key != "sides"}})
    below = next((one for one in by_rung if one["rung"] not in GPTS), None)
    above = [one for one in by_rung if one["rung"] in GPTS]
    agreement = (
        [] if below is None or below["barred"] else [{"rung": one["rung"], "state": agreed(below["gain"], one["gain"])} for one in above]
    )
    sides = next(entries[subject]["sides"] for name, entries in told.items() if name in ladder and subject in entries)
    return {"subject": subject, "by_rung": by_rung, "agreement": agreement, "trend": _trend(sides, above, results, plan)}


def agreed(below: Mapping[str, Any], above: Mapping[str, Any]) -> str:
    """How the gain of a higher rung stands to that of a lower one.

    Returns:
        "confirmed" and "reversed" where both intervals exclude 0; "fades": only the lower one does; "appears": only the higher one does; "neither".
    """
    low, high = (one["low"] > 0 or one["high"] < 0 for one in (below, above))
    if low and high:
        return "confirmed" if below["mean"] * above["mean"] > 0 else "reversed"
    return "fades" if low else "appears" if high else "neither"


def _operations(facts: Mapping[str, Any]) -> float | None:
    """Of one training up to the budget at which arms are compared."""
    return float(facts["flops"]) * facts["tokens"] if "flops" in facts else None


def _trend(sides: tuple[str, str], above: Sequence[Mapping[str, Any]], results: pl.DataFrame, plan: Mapping[str, Any]) -> dict[str, Any]:
    """How the logarithm of the multiplier changes over the rungs of GPTs."""
    arm, against = sides
    gains, falls, operations = [], [], []
    try:
        for one in above:
            losses = _losses(results, one["rung"], plan)
            held, tokens, budgets = primary_of(losses), one["tokens"], losses.budgets(against)
            if len(budgets) < FEWEST_BUDGETS:
                raise AblationError(f"{against} was measured at fewer than {FEWEST_BUDGETS} budgets.")
            gains.append(losses.equal(against, tokens, held) - losses.equal(arm, tokens, held))
            falls.append(slopes(losses.curve(against, budgets, held), budgets, tokens, against))
            operations.append(one["flops"])
        found = trend(
            np.stack(gains), np.stack(falls), operations, overlap=plan["prepared"]["folds"]["overlap"], level=plan["design"]["level"]
        )
        return asdict(found)
    except AblationError as error:
        return {"withheld": str(error).splitlines()[0]}


def _losses(results: pl.DataFrame, rung: str, plan: Mapping[str, Any]) -> Losses:
    return Losses(results.filter(pl.col("rung") == rung), plan["rungs"][rung]["folds"])


def _kept(subjects: Sequence[Mapping[str, Any]]) -> list[tuple[float, bool]]:
    """Of every subject and two neighbouring GPTs: the gap on the lower one, and whether the higher one has its sign."""
    pairs = []
    for one in subjects:
        gains = [entry["gain"]["mean"] for entry in one["by_rung"] if entry["rung"] in GPTS and not entry["gain"]["by_construction"]]
        pairs += [(low, low * high > 0) for low, high in pairwise(gains)]
    return pairs


def _curves(results: pl.DataFrame, names: Sequence[str], plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Mean losses over folds at every budget that all folds have; a gap in a fold is a gap here."""
    found = []
    for name in names:
        losses = _losses(results, name, plan)
        held = primary_of(losses)
        for arm, kind in losses.results.select("arm", "kind").unique(maintain_order=True).iter_rows():
            points = [(budget, losses.equal(arm, budget, held)) for budget in losses.budgets(arm)]
            whole = [{"tokens": budget, "bits_per_byte": float(each.mean())} for budget, each in points if np.isfinite(each).all()]
            found.append({"rung": name, "arm": arm, "kind": kind, "losses": whole})
    return found


def _decades(ladder: Sequence[str], plan: Mapping[str, Any]) -> dict[str, Any]:
    operations = [float(_operations(plan["rungs"][name]) or 0) for name in ladder]
    wanted = plan["design"]["target_flops"]
    return {
        "smallest": min(operations),
        "largest": max(operations),
        "measured": math.log10(max(operations) / min(operations)),
        "target": wanted,
        "beyond": None if wanted is None else math.log10(wanted / max(operations)),
    }


def _gate(results: pl.DataFrame, plan: Mapping[str, Any]) -> dict[str, Any] | None:
    """Curated against raw at other rates: the sign must hold at the lowest, and where each arm has the rate that suits it best."""
    of = {name: base for name, (base, _) in GATES.items() if name in plan["rungs"] and base in plan["rungs"]}
    if not of:
        return None
    base = next(iter(of.values()))
    by_rate: dict[str, dict[str, NDArray[np.float64]]] = {}
    overlap, level = plan["prepared"]["folds"]["overlap"], plan["design"]["level"]
    try:
        for name in (base, *of):
            losses = _losses(results, name, plan)
            by_rate[name] = {arm: losses.equal(arm, plan["rungs"][name]["tokens"], primary_of(losses)) for arm in ("raw", "curated")}
        best = {arm: min(by_rate, key=lambda name: float(by_rate[name][arm].mean())) for arm in ("raw", "curated")}
        pairs = {name: one["raw"] - one["curated"] for name, one in by_rate.items()}
        pairs["each at its best"] = by_rate[best["raw"]]["raw"] - by_rate[best["curated"]]["curated"]
        gains = {name: asdict(paired(values, overlap=overlap, level=level)) for name, values in pairs.items()}
    except AblationError as error:
        return {"withheld": str(error).splitlines()[0]}
    judging = [gains[base], gains["each at its best"], *(gains[name] for name in of if GATES[name][1] < 1)]
    return {"gains": gains, "best": best, "holds": len({one["mean"] > 0 for one in judging}) == 1}
