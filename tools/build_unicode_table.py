"""Write src/tamis/kernels/unicode.npz: what the kernels know of every code point.

Properties come from the `regex` module, whose Unicode is the newest at hand; lower case from `str.lower`, and for
letters younger than this Python from the case folding of `regex`. Run it when `regex` brings a new Unicode version:

    python tools/build_unicode_table.py 18.0.0
"""

from __future__ import annotations

import argparse
import sys
import unicodedata
from pathlib import Path

import numpy as np
import regex
from regex import _regex_core

from tamis.kernels import unicode as table

SIZE = 0x110000
NOT_SURROGATES = [c for c in range(SIZE) if not 0xD800 <= c < 0xE000]
EVERYTHING = "".join(map(chr, NOT_SURROGATES))


def members(pattern: str) -> np.ndarray:
    """bool[0x110000]: the code points that a character class of `regex` matches; never a surrogate."""
    found = np.zeros(SIZE, bool)
    for match in regex.finditer(f"{pattern}+", EVERYTHING, flags=regex.VERSION1):
        found[[ord(c) for c in match.group()]] = True
    return found


def properties() -> np.ndarray:
    """u16[0x110000]: the bits that tamis.kernels.unicode names."""
    separators = members(r"[\p{White_Space}\p{Cc}\u200b]")
    marks = members(r"[[\p{M}\p{Cf}]--[\u200b]]")
    alone = members(r"[[\p{L}\p{Nl}]&&[\p{Script=Han}\p{Script=Hiragana}\p{Line_Break=SA}]]")
    bits = {
        table.SPACE: members(r"[\p{White_Space}\x1c-\x1f]"),
        table.LINE_END: members(r"[\n-\r\x1c-\x1e\x85\u2028\u2029]"),
        table.SEPARATOR: separators,
        table.MARK: marks,
        table.ALONE: alone,
        table.RUN: members(r"[\p{L}\p{N}\p{Pc}]") & ~alone,
        table.JOINS_LETTERS: members(r"[\p{WB=MidLetter}\p{WB=MidNumLet}\p{WB=Single_Quote}]"),
        table.JOINS_DIGITS: members(r"[\p{WB=MidNum}\p{WB=MidNumLet}\p{WB=Single_Quote}]"),
        table.LETTER: members(r"\p{L}"),
        table.NUMBER: members(r"\p{N}"),
        table.DIGIT: members(r"\p{Nd}"),
        table.PUNCTUATION: members(r"[\p{P}\p{S}]"),
        # Code points that this Unicode version lacks may mean anything to the library that normalises.
        table.MAYBE_NOT_NFC: members(r"[\p{NFC_QC=N}\p{NFC_QC=M}\p{Cn}]"),
        table.MAYBE_NOT_NFKC: members(r"[\p{NFKC_QC=N}\p{NFKC_QC=M}\p{Cn}]"),
    }
    found = np.zeros(SIZE, np.uint16)
    for bit, where in bits.items():
        found[where] |= bit
    return found


def sentences() -> np.ndarray:
    """u8[0x110000]: Sentence_Break, and the bits beside it that tamis.kernels.unicode names."""
    found = np.zeros(SIZE, np.uint8)
    for value, name in enumerate(table.SENTENCE_BREAKS[1:], 1):
        found[members(rf"\p{{SB={name}}}")] = value
    found[members(r"\p{Uppercase}")] |= table.UPPERCASE
    found[members(r"[\p{Sentence_Terminal}\p{SB=ATerm}\u17d6\u17d9\u17da]")] |= table.TERMINAL
    return found


def lower() -> np.ndarray:
    """i32[0x110000]: the simple lower-case mapping."""
    mapped = np.arange(SIZE, dtype=np.int32)
    for c in NOT_SURROGATES:
        mapped[c] = ord(chr(c).lower()[0])
    changing = members(r"\p{Changes_When_Lowercased}")
    small = "".join(chr(c) for c in np.flatnonzero(members(r"\p{Lowercase}")))
    for c in np.flatnonzero(changing & (mapped == np.arange(SIZE))).tolist():
        if unicodedata.category(chr(c)) == "Cn":
            mapped[c] = ord(regex.findall(regex.escape(chr(c)), small, flags=regex.IGNORECASE)[0])
    return mapped


def combining() -> np.ndarray:
    """u8[0x110000]: the canonical combining class."""
    classes = np.zeros(SIZE, np.uint8)
    for value in range(1, 255):
        try:
            classes[members(rf"\p{{CCC={value}}}")] = value
        except regex.error:
            continue
    return classes


def scripts() -> tuple[np.ndarray, np.ndarray]:
    """u8[0x110000], the number of each code point's Script, and the codes of ISO 15924 by number; 0 is none of its own."""
    names: dict[int, list[str]] = {}
    for name, value in _regex_core.PROPERTIES["SCRIPT"][1].items():
        names.setdefault(value, []).append(name)
    # Each has a long name, then a code of four letters, then perhaps one that was for private use before.
    codes = [[name for name in known if len(name) == 4 and not name.startswith("QAA")][-1].capitalize() for known in names.values()]
    found, own = np.zeros(SIZE, np.uint8), sorted({*codes} - {"Zzzz", "Zyyy", "Zinh"})
    for value, code in enumerate(own, 1):
        found[members(rf"\p{{Script={code}}}")] = value
    return found, np.array(["", *own])


def runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(lengths, values) of the runs of equal values."""
    starts = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    return np.diff(np.append(starts, len(values))).astype(np.int32), values[starts]


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("unicode_version", help="of the installed regex, as its README says")
    version = parser.parse_args().unicode_version
    arrays = {"properties": properties(), "lower": lower() - np.arange(SIZE, dtype=np.int32), "combining": combining()}
    arrays["sentences"] = sentences()
    arrays["scripts"], codes = scripts()
    packed = {"script_codes": codes}
    for name, values in arrays.items():
        packed[f"{name}_lengths"], packed[f"{name}_values"] = runs(values)
    path = Path(table.__file__).with_name("unicode.npz")
    assigned = np.array(members(r"\P{Cn}").sum())
    np.savez_compressed(path, unicode_version=np.array(version), assigned=assigned, **packed)  # type: ignore[arg-type]
    sys.stdout.write(f"{path}: Unicode {version}, {path.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
