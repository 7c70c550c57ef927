"""Documents made from documents: near-duplicates of known Jaccard, variants that resemble nothing, one template."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numba import njit

if TYPE_CHECKING:
    from collections.abc import Callable

WORD = re.compile(r"\w+")
NGRAM = 5
# A fifth of the words at most: beyond that little is left to find (Jaccard 0.2 at 20 %).
MAX_EDITED_SHARE = 0.20
VARIANT_SHARE = 0.3


def split(page: str, rng: np.random.Generator, *, median: int = 2800, sigma: float = 0.87) -> list[str]:
    """Split a page into documents at paragraph borders; joined again they are the page.

    Lengths aim at log-normal draws in characters. The median is set above the 2,400 of web pages because a page that is
    shorter than its draw stays as it is. Where a paragraph is longer than ten medians (dictionaries have no empty lines),
    a line is a paragraph; less than an eighth of a median is not left over at the end.
    """
    parts = [
        piece
        for paragraph in re.split(r"(?<=\n\n)", page)
        for piece in (paragraph.splitlines(keepends=True) if len(paragraph) > 10 * median else [paragraph])
    ]
    found: list[str] = []
    begin, size, goal = 0, 0, rng.lognormal(np.log(median), sigma)
    for i, part in enumerate(parts):
        size += len(part)
        if size >= goal:
            found.append("".join(parts[begin : i + 1]))
            begin, size, goal = i + 1, 0, rng.lognormal(np.log(median), sigma)
    rest = "".join(parts[begin:])
    if found and len(rest) < median // 8:
        found[-1] += rest
    elif rest:
        found.append(rest)
    return found


def jaccard(a: str, b: str) -> float:
    r"""Measure the exact Jaccard similarity of two texts over their sets of word 5-grams.

    Words are the `\w+` of the lower-cased text; the whole of a text shorter than five words is its only n-gram.
    """
    numbers: dict[str, int] = {}
    words_a, words_b = ([numbers.setdefault(w, len(numbers)) for w in WORD.findall(t.lower())] for t in (a, b))
    if min(len(words_a), len(words_b)) < NGRAM or len(numbers) ** NGRAM >= 2**63:
        grams_a, grams_b = _tuples(words_a), _tuples(words_b)
        both = len(grams_a & grams_b)
        return both / (len(grams_a) + len(grams_b) - both)
    codes_a, codes_b = (_codes(np.array(words), len(numbers)) for words in (words_a, words_b))
    both = len(np.intersect1d(codes_a, codes_b, assume_unique=True))
    return both / (len(codes_a) + len(codes_b) - both)


def _tuples(words: list[int]) -> set[tuple[int, ...]]:
    return {tuple(words[i : i + NGRAM]) for i in range(max(1, len(words) - NGRAM + 1))}


def _codes(words: np.ndarray, base: int) -> np.ndarray:
    """Number the n-grams of a text, without collisions: digits of a number in the given base; sorted and unique."""
    grams = len(words) - NGRAM + 1
    codes = np.zeros(grams, np.int64)
    for k in range(NGRAM):
        codes = codes * base + words[k : k + grams]
    return np.unique(codes)


def exact(text: str, other: str, rng: np.random.Generator) -> str:  # noqa: ARG001
    """Copy the text as it is."""
    return text


def respaced(text: str, other: str, rng: np.random.Generator) -> str:  # noqa: ARG001
    """Change only letter case and white space: the same words, save for the few letters that case cannot give back."""
    case = (str.lower, str.upper, str.title, str)[rng.integers(4)]
    space = ("  ", "\n", " \t", "\n\n")[rng.integers(4)]
    return space.join(case(text).split())


def edited(text: str, other: str, rng: np.random.Generator) -> str:
    """Replace, drop or double 1 to 20 % of the words; replacements come from the other text."""
    spans = [m.span() for m in WORD.finditer(text)]
    share = np.exp(rng.uniform(np.log(0.01), np.log(MAX_EDITED_SHARE)))
    chosen = np.sort(rng.choice(len(spans), max(1, round(share * len(spans))), replace=False))
    foreign = WORD.findall(other) or ["other"]
    actions, picks = rng.integers(4, size=len(chosen)), rng.integers(len(foreign), size=len(chosen))
    parts, position = [], 0
    for i, action, pick in zip(chosen, actions, picks, strict=True):
        start, end = spans[i]
        word = text[start:end]
        new = (foreign[pick], foreign[pick], "", f"{word} {word}")[action]
        parts += [text[position:start], new]
        position = end
    return "".join([*parts, text[position:]])


def framed(text: str, other: str, rng: np.random.Generator) -> str:
    """Put the text into another page's frame: the first and last lines of the other text around it."""
    lines = [line[:80] for line in other.splitlines() if line.strip()]
    head, foot = rng.integers(1, 9, size=2)
    return "\n\n".join(["\n".join(lines[:head]), text, "\n".join(lines[-foot:])])


def cut(text: str, other: str, rng: np.random.Generator) -> str:  # noqa: ARG001
    """Keep the first 70 to 95 % of the characters."""
    return text[: int(len(text) * rng.uniform(0.70, 0.95))]


def shuffled(text: str, other: str, rng: np.random.Generator) -> str:  # noqa: ARG001
    """Shuffle up to eight blocks of paragraphs, or of lines where there are fewer than three paragraphs."""
    border = "\n\n" if text.count("\n\n") > 1 else "\n"
    parts = text.split(border)
    edges = np.linspace(0, len(parts), min(8, len(parts)) + 1).astype(int)
    blocks = [border.join(parts[a:b]) for a, b in pairwise(edges)]
    return border.join(blocks[i] for i in rng.permutation(len(blocks)))


KINDS: dict[str, tuple[float, Callable[[str, str, np.random.Generator], str]]] = {
    "exact": (0.20, exact),
    "respaced": (0.10, respaced),
    "edited": (0.35, edited),
    "framed": (0.15, framed),
    "cut": (0.12, cut),
    "shuffled": (0.08, shuffled),
}


def draws(seed: int, generation: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Mix the arguments into u64[n] (splitmix64), so that a variant is the same wherever it is made."""
    with np.errstate(over="ignore"):
        z = row.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + generation.astype(np.uint64)
        z = z * np.uint64(0xD1342543DE82EF95) + np.uint64(seed)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def variants(texts: pa.LargeStringArray, donors: pa.LargeStringArray, seeds: np.ndarray) -> pa.LargeStringArray:
    """Rewrite texts so far that they are no near-duplicates: about 30 % of the words become words of a donor.

    Never do more than six words in a row survive, which bounds the surviving 5-grams even by bad luck. A word is a run
    of ASCII letters and digits, or of bytes of a non-ASCII character.

    Args:
        texts: large_string[n], no nulls.
        donors: large_string[n], where the new words come from, in their own case.
        seeds: u64[n], one stream of random numbers for each text.
    """
    data, offsets = _buffers(texts)
    words, word_offsets = _buffers(donors)
    out, out_offsets = _substitute(data, offsets, words, word_offsets, seeds.astype(np.uint64))
    return pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(out_offsets), pa.py_buffer(out))


def _buffers(texts: pa.LargeStringArray) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(texts.buffers()[2], np.uint8) if offsets[-1] else np.zeros(1, np.uint8)
    return data, offsets


@njit(nogil=True, cache=True)
def _is_word(byte: int) -> bool:
    return byte >= 128 or 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122 or byte == 95


@njit(nogil=True, cache=True)
def _next(state: np.uint64) -> np.uint64:
    state ^= state << np.uint64(13)
    state ^= state >> np.uint64(7)
    return state ^ (state << np.uint64(17))


@njit(nogil=True, cache=True)
def _word_spans(data: np.ndarray, start: int, end: int, starts: np.ndarray, ends: np.ndarray) -> int:
    """Write where the words of data[start:end] begin and end; give their number, at most len(starts)."""
    n, i = 0, start
    while i < end and n < len(starts):
        if _is_word(data[i]):
            starts[n] = i
            while i < end and _is_word(data[i]):
                i += 1
            ends[n] = i
            n += 1
        else:
            i += 1
    return n


@njit(nogil=True, cache=True)
def _substitute(
    data: np.ndarray, offsets: np.ndarray, donor_data: np.ndarray, donor_offsets: np.ndarray, seeds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    # Longer words than this are tokens of base64 and the like: they are replaced, and never donated.
    longest = 40
    donor_starts, donor_ends = np.empty(4096, np.int64), np.empty(4096, np.int64)
    out = np.empty((offsets[-1] - offsets[0]) * 5 // 4 + 4096, np.uint8)
    out_offsets = np.zeros(len(seeds) + 1, np.int64)
    n = 0
    for row in range(len(seeds)):
        words = _word_spans(donor_data, donor_offsets[row], donor_offsets[row + 1], donor_starts, donor_ends)
        state = (seeds[row] | np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        i, end, kept = offsets[row], offsets[row + 1], 0
        while i < end:
            if n + longest + (end - i) + 8 > len(out):
                grown = np.empty(len(out) * 3 // 2 + (end - i) + 4096, np.uint8)
                grown[:n] = out[:n]
                out = grown
            stop = i
            while stop < end and _is_word(data[stop]):
                stop += 1
            if stop == i:
                out[n] = data[i]
                n += 1
                i += 1
                continue
            state = _next(state)
            chosen = words > 0 and (kept == 6 or np.float64(state >> np.uint64(11)) * 2.0**-53 < VARIANT_SHARE)
            kept = 0 if chosen else kept + 1
            source, first, last = data, i, stop
            if chosen:
                state = _next(state)
                k = np.int64((state >> np.uint64(11)) % np.uint64(words))
                if donor_ends[k] - donor_starts[k] <= longest:
                    source, first, last = donor_data, donor_starts[k], donor_ends[k]
            for j in range(first, last):
                out[n] = source[j]
                n += 1
            i = stop
        out_offsets[row + 1] = n
    return out[:n].copy(), out_offsets


TEMPLATE = """Home | Services | Parking | Permits | Contact
{street}
Residents' parking permit zone {zone}

Permit holders may park in any marked bay of this zone from Monday to Saturday between eight in the morning and half past
six in the evening. Outside these hours the bays are open to everyone without charge. A permit belongs to one vehicle and
to one household, and it must be shown behind the windscreen so that the whole of the printed side can be read from the
pavement. The yearly fee is {fee} and can be paid at the town hall, by post, or by bank transfer; the receipt is not a
permit. Households with two vehicles pay the double fee for the second one. Visitors' tickets come in books of ten and are
sold at the same counter; each is valid for one day once the date has been scratched clear.

Applications are dealt with by {clerk} within three weeks. Please bring proof of your address that is not older than three
months, the vehicle's registration paper and, for a company car, a letter from your employer. Permits that are lost or
stolen are replaced once a year free of charge. The council last reviewed the rules for this zone on {date} and received
{comments} comments from people who live or work here.

Accessibility | Privacy | Cookies | Print this page
"""

NAMES = "Aldous Berit Cosima Dorian Edda Fabian Greta Hanno Ilse Jonas Katja Lorenz Mira Nils Odile Piet Rosa Sven"
ROADS = "Alder Beech Cedar Dock Elm Ferry Granary Harbour Ivy Juniper Kiln Linden Mill North Orchard Poplar"
ROAD_KINDS = "Street Lane Row Hill Yard Gate Walk Close Square Terrace"
MONTHS = "January February March April May June July August September October November December"


def template_page(number: int, rng: np.random.Generator) -> str:
    """Fill the template, about 200 words, so that two pages have a Jaccard of about 0.75."""

    def pick(words: str) -> str:
        options = words.split()
        return options[rng.integers(len(options))]

    return TEMPLATE.format(
        street=f"{pick(ROADS)} {pick(ROAD_KINDS)}",
        zone=number,
        fee=f"{rng.integers(20, 400)}.{rng.integers(100):02d}",
        clerk=f"{pick(NAMES)} {pick(ROADS)}son",
        date=f"{rng.integers(1, 29)} {pick(MONTHS)} {rng.integers(2004, 2025)}",
        comments=rng.integers(1, 2000),
    )
