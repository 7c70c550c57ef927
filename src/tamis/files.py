"""Files of a run: written whole or not at all; local paths and object stores (any URL that fsspec knows) alike.

A local file is written under a temporary name, synced and renamed. On an object store one upload is completed last.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

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


def listing(folder: str, ending: str = "") -> list[str]:
    """Files at any depth below a folder, sorted; hidden ones and temporary ones are left out."""
    if is_local(folder):
        found = [str(path) for path in Path(folder).rglob(f"*{ending}") if path.is_file()]
    else:
        filesystem, path = _remote(folder)
        protocol = folder.split("://", 1)[0]
        found = [f"{protocol}://{name.lstrip('/')}" for name in filesystem.find(path) if name.endswith(ending)]
    depth = len(folder.rstrip("/")) if is_local(folder) else 0
    return sorted(name for name in found if not any(part[:1] in "._" for part in name[depth:].split("/") if part and "://" not in part))


def open_read(url: str) -> IO[bytes]:
    """A file to read at any place in it."""
    if is_local(url):
        return open(url, "rb")
    filesystem, path = _remote(url)
    return filesystem.open(path, "rb")  # type: ignore[no-any-return]


@contextmanager
def writing(url: str) -> Iterator[IO[bytes]]:
    """A file that appears under its name when the block ends well, and not at all otherwise.

    Raises:
        RunError: there is no room left.
    """
    if not is_local(url):
        filesystem, path = _remote(url)
        with filesystem.transaction, filesystem.open(path, "wb") as file:
            yield file
        return
    os.makedirs(os.path.dirname(url) or ".", exist_ok=True)
    temporary = f"{os.path.dirname(url) or '.'}/.{os.path.basename(url)}.{uuid.uuid4().hex[:8]}"
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, url)
    except OSError as error:
        raise no_room(url, error) from error
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def no_room(url: str, error: OSError) -> Exception:
    """The sentence for a full disk or a folder that may not be written; any other error as it is."""
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RunError(
            f"{url} could not be written: no space left on the disk. What was finished is kept.\n"
            "Fix: free some space and repeat the same command."
        )
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return RunError(f"{url} could not be written: {error.strerror}.\nFix: choose another --out.")
    return error


def write_bytes(url: str, content: bytes) -> None:
    """Write a file at once."""
    with writing(url) as file:
        file.write(content)


def write_json(url: str, content: Any) -> None:
    """Write a file a person can read, keys in the order given."""
    write_bytes(url, (json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n").encode())


def read_bytes(url: str) -> bytes:
    """The whole of a file."""
    with open_read(url) as file:
        return file.read()


def read_json(url: str) -> Any:
    """The content of a JSON file."""
    return json.loads(read_bytes(url))


def write_table(url: str, table: pa.Table) -> None:
    """A small Parquet file of signals: one row group, zstd."""
    with writing(url) as file:
        pq.write_table(table, file, compression="zstd", row_group_size=max(1, table.num_rows), store_schema=True)


def write_frame(url: str, frame: pl.DataFrame) -> None:
    """The same, of a polars frame."""
    write_table(url, plain(frame.to_arrow()))


def read_frame(url: str, columns: list[str] | None = None) -> pl.DataFrame:
    """A Parquet file as a polars frame."""
    with open_read(url) as file:
        return pl.DataFrame(pl.from_arrow(pq.read_table(file, columns=columns, use_threads=False)))


def rows(url: str) -> int:
    """Rows of a Parquet file."""
    with open_read(url) as file:
        return int(pq.read_metadata(file).num_rows)


def plain(table: pa.Table) -> pa.Table:
    """polars exports string_view, for which pyarrow has no `take` and other readers no support: large_string."""
    for i, item in enumerate(table.schema):
        kind = _plain_type(item.type)
        if kind != item.type:
            table = table.set_column(i, item.with_type(kind), table.column(i).cast(kind))
    return table


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary_view(kind):
        return pa.large_binary()
    if pa.types.is_large_list(kind):
        return pa.large_list(_plain_type(kind.value_type))
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
