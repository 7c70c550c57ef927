"""Rules that lines are judged by, each asked of one line; `tamis.kernels.lines` says in which order."""

# mypy: allow-untyped-defs, allow-untyped-calls
# Compiled functions are typed by their signatures.

from __future__ import annotations

import numpy as np

from tamis.kernels._jit import helper, rare
from tamis.kernels._lines import any_case, first_bytes, holds, says
from tamis.kernels._text import bytes_between, decode, strip, zeros_below
from tamis.kernels.unicode import DIGIT, LETTER, NUMBER, SPACE

(
    STRIP,
    MAX_WORD_LENGTH,
    CITATIONS,
    COUNTERS,
    END_MARK,
    MIN_WORDS,
    WORDS_WITH_CITATIONS,
    JAVASCRIPT,
    POLICY,
    BUTTONS,
    MIN_REPEATED_CHARS,
    MAX_NEWLINES,
) = range(12)
"""Places in the settings that kernels are given."""

MOST_BUTTON_WORDS = 10

_ONE = np.uint64(1)


def _letters(*phrases: str) -> tuple[np.ndarray, np.ndarray]:
    """Phrases as their bytes and borders: what compiled code can go through one by one."""
    return np.frombuffer("".join(phrases).encode(), np.uint8), np.cumsum([0, *map(len, phrases)])


def _phrase(text: str) -> np.ndarray:
    """An ASCII phrase: an array, for each length of a tuple would be compiled anew."""
    return np.frombuffer(text.encode(), np.uint8)


_JAVASCRIPT, _LOREM_IPSUM = _phrase("javascript"), _phrase("lorem ipsum")
_TERMS, _PRIVACY, _COOKIES, _COOKIE_POLICY = map(_phrase, ("terms of use", "privacy policy", "cookies", "cookie policy"))
_USES, _USE_OF, _USE = map(_phrase, ("uses ", "use of ", "use "))
_EDIT, _CITATION_NEEDED = map(_phrase, ("edit]", "citation needed]"))
_IN_CART, _READ_MORE, _SIGN_IN = map(_phrase, ("items in cart", "read more...", "sign-in"))
_COUNTED, _COUNTED_BORDERS = _letters(
    "likes", "shares", "comments", "retweets", "reposts", "quotes", "bookmarks", "upvotes", "downvotes", "downloads", "views", "followers"
)


@rare
def longest_word(data, start, end, flags):
    """Characters of the longest word of `str.split()`."""
    longest, chars, i = 0, 0, start
    while i < end:
        c, width = decode(data, i)
        chars = 0 if flags[c] & SPACE else chars + 1
        longest = max(longest, chars)
        i += width
    return longest


@helper
def has_bracket(data, start, end):
    """Whether data[start:end] holds "["."""
    for i in range(start, end, 64):
        if bytes_between(data, i, 0x5B, 0x5B) & first_bytes(end - i):
            return True
    return False


@helper
def _begins(data, i, end, phrase):
    """Whether data[i:end] begins with just these bytes."""
    if end - i < len(phrase):
        return False
    for k in range(len(phrase)):
        if data[i + k] != phrase[k]:
            return False
    return True


@helper
def _after_citation(data, i, end, flags):
    """The end of a citation whose "[" is before i; -1 if it is none."""
    if _begins(data, i, end, _EDIT):
        return i + len(_EDIT)
    if _begins(data, i, end, _CITATION_NEEDED):
        return i + len(_CITATION_NEEDED)
    while i < end:
        c, width = decode(data, i)
        i += width
        if not flags[c] & DIGIT:
            return i if c == 0x5D else -1
    return -1


@rare
def copy_without_citations(data, start, end, out, n, flags):
    """Write data[start:end] at n without "[12]", "[]", "[edit]" and "[citation needed]"; return the place after it."""
    i = start
    while i < end:
        if data[i] == 0x5B:
            after = _after_citation(data, i + 1, end, flags)
            if after >= 0:
                i = after
                continue
        out[n] = data[i]
        n += 1
        i += 1
    return n


@helper
def _ends_well(out, start, end, kind):
    """Whether a line ends in an end mark and not in "..."; kind 2 takes "'" for one."""
    if end == start:
        return False
    b = out[end - 1]
    if b == 0x2E:
        return end - start < 3 or out[end - 2] != 0x2E or out[end - 3] != 0x2E
    return b == 0x3F or b == 0x21 or b == 0x22 or (kind == 2 and b == 0x27)


@helper
def _is_word(kind, c):
    """What `\\w` matches."""
    return kind & (LETTER | NUMBER) or c == 0x5F


@helper
def _skip_marks(data, i, end, flags):
    """The first place from i on that `\\w` matches."""
    while i < end:
        c, width = decode(data, i)
        if _is_word(flags[c], c):
            break
        i += width
    return i


@helper
def may_be_counter(data, first):
    """False is certain: a counter begins with a number, maybe after marks, never with an ASCII letter."""
    return not 0x61 <= data[first] | 0x20 <= 0x7A


@rare
def is_counter(data, start, end, flags):
    """Whether a line is a number and what it counts: "3 likes", "1.2K followers".

    In any case of ASCII letters: `\\W*\\d[,.\\d]*[kmb]?\\s+(likes|shares|…)\\W*`, from end to end.
    """
    i = _skip_marks(data, start, end, flags)
    numbers = i
    while i < end:
        c, width = decode(data, i)
        if not flags[c] & DIGIT and (i == numbers or (c != 0x2C and c != 0x2E)):
            break
        i += width
    if i == numbers:
        return False
    if i < end and (data[i] | 0x20 == 0x6B or data[i] | 0x20 == 0x6D or data[i] | 0x20 == 0x62):
        i += 1
    spaces = i
    while i < end:
        c, width = decode(data, i)
        if not flags[c] & SPACE:
            break
        i += width
    if i == spaces:
        return False
    for word in range(len(_COUNTED_BORDERS) - 1):
        size = _COUNTED_BORDERS[word + 1] - _COUNTED_BORDERS[word]
        if end - i < size:
            continue
        k = 0
        while k < size and data[i + k] | 0x20 == _COUNTED[_COUNTED_BORDERS[word] + k]:
            k += 1
        if k == size:
            return _skip_marks(data, i + size, end, flags) == end
    return False


@rare
def _is_policy(data, i, start, end):
    """Whether the "ok" of "cookie", the "cy" of "privacy" or the "rm" of "terms" at i is that of one of C4's six phrases."""
    b = data[i] | 0x20
    if b == 0x72:
        return i - 2 >= start and says(data, i - 2, end, _TERMS)
    if b == 0x63:
        return i - 5 >= start and says(data, i - 5, end, _PRIVACY)
    i -= 2
    if i < start:
        return False
    if says(data, i, end, _COOKIE_POLICY):
        return True
    if not says(data, i, end, _COOKIES):
        return False
    before = says(data, i - 5, i, _USES) if i - 5 >= start else False
    before |= says(data, i - 7, i, _USE_OF) if i - 7 >= start else False
    return before or (i - 4 >= start and says(data, i - 4, i, _USE))


@rare
def _mentions(data, start, end):
    """(whether a line says "javascript", whether it says a phrase of policies)."""
    javascript = policy = False
    for i in range(start, end, 64):
        text = first_bytes(end - i)
        found = any_case(data, i, 0x6A) & any_case(data, i + 1, 0x61)
        found |= any_case(data, i, 0x6F) & any_case(data, i + 1, 0x6B)
        found |= any_case(data, i, 0x63) & any_case(data, i + 1, 0x79)
        found |= any_case(data, i, 0x72) & any_case(data, i + 1, 0x6D)
        found &= text
        while found:
            at = i + np.int64(zeros_below(found))
            found &= found - _ONE
            if data[at] | 0x20 == 0x6A:
                javascript |= says(data, at, end, _JAVASCRIPT)
            else:
                policy |= _is_policy(data, at, start, end)
    return javascript, policy


@helper
def _has_brace(data, start, end):
    for i in range(start, end):
        if data[i] == 0x7B:
            return True
    return False


@helper
def judge(out, start, end, mark, seen, words, flags, settings, shares):
    """The number of the first rule that drops a line (see `lines.DROPPED_BY`), of those that only look; -1 if none does.

    `mark` is where the line's last character ends, `seen` what `read_line` sees of the line, `words` what `min_words` counts.
    """
    first, last, chars, _, uppers, digits = seen
    if uppers / chars > shares[0]:
        return 2
    if digits / chars > shares[1]:
        return 3
    if digits and settings[COUNTERS] and may_be_counter(out, first) and is_counter(out, first, last, flags):
        return 4
    if settings[END_MARK] and not _ends_well(out, start, mark, settings[END_MARK]):
        return 5
    if words < settings[MIN_WORDS]:
        return 6
    if settings[JAVASCRIPT] or settings[POLICY]:
        javascript, policy = _mentions(out, start, end)
        javascript &= settings[JAVASCRIPT] != 0
        policy &= settings[POLICY] != 0
        # C4 drops the page for such a line before it drops the line: whoever judges the page must still see it.
        if (javascript or policy) and not holds(out, start, end, _LOREM_IPSUM):
            if javascript:
                return 7
            if not _has_brace(out, start, end):
                return 8
    return -1


@helper
def _cut(out, i, j, end):
    """Take out[i:j] out of the line that ends at `end`; return its new end."""
    for k in range(end - j):
        out[i + k] = out[j + k]
    return end - (j - i)


@helper
def _space_before(data, i, start, flags):
    """The start of the one white space character that ends at i, or i."""
    if i == start:
        return i
    before = i - 1
    while data[before] & 0xC0 == 0x80:
        before -= 1
    c, _ = decode(data, before)
    return before if flags[c] & SPACE else i


@helper
def may_have_buttons(out, first, last):
    """False is certain: no letters of "items in cart" in their places, no ".." at the end, and no "-" where "Sign-in" has it."""
    if out[first + 4] == 0x2D or (out[last - 1] == 0x2E and out[last - 2] == 0x2E):
        return True
    for i in range(first, last, 64):
        items = any_case(out, i, 0x69) & any_case(out, i + 1, 0x74) & any_case(out, i + 3, 0x6D) & any_case(out, i + 9, 0x63)
        if items & first_bytes(last - i):
            return True
    return False


@rare
def cut_buttons(out, start, end, first, last, flags):
    """Take labels of buttons out of a line; return its new end.

    With one white space character before it, "items in cart" anywhere and "Read more..." at the end; "Sign-in" at the
    start with one after it; each if ASCII letters of any case.
    """
    i = first
    while i <= last - len(_IN_CART):
        if out[i] | 0x20 == 0x69 and says(out, i, last, _IN_CART):
            begin = _space_before(out, i, start, flags)
            stop = i + len(_IN_CART)
            end = _cut(out, begin, stop, end)
            last -= stop - begin
            i = begin
        else:
            i += 1
    first, last = strip(out, start, end, flags)
    if last - first >= len(_READ_MORE) and says(out, last - len(_READ_MORE), last, _READ_MORE):
        begin = _space_before(out, last - len(_READ_MORE), start, flags)
        end = _cut(out, begin, last, end)
        first, last = strip(out, start, end, flags)
    if says(out, first, last, _SIGN_IN):
        stop = first + len(_SIGN_IN)
        if stop < end:
            c, width = decode(out, stop)
            stop += width if flags[c] & SPACE else 0
        end = _cut(out, first, stop, end)
    return end
