"""Harm of a known kind and amount, done to documents where they stand: what a runner must find if it measures anything.

A kind is a function of (text, draws); the draws depend on the seed, the kind and the text alone. "Shuffled words", "repeated phrases" and
"gibberish" hurt a model that counts n-grams, "shuffled sentences" hardly: such a model does not see beyond a few words.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tamis.ablate.texts import in_one_piece
from tamis.documents import utf8
from tamis.errors import RecipeError, suggest

OCR_SHARE = 0.1
"""Of letters and digits that "ocr noise" misreads: a bad scan."""
KEPT = 0.1, 0.5
"""Shares of a text between which "truncated" keeps one, evenly drawn."""
PHRASES = 6
"""Phrases that "repeated phrases" takes from a text."""
LONGEST_WORD = 10
"""Letters of a word of "gibberish"; the shortest has 1."""

_SENTENCE = re.compile(r"(\s*)([^.!?。！？\n]+[.!?。！？]*|[.!?。！？]+)")
_READ = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_MISREAD = "ohecctqblih1nu0ngt5fvuvzv2R8GOFPCNlIXINH0FOB57VUVKV2OlZBASbTBg"
_MENUS = (
    "Home", "About us", "Contact", "Sign in", "Register", "Search", "Site map", "Help", "Shopping basket (0)", "Follow us", "Share this page",
    "Print", "Next", "Previous", "Read more", "Back to top", "Terms of use", "Privacy statement", "Skip to main content", "Menu",
    "We use cookies to make this site work better for you. By staying here you agree to them.",
    "Accept all cookies", "Cookie settings", "Subscribe to our newsletter and never miss an offer again.",
    "All rights reserved.", "Your browser is out of date. Update it to see this page as it was meant.",
    "Please turn on scripts to continue.", "You must be signed in to leave a comment.", "Related articles", "Most read today",
)  # fmt: skip


class Draws:
    """Random numbers of one document, the same in every version of Python and numpy."""

    def __init__(self, seed: int) -> None:
        self._next = np.uint64(seed)

    def integers(self, n: int) -> np.ndarray:
        """u64[n], uniform: SplitMix64 (Steele, Lea and Flood 2014)."""
        with np.errstate(over="ignore"):
            x = self._next + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            self._next += np.uint64(n) * np.uint64(0x9E3779B97F4A7C15)
            x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))

    def below(self, most: int, n: int) -> np.ndarray:
        """i64[n] from 0 to most - 1."""
        return (self.integers(n) % np.uint64(most)).astype(np.int64)

    def unit(self, n: int) -> np.ndarray:
        """f64[n] in [0, 1)."""
        return (self.integers(n) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def shuffled(self, items: Sequence[str]) -> list[str]:
        """The items in an order drawn from all but the one they have."""
        order = np.argsort(self.integers(len(items)), kind="stable")
        if len(order) > 1 and np.array_equal(order, np.arange(len(order))):
            order = np.roll(order, 1)
        return [items[i] for i in order]


def corrupt(texts: pa.Array | pa.ChunkedArray, kind: str, share: float, *, seed: int) -> tuple[pa.Array, np.ndarray]:
    """Replace a share of documents by what a kind of corruption makes of them.

    Which, is drawn from (seed, text): a larger share takes those of a smaller one and more, whatever the kind, and equal texts
    go together. A document that a kind cannot change (one sentence to be shuffled, an empty text) stays and counts as unchanged.

    Args:
        texts: n documents without nulls, any Arrow type of text.
        kind: a name of `KINDS`.
        share: of the documents, in [0, 1]; each is drawn by itself, so that of few documents the share is met roughly.
        seed: any integer.

    Returns:
        large_string[n], and bool[n]: which differ from what was given.

    Raises:
        RecipeError: there is no such kind, or the share is none.
    """
    from tamis.kernels.hashing import mix, murmur128, unit

    if kind not in KINDS:
        raise RecipeError(f'there is no corruption "{kind}". {suggest(kind, KINDS, what="kinds:")}')
    if not 0 <= share <= 1:
        raise RecipeError(f"corruption takes a share of the documents from 0 to 1, not {share}.\nFix: write 0.3 for 30 %.")
    given = in_one_piece(texts)
    low, high = murmur128(*utf8(given))
    rows = np.flatnonzero(unit(seed, low, high) < share)
    # Two kinds done to one document are drawn apart, and apart from which documents are chosen.
    salt = np.full(len(rows), (seed * 2**32 + zlib.crc32(kind.encode())) % 2**64, np.uint64)
    seeds = mix(mix(low[rows], salt), high[rows])
    harm = KINDS[kind]
    made = [harm(text, Draws(one)) for text, one in zip(given.take(pa.array(rows)).to_pylist(), seeds.tolist(), strict=True)]
    chosen = np.zeros(len(given), np.bool_)
    chosen[rows] = True
    whole = pc.replace_with_mask(given, pa.array(chosen), pa.array(made, pa.large_string()))
    return whole, pc.not_equal(whole, given).to_numpy(zero_copy_only=False)


def shuffled_words(text: str, draws: Draws) -> str:
    """The words in another order, white space where it was: the same bytes, the same counts of words."""
    pieces = re.split(r"(\s+)", text)
    pieces[::2] = draws.shuffled(pieces[::2])
    return "".join(pieces)


def shuffled_sentences(text: str, draws: Draws) -> str:
    """The sentences in another order, white space between them where it was: the same bytes. A line's end ends a sentence."""
    pieces = _SENTENCE.split(text)
    pieces[2::3] = draws.shuffled(pieces[2::3])
    return "".join(pieces)


def boilerplate(text: str, draws: Draws) -> str:
    """Menus and cookie notices instead of the text, a line each: the same bytes, 30 lines over and over."""
    size = len(text.encode())
    lines = draws.below(len(_MENUS), size // 5 + 1)  # the shortest has 4 bytes and a line's end
    return "\n".join(_MENUS[i] for i in lines.tolist())[:size]


def gibberish(text: str, draws: Draws) -> str:
    """Random small letters in words of 1 to 10 instead of the text: the same bytes, nothing to learn but letters."""
    size = len(text.encode())
    letters = (draws.below(26, size) + ord("a")).astype(np.uint8)
    ends = np.cumsum(draws.below(LONGEST_WORD, size // 2 + 1) + 2) - 1
    letters[ends[ends < size]] = ord(" ")
    return letters.tobytes().decode("ascii")


def ocr_noise(text: str, draws: Draws) -> str:
    """A tenth of ASCII letters and digits read as one that looks alike: the same bytes."""
    data = np.frombuffer(text.encode(), np.uint8)
    misread = _MISREADING[data]
    return np.where(draws.unit(len(data)) < OCR_SHARE, misread, data).astype(np.uint8).tobytes().decode()


def repeated_phrases(text: str, draws: Draws) -> str:
    """Six phrases of 3 to 8 words of the text in random order, over and over: the same bytes, save up to 3 that would part a letter."""
    words = text.split()
    if not words:
        return text
    size = len(text.encode())
    starts, lengths = draws.below(len(words), PHRASES), draws.below(6, PHRASES) + 3
    phrases = [" ".join(words[start : start + length]) for start, length in zip(starts.tolist(), lengths.tolist(), strict=True)]
    count = size // (min(map(len, phrases)) + 1) + 1
    spam = " ".join(phrases[i] for i in draws.below(PHRASES, count).tolist())
    return spam.encode()[:size].decode("utf-8", "ignore")


def truncated(text: str, draws: Draws) -> str:
    """The first tenth to half of the text, cut anywhere between two letters: 30 % of the bytes on average."""
    least, most = KEPT
    share = least + (most - least) * draws.unit(1)[0]
    return text[: max(1, int(len(text) * share))]


KINDS: dict[str, Callable[[str, Draws], str]] = {
    "shuffled words": shuffled_words,
    "shuffled sentences": shuffled_sentences,
    "boilerplate": boilerplate,
    "gibberish": gibberish,
    "ocr noise": ocr_noise,
    "repeated phrases": repeated_phrases,
    "truncated": truncated,
}
"""What a kind is called → what it makes of a text."""


def _misreading() -> np.ndarray:
    """u8[256]: what each byte is taken for."""
    table = np.arange(256, dtype=np.uint8)
    table[np.frombuffer(_READ.encode(), np.uint8)] = np.frombuffer(_MISREAD.encode(), np.uint8)
    return table


_MISREADING = _misreading()
