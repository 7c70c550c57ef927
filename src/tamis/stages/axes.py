"""Axes: what else documents are grouped by: format, domain, year and month."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import polars as pl
import pyarrow as pa

from tamis.documents import utf8
from tamis.errors import DataError, StageError
from tamis.files import plain
from tamis.stage import Stage

Axis = Literal["format", "domain", "year", "month"]
AXES: tuple[Axis, ...] = ("format", "domain", "year", "month")
FORMATS = ("article", "list", "forum", "shop", "code", "question-answer")
SHOP_WORDS = (
    "add to cart", "add to basket", "add to bag", "add to wishlist", "in stock", "out of stock", "sold out", "free shipping", "free delivery",
    "buy now", "shop now", "checkout", "shopping cart", "regular price", "sale price", "customer reviews", "product details", "size guide",
    "quick view", "in den warenkorb", "ajouter au panier", "añadir al carrito", "aggiungi al carrello",
)  # fmt: skip
FORUM_WORDS = (
    "posted by", "originally posted", "joined", "replies", "reply to", "log in to reply", "last edited", "click to expand", "new member",
    "senior member", "registered user", "topic starter", "thread", "threads", "moderator", "moderators", "upvote", "upvotes", "permalink",
    "view topic", "forum", "forums", "likes received", "message board",
)  # fmt: skip


@dataclass(frozen=True)
class Axes(Stage):
    """Tell the format, domain, year and month of each document, to balance by and to report by.

    The format is the first of these that holds, of lines that are not blank and of thousands of bytes (kB):

    - code: every fourth line looks like code: they end in "{", "}" or ";", or every eighth byte is a symbol of programs.
    - shop: 1.5 prices a kB, and 3 in all; or .5 phrases of shops ("add to cart", "in stock") a kB, and 2 in all, prices counting as half of
      one; and less than 65 bytes in 100 are in lines that end as sentences do.
    - forum: .8 phrases of forums ("posted by", "replies", "thread") a kB, and 3 in all.
    - question-answer: 2 lines that begin as "Q:", "A:", "Question" or "Answer" do; or 15 lines in 100 end in a question mark, and 3 in all.
    - list: of 5 lines or more, less than 40 bytes in 100 are in lines that end as sentences do, or half of the lines are items ("-", "•",
      "1.") and less than 60 bytes are.
    - article: any other text.

    The phrases are English, with a few of other languages: elsewhere forums and shops are found by prices, or not at all.

    Args:
        axes: which of format, domain, year and month are told.

    Signals:
        format: string; null for a text without lines.
        domain: string, the host of the column `url` in lower case, without "www."; null where there is none.
        year, month: string, "2024" and "2024-05", of the column `date`: the first number that begins with a year from 1900 to 2099, with or
            without a month after it; null where there is none.

    Source:
        Our own, on 1,354 web pages of known types (docs/topics.md).
    """

    axes: tuple[Axis, ...] = ("format",)

    version: ClassVar[int] = 2  # since a month does not begin inside a number

    def check(self) -> None:
        """Refuse a stage that would tell nothing."""
        if not self.axes:
            raise StageError(f'{self.name()}: "axes" takes format, domain, year and month, and has none.')

    def columns_read(self) -> tuple[str, ...]:
        """What the axes are read off."""
        of = {"format": "text", "domain": "url", "year": "date", "month": "date"}
        return tuple(dict.fromkeys(of[axis] for axis in self.axes))

    def groups(self) -> tuple[str, ...]:
        """Each axis."""
        return self.axes

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        """Each axis."""
        made = {"format": _formats, "domain": _domains, "year": _years, "month": _months}
        return pl.DataFrame({axis: made[axis](docs) for axis in dict.fromkeys(self.axes)})


def _formats(docs: pa.Table) -> pl.Series:
    from tamis.kernels.layout import layout_counts
    from tamis.kernels.phrases import phrase_counts

    data, borders = utf8(docs.column("text"))
    counts = {name: values.astype(np.int64) for name, values in layout_counts(data, borders).items()}
    lines, size, prices, told = (counts[name] for name in ("lines", "line_bytes", "prices", "sentence_bytes"))
    shop = 2 * phrase_counts(data, borders, SHOP_WORDS, in_lines=False).astype(np.int64) + np.minimum(prices, 1_000_000)
    forum = phrase_counts(data, borders, FORUM_WORDS, in_lines=False).astype(np.int64)
    # Whole numbers on both sides: x per thousand bytes is 1000 x against the bytes.
    rules = {
        "code": 4 * counts["code_lines"] >= lines,
        "shop": (((prices >= 3) & (1000 * prices * 2 >= 3 * size)) | ((shop >= 4) & (1000 * shop >= size) & (shop > prices)))
        & (100 * told < 65 * size),
        "forum": (forum >= 3) & (1000 * forum * 10 >= 8 * size),
        "question-answer": (counts["answer_lines"] >= 2)
        | ((counts["question_lines"] >= 3) & (100 * counts["question_lines"] >= 15 * lines)),
        "list": (lines >= 5) & ((100 * told < 40 * size) | ((2 * counts["item_lines"] >= lines) & (100 * told < 60 * size))),
    }
    found = np.full(len(lines), "article", object)
    for name, met in reversed(rules.items()):
        found[met] = name
    found[lines == 0] = None
    return pl.Series("format", found.tolist(), pl.String)


def _text(docs: pa.Table, column: str) -> pl.Series:
    kind = docs.schema.field(column).type
    if pa.types.is_nested(kind):
        raise DataError(f'axes: the column "{column}" holds {kind}, and one value is wanted.')
    return pl.DataFrame(pl.from_arrow(plain(docs.select([column])))).to_series().cast(pl.String)


def _domains(docs: pa.Table) -> pl.Series:
    hosts = _text(docs, "url").str.to_lowercase().str.extract(r"^\s*(?:[a-z][a-z0-9+.-]*://)?(?:[^/@\s]*@)?([^/:?#\s]+)")
    named = hosts.str.strip_chars_end(".").str.replace(r"^www\.", "")
    return named.set(named == "", None)


def _years(docs: pa.Table) -> pl.Series:
    return _text(docs, "date").str.extract(r"(?:^|\D)((?:19|20)\d\d)(?:\D|$|\d{4}|\d{2}(?:\D|$))")


def _months(docs: pa.Table) -> pl.Series:
    dates = pl.DataFrame({"date": _text(docs, "date")})
    parts = dates.select(
        year=pl.col("date").str.extract(r"(?:^|\D)((?:19|20)\d\d)[-/.]?(?:0[1-9]|1[0-2])"),
        month=pl.col("date").str.extract(r"(?:^|\D)(?:19|20)\d\d[-/.]?(0[1-9]|1[0-2])"),
    )
    return parts.select(pl.concat_str("year", "month", separator="-").alias("month")).to_series()
