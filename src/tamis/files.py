"""Files of a run: written whole or not at all; local paths and object stores (any URL that fsspec knows) alike.

A local file is written under a temporary name, synced and renamed. On an object store one upload is completed last.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tamis import synced
from tamis.errors import RunError


def is_local(url: str) -> bool:
    """Whether a name is a path of this machine."""
    return "://" not in url


def join(folder: str, *names: str) -> str:
    """A name inside a folder."""
    return "/".join([folder.rstrip("/") or "/", *names]) if names else folder


def _remote(url: str) -> tuple[Any, str]:
    import fsspec

    filesystem, path = fsspec.core.url_to_fs(url)
    return filesystem, path


def exists(url: str) -> bool:
    """Whether a file or folder is there."""
    if is_local(url):
        return os.path.exists(url)
    filesystem, path = _remote(url)
    return bool(filesystem.exists(path))


def is_folder(url: str) -> bool:
    """Whether it is a folder (on an object store: whether anything begins with its name)."""
    if is_local(url):
        return os.path.isdir(url)
    filesystem, path = _remote(url)
    return bool(filesystem.isdir(path))


def holds_anything(url: str) -> bool:
    """Whether there is a file of this name, or a folder with any entry, hidden ones too."""
    if is_local(url):
        return bool(os.listdir(url)) if os.path.isdir(url) else os.path.lexists(url)
    filesystem, path = _remote(url)
    return bool(filesystem.find(path))


def size(url: str) -> int:
    """Bytes of a file."""
    if is_local(url):
        return os.path.getsize(url)
    filesystem, path = _remote(url)
    return int(filesystem.size(path))


def stamp(url: str) -> str:
    """What changes when a file is written again, as far as its folder can tell: its time, or an object's tag."""
    if is_local(url):
        return str(os.stat(url).st_mtime_ns)
    filesystem, path = _remote(url)
    info = filesystem.info(path)
    return str(info.get("ETag") or info.get("etag") or info.get("LastModified") or info.get("mtime") or info.get("created"))


def home(url: str) -> str:
    """A place with the folder that "~" stands for."""
    return os.path.expanduser(url) if is_local(url) else url


def normal(url: str) -> str:
    """One name for one place: "./shards/" is "shards"."""
    return os.path.normpath(url) if is_local(url) else url.rstrip("/")


def real(url: str) -> str:
    """The one true name of a place, links followed."""
    return os.path.realpath(url) if is_local(url) else url.rstrip("/")


def listing(folder: str, ending: str = "") -> list[str]:
    """Files at any depth below a folder, sorted, their names beginning with the folder's; hidden ones and temporary ones are left out.

    Links are followed, to each folder once; one that leads nowhere is listed, so that nobody misses what it stands for unawares.
    """
    base = folder.rstrip("/")
    if is_local(folder):
        below = [os.path.relpath(name, folder) for name in _below(folder, set()) if name.endswith(ending)]
    else:
        filesystem, path = _remote(folder)
        below = [name[len(path.rstrip("/")) :].lstrip("/") for name in filesystem.find(path) if name.endswith(ending)]
    return sorted(f"{base}/{name}" for name in below if not any(part[:1] in "._" for part in name.split("/")))


def _below(folder: str, seen: set[str]) -> Iterator[str]:
    """Files below a folder; folders before links to folders, so that a file has its own name and not a link's."""
    if (true := os.path.realpath(folder)) in seen or not os.path.isdir(folder):
        return
    seen.add(true)
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: (entry.is_symlink(), entry.name))
    for entry in listed:
        if entry.name[:1] in "._":
            continue
        if entry.is_dir():
            yield from _below(entry.path, seen)
        else:
            yield entry.path


def remove_temporary(folder: str) -> None:
    """Delete what killed processes were writing; nobody else may be at work in the folder."""
    if is_local(folder):
        for path in Path(folder).rglob(".*"):
            if re.fullmatch(r"\..+\.[0-9a-f]{8}~", path.name):
                path.unlink()


def open_read(url: str) -> IO[bytes]:
    """A file to read at any place in it."""
    if is_local(url):
        # Arrow reads ahead in threads of its own: what they hold of a Python file they may let go of only while Python
        # exits, which ends the process with SIGABRT (5 of 25 runs that stopped with an error).
        return pa.OSFile(url, "rb")  # type: ignore[no-any-return]
    filesystem, path = _remote(url)
    return filesystem.open(path, "rb")  # type: ignore[no-any-return]


@contextmanager
def writing(url: str) -> Iterator[IO[bytes]]:
    """A file that appears under its name when the block ends well, and not at all otherwise.

    Raises:
        RunError: there is no room left.
    """
    with together() as within, within(url) as file:
        yield file


Writing = Callable[[str], AbstractContextManager[IO[bytes]]]
"""`writing`, or what `together` gives."""


@contextmanager
def together() -> Iterator[Writing]:
    """Like `writing`, for files that appear when the block ends well, in the order in which they were written.

    They are synced side by side, while further ones are written; on an object store each appears when it is written.
    """
    with synced.together() as group:
        yield lambda url: group.writing(url) if is_local(url) else _uploading(url)


@contextmanager
def _uploading(url: str) -> Iterator[IO[bytes]]:
    # An upload that is begun under its name is completed even when the block fails, and fsspec's transactions belong to
    # the file system that all threads share: the file is made here, and goes up as a whole.
    filesystem, path = _remote(url)
    with tempfile.NamedTemporaryFile(prefix="tamis-") as file:
        yield file
        file.flush()
        filesystem.makedirs(os.path.dirname(path), exist_ok=True)
        filesystem.put_file(file.name, path)


def blame_system(url: str, error: Exception) -> None:
    """Arrow's complaints about content have no number; an error of the system must not be stored as a fault of the file.

    Raises:
        RunError: the file could not be read this time.
    """
    if isinstance(error, OSError) and error.errno is not None:
        raise RunError(f"{url} could not be read: {error.strerror}. What was finished is kept.\nFix: repeat the same command.") from error


def write_bytes(url: str, content: bytes) -> None:
    """Write a file at once."""
    with writing(url) as file:
        file.write(content)


def write_json(url: str, content: Any, within: Writing = writing) -> None:
    """Write a file a person can read, keys in the order given."""
    with within(url) as file:
        file.write((json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n").encode())


def read_bytes(url: str) -> bytes:
    """The whole of a file."""
    with open_read(url) as file:
        return file.read()


def read_json(url: str) -> Any:
    """The content of a JSON file."""
    return json.loads(read_bytes(url))


def write_table(url: str, table: pa.Table, within: Writing = writing) -> None:
    """A small Parquet file of signals: one row group, zstd."""
    # Dictionaries of numbers that hardly repeat took a third of the time, and a tenth more room; the least and the largest hash help nobody.
    telling = [name for name in table.column_names if not (name.startswith("_") or "._" in name)] or False
    with within(url) as file:
        pq.write_table(table, file, compression="zstd", row_group_size=max(1, table.num_rows), use_dictionary=False, write_statistics=telling)


def write_frame(url: str, frame: pl.DataFrame, within: Writing = writing) -> None:
    """The same, of a polars frame."""
    write_table(url, plain(frame.to_arrow()), within)


def read_frame(url: str, columns: list[str] | None = None) -> pl.DataFrame:
    """A Parquet file as a polars frame."""
    return pl.DataFrame(pl.from_arrow(_read(url, columns)))


def read_frames(urls: Sequence[str], columns: list[str] | None = None) -> pl.DataFrame:
    """Parquet files, at least one, one below the other; where they disagree about a type, the wider one holds."""
    tables = [_read(url, columns) for url in urls]
    if all(table.schema.equals(tables[0].schema) for table in tables):
        return pl.DataFrame(pl.from_arrow(pa.concat_tables(tables)))  # a third of the time of frame by frame
    return pl.concat([pl.DataFrame(pl.from_arrow(table)) for table in tables], how="vertical_relaxed")


def _read(url: str, columns: list[str] | None) -> pa.Table:
    with open_read(url) as file:
        # pq.read_table would load pyarrow.dataset, and with it pandas if there is one: .3 s, and 8 ms more a file.
        table = pq.ParquetFile(file).read(columns, use_threads=False)
        return table if columns is None else table.select(columns)


def read_columns(urls: Sequence[str], columns: Sequence[str]) -> pl.DataFrame:
    """Some columns of many Parquet files, one below the other; where files disagree about a type, the wider one holds."""
    if all(map(is_local, urls)):
        with suppress(pl.exceptions.PolarsError):  # half as much time as file by file
            return pl.scan_parquet(list(urls), glob=False).select(columns).collect()
    return pl.concat([read_frame(url, list(columns)).select(columns) for url in urls], how="vertical_relaxed")


def read_beside(parts: Sequence[tuple[Sequence[str], Sequence[str]]]) -> list[pl.DataFrame]:
    """What `read_columns` returns for some files and columns, of several such at once, in three quarters of the time."""
    if all(is_local(url) for urls, _ in parts for url in urls):
        with suppress(pl.exceptions.PolarsError):
            return pl.collect_all([pl.scan_parquet(list(urls), glob=False).select(columns) for urls, columns in parts])
    return [read_columns(urls, columns) for urls, columns in parts]


def columns_of(url: str) -> list[str]:
    """The names of a Parquet file's columns."""
    with open_read(url) as file:
        return list(pq.read_schema(file).names)


def rows(url: str) -> int:
    """Rows of a Parquet file."""
    with open_read(url) as file:
        return int(pq.read_metadata(file).num_rows)


def plain(table: pa.Table) -> pa.Table:
    """Polars exports string_view, for which pyarrow has no `take` and other readers no support: large_string."""
    for i, item in enumerate(table.schema):
        kind = plain_type(item.type)
        if kind != item.type:
            table = table.set_column(i, item.with_type(kind), table.column(i).cast(kind))
    return table


def as_given(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The types and metadata of a schema again, where views were written out; columns in the same order."""
    for i, item in enumerate(schema):
        if table.schema.field(i).type != item.type:
            table = table.set_column(i, item, table.column(i).cast(item.type))
    return table.replace_schema_metadata(schema.metadata)


def plain_type(kind: pa.DataType) -> pa.DataType:
    """A type without views, at any depth."""
    if pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary_view(kind):
        return pa.large_binary()
    if pa.types.is_large_list(kind):
        return pa.large_list(plain_type(kind.value_type))
    if pa.types.is_list(kind):
        return pa.list_(plain_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([item.with_type(plain_type(item.type)) for item in kind])
    return kind


def remove(url: str) -> None:
    """Delete a file or a folder, if it is there."""
    if is_local(url):
        if os.path.isdir(url):
            shutil.rmtree(url)
        else:
            with suppress(FileNotFoundError):
                os.unlink(url)
        return
    filesystem, path = _remote(url)
    if filesystem.exists(path):
        filesystem.rm(path, recursive=True)


def free_bytes(folder: str) -> int | None:
    """Room on the disk that will hold a folder; None where nobody can tell."""
    if not is_local(folder):
        return None
    there = Path(folder).absolute()
    while not there.exists():
        there = there.parent
    return shutil.disk_usage(there).free
