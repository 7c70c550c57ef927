"""The reference set: text that no verdict under test chose, to hold trained models against."""

from __future__ import annotations

import hashlib
import io
from importlib.resources import files

import pyarrow as pa
import pyarrow.parquet as pq


def load() -> pa.Table:
    """The passages of the shipped reference set.

    Returns:
        text: large_string, one passage. domain, title, origin, licence: string.
    """
    return pq.read_table(io.BytesIO(_bytes()))


def sha256() -> str:
    """The SHA-256 of the set's file, in hexadecimal: part of the plan of an experiment."""
    return hashlib.sha256(_bytes()).hexdigest()


def _bytes() -> bytes:
    """The file, also from a package that is a zip archive."""
    return files("tamis.ablate").joinpath("reference/reference.parquet").read_bytes()
