"""The rungs of GPTs: on which arms, folds and tokens each is trained, which is less than rung 0, for it takes a thousand times as long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tamis.ablate.arms import Arm
from tamis.ablate.design import Design
from tamis.ablate.prepare import Prepared
from tamis.ablate.repeats import AGAIN
from tamis.ablate.rungs import GPTRung, NGramRung, Rung
from tamis.ablate.trainings import EPOCHS, Field, Training

PER_PARAMETER = 10
"""Tokens for each hidden parameter at which arms are compared; curves reach twice as far, to the 20 of Hoffmann et al. (2022)."""
GRID = (0.5, 1.0, 2.0)
"""Multiples of that: every budget is a branch to train, and a quadratic wants three."""
CURVED = ("raw", "curated", "without")
KINDS = ("raw", "curated", "random", "matched", "mix", "rehydrate")
BLIND = ("rehydrate",)
"""Kinds of arms that rung 0 is not trained on: counts learn nothing from a copy but more of it."""
GATED = ("raw", "curated")
MOST_LEFT_OUT = 4
FRACTION = 4
"""Of the tokens of an arm, the part that is seen again and again."""
EVALUATED = 0.2
"""Tokens that are evaluated at each budget, for each that is trained on: looking costs a third of training, so under a tenth of the time."""
SPEED = 30e9
"""Floating-point operations a second of one processor, for what is foreseen: 28 at width 32, 37 at 64, measured on one of 2024."""
LEFT_OUT = (
    f"Of the arms that leave a stage out at most {MOST_LEFT_OUT} are trained, those whose documents differ from the curated ones: first stages "
    "that rung 0 may not judge, then the smallest p on rung 0; equal ones in the order of the recipe. Without rung 0: in that order."
)


@dataclass(frozen=True)
class Step:
    """A rung, and what it is trained on.

    Args:
        rung: the model.
        field: what its trainings share.
        folds: the first so many.
        arms: that are trained whatever rung 0 finds.
        choice: of these some are trained, see `LEFT_OUT`.
    """

    rung: Rung
    field: Field
    folds: int
    arms: tuple[Arm, ...]
    choice: tuple[Arm, ...] = ()

    def trainings(self, left_out: Sequence[str] = ()) -> list[Training]:
        """All trainings, fold by fold, those of the chosen arms among them."""
        arms = [*self.arms, *(arm for arm in self.choice if arm.name in left_out)]
        return [Training(self.rung, arm, fold, again) for fold in range(self.folds) for arm in arms for again in range(arm.redraws)]

    @property
    def operations(self) -> int | None:
        """Floating-point operations of all trainings, with as many of the choice as may be chosen; None for counts, which cost next to none."""
        if not isinstance(self.rung, GPTRung):
            return None
        arms = [*self.arms, *self.choice[:MOST_LEFT_OUT]]
        budgets = [self.field.budgets(arm) for arm in arms]
        # A budget that is not the last is a branch, of which its fall is trained for itself.
        tokens = sum(some[-1] + self.rung.gpt.falling * sum(some[:-1]) for some in budgets if some)
        return round(self.folds * tokens * self.rung.gpt.flops)

    def facts(self) -> dict[str, Any]:
        """For the plan."""
        facts: dict[str, Any] = {
            **self.rung.settings,
            "order_blind": self.rung.order_blind,
            "tokens": self.field.tokens,
            "folds": self.folds,
            "evaluated": {"documents": len(self.field.held.tokens), "tokens": self.field.held.tokens.total},
        }
        facts |= {"left_out": LEFT_OUT} if self.choice else {}
        repeated = [arm.unique for arm in self.arms if arm.unique is not None]
        facts |= {"operations": self.operations} if self.operations else {}
        return facts | ({"repeated": repeated[0]} if repeated else {})


def foreseen(steps: Sequence[Step], jobs: int) -> str | None:
    """One sentence on how long the GPTs will take; None where there are none."""
    asked = [(step.rung.name, step.operations) for step in steps if step.operations]
    if not asked:
        return None
    minutes = {name: operations / SPEED / 60 for name, operations in asked}
    whole = sum(minutes.values())
    each = ", ".join(f"{name} {_time(some)}" for name, some in minutes.items())
    return f"GPTs: {_time(whole)} of one processor ({each}), {_time(whole / jobs)} with {jobs} of them, where one does {SPEED / 1e9:.0f} GFLOP/s."


def _time(minutes: float) -> str:
    return f"{minutes / 60:.1f} hours" if minutes >= 90 else f"{max(1, round(minutes))} min"


def steps(made: Prepared, rungs: Sequence[Rung], design: Design) -> list[Step]:
    """What each rung is trained on, the cheapest first.

    Args:
        made: arms, folds and tokens of rung 0.
        rungs: of the design.
        design: how many folds the GPTs have.
    """
    small = {rung.name: _whole(min(made.field.tokens, PER_PARAMETER * rung.gpt.hidden)) for rung in rungs if isinstance(rung, GPTRung)}
    repeating = next((rung.name for rung in rungs if isinstance(rung, GPTRung) and not rung.gate), None)
    held = made.field.held.sampled(int(EVALUATED * min(small.values()))) if small else made.field.held
    found = []
    for rung in rungs:
        if isinstance(rung, GPTRung):
            tokens = small[rung.name]
            field = replace(
                made.field,
                tokens=tokens,
                extra={},
                held=held,
                grid=(1.0,) if rung.gate else GRID,
                farthest=1.0 if rung.gate else GRID[-1],
                curved=CURVED,
                own={},
            )
            step = Step(rung, field, min(design.gpt_folds, made.folds), *_arms(made, tokens, rung))
            found.append(_with_repeats(step) if rung.name == repeating else step)
        else:
            assert isinstance(rung, NGramRung)
            found.append(Step(rung, made.field, made.folds, tuple(arm for arm in made.arms if arm.kind not in BLIND)))
    return found


def _whole(tokens: int) -> int:
    """Rounded down, so that the budgets of repeats are those of the curve."""
    return tokens // FRACTION * FRACTION


def _with_repeats(step: Step) -> Step:
    """With a quarter of the curated tokens seen up to eight times, beside as many fresh ones; on one rung, for it is the cheapest."""
    if not any(arm.name == "curated" for arm in step.arms):
        return step
    unique = step.field.tokens // FRACTION
    arm = Arm(AGAIN, "repeat", "curated", "raw", unique=unique)
    budgets = tuple(unique * epochs for epochs in EPOCHS)
    field = replace(
        step.field,
        least={**step.field.least, AGAIN: budgets[-1]},
        extra={AGAIN: budgets, "raw": budgets, "curated": budgets},
    )
    return replace(step, field=field, arms=(*step.arms, arm))


def _arms(made: Prepared, tokens: int, rung: GPTRung) -> tuple[tuple[Arm, ...], tuple[Arm, ...]]:
    """Those that are trained in any case, and those of which some are."""
    large = [replace(arm, redraws=1) for arm in made.arms if made.tokens[arm.name] >= tokens]
    if rung.gate:
        return tuple(arm for arm in large if arm.kind in GATED), ()
    # One spoilt arm, the worst, so that it is known whether this rung would notice.
    spoilt = sorted((arm for arm in large if arm.kind == "corrupt"), key=lambda arm: -arm.share)[:1]
    return (*(arm for arm in large if arm.kind in KINDS), *spoilt), tuple(arm for arm in large if arm.kind == "without")


def left_out(step: Step, stages: Sequence[Mapping[str, Any]] | None) -> list[str]:
    """The arms that are chosen by `LEFT_OUT`.

    Args:
        step: with the choice.
        stages: verdicts of rung 0, in the order of the recipe; None: it was not trained.
    """
    names = [arm.name for arm in step.choice]
    if stages is None:
        return names[:MOST_LEFT_OUT]
    told = {one["arm"]: one["facts"] for one in stages if "facts" in one and not one["facts"]["gain"]["by_construction"]}
    differing = [name for name in names if name in told]
    return sorted(differing, key=lambda name: (told[name]["barred"] is None, told[name]["gain"]["p"]))[:MOST_LEFT_OUT]
