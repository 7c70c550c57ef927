"""Stages documented from their code: docstring, parameters with types and defaults, reasons."""

from __future__ import annotations

import inspect
import types
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from tamis.cli.show import table
from tamis.recipe import plain
from tamis.stage import Edit, Filter, Stage
from tamis.table import TABLE, stage_class


def all_stages() -> list[dict[str, Any]]:
    """Name, kind and first line of every stage."""
    return [{"stage": name, "kind": _kind(stage_class(name)), "promise": _lines(stage_class(name))[0]} for name in TABLE]


def stage(name: str) -> dict[str, Any]:
    """Everything about one stage; also of a user's own, by path."""
    cls = stage_class(name, Path())
    hints = get_type_hints(cls)
    own = [item for item in fields(cls) if not item.kw_only] + [item for item in fields(cls) if item.kw_only]  # type: ignore[arg-type]
    parameters = [{"parameter": item.name, "type": _shown_type(hints[item.name]), "default": _default(item)} for item in own]
    reasons = vars(cls).get("reasons")
    return {
        "stage": name,
        "kind": _kind(cls),
        "text": "\n".join(_lines(cls)),
        "parameters": parameters,
        "reasons": dict(reasons) if isinstance(reasons, dict) else {},
        "needs_corpus": cls.needs_corpus,
        "reads": list(cls.reads),
    }


def as_text(found: Any) -> str:
    """For a terminal."""
    if isinstance(found, list):
        rows = [(one["stage"], one["kind"], one["promise"]) for one in found]
        return table(rows) + "\n\nNext: tamis stages NAME shows one in full."
    rows = [("parameter", "default", "type")]
    rows += [(one["parameter"], _shown_default(one["default"]), one["type"]) for one in found["parameters"]]
    lines = [f"{found['stage']} ({found['kind']})", "", found["text"].rstrip(), "", table(rows)]
    if found["reasons"]:
        lines += ["", table([("limit", "reason for dropping"), *found["reasons"].items()])]
    return "\n".join(lines)


def _kind(cls: type[Stage]) -> str:
    if issubclass(cls, Edit):
        return "edit"
    return "filter" if issubclass(cls, Filter) else "stage"


def _lines(cls: type[Stage]) -> list[str]:
    """The docstring; a filter's also tells of the parameters that all filters share."""
    text = inspect.getdoc(cls) or "(no docstring)"
    return text.splitlines()


def _default(item: Any) -> Any:
    if item.default is not MISSING:
        return plain(item.default)
    return plain(item.default_factory()) if item.default_factory is not MISSING else "required"


def _shown_default(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(str, value)) + "]"
    return {None: "null", True: "true", False: "false"}.get(value, str(value)) if not isinstance(value, dict) else str(value)


def _shown_type(hint: Any) -> str:
    if get_origin(hint) in (Union, types.UnionType):  # the first is printed otherwise than the second
        return " | ".join(map(_shown_type, get_args(hint)))
    if get_origin(hint) is None:
        return "null" if hint is type(None) else getattr(hint, "__name__", str(hint))
    return str(hint).replace("typing.", "").replace("collections.abc.", "").replace("NoneType", "null").replace("None", "null")


