"""Limits that cannot be meant: beyond what a signal can be, or excluding each other."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, get_type_hints

from tamis.errors import StageError, suggest

if TYPE_CHECKING:
    from tamis.stage import Filter


def check(stage: Filter) -> None:
    """Refuse exceptions for limits that do not exist, limits beyond what a signal can be, and limits that exclude each other.

    Raises:
        StageError: says which limit, and what it holds.
    """
    name, counts = stage.name(), _counts(stage)
    for place, parameter, value in _exceptions(stage):
        if parameter not in stage.reasons:
            raise StageError(f'{name}: "{place}" names no limit "{parameter}". {suggest(parameter, stage.reasons)}')
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value)):
            raise StageError(f'{name}: "{place}: {parameter}" must be a number or null, not "{value}".')
        _check_range(stage, f"{place}: {parameter}", parameter, value, counts)
    for parameter in stage.reasons:
        value = stage.value_of(parameter)
        _check_range(stage, stage.written(parameter), parameter, value, counts)
        opposite = "max_" + parameter[4:]
        highest = stage.value_of(opposite)
        if parameter.startswith("min_") and value is not None and highest is not None and value > highest:
            said = f'"{stage.written(parameter)}" is {_shown(value)} and "{stage.written(opposite)}" is {_shown(highest)}'
            raise StageError(f"{name}: {said}: nothing could pass.")


def _check_range(stage: Filter, place: str, parameter: str, value: float | None, counts: Collection[str]) -> None:
    if value is None:
        return
    if not math.isfinite(value):
        raise StageError(f'{stage.name()}: "{place}" is {value}, which is no limit.\nFix: null switches a limit off.')
    if stage.is_share(parameter) and not 0 <= value <= 1:
        fix = f"\nFix: {value / 100:g}, if you meant {value:g} %." if 1 < value <= 100 else ""
        raise StageError(f'{stage.name()}: "{place}" is {_shown(value)}; shares lie between 0 and 1.{fix}')
    if parameter in counts and value < 0:
        raise StageError(f'{stage.name()}: "{place}" is {_shown(value)}; a count is never below 0.\nFix: null switches a limit off.')


def _counts(stage: Filter) -> Collection[str]:
    """Limits on counts: whole numbers of the house's own stages; what a user's stage measures may be below 0."""
    kind: Any = type(stage)  # a class of which mypy thinks that it has the hash of its instances
    return _whole_numbers(kind).intersection(stage.reasons) if kind.__module__.startswith("tamis.") else ()


@cache
def _whole_numbers(kind: type) -> frozenset[str]:
    """Parameters of a class that are whole numbers. A report checks hundreds of limits, and to read the types took most of it."""
    return frozenset(name for name, hint in get_type_hints(kind).items() if hint in (int, int | None))


def _shown(value: float) -> str:
    return str(value).removesuffix(".0")


def _exceptions(stage: Filter) -> Iterator[tuple[str, str, Any]]:
    """Of every limit in `by`: where it stands, its name, its value."""
    for column, groups in stage.by.items():
        if not isinstance(groups, Mapping):
            raise StageError(f'{stage.name()}: "by" wants values of "{column}" and limits for each, not "{groups}".')
        for group, limits in groups.items():
            if not isinstance(limits, Mapping):
                raise StageError(f'{stage.name()}: "by: {column}: {group}" wants limits by name, not "{limits}".')
            for parameter, value in limits.items():
                yield f"by: {column}: {group}", str(parameter), value
