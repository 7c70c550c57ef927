"""Small pieces of HTML, and numbers as people read them. Whatever comes from data or recipes is made harmless here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape, unescape
from typing import Any, Literal

from tamis.plan import shown_bytes

LONGEST = 80
"""Characters of a value on a page."""
OTHER = re.compile(r"[^\x20-\x7e]")
"""Characters that must be looked at."""
JOINERS = "\u200c\u200d"
"""Invisible and harmless: Hindi, Persian and emoji are written with them."""


def visible(text: str, keep: str = "") -> str:
    """A text whose control characters, overrides of direction and other invisible signs are spelled out ("\\u202e").

    Args:
        text: anything.
        keep: characters that stay as they are, such as line feeds.
    """
    return OTHER.sub(
        lambda match: match[0] if match[0] in keep or match[0] in JOINERS or not _hidden(match[0]) else _spelled(match[0]), text
    )


def _hidden(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")


def _spelled(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def cut(text: str, longest: int = LONGEST) -> str:
    """The beginning of a long text."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def said(text: str, longest: int = LONGEST) -> str:
    """A text of somebody else's as HTML: cut, escaped, and kept from turning around what stands beside it."""
    return f"<bdi>{escape(visible(cut(text, longest))).replace('_', '_<wbr>')}</bdi>"


def code(text: str, longest: int = LONGEST) -> str:
    """The same, as a name or address."""
    return f"<code>{said(text, longest).replace('<wbr>', '')}</code>"


def number(count: int) -> str:
    """A count with thousands separators."""
    return f"{count:,}"


def percent(share: float | None) -> str:
    """A share as a percentage with one digit; never 0 or 100 for what is more or less than that."""
    if share is None:
        return "-"
    if 0 < share < 0.0005:
        return "&lt;0.1%"
    if 0.9995 <= share < 1:
        return "&gt;99.9%"
    return f"{share:.1%}"


def plural(count: int, what: str) -> str:
    """ "1 document", "2 documents"."""
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def bar(kept: float | None = None, dropped: float | None = None, failed: float | None = None) -> str:
    """Shares as lengths, one after the other. The numbers stand beside it, so nobody has to see or hear it."""
    shares = (("full", kept), ("hatched", dropped), ("failed", failed))
    parts = [f'<span class="{name}" style="width:{value:.2%}"></span>' for name, value in shares if value]
    return f'<span class="bar" aria-hidden="true">{"".join(parts)}</span>'


@dataclass(frozen=True)
class Column:
    """The head of a column, and how its cells stand."""

    head: str
    kind: Literal["text", "number", "number interval", "bar"] = "text"


def table(
    caption: str, columns: Sequence[Column], rows: Iterable[Sequence[str]], *, last: Literal["row", "total"] = "row", kind: str = "numbers"
) -> str:
    """A table that scrolls sideways where it is too wide; the first cell of a row is its head.

    Args:
        caption: HTML; says what the table shows and of what its shares are.
        columns: heads, as HTML.
        rows: cells, as HTML.
        last: what the last row is.
        kind: "numbers", or "difference" for one that shows words.
    """
    head = "".join(f'<th scope="col" class="{column.kind}">{column.head}</th>' for column in columns)
    lines = [_line(columns, row) for row in rows]
    foot = f"<tfoot>{lines.pop()}</tfoot>" if last == "total" and lines else ""
    body = f"<tbody>{''.join(lines)}</tbody>" if lines else ""
    return f'<div class="wide" tabindex="0"><table class="{kind}"><caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n{body}{foot}</table></div>\n'


def _line(columns: Sequence[Column], row: Sequence[str]) -> str:
    first, *others = row
    cells = "".join(f'<td class="{column.kind}">{cell}</td>' for column, cell in zip(columns[1:], others, strict=True))
    return f'<tr><th scope="row">{first}</th>{cells}</tr>\n'


def section(name: str, title: str, *parts: str) -> str:
    """A part of the page under a heading, for the list of contents to point at."""
    return f'<section id="{name}" aria-labelledby="{name}-title">\n<h2 id="{name}-title">{title}</h2>\n{"".join(parts)}</section>\n'


def paragraph(html: str) -> str:
    """A paragraph."""
    return f"<p>{html}</p>\n"


def items(lines: Iterable[str]) -> str:
    """A list."""
    return "<ul>\n" + "".join(f"<li>{line}</li>\n" for line in lines) + "</ul>\n"


def folded(summary: str, content: str, *, shut: bool = True) -> str:
    """What is there for those who ask; open where it is all there is."""
    return f"<details{'' if shut else ' open'}><summary>{summary}</summary>\n{content}</details>\n"


def plain(html: str) -> str:
    """A number as text, where no HTML is read."""
    return unescape(html)


def lead(facts: Mapping[str, Any]) -> str:
    """One sentence: documents and bytes, in and out."""
    documents, size = facts["documents"], facts["bytes"]
    if not documents["readable"]:
        return "The input holds no readable document."
    return (
        f"{number(documents['kept'])} of {plural(documents['readable'], 'readable document')} "
        f"{'was' if documents['kept'] == 1 else 'were'} kept ({percent(documents['kept_share_of_readable'])}), "
        f"{shown_bytes(size['kept'])} of {shown_bytes(size['readable'])} of text ({percent(size['kept_share_of_readable'])})."
    )
