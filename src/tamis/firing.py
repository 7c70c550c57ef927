"""Which rules never fire, cannot fire, or fire on everything: counted while documents are judged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from tamis import ledger
from tamis.measure import Step
from tamis.stage import Filter
from tamis.tally import ENOUGH, MOST
from tamis.where import condition


@dataclass
class Firing:
    """Counts of the rules of some filters; give `look` to `simulate.fates`."""

    parts: dict[str, list[pl.DataFrame]] = field(default_factory=dict)

    def look(self, step: Step, frame: pl.DataFrame) -> None:
        """Count a slab; may be called in any thread."""
        if ledger.only_limits(step.stage):
            with ledger.naming(step):
                counted = ledger.seen(step, frame).select(_counts(step.stage))
            self.parts.setdefault(step.name, []).append(counted)

    def noted(self, steps: Sequence[Step]) -> list[dict[str, Any]]:
        """Rules that a person should look at: stage, rule, limit, fires ("never", "cannot", "always"), failed, judged, extreme."""
        return [
            one for step in steps if step.name in self.parts and isinstance(step.stage, Filter) for one in self._of(step.name, step.stage)
        ]

    def _of(self, name: str, stage: Filter) -> Iterator[dict[str, Any]]:
        parts = pl.concat(self.parts[name])
        sums = parts.select(pl.col("^judged$|^failed .*$").sum()).row(0, named=True)
        judged = sums["judged"]
        limits = {stage.reasons[parameter]: (parameter, signal) for parameter, (signal, _) in stage.limits().items()}
        for reason in stage.rules():
            parameter, signal = limits.get(reason, (None, None))
            failed, limit = sums[f"failed {reason}"], stage.value_of(parameter) if parameter else None
            own = any(parameter in exceptions for groups in stage.by.values() for exceptions in groups.values())
            if (
                parameter
                and signal
                and limit is not None
                and not own
                and _impossible(parameter, signal, limit, parts.schema[f"min {signal}"])
            ):
                fires = "cannot"
            elif judged >= ENOUGH and (failed == 0 or failed > MOST * judged):
                fires = "always" if failed else "never"
            else:
                continue
            extreme = _extreme(parts, parameter, signal) if parameter and signal else None
            rule = parameter or reason
            yield {"stage": name, "rule": rule, "limit": limit, "fires": fires, "failed": failed, "judged": judged, "extreme": extreme}


def _counts(stage: Filter) -> list[pl.Expr]:
    judged = condition(stage.where) if stage.where else pl.lit(value=True)
    counts = [judged.sum().cast(pl.Int64).alias("judged") if stage.where else pl.len().cast(pl.Int64).alias("judged")]
    for reason, keep in stage.rules().items():
        failed = judged & ~keep.fill_null(value=stage.on_null == "keep")
        counts.append(failed.sum().cast(pl.Int64).alias(f"failed {reason}"))
    for signal in dict.fromkeys(signal for signal, _ in stage.limits().values()):
        asked = pl.col(signal).filter(judged) if stage.where else pl.col(signal)
        counts += [asked.min().alias(f"min {signal}"), asked.max().alias(f"max {signal}")]
    return counts


def _impossible(parameter: str, signal: str, limit: float, kind: Any) -> bool:
    """Whether no value of the signal could be beyond the limit: counts are at least 0, shares also at most 1."""
    share = "share" in signal.split("_")
    if parameter.startswith("max_"):
        return share and limit >= 1
    return parameter.startswith("min_") and limit <= 0 and (share or kind.is_unsigned_integer())


def _extreme(parts: pl.DataFrame, parameter: str, signal: str) -> float | None:
    """The value nearest to failing."""
    found = parts[f"min {signal}"].min() if parameter.startswith("min_") else parts[f"max {signal}"].max()
    return found if isinstance(found, int | float) and math.isfinite(found) else None
