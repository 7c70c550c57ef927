"""Find shards, fingerprint them, cut them into chunks.

A chunk is a fixed range of rows, about 64 MB of text: several small row groups, or a part of a large one, which a
reader then streams once and hands to the workers. Borders depend on the file alone, never on the workers.
"""

from __future__ import annotations

import glob
import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq

from tamis import files
from tamis.columns import require_text
from tamis.documents import Columns
from tamis.errors import DataError
from tamis.formats import told

MOST_LOOKED_AT = 20
"""Files of a folder that are asked what they are, if none is a shard."""
CHUNK_BYTES = 64_000_000
"""Text of one chunk, about: large enough that files and calls cost nothing, small enough for 2 × workers in memory."""


@dataclass(frozen=True)
class Shard:
    """A Parquet file of documents.

    Args:
        name: its name below the folder that all shards share; the order of shards is that of their names.
        url: where it is.
        bytes: its size.
        stamp: time or tag of its last change, to spare hashing it again.
        fingerprint: SHA-256 of its content; of size, tag and footer on an object store.
        rows: documents, readable or not.
    """

    name: str
    url: str
    bytes: int
    stamp: str
    fingerprint: str
    rows: int


@dataclass(frozen=True)
class Chunk:
    """Rows `start` to `stop` of a shard, from the row groups `groups`; `first` is the first row of the first group, `bytes` what the text takes, about."""

    shard: int
    url: str
    fingerprint: str
    start: int
    stop: int
    groups: tuple[int, ...]
    first: int
    streamed: bool
    bytes: int

    @property
    def name(self) -> str:
        """The name of its files: the shard's content and the rows, not where the shard lies."""
        return f"{self.fingerprint[:16]}-{self.start:010d}-{self.stop:010d}.parquet"


@dataclass(frozen=True)
class Corpus:
    """Shards in the order of their names, their chunks, one schema for all, and the files that cannot be read."""

    shards: tuple[Shard, ...]
    chunks: tuple[Chunk, ...]
    schema: pa.Schema
    unreadable: Mapping[str, str]

    def inputs(self) -> list[dict[str, object]]:
        """What a manifest says of the input; not where it lies nor when it was written."""
        return [{key: value for key, value in asdict(shard).items() if key not in ("url", "stamp")} for shard in self.shards]


def expanded(inputs: Sequence[str]) -> list[str]:
    """Places as people write them, "~/raw" and "raw/*.parquet", as places that are there; a pattern's in the order of their names.

    Raises:
        DataError: nothing matches a pattern.
    """
    found: list[str] = []
    for place in map(files.home, inputs):
        if not files.is_local(place) or os.path.lexists(place) or not glob.has_magic(place):
            found.append(place)
        elif matches := sorted(glob.glob(place, recursive=True)):
            found += matches
        else:
            raise DataError(f'nothing matches "{place}".\nFix: name Parquet files, or folders that hold some.')
    return found


def find(inputs: Sequence[str]) -> dict[str, str]:
    """Name → place of the Parquet files below folders, or given one by one or by a pattern; a run folder stands for its data.

    Raises:
        DataError: there is nothing at a place, or no Parquet file below it.
    """
    found: list[tuple[str, str, str]] = []
    for place in map(files.normal, expanded(inputs)):
        if not files.exists(place):
            raise DataError(f'"{place}" does not exist.\nFix: name Parquet files, or folders that hold some.')
        if not files.is_folder(place):
            found.append((place, _called(os.path.dirname(place)), os.path.basename(place)))
            continue
        folder = listed(place)
        try:
            below = files.listing(folder, ".parquet")
        except OSError as error:
            raise DataError(f'"{error.filename or folder}" cannot be read: {sentence(error)}.\nFix: make it readable, or name the other folders.') from error
        if not below:
            other = next(filter(None, (told(url, "tamis run") for url in files.listing(folder)[:MOST_LOOKED_AT])), None)
            raise DataError(f'"{place}" holds no file that ends in ".parquet".{f" {other}" if other else ""}')
        found += [(url, _called(folder), url[len(folder) :].lstrip("/")) for url in below]
    places = {url: (folder, name) for url, folder, name in found}
    clash = len({name for _, name in places.values()}) < len(places)
    named = {f"{folder}/{name}" if clash else name: url for url, (folder, name) in places.items()}
    if len(named) < len(places):
        raise DataError("two of the folders have the same name and the same files.\nFix: name the folder that holds both.")
    return dict(sorted(named.items()))


def listed(place: str) -> str:
    """The folder that is looked into for shards: of a run folder that with its data.

    Raises:
        DataError: the run was not finished.
    """
    if not files.exists(files.join(place, "inputs.json")):
        return place
    if not files.exists(files.join(place, "manifest.json")):
        raise DataError(f'the run in "{place}" was not finished, so that its data are not whole.\nFix: repeat its `tamis run` command; it does what is left.')
    return files.join(place, "data")


def _called(folder: str) -> str:
    """The last part of a folder's name, also of "." and ".."."""
    return os.path.basename(os.path.abspath(folder) if files.is_local(folder) else folder)


def survey(inputs: Sequence[str], *, text: str, known: Mapping[str, Shard] | None = None, threads: int = 8) -> Corpus:
    """Open every file's footer, fingerprint it and cut it into chunks.

    Args:
        inputs: files and folders.
        text: the name of the text column.
        known: shards of an earlier survey by name, whose fingerprint holds while place, size and stamp are the same.
        threads: files opened side by side.

    Raises:
        DataError: there is no shard, no shard can be read, or two shards disagree about a column.
    """
    return survey_places(find(inputs), text=text, known=known, threads=threads)


def survey_places(places: Mapping[str, str], *, text: str, known: Mapping[str, Shard] | None = None, threads: int = 8) -> Corpus:
    """The same, of shards whose names and places are known."""
    with ThreadPoolExecutor(threads) as pool:
        opened = list(pool.map(lambda name: _open(name, places[name], (known or {}).get(name)), places))
    readable = [(shard, footer) for shard, footer in opened if not isinstance(footer, str)]
    unreadable = {shard.name: problem for shard, problem in opened if isinstance(problem, str)}
    if not readable:
        raise DataError(_unreadable(unreadable, places))
    schemas = [(shard.name, footer.schema.to_arrow_schema()) for shard, footer in readable]
    for (shard, _), (_, schema) in zip(readable, schemas, strict=True):
        _refuse_stranger(shard, schema, schemas, places, text)
        require_text(Columns(text=text), schema, place=shard.url)
    chunks = [chunk for number, (shard, footer) in enumerate(readable) for chunk in cut(number, shard, footer, text)]
    return Corpus(tuple(shard for shard, _ in readable), tuple(chunks), _one_schema(schemas), unreadable)


def _refuse_stranger(shard: Shard, schema: pa.Schema, schemas: Sequence[tuple[str, pa.Schema]], places: Mapping[str, str], text: str) -> None:
    """Refuse a file without the column of text among others that have it: it is no shard at all rather than one whose text is called otherwise."""
    having = [name for name, other in schemas if text in other.names]
    if having and text not in schema.names:
        raise DataError(
            f'{shard.url}: tamis reads the column "{text}", which this file lacks and {len(having):,} of {len(schemas):,} have.\n'
            f"Fix: if it holds no documents, name the others instead, as {places[having[0]]}."
        )


def _unreadable(problems: Mapping[str, str], places: Mapping[str, str]) -> str:
    """What to say if no file can be read."""
    name, problem = next(iter(problems.items()))
    if len(problems) == 1:
        return told(places[name], "tamis run") or f"{places[name]} cannot be read: {problem}."
    return f"none of the {len(problems)} files can be read; {told(places[name], 'tamis run') or f'{name}: {problem}'}"


def _open(name: str, url: str, known: Shard | None) -> tuple[Shard, pq.FileMetaData | str]:
    size, stamp = 0, ""
    try:
        size, stamp = files.size(url), files.stamp(url)
        with files.open_read(url) as file:
            footer = pq.read_metadata(file)
        same = known is not None and (known.url, known.bytes, known.stamp) == (url, size, stamp)
        fingerprint = known.fingerprint if same and known is not None else _fingerprint(url, size, stamp, footer)
    except (pa.ArrowException, OSError) as error:
        return Shard(name, url, size, stamp, "", 0), sentence(error)
    return Shard(name, url, size, stamp, fingerprint, footer.num_rows), footer


def _fingerprint(url: str, size: int, stamp: str, footer: pq.FileMetaData) -> str:
    if files.is_local(url):
        with open(url, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    # An object is not read twice over the network: its tag changes with its content.
    return hashlib.sha256(f"{size} {stamp} {footer.to_dict()}".encode()).hexdigest()


def _one_schema(schemas: Sequence[tuple[str, pa.Schema]]) -> pa.Schema:
    name, merged = schemas[0]
    for other, schema in schemas[1:]:
        if schema.equals(merged, check_metadata=True):
            continue
        try:
            metadata = merged.metadata
            merged = pa.unify_schemas([merged, schema], promote_options="permissive").with_metadata(metadata or schema.metadata)
        except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
            raise DataError(f"{name} and {other} disagree about a column: {sentence(error)}.\nFix: give it one type in all shards.") from error
    # What one shard promises never to be null is null for all documents of a shard that lacks it.
    lacking = {item.name for item in merged if not all(item.name in schema.names for _, schema in schemas)}
    return pa.schema([item.with_nullable(item.nullable or item.name in lacking) for item in merged], metadata=merged.metadata)


def cut(number: int, shard: Shard, footer: pq.FileMetaData, text: str) -> list[Chunk]:
    """Chunks of a shard, from its footer alone."""
    column = next((i for i in range(footer.num_columns) if footer.schema.column(i).path == text), None)
    chunks: list[Chunk] = []
    gathered: list[int] = []
    held = start = row = 0

    def close(stop: int) -> None:
        nonlocal held, start
        if gathered:
            chunks.append(Chunk(number, shard.url, shard.fingerprint, start, stop, tuple(gathered), start, streamed=False, bytes=held))
        gathered.clear()
        held, start = 0, stop

    for group in range(footer.num_row_groups):
        meta = footer.row_group(group)
        size = meta.column(column).total_uncompressed_size if column is not None else meta.total_byte_size
        parts = min(max(1, math.ceil(size / CHUNK_BYTES)), max(1, meta.num_rows))
        if parts > 1 or held + size > CHUNK_BYTES:
            close(row)
        if parts > 1:
            borders = [row + meta.num_rows * i // parts for i in range(parts + 1)]
            chunks += [Chunk(number, shard.url, shard.fingerprint, a, b, (group,), row, streamed=True, bytes=size // parts) for a, b in pairwise(borders)]
            start = row + meta.num_rows
        elif meta.num_rows:
            gathered.append(group)
            held += size
        row += meta.num_rows
    close(row)
    return chunks


def sentence(error: BaseException) -> str:
    """The first line of a library's message, without a full stop; of the system's what is the matter, without its number and the name of the file."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (said.strip() or type(error).__name__).splitlines()[0].rstrip(".")
