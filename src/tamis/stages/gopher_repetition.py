"""Gopher's repetition rules, which find menus, spun pages and text that got stuck."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import polars as pl
import pyarrow as pa

from tamis.documents import ratio, utf8
from tamis.errors import StageError
from tamis.stage import Filter
from tamis.stages import _repeated as repeated

# Which signals of a convention are shares of all characters of the text.
_OF_TEXT: dict[str, tuple[str, ...]] = {"paper": ("repeated",), "datatrove": ("segments", "top", "repeated"), "dclm": (), "dolma": ()}
SEGMENTS = ("line", "paragraph")
TOP, DUPLICATE = (2, 3, 4), (5, 6, 7, 8, 9, 10)


@dataclass(frozen=True)
class GopherRepetition(Filter):
    """Keep documents that do not repeat their lines, paragraphs and phrases too much.

    Signals, all f64 in [0, 1]:
        duplicate_line_share, duplicate_paragraph_share: lines or paragraphs that occur more than once.
        duplicate_line_char_share, duplicate_paragraph_char_share: characters in such lines or paragraphs.
        top_2gram_share to top_4gram_share: characters in the most frequent phrase of so many words.
        duplicate_5gram_share to duplicate_10gram_share: characters in phrases of so many words that occur more than once.

    Lines and paragraphs are null for a text without any: an empty one, by paper and dclm a blank one, by paper one without a
    letter or a number; shares of their characters also where they hold none. Phrases are never null: a text that has no
    phrase of n words repeats none. By paper no part exceeds its whole; by the others occurrences of a phrase may overlap
    ("no no no"), so the top phrase may hold more characters than the text has: the share is then 1.

    Args:
        word_rule: what a token is: "unicode", words and punctuation marks told apart in any script, or "whitespace",
            `str.split()`. Both are defined in `tamis.kernels.unicode`.
        convention: whose reading of the paper.

    The paper leaves much open, and its implementations differ:

    | | paper | datatrove | dclm | dolma |
    | --- | --- | --- | --- | --- |
    | words | tokens with a letter or a number | all tokens | tokens that begin with one; with "whitespace" all | all tokens |
    | lines | stripped; each holds a word | between runs of "\\n"; "" after a last one counts | stripped; none is blank | as datatrove |
    | paragraphs | the same, between blank lines | between "\\n\\n", of the stripped text | the same, between "\\n\\n" | as its lines |
    | repeated lines | all copies but the first | all copies but the first | all copies | all copies |
    | share of their characters | of all lines | of the text | of all lines | of all lines |
    | top phrase | occurrences that do not overlap × characters | all × characters and spaces | all × characters | the same |
    | of several | the longest | the first | the longest | the first |
    | no phrase is repeated | 0 | the first, once | 0 | the first, once |
    | share of its characters | of all words | of the text | of all words | of all words |
    | repeated phrases | those a reader meets again who then goes on behind them | the same | all words in any of them | all occurrences |
    | share of their characters | of the text | of the text | of all words | of all phrases of n words |

    "\\n\\n" stands for two or more; dolma itself has no paragraphs.

    So one page has four numbers: of "the cat sat on the mat ." twice, by white space, paper measures 0.353 in the top pair and
    0.286 in repeated 5-grams, datatrove 0.286 and 0.286, dclm 0.333 and 1, dolma 0.333 and 0.615; limits mean something by a
    convention only.

    "paper" is the default: copies beyond the first count, so that an article between two copies of a menu stays; lines of
    nothing but white space, "}" or "---" are no repeated lines; rows of dashes and brackets are no phrases. If marks
    counted as words, it would drop more tutorials with code and reference manuals (to one reader of excerpts, 12 of 18 such
    drops were wrong, 2 right). Of 1,303 raw web pages that pass gopher_quality it drops 26 %, datatrove 27 %, dclm 53 % and
    dolma 47 %; of 3,032 pages of a government, most of which are clean, 0.8 %, 4.9 %, 4.1 % and 7.3 %.

    The limits on lines and paragraphs *by number* are 0.6 here, where Gopher has 0.3: it counted on text without menus. At 0.3,
    where they alone spoke, 15 of 22 drops that were read were wrong and none right, such as guides under a menu, and manuals whose
    headings repeat; at 0.5 still 7 of 20, long pages whose repeated lines are labels of one word; above 0.6 none of 9. The shares
    of characters in them are good rules (of 60 drops 4 wrong), repeated phrases fair ones (of 240, 31 wrong): docs/reading.md.

    Where datatrove cuts words with spaCy, and dclm with uniseg, the word rule stands in; dolma's is "whitespace". Verdicts are
    those of dclm itself with "unicode" on all of 2,293 pages, of datatrove itself on 99.3 % of 10,571 (on all, given the same
    words), and of dolma itself with "whitespace" on 99.9 %: docs/agreement.md. datatrove compares the letters of a
    repeated phrase without the borders between its words ("ab c" is "a bc"); here words are compared. dolma divides the
    characters of repeated lines by those of all words, so that "hello world" twice has 1.1; here by those of all lines, and
    lines are cut as in its gopher_v2.

    Source:
        Gopher (Rae et al. 2021, arXiv:2112.11446, table A1), whose limits are the defaults, but for the two
        by number. Conventions: datatrove
        `gopher_repetition_filter.py`; DCLM `content_filters.py`; dolma `taggers/gopher.py`.
    """

    max_duplicate_line_share: float | None = 0.60
    max_duplicate_paragraph_share: float | None = 0.60
    max_duplicate_line_char_share: float | None = 0.20
    max_duplicate_paragraph_char_share: float | None = 0.20
    max_top_2gram_share: float | None = 0.20
    max_top_3gram_share: float | None = 0.18
    max_top_4gram_share: float | None = 0.16
    max_duplicate_5gram_share: float | None = 0.15
    max_duplicate_6gram_share: float | None = 0.14
    max_duplicate_7gram_share: float | None = 0.13
    max_duplicate_8gram_share: float | None = 0.12
    max_duplicate_9gram_share: float | None = 0.11
    max_duplicate_10gram_share: float | None = 0.10
    convention: Literal["paper", "datatrove", "dclm", "dolma"] = "paper"
    word_rule: Literal["unicode", "whitespace"] = "unicode"

    measured_by: ClassVar[tuple[str, ...] | None] = ("convention", "word_rule")
    reasons: ClassVar[dict[str, str]] = {
        "max_duplicate_line_share": "too many repeated lines",
        "max_duplicate_paragraph_share": "too many repeated paragraphs",
        "max_duplicate_line_char_share": "too much text in repeated lines",
        "max_duplicate_paragraph_char_share": "too much text in repeated paragraphs",
        "max_top_2gram_share": "one two-word phrase is too frequent",
        "max_top_3gram_share": "one three-word phrase is too frequent",
        "max_top_4gram_share": "one four-word phrase is too frequent",
        "max_duplicate_5gram_share": "too much text in repeated five-word phrases",
        "max_duplicate_6gram_share": "too much text in repeated six-word phrases",
        "max_duplicate_7gram_share": "too much text in repeated seven-word phrases",
        "max_duplicate_8gram_share": "too much text in repeated eight-word phrases",
        "max_duplicate_9gram_share": "too much text in repeated nine-word phrases",
        "max_duplicate_10gram_share": "too much text in repeated ten-word phrases",
    }

    def check(self) -> None:
        """Refuse unknown conventions and word rules."""
        super().check()
        if self.convention not in _OF_TEXT:
            raise StageError(f'{self.name()}: "convention" is one of {", ".join(_OF_TEXT)}, not "{self.convention}".')
        if self.word_rule not in ("unicode", "whitespace"):
            raise StageError(f'{self.name()}: "word_rule" is "unicode" or "whitespace", not "{self.word_rule}".')

    def found(self, parameter: str, text: str) -> list[tuple[int, int]]:
        """Copies of lines, paragraphs and phrases beyond the first; of a top phrase all."""
        if "line" in parameter:
            return repeated.lines(text)
        if "paragraph" in parameter:
            return repeated.paragraphs(text)
        words = int(re.sub(r"\D", "", parameter))
        return repeated.most_frequent(text, words) if "top" in parameter else repeated.phrases(text, words)

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        """Count in one walk over the words, then divide as the convention says."""
        from tamis.kernels.repetition import repetition_counts

        counts = repetition_counts(*utf8(docs.column("text")), convention=self.convention, rule=self.word_rule)
        of_text = _OF_TEXT[self.convention]
        segments = _segments(counts, of_text="segments" in of_text)
        whole = {what: counts["chars" if what in of_text else "word_chars"] for what in ("top", "repeated")}
        top = {f"top_{n}gram_share": _repeated(counts[f"top_{n}gram_chars"], whole["top"]) for n in TOP}
        every = {n: counts[f"{n}gram_chars"] if self.convention == "dolma" else whole["repeated"] for n in DUPLICATE}
        repeated = {f"duplicate_{n}gram_share": _repeated(counts[f"duplicate_{n}gram_chars"], every[n]) for n in DUPLICATE}
        return pl.DataFrame({**segments, **top, **repeated})


def _segments(counts: dict[str, np.ndarray], *, of_text: bool) -> dict[str, pl.Series]:
    """The shares of lines and paragraphs; of an empty text, which is one line to most, nothing can be said."""
    found, empty = {}, counts["chars"] == 0
    for what in SEGMENTS:
        pieces = np.where(empty, 0, counts[f"{what}s"])
        found[f"duplicate_{what}_share"] = ratio(counts[f"duplicate_{what}s"], pieces)
    for what in SEGMENTS:
        chars = counts["chars" if of_text else f"{what}_chars"]
        found[f"duplicate_{what}_char_share"] = ratio(counts[f"duplicate_{what}_chars"], chars)
    return found



def _repeated(part: np.ndarray, whole: np.ndarray) -> pl.Series:
    """f64[n], at most 1; 0 where there are no words."""
    return pl.Series(np.minimum(part / np.maximum(whole, 1), 1.0))
