"""`stage.parameter=value`: other limits for a finished run, checked as a recipe is; what would be measured otherwise is refused."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tamis import changes, files, ledger
from tamis import recipe as recipes
from tamis.changes import Change
from tamis.errors import RecipeError, StageError, suggest
from tamis.folder import Finished
from tamis.keys import DECIDING
from tamis.measure import Step
from tamis.plan import BASE
from tamis.recipe import plain
from tamis.stage import Edit, Filter, Stage, parameters
from tamis.table import is_built_in

PLACE = "what-if"
"""What errors call the changed recipe."""


def changed(run: Finished, assignments: Sequence[str]) -> tuple[list[Step], list[Change]]:
    """The stages of a run with other parameters, under the names they have there, and what is other about them.

    Args:
        run: a finished run.
        assignments: "gopher_quality.min_words=30", "gopher_quality.by.lang.fr.min_words=40", "exact_duplicates=off".

    Raises:
        RecipeError: an assignment names nothing, or holds an impossible value.
        StageError: it would change what is measured, or decides by what was not kept.
    """
    content = recipes.from_yaml(files.read_bytes(files.join(run.out, "recipe.yaml")).decode())
    names = [name for name, _ in run.named]
    given = dict(zip(names, copy.deepcopy(content["stages"]), strict=True))
    for assignment in assignments:
        _assign(given, assignment, run.out)
    parsed = recipes.parse({**content, "stages": list(given.values())}, place=PLACE, folder=Path())
    before, after = dict(run.named), dict(zip(given, parsed.stages, strict=True))
    for name, stage in before.items():
        if name not in after:
            _refuse_unedited(name, stage, run)
        else:
            _refuse_other_measure(name, stage, after[name], run)
    _refuse_unknown(run, before, after)
    found = changes.between(*({name: plain(parameters(stage)) for name, stage in one.items()} for one in (before, after)))
    return [Step(name, stage) for name, stage in after.items()], found


def _assign(given: dict[str, Any], assignment: str, out: str) -> None:
    """Put one value into the stages as the recipe spells them."""
    place, equals, text = assignment.partition("=")
    name, _, path = place.strip().partition(".")
    if not equals:
        raise RecipeError(f'"{assignment}" is no assignment.\nFix: write it like gopher_quality.min_words=30, or exact_duplicates=off.')
    if name not in given:
        raise RecipeError(f'{out} has no stage "{name}". {suggest(name, given, what="stages:")}')
    value = _value(text, assignment)
    if not path:
        if value != changes.OFF:
            raise RecipeError(f'"{assignment}": a whole stage can only be "off".\nFix: name one of its parameters, like {name}.where=null.')
        del given[name]
        return
    ((reference, values),) = given[name].items()
    keys = _keys(path)
    inner = values = dict(values or {})
    for key in keys[:-1]:
        there = inner.get(key)
        if there is not None and not isinstance(there, Mapping):
            raise RecipeError(f'"{assignment}": {name} has no parameter "{path}": "{key}" holds "{there}".')
        inner[key] = dict(there or {})
        inner = inner[key]
    if value is None and len(keys) == 2:  # an entry of a mapping, as `rules.min.score`: off is gone
        if keys[-1] not in inner:
            raise RecipeError(f'"{assignment}": {name}.{keys[0]} has no "{keys[-1]}". {suggest(keys[-1], inner, what="entries:")}')
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = value
    given[name] = {reference: values}


def _keys(path: str) -> list[str]:
    """ "by.source.example.com.min_words" → by, source, example.com, min_words; "min.a.b" → min, a.b."""
    first, _, rest = path.partition(".")
    if first == "by" and rest.count(".") >= 2:
        column, _, rest = rest.partition(".")
        return [first, column, *rest.rsplit(".", 1)]
    return [first, rest] if rest else [first]


def _value(text: str, assignment: str) -> Any:
    try:
        return recipes.from_yaml(text)
    except yaml.YAMLError as error:
        raise RecipeError(
            f'"{assignment}": "{text}" is no value.\nFix: write it as in a recipe, like 30, 0.5, null or "[length]".'
        ) from error


def _refuse_unedited(name: str, stage: Stage, run: Finished) -> None:
    if isinstance(stage, Edit):
        raise StageError(
            f"{name} is an edit: without it the stages below would measure another text, which {run.out} does not hold.\n"
            "Fix: take it out of the recipe and repeat `tamis run`."
        )


def _refuse_other_measure(name: str, before: Stage, after: Stage, run: Finished) -> None:
    for parameter, value in parameters(before).items():
        now = getattr(after, parameter)
        if now == value or not _measures(before, parameter) or _only_limits(before, parameter, value, now):
            continue
        if before.measured_by is None and isinstance(before, Filter) and parameter in before.reasons:
            raise StageError(
                f"{name} does not say which parameters change what it measures, so that {name}.{parameter} might.\n"
                "Fix: declare `measured_by` in its class, and repeat `tamis run` once."
            )
        raise StageError(
            f"{name}.{parameter} changes what is measured, so that {run.out} does not hold the answer.\n"
            "Fix: change it in the recipe and repeat `tamis run`."
        )


def _measures(stage: Stage, parameter: str) -> bool:
    return parameter not in DECIDING and (stage.measured_by is None or parameter in stage.measured_by)


def _only_limits(stage: Stage, parameter: str, before: Any, after: Any) -> bool:
    """Whether only entries of a mapping differ that are limits, as {score: 0.5} of `rules: min`, and no column is new."""
    if not isinstance(stage, Filter) or not is_built_in(stage) or not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return False
    other = [key for key in {*before, *after} if before.get(key) != after.get(key)]
    return set(after) <= set(before) and all(f"{parameter}_{key}" in stage.reasons for key in other)


def place_of(stage: Filter, limit: str) -> str | None:
    """What an assignment calls a limit after the stage's name: "min_words", "min.score"; None: it may change what is measured."""
    if limit in parameters(stage):
        return None if _measures(stage, limit) else limit
    return limit.replace("_", ".", 1) if is_built_in(stage) else None


def _refuse_unknown(run: Finished, before: Mapping[str, Stage], after: Mapping[str, Stage]) -> None:
    """Refuse decisions by what the run did not keep, and by stages that are off."""
    house = run.measured[BASE]
    columns = [name.removeprefix("doc.") for name in house if name.startswith("doc.")]
    for name, stage in after.items():
        for used in set(stage.signals_used()) - set(before[name].signals_used()):
            if used.startswith("doc.") and used not in house:
                raise StageError(
                    f'{name} would decide by the column "{used[4:]}", which {run.out} does not keep. {suggest(used[4:], [*ledger.words_of(stage), *columns], what="columns:")}\n'
                    "Fix: change it in the recipe and repeat `tamis run`."
                )
    if any(run.measured.values()):  # nothing is known of a run without documents
        ledger.check_uses([Step(name, stage) for name, stage in after.items()], {name: run.measured[name] for name in after}, columns)
