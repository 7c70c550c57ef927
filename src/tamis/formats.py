"""What a file is that is no Parquet, and how it becomes Parquet."""

from __future__ import annotations

import os
import shlex
from contextlib import closing

from tamis import files

JSON_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
"""Endings of what `tamis train` reads besides Parquet."""
_CALLED = {
    ".jsonl": "JSON Lines",
    ".ndjson": "JSON Lines",
    ".json": "JSON",
    ".csv": "CSV",
    ".tsv": "CSV",
    ".txt": "plain text",
    ".arrow": "Arrow",
    ".feather": "Arrow",
}
_READ = {
    "JSON Lines": "pl.read_ndjson({0})",
    "JSON": "pl.read_json({0})",
    "CSV": "pl.read_csv({0})",
    "plain text": "pl.DataFrame(dict(text=[{0}.read()]))",
    "Arrow": "pl.read_ipc({0})",
}
_SEPARATED_BY_TABS = "pl.read_csv({0}, separator=chr(9))"
NOT_IN_QUOTES = '"$`\\!'
"""What a shell reads also between double quotation marks."""
_PACKED = {
    b"\x1f\x8b": ("gzip", "gzip.open"),
    b"BZ": ("bzip2", "bz2.open"),
    b"\xfd7zXZ": ("xz", "lzma.open"),
    b"\x28\xb5\x2f\xfd": ("zstd", ""),
}
"""First bytes → what packed a file, and what unpacks it in Python."""


def told(url: str, reader: str, reads: str = "Parquet") -> str | None:
    """The sentence for a file of another format, with the line that makes Parquet of it; None: nobody knows what it is.

    Args:
        url: of a file that cannot be read as Parquet.
        reader: who wants to read it: "tamis run".
        reads: what it reads.
    """
    try:
        with closing(files.open_read(url)) as file:
            first = bytes(file.read(64))
    except OSError:
        return None
    packed, opening = next((said for begin, said in _PACKED.items() if first.startswith(begin)), ("", ""))
    kind, ending = _kind(url.rsplit("/", 1)[-1], first, packed=bool(packed))
    if kind is None:
        return f"{url} is packed with {packed}; {reader} reads {reads}." if packed else None
    said = f"{url} is {kind}{f', packed with {packed}' if packed else ''}; {reader} reads {reads}."
    if packed and not opening:
        return f"{said}\nFix: unpack it, as with `zstd -d {shlex.quote(os.path.basename(url))}`, and make Parquet of what comes out."
    return f"{said}\nFix: {_converted(url, kind, opening, ending)}"


def _kind(name: str, first: bytes, *, packed: bool) -> tuple[str | None, str]:
    """By its ending, else by its first bytes."""
    stem = name.lower()
    if packed or stem.endswith((".gz", ".bz2", ".xz", ".zst")):
        stem = stem.rpartition(".")[0]
    ending = os.path.splitext(stem)[1]
    if first.startswith(b"ARROW1"):
        return "Arrow", ending
    begin = first.lstrip()[:1]
    if ending == ".json" and begin == b"{":  # `.json.gz` of C4 and others are one object a line
        return "JSON Lines", ending
    if ending in _CALLED:
        return _CALLED[ending], ending
    return {b"{": "JSON Lines", b"[": "JSON"}.get(begin), ending


def _converted(url: str, kind: str, opening: str, ending: str) -> str:
    """A line for a shell that writes the same documents as Parquet, beside the file."""
    name = os.path.basename(url) if not files.is_local(url) else url
    stem = name
    for known in (".gz", ".bz2", ".xz", *_CALLED):
        stem = stem.removesuffix(known)
    quoted = repr(name)
    place = (
        f"{opening}({quoted}{', ' + repr('rt') if kind == 'plain text' else ''})"
        if opening
        else f"open({quoted})"
        if kind == "plain text"
        else quoted
    )
    reading = (_SEPARATED_BY_TABS if ending == ".tsv" else _READ[kind]).format(place)
    modules = "import polars as pl" + (f", {opening.partition('.')[0]}" if opening else "")
    code = f"{modules}; {reading}.write_parquet({stem + '.parquet'!r})"
    return f"python -c {shlex.quote(code) if set(code) & set(NOT_IN_QUOTES) else f'{chr(34)}{code}{chr(34)}'}"
