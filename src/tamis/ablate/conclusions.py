"""From the results of trainings to what is said: net, its parts, each stage's verdict, curves, controls. Numbers alone; words are elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl

from tamis.ablate.comparisons import Comparison, How, compare, primary_of
from tamis.ablate.crossover import crossover
from tamis.ablate.decomposition import decompose
from tamis.ablate.difficulty import difficulty
from tamis.ablate.families import family
from tamis.ablate.fitness import fitness_table
from tamis.ablate.held import BITS, EACH, RAW, TARGET
from tamis.ablate.line_shift import line_shift
from tamis.ablate.losses import Losses
from tamis.ablate.multiplier import FEWEST_BUDGETS, multipliers
from tamis.ablate.negative_controls import Control
from tamis.ablate.statistics import paired
from tamis.ablate.trainings import EQUAL, OWN
from tamis.ablate.verdict import Facts, judge
from tamis.errors import AblationError

RECIPE = "the recipe"
GOLD = "gold_bits_per_byte"
BARRED = "it compares documents, and a model that counts learns nothing else from a repeat than more of it"


def conclude(results: pl.DataFrame, plan: Mapping[str, Any], *, died: Sequence[Mapping[str, Any]], exploratory: bool) -> dict[str, Any]:
    """Everything that is said, by rung.

    Args:
        results: rows of `results.parquet`.
        plan: as it was written before the first training.
        died: trainings that did not end.
        exploratory: the plan was changed after the first training.

    Returns:
        JSON: plan_hash, exploratory, died, primary, and for each rung: net, parts (at equal tokens and at own sizes), curve, crossover,
        stages (verdicts), edits, controls, ladders, mixes, items, trainings. An entry that cannot be told has the key "withheld" and why.
    """
    rungs = {str(name): _rung(str(name), frame, plan, died) for (name,), frame in results.group_by(["rung"], maintain_order=True)}
    return {
        "plan": plan["hash"],
        "exploratory": exploratory,
        "target": plan["prepared"]["target"]["name"],
        "notes": list(plan["prepared"]["notes"]),
        "died": list(died),
        "rungs": rungs,
    }


def _rung(name: str, results: pl.DataFrame, plan: Mapping[str, Any], died: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    design, prepared, facts = plan["design"], plan["prepared"], plan["rungs"][name]
    losses = Losses(results, facts["folds"])
    how = How(primary_of(losses), prepared["folds"]["overlap"], design["level"])
    trained = {*results["arm"], *(one["arm"] for one in died if one["rung"] == name)}
    arms = {
        one["arm"]: {**one, "compared_at": min(one["compared_at"], facts["tokens"])} for one in prepared["arms"] if one["arm"] in trained
    }
    told = _Told(losses, how, arms, plan)
    found = {
        "primary": how.primary,
        "folds": losses.seeds,
        "overlap": how.overlap,
        "tokens": facts["tokens"],
        "trainings": _spent(results),
        **told.whole(),
    }
    return {key: value for key, value in found.items() if value is not None}


class _Told:
    """What is said of one rung."""

    def __init__(self, losses: Losses, how: How, arms: Mapping[str, Mapping[str, Any]], plan: Mapping[str, Any]) -> None:
        self.losses, self.how, self.arms, self.plan = losses, how, arms, plan
        self.compared: dict[str, Comparison | str] = {}
        for name, arm in arms.items():
            if arm["against"] and arm["kind"] != "without":
                self.compared[name] = self._compared(name, arm["against"], arm["compared_at"])
        for name in self._of("without"):
            # The question is what the stage adds: the curated mix against the mix without it.
            self.compared[name] = self._compared("curated", name, min(arms[name]["compared_at"], arms["curated"]["compared_at"]))

    def _of(self, *kinds: str) -> list[str]:
        return [name for name, arm in self.arms.items() if arm["kind"] in kinds]

    def _compared(self, arm: str, against: str, tokens: int) -> Comparison | str:
        try:
            return compare(self.losses, arm, against, tokens, self.how)
        except AblationError as error:
            return str(error).splitlines()[0]

    def whole(self) -> dict[str, Any]:
        curated = "curated" in self.arms
        adjusted = self._adjusted()
        detected = self._detected()
        return {
            "control_detected": detected,
            "net": self._verdict("curated", RECIPE, adjusted, detected=detected) if curated else None,
            "parts": {"equal": _safely(self._parts_equal), "own": _safely(self._parts_own)} if curated else None,
            "curve": _safely(self._curve) if curated else None,
            "crossover": _safely(self._crossover) if curated else None,
            "stages": [self._verdict(name, name.removeprefix("without "), adjusted, detected=detected) for name in self._of("without")],
            "edits": [self._verdict(name, name, adjusted, detected=detected) for name in self._of("edit")],
            "controls": [self._plain(name) for name in self._of("null", "random", "matched")],
            "corrupted": [self._corrupted(name) for name in self._of("corrupt")],
            "ladders": [self._plain(name) for name in self._of("ladder")],
            "mixes": [self._plain(name) for name in self._of("mix")],
            "rehydrated": [self._plain(name) for name in self._of("rehydrate")],
            "items": (items := _safely(self._items)),
            "line_shift": _safely(self._line_shift, items) if curated else None,
            "difficulty": _safely(self._difficulty) if curated else None,
        }

    def _adjusted(self) -> dict[str, tuple[float, int]]:
        """Arm → its p within the family of all verdicts that this rung may give, and how many those are."""
        asked = [name for name in [*self._of("curated"), *self._of("without")] if not self._barred(name)]
        judged = {name: one for name in asked if isinstance(one := self.compared[name], Comparison)}
        if not judged:
            return {}
        together = family(
            np.stack([one.differences for one in judged.values()], axis=1),
            same=np.stack([one.same for one in judged.values()], axis=1),
            overlap=self.how.overlap,
            seed=self.plan["design"]["seed"],
        )
        members = max(1, sum(not one.gain.by_construction for one in judged.values()))
        return {name: (p, members) for name, p in zip(judged, together.adjusted, strict=True)}

    def _barred(self, name: str) -> str | None:
        stage = self.plan["stages"].get(name.removeprefix("without "))
        return BARRED if stage and stage["needs_corpus"] and self.plan["rungs"][self._rung_name()]["order_blind"] else None

    def _rung_name(self) -> str:
        return str(self.losses.results["rung"][0])

    def _detected(self) -> bool | None:
        """Whether text that was spoilt on purpose was found to be worse; None: none was."""
        found = [one.gain.high < 0 for name in self._of("corrupt") if isinstance(one := self.compared[name], Comparison)]
        return any(found) if found else None

    def _nothing_expected(self) -> tuple[Control, ...]:
        """Text dropped at random, in the bytes of curated text and by half: at equal tokens no better and no worse than raw text."""
        return tuple(Control(name, one.gain) for name in self._of("null", "random") if isinstance(one := self.compared[name], Comparison))

    def _verdict(self, name: str, called: str, adjusted: Mapping[str, tuple[float, int]], *, detected: bool | None) -> dict[str, Any]:
        one = self.compared[name]
        if isinstance(one, str):
            return {"arm": name, "stage": called, "withheld": one}
        if one.multiplier is None:
            return {"arm": name, "stage": called, "withheld": f"{one.against} was measured at fewer than {FEWEST_BUDGETS} budgets."}
        p, members = adjusted.get(name, (one.gain.p, 1))
        facts = Facts(
            called,
            one.gain,
            one.multiplier,
            p,
            members,
            one.detectable,
            one.domains if self.how.primary == TARGET else (),
            self._removed(name),
            one.gains.get(RAW) if self.how.primary == TARGET else None,
            self._barred(name),
            target=self.how.primary == TARGET,
            control_detected=detected,
            nothing_expected=self._nothing_expected(),
        )
        return {
            "arm": name,
            **asdict(judge(facts)),
            "gains": {held: asdict(gain) for held, gain in one.gains.items()},
            "tokens": one.tokens,
        }

    def _removed(self, name: str) -> float | None:
        """Share of the bytes that a stage alone removes: of the mix without it, those that the curated mix lacks."""
        if self.arms[name]["kind"] == "edit":
            return None
        whole = self.arms["raw" if name == "curated" else name]["bytes"]
        return max(0.0, 1 - self.arms["curated"]["bytes"] / whole) if whole else 0.0

    def _plain(self, name: str) -> dict[str, Any]:
        one = self.compared[name]
        if isinstance(one, str):
            return {"arm": name, "withheld": one}
        return {
            "arm": name,
            "against": one.against,
            "tokens": one.tokens,
            "bytes": self.arms[name]["bytes"],
            "gain": asdict(one.gain),
            "gains": {held: asdict(gain) for held, gain in one.gains.items()},
            "multiplier": None if one.multiplier is None else {**asdict(one.multiplier), "said": str(one.multiplier)},
            "domains": [asdict(domain) for domain in one.domains],
        }

    def _corrupted(self, name: str) -> dict[str, Any]:
        """How many times as much spoilt text buys what raw text does; of worthless text 1/(1 - share), above that it does harm."""
        told, arm = self._plain(name), self.arms[name]
        back = self._compared("raw", name, arm["compared_at"])
        if isinstance(back, str) or back.multiplier is None:
            return told
        worthless = 1 / (1 - arm["share"]) if arm["share"] < 1 else None
        low = back.multiplier.low
        return told | {
            "share": arm["share"],
            "multiplier": {**asdict(back.multiplier), "said": str(back.multiplier)},
            "if_worthless": worthless,
            "harmful": worthless is not None and low is not None and low > worthless,
        }

    def _parts_equal(self) -> dict[str, Any]:
        tokens = self.arms["curated"]["compared_at"]
        four = [self.losses.equal(arm, tokens, self.how.primary) for arm in ("raw", "random", "matched", "curated")]
        pairs = {
            "net": ("raw", "curated"),
            "quality": ("matched", "curated"),
            "composition": ("random", "matched"),
            "quantity_cost": ("random", "raw"),
        }
        same = {term: self.losses.same(*arms, tokens) for term, arms in pairs.items()}
        return asdict(decompose(*four, same=same, overlap=self.how.overlap, level=self.how.level))

    def _parts_own(self) -> dict[str, Any]:
        self._refuse_equal_alone()
        four = [self.losses.own(arm, 1.0, self.how.primary) for arm in ("raw", "random", "matched", "curated")]
        return asdict(decompose(*four, overlap=self.how.overlap, level=self.how.level))

    def _curve(self) -> list[dict[str, Any]]:
        """The multiplier of the curated mix at every budget that it and enough of raw reach."""
        budgets = self.losses.budgets("raw")
        at = [budget for budget in self.losses.budgets("curated") if budget in budgets]
        curated = self.losses.curve("curated", at, self.how.primary)
        found = multipliers(
            self.losses.curve("raw", budgets, self.how.primary), budgets, curated, at, overlap=self.how.overlap, level=self.how.level
        )
        return [{**asdict(one), "said": str(one)} for one in found]

    def _crossover(self) -> dict[str, Any]:
        """From which size of the raw pool on the curated part of it alone is better than all of it."""
        self._refuse_equal_alone()
        nets = np.stack(
            [self.losses.own("raw", share, self.how.primary) - self.losses.own("curated", share, self.how.primary) for share in OWN], axis=1
        )
        whole = self.arms["raw"]["bytes"] / (1 if self.how.overlap else self.losses.seeds)
        return asdict(crossover(nets, np.array(OWN) * whole, overlap=self.how.overlap, level=self.how.level))

    def _refuse_equal_alone(self) -> None:
        if not self.losses.has_own:
            raise AblationError("this rung compares arms at equal tokens alone.")

    def _items(self) -> list[dict[str, Any]] | None:
        """Each score of evaluation items: is it fit to decide anything, and what curation did to it."""
        scores = self.losses.results.filter(~pl.col("measure").is_in([BITS, EACH]) & (pl.col("at") == EQUAL))
        corrupt = [name for name in self._of("corrupt") if isinstance(self.compared[name], Comparison)]
        if scores.is_empty() or not corrupt:
            return None
        worst = max(corrupt, key=lambda name: float(self.arms[name]["share"]))
        common = [budget for budget in self.losses.budgets("raw") if budget in self.losses.budgets(worst)]
        raw, spoilt = (
            scores.filter((pl.col("arm") == name) & pl.col("budget").is_in(common)).with_columns(tokens="budget") for name in ("raw", worst)
        )
        if min(frame["seed"].n_unique() for frame in (raw, spoilt)) < self.losses.seeds:
            raise AblationError(f"a training of raw or of {worst} died, so no score can be judged.")
        table = fitness_table(raw, spoilt)
        return [{**row, "gain": self._score_gain(row)} for row in table.filter(pl.col("by") == "set").to_dicts()]

    def _line_shift(self, items: Any) -> list[dict[str, Any]]:
        """Of each set of items whose gold answers may decide anything: do curated models lie on the line of raw ones?"""
        if not isinstance(items, list):
            reason = items["withheld"] if items else "no evaluation items were asked for on this rung."
            raise AblationError(reason)
        return [{"set": row["set"], **_safely(self._shift_of, row)} for row in items if row["measure"] == GOLD]

    def _shift_of(self, row: Mapping[str, Any]) -> dict[str, Any]:
        if not row["fit"]:
            raise AblationError(f"the bits of its gold answers are unfit to decide anything: {row['reason']}.")
        budgets = {arm: self.losses.budgets(arm) for arm in ("raw", "curated")}
        sides = {
            arm: (
                self.losses.curve(arm, at, self.how.primary),
                np.stack([self.losses.measure(arm, budget, row["set"], GOLD) for budget in at], axis=1),
            )
            for arm, at in budgets.items()
        }
        how = {"overlap": self.how.overlap, "level": self.how.level, "what": str(row["set"])}
        return asdict(line_shift(sides["raw"], budgets["raw"], sides["curated"], **how))  # type: ignore[arg-type]

    def _difficulty(self) -> dict[str, dict[str, Any]]:
        """Of the documents of the primary set, and of the items of each set."""
        tokens = self.arms["curated"]["compared_at"]
        singles = self.losses.results.filter((pl.col("measure") == EACH) & (pl.col("set") != (RAW if self.how.primary == TARGET else "")))

        def of(held: str) -> dict[str, Any]:
            raw, curated = (self.losses.each(arm, tokens, held) for arm in ("raw", "curated"))
            return asdict(difficulty(raw, curated, overlap=self.how.overlap, level=self.how.level))

        return {held: _safely(of, held) for held in singles["set"].unique(maintain_order=True).to_list()}

    def _score_gain(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """Of the curated mix over raw, in the score's unit, positive where it is better."""
        if "curated" not in self.arms:
            return None
        tokens = self.arms["curated"]["compared_at"]
        raw, curated = (self.losses.measure(arm, tokens, row["set"], row["measure"]) for arm in ("raw", "curated"))
        better = self.losses.results.filter((pl.col("set") == row["set"]) & (pl.col("measure") == row["measure"]))["better"][0]
        sign = 1.0 if better == "higher" else -1.0
        try:
            return asdict(
                paired(sign * (curated - raw), overlap=self.how.overlap, level=self.how.level, what=f"{row['set']} {row['measure']}")
            )
        except AblationError:
            return None


def _safely(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except AblationError as error:
        return {"withheld": str(error).splitlines()[0]}


def _spent(results: pl.DataFrame) -> dict[str, Any]:
    each = results.group_by("arm", "seed", "redraw").agg(pl.col("cpu_seconds").first(), pl.col("tokens").max(), pl.col("bytes").max())
    return {
        "count": each.height,
        "tokens": int(each["tokens"].sum()),
        "bytes": int(each["bytes"].sum()),
        "cpu_seconds": round(float(each["cpu_seconds"].sum()), 2),
    }
