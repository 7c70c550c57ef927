"""What two documents do not share, word by word, for a person to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np

from tamis.errors import DataError
from tamis.folder import Finished
from tamis.reading import pieces
from tamis.work import Work, kept_rows
from tamis.writing import edited

MOST_WORDS = 20_000
"""Compared at most; a longer text is compared as far as that."""
CONTEXT = 4
SHOWN_WORDS = 12
SHOWN_LINES = 20
LONGEST_WORD = 60
"""Characters of a word that are shown."""


class Place(NamedTuple):
    """A place where two texts differ: the number of its first word, from 1, the words before, those of either, and those after."""

    word: int
    before: str
    gone: str
    come: str
    after: str


def difference(run: Finished, kept: str, dropped: str) -> list[str]:
    """The places where two documents differ, the words of the kept one as [-…-] and those of the dropped one as {+…+}.

    Raises:
        DataError: the shards are gone or have changed.
    """
    texts = [text_at(run, address) for address in (kept, dropped)]
    found = places(*texts)
    lines = [_line(place) for place in found[:SHOWN_LINES]]
    if len(found) > len(lines):
        lines.append(f"and in {len(found) - len(lines):,} more places")
    if cut_off(*texts):
        lines.append(f"compared are the first {MOST_WORDS:,} words")
    return lines or ["the same words; only white space differs" if texts[0] != texts[1] else "the same text"]


def places(kept: str, dropped: str) -> list[Place]:
    """Where two texts differ, word by word, within their first `MOST_WORDS` words; long runs of words are shortened."""
    return list(_places(kept.split()[:MOST_WORDS], dropped.split()[:MOST_WORDS]))


def cut_off(*texts: str) -> bool:
    """Whether a text is compared only as far as its first words."""
    return max(len(text.split()) for text in texts) > MOST_WORDS


def _line(place: Place) -> str:
    changed = (f"[-{place.gone}-]" if place.gone else "", f"{{+{place.come}+}}" if place.come else "")
    return f"word {place.word:,}: " + " ".join(part for part in (place.before, *changed, place.after) if part)


def text_at(run: Finished, address: str, stage: str | None = None) -> str:
    """The text of the document at "shard:row", as the edits left it: all, or those above a stage.

    Raises:
        DataError: the shards are gone or have changed.
    """
    shard, _, number = address.rpartition(":")
    row, plan = int(number), run.plan()
    work = Work.of(plan)
    work = replace(work, steps=tuple(takewhile(lambda step: step.name != stage, work.steps)))
    for chunk in plan.corpus.chunks:
        if plan.corpus.shards[chunk.shard].name == shard and chunk.start <= row < chunk.stop:
            for _, piece in pieces([chunk]):
                if row in piece.numbers:
                    return str(edited(work, kept_rows(piece, np.array([row]))).column(work.columns.text)[0].as_py())
    raise DataError(f"{address} cannot be read any more.")


def _places(a: Sequence[str], b: Sequence[str]) -> Iterator[Place]:
    first = _shared(a, b)
    last = _shared(a[first:][::-1], b[first:][::-1])
    # Exact where that is quick; in long texts common words are not looked for.
    middle_a, middle_b = a[first : len(a) - last], b[first : len(b) - last]
    match = SequenceMatcher(None, middle_a, middle_b, autojunk=len(middle_a) * len(middle_b) > 4_000_000)
    for kind, i, i_end, j, j_end in match.get_opcodes():
        if kind != "equal":
            at, after = first + i, first + i_end
            around = _said(a[max(0, at - CONTEXT) : at]), _said(a[after : after + CONTEXT])
            yield Place(at + 1, around[0], _said(middle_a[i:i_end]), _said(middle_b[j:j_end]), around[1])


def _shared(a: Sequence[str], b: Sequence[str]) -> int:
    """How many words they have in common from the beginning."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _said(words: Sequence[str]) -> str:
    """Some words, without what a terminal would act on."""
    half = SHOWN_WORDS // 2
    some: list[Any] = [*words[:half], f"… ({len(words) - 2 * half:,} words) …", *words[-half:]] if len(words) > SHOWN_WORDS else list(words)
    # The ends of long words are what tells two addresses apart.
    short = (word if len(word) <= LONGEST_WORD else f"{word[: LONGEST_WORD - 20]}…{word[-19:]}" for word in some)
    return " ".join("".join(c if c.isprintable() else "�" for c in word) for word in short)
