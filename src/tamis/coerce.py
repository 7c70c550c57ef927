"""Values from a recipe as the types that a stage's parameters are declared with; a misfit is one clear sentence."""

from __future__ import annotations

import math
import os
import sys
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from tamis.errors import TamisError

_CALLED = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", Path: "a path", types.NoneType: "null"}


class _Misfit(Exception):
    """The value is not of the type."""


def coerce(value: Any, hint: Any, place: str, error: type[TamisError], folder: Path | None = None) -> Any:
    """The value as the type: lists as tuples, whole numbers as floats where a float is asked and back, paths from `folder`.

    Args:
        value: what YAML gave.
        hint: a type as a dataclass field declares it.
        place: what the error begins with: where the value stands.
        error: the kind of error to raise.
        folder: where relative paths begin.
    """
    try:
        return _fit(value, hint, folder)
    except _Misfit:
        shown = "null" if value is None else str(value).lower() if isinstance(value, bool) else value
        raise error(f'{place} must be {_called(hint)}, not "{shown}".') from None


def _fit(value: Any, hint: Any, folder: Path | None) -> Any:
    if hint is Any:
        return value
    if hint is Path:
        if not isinstance(value, str | Path):
            raise _Misfit
        return (folder or Path()) / os.path.expanduser(value)
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _first_fit(value, get_args(hint), folder)
    if origin is Literal:
        return _listed(value, get_args(hint))
    if origin is not None:
        return _container(value, origin, get_args(hint), folder)
    if hint is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) <= sys.float_info.max:
        return float(value)
    if hint is int and isinstance(value, float) and value.is_integer():  # 1e3
        return int(value)
    endless = isinstance(value, float) and not math.isfinite(value)  # no limit at all: NaN compares with nothing; null switches one off
    if endless or (hint is int and isinstance(value, bool)) or not isinstance(value, hint):
        raise _Misfit
    return value


def _listed(value: Any, known: Sequence[Any]) -> Any:
    if value not in known or isinstance(value, bool):
        raise _Misfit
    return value


def _first_fit(value: Any, hints: Sequence[Any], folder: Path | None) -> Any:
    # An exact type first: 3 stays a whole number where both are allowed.
    for hint in sorted(hints, key=lambda one: one is not type(value)):
        try:
            return _fit(value, hint, folder)
        except _Misfit:
            continue
    raise _Misfit


def _container(value: Any, origin: Any, inner: tuple[Any, ...], folder: Path | None) -> Any:
    if issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise _Misfit
        return {_fit(_key(key, inner[0]), inner[0], folder): _fit(one, inner[1], folder) for key, one in value.items()}
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise _Misfit
    return tuple(_fit(one, inner[0], folder) for one in value)


def _key(key: Any, hint: Any) -> Any:
    """Groups are compared as text, so that `by: {year: {2020: …}}` needs no quotation marks."""
    return str(key).lower() if hint is str and isinstance(key, bool) else str(key) if hint is str else key


def _called(hint: Any) -> str:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        names = [_called(one) for one in get_args(hint)]
        return f"{', '.join(names[:-1])} or {names[-1]}"
    if origin is Literal:
        return " or ".join(f'"{one}"' if isinstance(one, str) else str(one) for one in get_args(hint))
    if origin is not None and issubclass(origin, Mapping):
        inner = get_args(hint)[1]
        return f"keys and values, each {_called(inner)}" if get_origin(inner) in (None, Union, types.UnionType) and inner is not Any else "keys and values"
    if origin is not None:
        return f"a list of {_called(get_args(hint)[0]).removeprefix('a ')}s"
    return _CALLED.get(hint, getattr(hint, "__name__", str(hint)))
