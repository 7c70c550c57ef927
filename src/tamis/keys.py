"""Keys: what a folder of signals depends on, hashed into its name. Nothing is invalidated; another key is another folder.

A key holds the stage, its version and those of the packages it leaves the work to, the parameters that change what it
measures (a file parameter by the SHA-256 of the file), the source of a user's own stage, the columns it reads, and the
keys of the edits above it.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tamis import table
from tamis.documents import Columns
from tamis.errors import DataError, MissingPackage
from tamis.stage import Edit, Stage, has, parameters

DECIDING = ("by", "where", "on_null", "prefer")
"""Parameters of the house's own bases that never change a measurement."""


def digest(content: Any) -> str:
    """16 hexadecimal digits of some JSON."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]


def keys(named: Sequence[tuple[str, Stage]], columns: Columns, fingerprints: Sequence[str]) -> dict[str, str]:
    """The key of every stage of a recipe.

    Args:
        named: stages under their names, in order.
        columns: what the data calls its columns.
        fingerprints: of all shards; a stage that is fitted to the corpus depends on them.
    """
    above: list[str] = []
    found = {}
    for name, stage in named:
        found[name] = digest(description(stage, columns, above, fingerprints))
        if isinstance(stage, Edit):
            above.append(found[name])
    return found


def description(stage: Stage, columns: Columns, above: Sequence[str], fingerprints: Sequence[str]) -> dict[str, Any]:
    """What a key is made of."""
    measuring = stage.measured_by
    values = {key: value for key, value in parameters(stage).items() if key not in DECIDING}
    # Only where there are any, so that the keys of stages without stay what they were.
    packages = {"packages": {package: installed(package, stage.name()) for package in stage.packages_used()}} if stage.packages_used() else {}
    beside = {"beside": [hashed(file) for file in stage.files_beside()]} if stage.files_beside() else {}
    return {
        "stage": table.reference_of(stage) if table.is_built_in(stage) else type(stage).__qualname__,
        "version": stage.version,
        **packages,
        **beside,
        **({"marks": 1} if isinstance(stage, Edit) else {}),  # what the house adds to an edit's signals: `measure.REWRITTEN`
        "source": None if table.is_built_in(stage) else _source(stage),
        "parameters": {key: hashed(value) for key, value in values.items() if measuring is None or key in measuring},
        "reads": {name: columns.named(name) for name in stage.columns_read()},
        "edits": list(above),
        "corpus": sorted(fingerprints) if has(stage, "fit") else None,
    }


def relation_key(key: str, fingerprints: Sequence[str]) -> str:
    """The key of what a stage relates: of its signals, over these shards in this order, for it holds row numbers."""
    return digest([key, list(fingerprints)])


def base_key(columns: Columns, carried: Sequence[str], *, ties: bool) -> str:
    """The key of what the house itself keeps of each document."""
    return digest({"house": 2, "text": columns.text, "carried": {name: columns.named(name) for name in carried}, "ties": ties})


def hashed(value: Any) -> Any:
    """A parameter with every file in it replaced by what the file holds.

    Raises:
        DataError: the file does not exist.
    """
    if isinstance(value, Path):
        if not value.is_file():
            raise DataError(f'the file "{value}" does not exist.\nFix: give its path from the folder of the recipe.')
        with value.open("rb") as file:
            return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    if isinstance(value, Mapping):
        return {str(key): hashed(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [hashed(one) for one in value]
    return value


def files_named(stage: Stage) -> dict[str, str]:
    """Every file that a stage's parameters name, or that lies beside one: its name → SHA-256."""
    found = [*_paths(list(parameters(stage).values())), *stage.files_beside()]
    return {file.name: hashed(file).removeprefix("sha256:") for file in found}


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif isinstance(value, Mapping | tuple | list):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _paths(one)


def installed(package: str, needed_by: str) -> str:
    """The version of an installed package, of which nothing is loaded.

    Raises:
        MissingPackage: the package is not installed.
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        raise MissingPackage(f'{needed_by} needs the package "{package}", which is not installed.\nFix: pip install {package}') from None


def _source(stage: Stage) -> str:
    file = table.source_file(stage)
    if file is not None and Path(file).is_file():
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    try:
        return hashlib.sha256(inspect.getsource(type(stage)).encode()).hexdigest()
    except OSError:
        return repr(sorted(vars(type(stage))))
