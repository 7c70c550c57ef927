"""YAML ↔ Recipe: strict keys, checked types, and every default written out again."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_type_hints

import yaml

from tamis import table
from tamis.coerce import coerce
from tamis.documents import Columns
from tamis.errors import RecipeError, StageError, suggest
from tamis.stage import Stage, named, parameters


@dataclass(frozen=True)
class Output:
    """How curated shards are written.

    Args:
        shard_bytes: text in one shard, in bytes before compression, about.
        compression: codec of the Parquet files.
        level: of the codec; None: 3 for zstd, its own default for the others.
    """

    shard_bytes: int = 256_000_000
    compression: Literal["zstd", "gzip", "snappy", "lz4", "none"] = "zstd"
    level: int | None = None


@dataclass(frozen=True)
class Recipe:
    """Columns, stages and edits in order, output.

    Args:
        name: for people: the file's name without its ending.
        stages: in the order in which they work.
        columns: what the data calls its columns.
        seed: for stages that draw at random and are given none of their own.
        output: how curated shards are written.
        place: the file that it was read from; what errors call it.
    """

    name: str
    stages: tuple[Stage, ...]
    columns: Columns = field(default_factory=Columns)
    seed: int = 0
    output: Output = field(default_factory=Output)
    place: str = field(default="", compare=False, repr=False)

    def named(self) -> list[tuple[str, Stage]]:
        """Each stage under the name it has in the ledger."""
        return named(self.stages)


LEVELS = {"zstd": (1, 22), "gzip": (1, 9)}
KEYS = ("columns", "seed", "stages", "output")
PLAN_KEYS = ("profile", "pool", "rungs", "held_out", "target", "corrupt")
"""What the plan of an ablation has and no recipe."""
FIRST = "name the recipe first, then the shards: tamis run RECIPE SHARDS… -o OUT"


def strict(recipe: Recipe) -> Recipe:
    """The recipe with `strict: true` for every stage that knows it."""
    stages = (replace(stage, strict=True) if hasattr(stage, "strict") else stage for stage in recipe.stages)  # type: ignore[type-var]
    return replace(recipe, stages=tuple(stages))


class _Loader(yaml.SafeLoader):
    """YAML without its surprises: `no` is Norwegian, a date is text, 1e-3 is a number, a key stands once."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(?:\.\d*)?[eE][-+]?\d+$"), list("-+0123456789"))


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    pairs = [(loader.construct_object(key, deep=True), value) for key, value in node.value]
    for i, (key, _) in enumerate(pairs):
        if isinstance(key, list | dict):
            raise yaml.constructor.ConstructorError(None, None, f'"{key}" is no key', node.value[i][0].start_mark)
        if key in [earlier for earlier, _ in pairs[:i]]:
            raise yaml.constructor.ConstructorError(None, None, f'the key "{key}" stands twice', node.value[i][0].start_mark)
    return {key: loader.construct_object(value, deep=True) for key, value in pairs}


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load(path: str | Path) -> Recipe:
    """Read a recipe; files that it names lie beside it unless their paths are absolute.

    Raises:
        RecipeError: says the file, the stage, what is wrong with it and what was probably meant.
    """
    path = Path(os.path.expanduser(path))
    try:
        content = from_yaml(path.read_text("utf-8"))
    except FileNotFoundError:
        raise RecipeError(f'the recipe "{path}" does not exist. {_nearest(path)}'.rstrip()) from None
    except IsADirectoryError:
        raise RecipeError(f'the recipe "{path}" is a folder.\nFix: {FIRST}') from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        if isinstance(error, UnicodeDecodeError) and error.object.startswith(b"PAR1"):
            raise RecipeError(f'the recipe "{path}" is a Parquet file.\nFix: {FIRST}') from None
        raise RecipeError(f"{path}: {_yaml_problem(error)}") from error
    return parse(content, place=str(path), folder=path.parent, name=path.stem)


def _nearest(path: Path) -> str:
    """The recipe beside a path whose name without its ending is most like it, or those that there are."""
    near = {one.stem: str(one) for one in sorted(path.parent.glob("*.yaml"))} if path.parent.is_dir() else {}
    if not near:
        return ""
    close = difflib.get_close_matches(path.stem, near, n=1, cutoff=0.6)
    return suggest(near[close[0]], [near[close[0]]]) if close else suggest("", near.values(), what="recipes:")


def from_yaml(text: str) -> Any:
    """What a recipe's text holds."""
    return yaml.load(text, _Loader)  # noqa: S506  a SafeLoader


def parse(content: Any, *, place: str, folder: Path | None = None, name: str = "recipe") -> Recipe:
    """A recipe from what YAML or JSON holds.

    Args:
        content: a mapping with the keys `stages`, `columns`, `seed`, `output`.
        place: what errors call it.
        folder: where the files lie that it names by relative paths.
        name: of the recipe.
    """
    if not isinstance(content, Mapping):
        raise RecipeError(f'{place} must hold the key "stages" with a list of stages.')
    for key in content:
        if key in PLAN_KEYS and "stages" not in content:
            raise RecipeError(f'{place} is the plan of an ablation and no recipe: it has the key "{key}".\nFix: tamis ablate OUT --plan {place} -o ABLATION')
        if key not in KEYS:
            raise RecipeError(f'{place}: there is no key "{key}". {suggest(key, KEYS, what="keys:")}')
    listed = content.get("stages")
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        raise RecipeError(f'{place}: "stages" must be a list of stages, like "- gopher_quality".')
    seed = coerce(content.get("seed", 0), int, f'{place}: "seed"', RecipeError)
    stages = tuple(_stage(item, f"{place}, stage {i}", folder or Path(), seed) for i, item in enumerate(listed, 1))
    columns = section(Columns, content.get("columns"), f"{place}, columns")
    return Recipe(name, stages, columns, seed, _output(content.get("output"), f"{place}, output"), place)


def _output(content: Any, place: str) -> Output:
    if isinstance(content, Mapping) and isinstance(content.get("shard_bytes"), str):
        content = {**content, "shard_bytes": byte_count(content["shard_bytes"], f"{place}: shard_bytes")}
    output: Output = section(Output, content, place)
    if output.shard_bytes < 1:
        raise RecipeError(f'{place}: "shard_bytes" must be at least 1, not {output.shard_bytes}.')
    lowest, highest = LEVELS.get(output.compression, (1, 0))
    if output.level is not None and not lowest <= output.level <= highest:
        known = f"between {lowest} and {highest}" if output.compression in LEVELS else "null: it has none"
        raise RecipeError(f'{place}: the "level" of {output.compression} must be {known}, not {output.level}.')
    return output


def section(cls: Any, content: Any, place: str) -> Any:
    """A dataclass from keys and values, its defaults where there is no key; strict about names and types."""
    if content is None:
        return cls()
    if not isinstance(content, Mapping):
        raise RecipeError(f'{place}: expected keys and values, not "{content}".')
    return cls(**_arguments(cls, content, place, ""))


def _stage(item: Any, place: str, folder: Path, seed: int) -> Stage:
    """One entry of the list: `name`, or `name: {parameter: value}`."""
    if isinstance(item, str):
        item = {item: None}
    if not isinstance(item, Mapping) or len(item) != 1:
        raise RecipeError(f'{place}: a stage is a name, or a name with parameters like "sample: {{share: 0.5}}", not "{item}".')
    ((name, given),) = item.items()
    try:
        cls = _class(str(name), place, folder)
        if given is not None and not isinstance(given, Mapping):
            raise RecipeError(f'{place}: "{name}" wants parameters by name, like "{{share: 0.5}}", not "{given}".')
        stage: Stage = cls(**_arguments(cls, given or {}, place, f'"{name}"', folder))
        named([stage])  # refuses a name of the house
        if getattr(stage, "seed", 0) is None:
            stage = replace(stage, seed=seed)  # type: ignore[type-var]
        stage.check()
    except StageError as error:
        raise RecipeError(f"{place}: {error}") from error
    return stage


def _class(name: str, place: str, folder: Path) -> type[Stage]:
    try:
        return table.stage_class(name, folder)
    except RecipeError as error:
        raise RecipeError(f"{place}: {error}") from error


def _arguments(cls: Any, given: Mapping[str, Any], place: str, name: str, folder: Path | None = None) -> dict[str, Any]:
    hints = get_type_hints(cls)
    known = [item.name for item in fields(cls)]
    for key in given:
        if key not in known:
            what = f'{name} has no parameter "{key}"' if name else f'there is no key "{key}"'
            raise RecipeError(f"{place}: {what}. {suggest(key, known, what='parameters:' if name else 'keys:')}")
    said = f"{place}: {name} " if name else f"{place}: "
    arguments = {key: coerce(value, hints[key], f'{said}"{key}"', RecipeError, folder) for key, value in given.items()}
    for item in fields(cls):
        if item.name not in given and item.default is item.default_factory:  # both MISSING: it has no default
            raise RecipeError(f'{place}: {name} needs the parameter "{item.name}".')
    return arguments


def byte_count(text: str, place: str) -> int:
    """Bytes from "256MB", "1.5 GB" or "1GiB"."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kKMGT]?)(i?)B?\s*", text)
    if not match:
        raise RecipeError(f'{place} must be a number of bytes like "256MB", not "{text}".')
    number, unit, binary = match.groups()
    return int(float(number) * (1024 if binary else 1000) ** " KMGT".index(unit.upper() or " "))


def plain(value: Any) -> Any:
    """A parameter as YAML and JSON can hold it."""
    if isinstance(value, Mapping):
        return {key if type(key) is int else str(key): plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def spelled_out(recipe: Recipe) -> dict[str, Any]:
    """The recipe with every default, as a recipe again."""
    stages = [{table.reference_of(stage): plain(parameters(stage))} for stage in recipe.stages]
    return {"columns": asdict(recipe.columns), "seed": recipe.seed, "stages": stages, "output": asdict(recipe.output)}


def dump(recipe: Recipe) -> str:
    """The recipe with every default as YAML."""
    return yaml.safe_dump(spelled_out(recipe), sort_keys=False, allow_unicode=True, width=120)


def _yaml_problem(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"line {mark.line + 1}: {said}." if mark is not None else f"{said}."
