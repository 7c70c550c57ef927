"""Menus, buttons and notices out, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import polars as pl
import pyarrow as pa

from tamis.documents import fresh_bytes, large_string, ratio, utf8
from tamis.errors import StageError
from tamis.stage import Edit, parameters

CONVENTIONS = ("datatrove", "c4")


@dataclass(frozen=True)
class Lines(Edit):
    """Drop and shorten lines by the rules of C4 and RefinedWeb, each of which can be off.

    Blank lines are neither judged nor counted. A text of which anything is taken also loses the blank lines at both ends and
    the last line end; a text of which nothing is taken keeps its bytes. Lines end where `str.splitlines()` cuts.

    Signals:
        lines: u32, lines before.
        words: u32, words of `str.split()` before.
        removed_lines, removed_words: u32, how many of them are gone.
        removed_word_share: f64, removed words per word; null for a text without words.
        removed_char_share: f64, removed characters, white space too, per character; null for an empty text.
        shortened_lines: u32, lines that stay and lost a part.
        long_word_lines, citation_lines, uppercase_lines, digit_lines, counter_lines, unfinished_lines, short_lines,
            javascript_lines, policy_lines, button_lines, repeated_lines: u32, lines dropped by each rule; a line counts
            for the first rule that drops it, in this order.

    Args:
        max_uppercase_share: capitals per character of a line, with the white space around it.
        max_digit_share: digits per character of a line; a little under 1 drops lines of nothing but digits.
        counters: drop lines that are a number and what it counts: "3 likes", "1.2K followers".
        min_words: words of `str.split()` in a line.
        policy: drop lines that say "terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies" or
            "use cookies", in any case.
        buttons: from lines of at most 10 words take "items in cart", "Read more..." at the end and "Sign-in" at the start,
            in any case, and drop what this leaves blank.
        max_newlines: line ends that may follow each other.
        javascript: drop lines that say "javascript", in any case.
        end_mark: drop lines that end in no end mark, or in "...".
        citations: delete "[12]", "[]", "[edit]" and "[citation needed]", and drop lines that this leaves blank.
        max_word_length: drop lines with a word of more characters.
        min_repeated_chars: drop lines of at least so many characters that the text holds above, white space around them
            apart.
        strip: take white space from both ends of each line, drop blank lines and join the others by "\\n".
        convention: whose reading of C4's rules.

    The defaults are RefinedWeb's rules but one, and C4's for policies, which need no judgement of style. Read on 1,354 web
    pages whose main text people had marked, 20 % of all lines were main text; of those dropped by `policy` 0.5 %, by `counters`
    9 %, by `max_digit_share` 14 % and by `max_uppercase_share` 17 % (headings, mostly). RefinedWeb's `min_words: 2` does no
    better than chance (23 %: one-word headings, cells of tables, braces of programs). `end_mark` drops 83 % of all lines,
    `javascript` every sentence of an article on web pages that names it (39 % main text), `min_repeated_chars: 20` also
    repeated headings and code (16 %): these are off. C4's own set is

        lines: {max_uppercase_share: null, max_digit_share: null, counters: false, buttons: false, max_newlines: null,
                max_word_length: 1000, citations: true, end_mark: true, min_words: 5, javascript: true, policy: true,
                strip: true, convention: c4}

    with `c4_quality: {min_sentences: 3}` below it; datatrove's has `min_words: 3` and 5 sentences; FineWeb ran it without
    `end_mark`. C4 drops a page for "lorem ipsum" before it comes to `javascript`, and for "{" before it comes to `policy`, so
    lines that hold these are left for `c4_quality` to see; the pair keeps just the pages that C4's one pass keeps.

    | | datatrove | c4 |
    | --- | --- | --- |
    | end marks | "." "?" "!" '"' "'" | "." "?" "!" '"' |
    | `min_words` counts words | with the citations | without them |

    Both strip a line before citations are deleted and not after, so that one which ends in "text. [1]" has no end mark.
    DCLM's rewriting of C4 drops lines that end in "…" too, and keeps blank lines and the white space around others. Of its
    RefinedWeb rules, "Read more..." is a regular expression, whose dots match any character, and `isdigit` takes "²" for a
    digit; lines of white space alone, blank here, go there by `min_words`; and it cuts lines at "\\n" alone, which makes no
    difference below `unicode`. On 2,663 texts the share of words removed was on the same side of 5 % every time.

    Source:
        C4 (Raffel et al. 2020, arXiv:1910.10683): tensorflow_datasets `c4_utils.py`, datatrove `c4_filters.py`. RefinedWeb
        (Penedo et al. 2023, arXiv:2306.01116, G.2), as in DCLM `modifiers.py` and `dclm_baseline_refinedweb.yaml`, which then
        drops documents that lost more than 5 % of their words: `rules: {max: {lines.removed_word_share: 0.05}}`.
    """

    max_uppercase_share: float | None = 0.5
    max_digit_share: float | None = 0.999999
    counters: bool = True
    min_words: int | None = None
    policy: bool = True
    buttons: bool = True
    max_newlines: int | None = 2
    javascript: bool = False
    end_mark: bool = False
    citations: bool = False
    max_word_length: int | None = None
    min_repeated_chars: int | None = None
    strip: bool = False
    convention: Literal["datatrove", "c4"] = "datatrove"

    least: ClassVar[dict[str, int]] = {"min_words": 0, "max_newlines": 1, "max_word_length": 1, "min_repeated_chars": 1}

    def check(self) -> None:
        """Refuse an unknown convention and limits that no line could meet."""
        if self.convention not in CONVENTIONS:
            raise StageError(f'{self.name()}: "convention" is "{CONVENTIONS[0]}" or "{CONVENTIONS[1]}", not "{self.convention}".')
        for parameter in ("max_uppercase_share", "max_digit_share"):
            if (share := getattr(self, parameter)) is not None and not 0 <= share <= 1:
                raise StageError(f'{self.name()}: "{parameter}" is between 0 and 1 or null, not "{share}".')
        for parameter, least in self.least.items():
            if (limit := getattr(self, parameter)) is not None and limit < least:
                raise StageError(f'{self.name()}: "{parameter}" is at least {least} or null, not "{limit}".')

    def edit(self, docs: pa.Table) -> tuple[pa.Array, pl.DataFrame]:
        """Judge and write lines in one walk over the bytes."""
        from tamis.kernels.lines import Rules, edit_lines

        own = {name: value for name, value in parameters(self).items() if name != "convention"}
        datatrove = self.convention == "datatrove"
        given = utf8(docs.column("text"))
        data, offsets, counts = edit_lines(*given, Rules(**own, apostrophe_ends=datatrove, words_with_citations=datatrove), fresh_bytes)
        return large_string(*(given if data is given[0] else (data, offsets))), _signals(counts)


def _signals(counts: dict[str, np.ndarray]) -> pl.DataFrame:
    from tamis.kernels.lines import DROPPED_BY

    removed = {name: counts[name] - counts[f"kept_{name}"] for name in ("lines", "words", "chars")}
    return pl.DataFrame(
        {
            "lines": counts["lines"],
            "words": counts["words"],
            "removed_lines": removed["lines"],
            "removed_words": removed["words"],
            "removed_word_share": ratio(removed["words"], counts["words"]),
            "removed_char_share": ratio(removed["chars"], counts["chars"]),
            "shortened_lines": counts["shortened_lines"],
            **{name: counts[name] for name in DROPPED_BY},
        }
    )

