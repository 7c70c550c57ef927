"""Controls from which nothing is expected, random and null: what they gain all the same, this set-up makes of nothing.

One interval of 95 % in 20 leaves out a true 0, so one that does is named and no more. Holm over the controls of a rung is the rule: at p
below α one has failed, as happens by chance in one ablation of 20. Then a difference counts only where it is certainly larger than what the
control may have gained: the nearer end of its interval to 0 beyond the farther end of the control's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tamis.ablate.families import holm
from tamis.ablate.statistics import Estimate


@dataclass(frozen=True)
class Control:
    """A comparison whose true difference is 0.

    Attributes:
        name: of its arm.
        gain: over raw text, at equal tokens, bits per byte.
    """

    name: str
    gain: Estimate


@dataclass(frozen=True)
class Failure:
    """A control that gained, or lost, something.

    Attributes:
        control: the one.
        p: by Holm among the controls, in [0, 1].
        among: controls, at least 1.
    """

    control: Control
    p: float
    among: int

    def __str__(self) -> str:
        """The control, its number and interval, as a clause."""
        gain = self.control.gain
        does, size = ("gains", gain.mean) if gain.mean > 0 else ("loses", -gain.mean)
        among = f" among {self.among} controls" if self.among > 1 else ""
        ends = f"{gain.low:+.4f} to {gain.high:+.4f}"
        return f"the control {self.control.name}, from which nothing is expected, {does} {size:.4f} bits per byte ({ends}; p = {self.p:.2g}{among})"


def outside(controls: Sequence[Control]) -> list[Failure]:
    """Controls whose own interval leaves 0 out, the least likely first."""
    tried = [one for one in controls if not one.gain.by_construction]
    adjusted = holm([one.gain.p for one in tried])
    found = [Failure(one, float(p), len(tried)) for one, p in zip(tried, adjusted, strict=True) if one.gain.significant]
    return sorted(found, key=lambda one: one.control.gain.p)


def held(controls: Sequence[Control], gain: Estimate, *, alpha: float, claims: bool) -> tuple[Failure | None, tuple[str, ...]]:
    """Hold a verdict against the controls of its rung.

    Args:
        controls: all whose true gain is 0.
        gain: what the verdict rests on.
        alpha: of the family of controls.
        claims: whether the verdict claims a difference.

    Returns:
        The failed control that may have gained as much as is claimed, None: none; and where none does, a sentence on each that left 0 out.
    """
    found = [] if gain.by_construction else outside(controls)
    failed = [one for one in found if one.p < alpha]
    worst = max(failed, key=_farthest, default=None)
    if claims and worst is not None and _farthest(worst) >= max(gain.low, -gain.high):
        return worst, ()
    return None, tuple(_reserved(one, claims=claims, failed=one in failed) for one in found)


def _reserved(one: Failure, *, claims: bool, failed: bool) -> str:
    if not failed:
        return f"But {one}: one control in 20 leaves 0 out by chance, and within the family it is no more than that."
    stands = "what is claimed here is certainly larger" if claims else "no difference is claimed here"
    return f"But {one}, as happens by chance in one ablation of 20; {stands}."


def _farthest(failure: Failure) -> float:
    return max(abs(failure.control.gain.low), abs(failure.control.gain.high))
