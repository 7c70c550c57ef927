"""Names of stages and edits → where they live, imported when first used; a user's own stages by path."""

from __future__ import annotations

import copyreg
import hashlib
import importlib
import importlib.util
import inspect
import os
import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from tamis.errors import RecipeError, suggest
from tamis.stage import Edit, Filter, Stage, parameters

TABLE = {
    "mojibake": "tamis.edits.mojibake:Mojibake",
    "unicode": "tamis.edits.unicode:Unicode",
    "lines": "tamis.edits.lines:Lines",
    "mask": "tamis.edits.mask:Mask",
    "rules": "tamis.stages.rules:Rules",
    "language": "tamis.stages.language:Language",
    "gopher_quality": "tamis.stages.gopher_quality:GopherQuality",
    "gopher_repetition": "tamis.stages.gopher_repetition:GopherRepetition",
    "c4_quality": "tamis.stages.c4_quality:C4Quality",
    "fineweb_quality": "tamis.stages.fineweb_quality:FinewebQuality",
    "perplexity": "tamis.stages.perplexity:Perplexity",
    "head_middle_tail": "tamis.stages.head_middle_tail:HeadMiddleTail",
    "verifiable": "tamis.stages.verifiable:Verifiable",
    "contamination": "tamis.stages.contamination:Contamination",
    "quality": "tamis.stages.quality:Quality",
    "best": "tamis.stages.best:Best",
    "exact_duplicates": "tamis.stages.exact_duplicates:ExactDuplicates",
    "near_duplicates": "tamis.stages.near_duplicates:NearDuplicates",
    "topics": "tamis.stages.topics:Topics",
    "importance": "tamis.stages.importance:Importance",
    "axes": "tamis.stages.axes:Axes",
    "tokens": "tamis.stages.tokens:Tokens",
    "rebalance": "tamis.stages.rebalance:Rebalance",
    "sample": "tamis.stages.sample:Sample",
}
"""In the order in which `tamis stages` lists them: from cheap and certain to costly."""
BASES = (Stage, Filter, Edit)
"""What stages derive from, and no stages themselves."""


def stage_class(name: str, folder: Path | None = None) -> type[Stage]:
    """The class that a recipe calls `name`: one of the table, "my_rules.py:Digits" or "package.module:Class".

    Raises:
        RecipeError: there is no such stage; says what was probably meant.
    """
    if ":" not in name:
        if name not in TABLE:
            raise RecipeError(f'there is no stage "{name}". {suggest(name, TABLE, what="stages:")}')
        module, _, cls = TABLE[name].partition(":")
        return getattr(importlib.import_module(module), cls)  # type: ignore[no-any-return]
    where, _, cls = name.rpartition(":")
    where = os.path.expanduser(where)
    module_of = _from_file(((folder or Path()) / where).absolute()) if where.endswith(".py") else _from_module(where)
    found = getattr(module_of, cls, None)
    # What a file imports, as Filter itself, is not among its stages; a package may well offer what a module inside it defines.
    own = [key for key, value in vars(module_of).items() if _is_stage(value) and value.__module__ == module_of.__name__]
    if found is None or found in BASES or (_is_stage(found) and where.endswith(".py") and cls not in own):
        raise RecipeError(f'"{where}" holds no stage "{cls}"{" of its own" if found else ""}. {suggest(cls, own, what="stages:")}')
    if not _is_stage(found):
        raise RecipeError(f'"{name}" is not a stage: it must be a class derived from tamis.Stage, Filter or Edit.')
    if where.endswith(".py"):
        path = str(((folder or Path()) / where).absolute())
        # Another process knows no module of this name: it loads the file again.
        copyreg.pickle(found, lambda stage: (_rebuild, (path, cls, parameters(stage))))
    return found  # type: ignore[no-any-return]


def _is_stage(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, Stage) and value not in BASES


def make_stage(name: str, **values: Any) -> Stage:
    """A stage by its name in recipes, with parameters: `make_stage("gopher_quality", min_words=30)`.

    Raises:
        TamisError: there is no such stage or parameter, or a value is impossible.
    """
    from tamis.recipe import parse

    return parse({"stages": [{name: values}]}, place="make_stage").stages[0]


def _rebuild(path: str, cls: str, values: dict[str, Any]) -> Stage:
    found = stage_class(f"{path}:{cls}")
    return found(**values)


def _from_module(where: str) -> Any:
    try:
        return importlib.import_module(where)
    except ImportError as error:
        raise RecipeError(f'the module "{where}" cannot be imported: {error}.') from error


@lru_cache
def _from_file(path: Path) -> Any:
    if not path.is_file():
        near = [one.name for one in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise RecipeError(f'the file "{path.name}" does not exist in "{path.parent}". {suggest(path.name, near, what="Python files:")}')
    name = f"tamis_stages_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise RecipeError(f"{path.name} cannot be loaded: {type(error).__name__}: {error}") from error
    return module


def reference_of(stage: Stage) -> str:
    """What a recipe calls the class of a stage."""
    cls = type(stage)
    here = f"{cls.__module__}:{cls.__qualname__}"
    for name, place in TABLE.items():
        if place == here:
            return name
    if cls.__module__.startswith("tamis_stages_"):
        return f"{source_file(stage)}:{cls.__qualname__}"
    return here


def source_file(stage: Stage) -> str | None:
    """The file that a stage's class is written in; None for one typed into a session."""
    module = sys.modules.get(type(stage).__module__)
    return getattr(module, "__file__", None)


def is_built_in(stage: Stage) -> bool:
    """Whether tamis itself ships the stage, so that its `version` says when its numbers change."""
    return bool(re.match(r"tamis\.(stages|edits)\.", type(stage).__module__))
