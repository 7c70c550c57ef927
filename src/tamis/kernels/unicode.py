"""What the kernels know of every code point, as flat tables; and the word rules.

Unicode 18.0, from unicode.npz, which tools/build_unicode_table.py writes. No installed library is asked, so the words
of a text are the same on every machine.

**Word rules** cut a text into tokens; a token that holds a letter or a number is a word.

`"whitespace"`: tokens are the maximal runs of characters that are not white space: `str.split()`.

`"unicode"`: a simplification of the word boundaries of UAX #29. Each code point is, in this order,

- a *separator*: White_Space, category Cc, or U+200B zero width space. It ends a token and belongs to none;
- a *mark*: categories M and Cf. It belongs to the token before it, whatever that is; only at the start of a text or
  after a separator does it begin a token. In the rules below, "before" looks past marks;
- *alone*: a letter (L, or Nl) of a script written without spaces: Script Han or Hiragana, or Line_Break SA (Thai, Lao,
  Khmer, Myanmar, Tai Le, …). Each is a token of its own;
- a *run* character: any other letter (L), number (N) or connector (Pc). Neighbours form one token;
- a *symbol*: everything else. Repetitions of the same code point form one token ("...", "----"). But a symbol directly
  followed by a run character continues the token if it is MidLetter, MidNumLet or Single_Quote of Word_Break and the
  run characters before and after it are both letters (L), or if it is MidNum, MidNumLet or Single_Quote and they are
  both digits (Nd): "don't", "example.com", "3.14" and "1,000" are one token, "word,word" is three.

Unlike UAX #29, emoji sequences, flags and Hebrew quotes are not kept together, Katakana joins Latin letters, and
Hiragana and the scripts of Line_Break SA are cut into letters.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

WordRule = Literal["unicode", "whitespace"]

SPACE = 1 << 0  # str.isspace()
LINE_END = 1 << 1  # str.splitlines() ends a line here
SEPARATOR = 1 << 2
MARK = 1 << 3
ALONE = 1 << 4
RUN = 1 << 5
JOINS_LETTERS = 1 << 6
JOINS_DIGITS = 1 << 7
LETTER = 1 << 8  # L: str.isalpha()
NUMBER = 1 << 9  # N
DIGIT = 1 << 10  # Nd: str.isdecimal()
PUNCTUATION = 1 << 11  # P and S
MAYBE_NOT_NFC = 1 << 12  # NFC_Quick_Check is not Yes, or not assigned
MAYBE_NOT_NFKC = 1 << 13

SENTENCE_BREAKS: tuple[str, ...] = ("Other", "CR", "LF", "Sep", "Sp", "Close", "ATerm", "STerm", "SContinue", "Numeric", "Upper", "Lower")
SENTENCE_BREAKS += ("OLetter", "Extend", "Format")
"""Values of Sentence_Break (UAX #29), in the order in which `sentences` numbers them."""
BREAK = 0x0F  # in `sentences`: the number of the Sentence_Break
UPPERCASE = 1 << 4  # Uppercase: str.isupper()
TERMINAL = 1 << 5  # Sentence_Terminal, and three Khmer signs that FineWeb's list of line ends has besides

_OF_A_RULE = SEPARATOR | MARK | ALONE | RUN | JOINS_LETTERS | JOINS_DIGITS


@cache
def _file() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).with_name("unicode.npz")) as file:
        return {name: file[name] for name in file.files}


def unicode_version() -> str:
    """The Unicode version of the tables."""
    return str(_file()["unicode_version"])


@cache
def flags(rule: WordRule = "unicode") -> np.ndarray:
    """u16[0x110000], read-only: the bits above for every code point, under a word rule."""
    bits = _expand("properties")
    if rule == "whitespace":
        space = (bits & SPACE) != 0
        bits = bits & ~np.uint16(_OF_A_RULE) | np.where(space, np.uint16(SEPARATOR), np.uint16(RUN))
    bits.flags.writeable = False
    return bits


@cache
def lower() -> np.ndarray:
    """i32[0x110000], read-only: the simple lower-case mapping, one code point to one ("İ" to "i")."""
    mapped = _expand("lower") + np.arange(0x110000, dtype=np.int32)
    mapped.flags.writeable = False
    return mapped


@cache
def combining() -> np.ndarray:
    """u8[0x110000], read-only: the canonical combining class."""
    classes = _expand("combining")
    classes.flags.writeable = False
    return classes


@cache
def sentences() -> np.ndarray:
    """u8[0x110000], read-only: the number of the Sentence_Break, with `UPPERCASE` and `TERMINAL` beside it."""
    bits = _expand("sentences")
    bits.flags.writeable = False
    return bits


@cache
def scripts() -> np.ndarray:
    """u8[0x110000], read-only: the number of the Script in `script_codes`; 0 for Common, Inherited and what is unassigned."""
    numbers = _expand("scripts")
    numbers.flags.writeable = False
    return numbers


@cache
def script_codes() -> tuple[str, ...]:
    """The codes of ISO 15924 ("Latn", "Cyrl") by number; "" is number 0."""
    return tuple(_file()["script_codes"].tolist())


def _expand(name: str) -> np.ndarray:
    return np.repeat(_file()[f"{name}_values"], _file()[f"{name}_lengths"])
