"""One ablation from beginning to end: prepare, write the plan, train what is left, conclude. The same command resumes it.

abl/
  plan.json          what is to be done and said, and its hash; written before the first training
  trainings/         one file each, named after all that it depends on
  results.parquet    one row for each training, budget, set and measure
  verdict.json       everything that is said of them
  tokenizer.json     of all arms
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tamis import __version__, begin, files
from tamis.ablate import across, conclusions, domains, ladder, prospects, rungs, trainings
from tamis.ablate import design as designs
from tamis.ablate.design import PROFILE_RUNGS, Design
from tamis.ablate.ladder import Step
from tamis.ablate.pool import Pool, gather
from tamis.ablate.prepare import Prepared, prepare
from tamis.errors import RunError
from tamis.mappers import default_workers
from tamis.progress import Logged, Say

PLAN, RESULTS, VERDICT = "plan.json", "results.parquet", "verdict.json"
FORMAT = 2
"""Of `verdict.json`; raised when what is told of one asks for what older ones lack."""
RULES = (
    "Primary measure: bits per original byte, mean over the domains of the primary set. Arms are compared at equal tokens within folds; paired t "
    "over folds; sign flips with max-T over the recipe and its stages. The rule of verdicts is that of tamis.ablate.verdict."
)


@dataclass(frozen=True)
class Told:
    """What an ablation has to say.

    Args:
        plan: as it was registered.
        verdict: see `conclusions.conclude`.
    """

    plan: Mapping[str, Any]
    verdict: Mapping[str, Any]


def ablate(source: Sequence[str], out: str, design: Design | None = None, *, jobs: int | None = None, say: Say | None = None) -> Told:
    """Train small models on a run's curated and raw documents, and on controls, and say what curation bought.

    Args:
        source: a run folder, or shards of raw documents if the design has mixes.
        out: the ablation's folder: new, or of one that this call finishes.
        design: what is done; None: the standard profile against the reference set.
        jobs: trainings side by side; None: one a processor. Nothing that is found depends on it.
        say: where progress goes.

    Raises:
        TamisError: something the user can mend; no finished training is lost.
    """
    design, say = design or Design(), say or Say()
    source, out = list(map(files.home, source)), files.home(out)
    jobs = jobs or default_workers()
    refuse_place(source, out)
    with begin.alone(out):
        say = Logged(say, begin.log(out))
        files.remove_temporary(out)
        began = time.monotonic()
        names, left = rungs.resolved(design.rungs, PROFILE_RUNGS[design.profile])
        asked = rungs.rungs_of(names, design.vocabulary, design.device)
        pool = gather(source, design, jobs)
        made = prepare(pool, design, jobs, say)
        steps = ladder.steps(made, asked, design)
        plan, exploratory = registered(out, planned(source, design, pool, made, steps))
        if exploratory:
            say.note("The plan is not the one that was registered before the first training: what follows is marked as exploratory.")
        files.write_bytes(files.join(out, "tokenizer.json"), made.tokenizer.to_bytes())
        if foreseen := ladder.foreseen(steps, jobs):
            say.note(foreseen)
        results, died = climb(steps, plan, out, jobs, say)
        files.write_frame(files.join(out, RESULTS), results)
        verdict = conclusions.conclude(results, plan, died=died, exploratory=exploratory)
        verdict |= {"across": across.across(results, verdict["rungs"], plan), "notes": [*verdict["notes"], *([left] if left else [])]}
        verdict = {"format": FORMAT, **verdict, "seconds": round(time.monotonic() - began, 1)}
        files.write_json(files.join(out, VERDICT), verdict)
    return Told(plan, verdict)


def climb(steps: Sequence[Step], plan: Mapping[str, Any], out: str, jobs: int, say: Say) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """Train rung by rung; what rung 0 finds chooses among the arms of those above it.

    Returns:
        As `trainings.carry_out`.

    Raises:
        RunError: every training died.
    """
    frames: list[pl.DataFrame] = []
    died: list[dict[str, Any]] = []
    stages = None
    for step in steps:
        found, dead = trainings.carry_out(step.field, step.trainings(ladder.left_out(step, stages)), out, jobs, say)
        frames.append(found)
        died += dead
        if step.rung.order_blind and found.height:
            stages = conclusions.conclude(found, plan, died=dead, exploratory=False)["rungs"][step.rung.name]["stages"]
    ended = [frame for frame in frames if frame.height]
    if not ended:
        raise RunError(f"every training died, the last of: {died[-1]['error']}\nFix: see run.log in {out}, and repeat the command.")
    return pl.concat(ended), died


def opened(out: str) -> Told:
    """What a finished ablation has to say.

    Raises:
        RunError: there is none, or another version of tamis concluded it.
    """
    out = files.home(out)
    if not files.exists(files.join(out, PLAN)):
        raise RunError(f'"{out}" is not an ablation.\nFix: name the folder that `tamis ablate … -o` wrote.')
    if not files.exists(files.join(out, VERDICT)):
        raise RunError(f"the ablation in {out} was not finished.\nFix: repeat the same `tamis ablate` command; it does what is left.")
    found = Told(files.read_json(files.join(out, PLAN)), files.read_json(files.join(out, VERDICT)))
    if found.verdict.get("format") != FORMAT:
        raise RunError(f"the ablation in {out} was concluded by another version of tamis.\nFix: repeat the same `tamis ablate` command, which trains again.")
    return found


def results_of(out: str) -> pl.DataFrame:
    """The rows of a finished ablation, one for each training, spot in its stream and measure.

    Returns:
        rung, arm, kind, seed (the fold), redraw; at ("equal", "own"), budget, share, tokens, documents, bytes, stream (a digest of what was
        seen); set, by, group, measure, better, value, chance; cpu_seconds of the training.
    """
    return files.read_frame(files.join(out, RESULTS))


def refuse_place(source: Sequence[str], out: str) -> None:
    """Refuse a folder that holds something else, or is the run itself.

    Raises:
        RunError: says which.
    """
    for place in source:
        refuse_folder(place, out, PLAN)


def refuse_folder(source: str, out: str, mark: str) -> None:
    """Refuse a folder that is the source, or holds files and not the one that marks what is written here.

    Raises:
        RunError: says which.
    """
    if files.normal(out) == files.normal(source):
        raise RunError(f"{out} is what is to be examined.\nFix: choose another --out.")
    if files.exists(out) and not files.exists(files.join(out, mark)) and [url for url in files.listing(out) if not url.endswith("run.log")]:
        kind = "an ablation" if mark == PLAN else "a mix"
        raise RunError(f'"{out}" holds files and is not {kind}.\nFix: choose a new --out.')


def planned(source: Sequence[str], design: Design, pool: Pool, made: Prepared, steps: Sequence[Step]) -> dict[str, Any]:
    """The plan: everything that is to be done and the rule by which it will be judged."""
    content: dict[str, Any] = {
        "tamis": __version__,
        "design": designs.spelled_out(design),
        "rules": RULES,
        "stages": {stage.name: {"needs_corpus": stage.needs_corpus} for stage in pool.stages},
        "rungs": {step.rung.name: step.facts() for step in steps},
        "prepared": {**made.facts, "notes": [*made.facts["notes"], *domains.thin(made.field.ground, made.folds, design.domain)]},
        "prospects": prospects.prospects(made),
    }
    # Data by its digests, which `prepared` has, and not by its place, so that a project can move.
    placeless: dict[str, Any] = {
        **content,
        "design": {**designs.spelled_out(design), "target": None, "items": None, "mixes": sorted(design.mixes)},
    }
    placeless["prepared"] = {**made.facts, "target": {**made.facts["target"], "name": None}, "notes": None}
    return {"hash": hashlib.sha256(json.dumps(placeless, sort_keys=True).encode()).hexdigest(), "source": list(source), **content}


def registered(out: str, plan: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """Write the plan if nothing was trained yet; else say whether it is the one that was written then."""
    place = files.join(out, PLAN)
    trained = files.exists(files.join(out, "trainings")) and bool(files.listing(files.join(out, "trainings")))
    first = files.read_json(place) if files.exists(place) else None
    if first is None or (first["hash"] != plan["hash"] and not trained):
        files.write_json(place, {**plan, "registered": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())})
        return files.read_json(place), False
    if first["hash"] == plan["hash"]:
        return first, False
    files.write_json(files.join(out, f"plan-{plan['hash'][:8]}.json"), plan)
    return plan, True
