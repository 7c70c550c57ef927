"""What to say of data that lacks a column, or whose text is none."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import pyarrow as pa

from tamis.documents import ROLES, Columns, holds_text, refuse_twins
from tamis.errors import DataError, suggest

TEXT_NAMES = (
    "content",
    "contents",
    "body",
    "main_text",
    "raw_content",
    "raw_text",
    "document",
    "article",
    "passage",
    "page_content",
    "markdown",
)
"""What data sets call their text, most usual first."""
ASKED = "say which it is in the recipe: columns: {{{role}: {column}}}"
"""How a recipe says it; a command may have a way of its own."""


def require_text(columns: Columns, schema: pa.Schema, *, place: str, reader: str = "tamis", fix: str = ASKED) -> None:
    """Refuse data without a column of text under the name that it should have.

    Args:
        columns: what the data calls its columns.
        schema: of the data.
        place: where the data lie.
        reader: who asks.
        fix: how the user says which column it is, with {role} and {column}.

    Raises:
        DataError: names the column, what there is, and the column that is probably meant.
    """
    refuse_twins(schema.names, place=place)
    name = columns.text
    if name not in schema.names:
        raise DataError(lacking(name, schema, place=place, reader=f"{reader} reads", fix=fix, role="text"))
    if not holds_text(schema.field(name).type):
        raise DataError(f'{place}: the column "{name}" holds {schema.field(name).type}, not text.{_way_out(name, schema, fix)}')


def _way_out(name: str, schema: pa.Schema, fix: str) -> str:
    """How to come by a text where the column holds something else."""
    kind = schema.field(name).type
    if (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and holds_text(kind.value_type):
        return f"\nFix: make one text of each list, as with polars' pl.col({name!r}).list.join('\\n')."
    other = likely("text", schema)
    return f"\nFix: {fix.format(role='text', column=other)}." if other else ""


def lacking(
    name: str, schema: pa.Schema, *, place: str, reader: str, role: str | None = None, fix: str = ASKED, words: Sequence[str] = ()
) -> str:
    """The sentence for data that lacks a column.

    Args:
        name: of the column.
        schema: of the data.
        place: where the data lie, or who asks.
        reader: what is done with the column, and by whom: "stage 3, words, reads".
        role: what the column is to tamis; None: nothing but itself.
        fix: how the user says which column it is, with {role} and {column}.
        words: what could stand there instead of a column.
    """
    said = f'{place}: {reader} the column "{name}", which the data lacks. {suggest(name, [*words, *schema.names], what="columns:")}'
    if role is None:
        return said
    if column := likely(role, schema):
        return f"{said}\nFix: {fix.format(role=role, column=column)}."
    return f"{said}\nFix: add it to the shards, or {fix.format(role=role, column='…')}."


def likely(role: str, schema: pa.Schema) -> str | None:
    """The column that probably has a role: one called much like it, or, for the text, the first column of text that is nothing else."""
    texts = [item.name for item in schema if holds_text(item.type) and not pa.types.is_null(item.type)]
    near = _near(role, texts)
    if role != "text" or near:
        return near
    usual = [name for wanted in TEXT_NAMES for name in texts if name.lower() == wanted]
    return next(iter([*usual, *(name for name in texts if name not in ROLES)]), None)


def _near(role: str, names: Sequence[str]) -> str | None:
    called = {name.lower(): name for name in names}
    close = [*difflib.get_close_matches(role, called, n=1, cutoff=0.7), *(name for name in called if name.startswith(role))]
    return called[close[0]] if close else None
