"""One document of the sample, and the Parquet files that hold them."""

import datetime as dt
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from _dice import Dice

PUBLIC_DOMAIN = "LicenseRef-Public-Domain"

RAW = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        ("url", pa.string()),
        ("source", pa.string()),
        ("license", pa.string()),
        ("lang", pa.string()),
        ("topic", pa.string()),
        ("date", pa.date32()),
        ("quality", pa.float64()),
    ]
)
REFERENCE = pa.schema([f for f in RAW if f.name not in {"date", "quality"}])
TRUTH = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        ("kind", pa.string()),
        ("what", pa.string()),
        ("of", pa.string()),
        ("jaccard", pa.float64()),
    ]
)
PAIRS = pa.schema([("a", pa.string()), ("b", pa.string()), ("jaccard", pa.float64())])


@dataclass(frozen=True)
class Document:
    """A text, where it is from, and the truth about it.

    `what` says more than `kind` does: "clean" or "with_navigation" for a real page, the sort of
    junk, the edit of a planted copy. `held_out` documents go to the reference set only.
    """

    text: str
    url: str
    source: str
    license: str
    lang: str | None
    topic: str
    kind: str = "real"
    what: str = "clean"
    of: str | None = None
    held_out: bool = False

    @property
    def id(self) -> str:
        """Ten hexadecimal digits of the URL's hash, so that an id tells nothing about the text."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:10]


def made_up_date(document: Document) -> dt.date | None:
    """Draw the day on which a crawler might have come by; one document in twelve has none."""
    dice = Dice("date", document.url)
    if dice.share() < 1 / 12:
        return None
    return dt.date(2019, 1, 1) + dt.timedelta(days=dice.between(0, 2190))


def made_up_quality(document: Document) -> float | None:
    """Imitate another tool's score: kind and length with much noise; one in twenty is missing."""
    dice = Dice("quality", document.url)
    if dice.share() < 1 / 20:
        return None
    base = 0.3 if document.kind == "junk" else 0.55
    length = 0.05 * (len(document.text) // 100 + 1).bit_length() - 0.1
    noise = math.fsum(dice.share() - 0.5 for _ in range(4)) * 0.25
    return round(min(1.0, max(0.0, base + length + noise)), 3)


def raw_table(documents: Sequence[Document]) -> pa.Table:
    """Lay documents out as a shard, row for row."""
    columns = {
        name: [getattr(d, name) for d in documents]
        for name in RAW.names
        if name not in {"date", "quality"}
    }
    columns["date"] = [made_up_date(d) for d in documents]
    columns["quality"] = [made_up_quality(d) for d in documents]
    return pa.table(columns, schema=RAW)


def write(table: pa.Table, path: Path) -> None:
    """Write a table so that the same rows give the same bytes with the same pyarrow."""
    path.parent.mkdir(parents=True, exist_ok=True)
    repeated = {"source", "license", "lang", "topic", "kind", "what"}
    few = [name for name in table.column_names if name in repeated]
    pq.write_table(table, path, compression="zstd", compression_level=19, use_dictionary=few)
