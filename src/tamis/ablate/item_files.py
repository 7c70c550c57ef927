"""Evaluation sets, read from files: JSONL or Parquet, one item a line or row."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis import json_lines
from tamis.ablate.held import KEPT, RAW, REMOVED, TARGET
from tamis.ablate.items import ItemSet, Kind, Sequences
from tamis.errors import DataError

FORMATS = (".jsonl", ".jsonl.gz", ".parquet")

_FIELDS: dict[Kind, tuple[str, ...]] = {
    "pairs": ("sentence_good", "sentence_bad"),
    "schema": ("context_options", "continuation", "gold"),
    "choice": ("query", "choices", "gold"),
    "continuation": ("context", "continuation"),
}

_GROUPED = {"category": ("category",), "phenomenon": ("phenomenon", "term", "linguistics_term"), "paradigm": ("paradigm", "uid", "UID")}
"""What items may be grouped by → the names of its field, of which the first that an item has counts; BLiMP's own and those of copies."""

_LETTER = re.compile(r"\(?[A-Za-z]\)?[.:)]?")


class _Option(NamedTuple):
    context: str
    continuation: str


class _Item(NamedTuple):
    options: list[_Option]
    gold: int
    groups: dict[str, str]
    row: int


def load_sets(paths: Iterable[str | Path]) -> list[ItemSet]:
    """Read evaluation sets from files and folders, in their order; the files of a folder by name.

    A file is a set, named after it. Sets of minimal pairs in one folder make one set, named after the folder, as BLiMP comes in 67 files; its
    paradigms are then the files, unless the items say theirs.

    | kind | fields | scored |
    | --- | --- | --- |
    | choice | query, choices (list), gold (place in the list, from 0) | each choice after the query |
    | continuation | context, continuation | the continuation |
    | schema | context_options (list), continuation, gold | the continuation after each context |
    | pairs | sentence_good, sentence_bad | each sentence, from its first token on |

    These are the formats of llm-foundry's in-context-learning sets and of BLiMP; further fields are ignored but for "category", "phenomenon"
    and "paradigm" (BLiMP: "term", "UID"), which group the items. A space parts context and continuation and is scored; after a query that
    begins with "Question:" stands a line "Answer:", as in llm-foundry's own tasks. Blanks around contexts and continuations are left out.

    Raises:
        DataError: no such path; a line that is no item, with file and line; answers given as letters; two sets of one name,
            or one that is called as held-out documents are.
    """
    sets = [one for path in paths for one in _sets(Path(os.path.expanduser(path)))]
    seen: dict[str, ItemSet] = {}
    for one in sets:
        if one.name in (TARGET, RAW, KEPT, REMOVED):
            raise DataError(f'An evaluation set is named "{one.name}", as held-out documents are.\nFix: rename its file, for a set is named after that.')
        if one.name in seen:
            raise DataError(f'Two evaluation sets are named "{one.name}".\nFix: rename a file, for a set is named after its file.')
        seen[one.name] = one
    return sets


def _sets(path: Path) -> list[ItemSet]:
    """The sets of one file or folder."""
    if not path.exists():
        raise DataError(f"{path} does not exist, so no evaluation set can be read from it.")
    if path.is_file():
        if not _known(path):
            raise DataError(f'{path} is no evaluation set: its name ends in "{path.suffix}".\nFix: name a file that ends in {_formats()}.')
        kind, items = _read(path)
        return [_set(_name(path), kind, [(path, items)])]
    files = sorted(file for file in path.iterdir() if file.is_file() and _known(file))
    if not files:
        raise DataError(f"{path} holds no evaluation set.\nFix: name a folder with files that end in {_formats()}.")
    read = [(file, *_read(file)) for file in files]
    pairs = [(file, items) for file, kind, items in read if kind == "pairs"]
    if len(pairs) < 2:
        return [_set(_name(file), kind, [(file, items)]) for file, kind, items in read]
    return [_set(_name(file), kind, [(file, items)]) for file, kind, items in read if kind != "pairs"] + [_set(path.name, "pairs", pairs)]


def _set(name: str, kind: Kind, files: list[tuple[Path, list[_Item]]]) -> ItemSet:
    """One set of the items of one file or several."""
    items = [item for _, some in files for item in some]
    options = [option for item in items for option in item.options]
    counts = [len(item.options) for item in items]
    sequences = Sequences(
        pa.array([option.context for option in options], pa.large_string()),
        pa.array([option.continuation for option in options], pa.large_string()),
        np.repeat(np.arange(len(items)), counts),
        np.array([place == item.gold for item in items for place in range(len(item.options))], bool),
    )
    groups = {by: [item.groups[by] for item in items] for by in _GROUPED if all(by in item.groups for item in items)}
    if len(files) > 1 and "paradigm" not in groups:
        groups["paradigm"] = [_name(file) for file, some in files for _ in some]
    return ItemSet(name, kind, sequences, [f"{_name(file)}:{item.row}" for file, some in files for item in some], groups)


def _read(path: Path) -> tuple[Kind, list[_Item]]:
    """The kind of a file, by its first item, and all its items."""
    word, first = ("row", 0) if path.name.lower().endswith(".parquet") else ("line", 1)
    values = _parquet(path) if word == "row" else json_lines.values(path)
    kind: Kind | None = None
    items = []
    for row, value in enumerate(values):
        if value is None:
            continue
        where = f"{path}, {word} {row + first}"
        kind = kind or _kind(where, value)
        options, gold = _options(where, kind, value)
        items.append(_Item(options, gold, _groups(value), row))
    if kind is None:
        raise DataError(f"{path} holds no item.\nFix: leave the file out, or write one item a line.")
    _refuse_letters(path, kind, items)
    return kind, items


def _kind(where: str, value: Any) -> Kind:
    """What kind of item a value is, by its fields."""
    if isinstance(value, Mapping):
        for kind, fields in _FIELDS.items():
            if all(name in value for name in fields):
                return kind
        has = f"fields {', '.join(value)}" if value else "no field"
    else:
        has = f"{type(value).__name__} {str(value)[:40]!r}"
    kinds = "; ".join(", ".join(fields) for fields in _FIELDS.values())
    raise DataError(f"{where}: this is no item of a kind that can be scored: it has {has}.\nFix: give it the fields of one kind: {kinds}.")


def _options(where: str, kind: Kind, value: Any) -> tuple[list[_Option], int]:
    """The options of an item, and which is right."""
    if not isinstance(value, Mapping) or any(name not in value for name in _FIELDS[kind]):
        names = ", ".join(value) if isinstance(value, Mapping) and value else "none"
        raise DataError(f"{where}: an item of this file needs the fields {', '.join(_FIELDS[kind])}, and this one has {names}.")
    if kind == "pairs":
        return [_Option("", _text(where, value, name)) for name in _FIELDS["pairs"]], 0
    if kind == "continuation":
        return [_Option(_text(where, value, "context"), " " + _text(where, value, "continuation"))], 0
    name = "choices" if kind == "choice" else "context_options"
    texts = _list(where, value, name)
    gold = value["gold"]
    if isinstance(gold, bool) or not isinstance(gold, int) or not 0 <= gold < len(texts):
        raise DataError(f'{where}: "gold" is {gold!r}, not the place of one of the {len(texts)} {name}, counted from 0.')
    if kind == "choice":
        query = _text(where, value, "query")
        context = query + "\nAnswer:" if query.startswith("Question:") else query
        return [_Option(context, " " + text) for text in texts], gold
    continuation = " " + _text(where, value, "continuation")
    return [_Option(text, continuation) for text in texts], gold


def _text(where: str, value: Mapping[str, Any], name: str) -> str:
    text = value[name]
    if not isinstance(text, str) or not text.strip():
        raise DataError(f'{where}: "{name}" is {_shown(text)}, not a text.')
    return text.strip()


def _list(where: str, value: Mapping[str, Any], name: str) -> list[str]:
    texts = value[name]
    if not isinstance(texts, list) or len(texts) < 2 or not all(isinstance(text, str) and text.strip() for text in texts):
        raise DataError(f'{where}: "{name}" is {_shown(texts)}, not a list of two texts or more.')
    return [text.strip() for text in texts]


def _shown(value: Any) -> str:
    """A value, cut short."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _groups(value: Mapping[str, Any]) -> dict[str, str]:
    """What groups an item: every text under a name in `_GROUPED`."""
    found = {by: [value[name] for name in names if isinstance(value.get(name), str)] for by, names in _GROUPED.items()}
    return {by: texts[0] for by, texts in found.items() if texts}


def _refuse_letters(path: Path, kind: Kind, items: list[_Item]) -> None:
    """A file in letter format asks for "A" or "B": small models answer at chance (OLMES, arXiv:2406.08446)."""
    if kind != "choice":
        return
    lettered = sum(all(_LETTER.fullmatch(option.continuation.strip()) for option in item.options) for item in items)
    if 2 * lettered > len(items):
        example = ", ".join(f'"{option.continuation.strip()}"' for option in items[0].options)
        raise DataError(
            f"{path}: the choices of {lettered:,} of {len(items):,} items are letters ({example}), which a small model answers at chance.\n"
            'Fix: write the answers themselves into "choices".'
        )


def _parquet(path: Path) -> Iterator[Any]:
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                yield from batch.to_pylist()
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {json_lines.first_line(error)}.\nFix: write the file again.") from error


def _known(path: Path) -> bool:
    return path.name.lower().endswith(FORMATS)


def _formats() -> str:
    return f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"


def _name(path: Path) -> str:
    """The name of a set: that of its file without the format."""
    return path.name[: -len(next(one for one in FORMATS if path.name.lower().endswith(one)))]
