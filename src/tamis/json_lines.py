"""JSON Lines and text files, plain or gzipped, read line by line; an error names the file and the line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tamis.errors import DataError


def values(path: Path) -> Iterator[Any]:
    """The value on each line of a JSON Lines file; None for a blank line, so that the n-th value is of line n.

    Raises:
        DataError: a line is not JSON, or the file cannot be read.
    """
    for number, line in enumerate(lines(path), 1):
        try:
            yield json.loads(line) if line.strip() else None
        except (json.JSONDecodeError, RecursionError) as error:
            said = (
                f"{error.msg} at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else "values inside values too deep"
            )
            raise DataError(f"{path}, line {number}: this is not JSON: {said}.\nFix: write one item a line, each a JSON object.") from error


def lines(path: Path) -> Iterable[str]:
    """Each line of a file, with its newline; a mark of the byte order is left out.

    Raises:
        DataError: the file cannot be read, or is not UTF-8.
    """
    number = 0
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}, line {number}: this is not UTF-8.\nFix: save the file as UTF-8.") from error
    except (OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read: {first_line(error)}.\nFix: write the file again.") from error


def first_line(error: Exception) -> str:
    """What an error says in its first line, without the full stop."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
