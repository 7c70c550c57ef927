"""How fast one core measures and edits, kernel by kernel, beside the floor: Python's `str.split` of the same text.

    python benchmarks/kernels.py quality|repetition|lines|edits pages.parquet [more.parquet …] [--column text]

All are timed in turns in one process, and the best of seven counts: the ratio holds on a busy machine, the MB/s less.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import get_args

import pyarrow as pa

from _one_core import FLOOR, best, read, show, split_all
from tamis.documents import utf8
from tamis.edits.lines import Lines
from tamis.edits.mask import Mask
from tamis.edits.mojibake import Mojibake
from tamis.edits.unicode import Unicode
from tamis.kernels.mask import find
from tamis.kernels.mojibake import suspicious_lines
from tamis.kernels.repetition import CONVENTIONS
from tamis.kernels.unicode import WordRule
from tamis.stages.c4_quality import C4Quality
from tamis.stages.fineweb_quality import FinewebQuality
from tamis.stages.gopher_quality import GopherQuality
from tamis.stages.gopher_repetition import GopherRepetition

Work = tuple[str, Callable[[], object]]
RULES = get_args(WordRule)
C4 = {"max_uppercase_share": None, "max_digit_share": None, "counters": False, "buttons": False, "max_newlines": None, "max_word_length": 1000}
C4 |= {"citations": True, "end_mark": True, "min_words": 5, "javascript": True, "strip": True, "convention": "c4"}


def quality(docs: pa.Table) -> Iterator[Work]:
    """Gopher's quality rules by each word rule."""
    for rule in RULES:
        yield f"gopher_quality, {rule} words", partial(GopherQuality(word_rule=rule).measure, docs)


def repetition(docs: pa.Table) -> Iterator[Work]:
    """Gopher's repetition rules by each convention and word rule."""
    for convention, rule in product(CONVENTIONS, RULES):
        yield f"gopher_repetition, {convention}, {rule} words", partial(GopherRepetition(convention=convention, word_rule=rule).measure, docs)


def lines(docs: pa.Table) -> Iterator[Work]:
    """The rules that look at lines."""
    yield "lines", partial(Lines().edit, docs)
    yield "lines, C4's rules", partial(Lines(**C4).edit, docs)
    yield "lines, repeated ones too", partial(Lines(min_repeated_chars=1).edit, docs)
    yield "c4_quality", partial(C4Quality().measure, docs)
    for rule in RULES:
        yield f"fineweb_quality, {rule} words", partial(FinewebQuality(word_rule=rule).measure, docs)


def edits(docs: pa.Table) -> Iterator[Work]:
    """Other edits, whole and looking alone; and a copy of the bytes."""
    data, offsets = utf8(docs.column("text"))
    yield "copy", data.copy
    yield "mojibake, scan", partial(suspicious_lines, data, offsets)
    yield "mojibake", partial(Mojibake().edit, docs)
    yield "unicode", partial(Unicode().edit, docs)
    yield "mask, scan", partial(find, data, offsets)
    yield "mask", partial(Mask().edit, docs)


SETS = {"quality": quality, "repetition": repetition, "lines": lines, "edits": edits}


def main() -> None:
    """Print a table for each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=SETS)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--column", default="text")
    given = parser.parse_args()
    for path in given.paths:
        docs = read(path, given.column)
        texts = docs.column("text").to_pylist()
        taken = best({FLOOR: partial(split_all, texts), **dict(SETS[given.what](docs))})
        show(path.name, sum(len(text.encode()) for text in texts) / 1e6, taken)


if __name__ == "__main__":
    main()
