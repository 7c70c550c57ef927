"""Letters and scripts: what Python and `regex` say."""

import unicodedata

import numpy as np
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from tamis.kernels import scripts, unicode

CODES = unicode.script_codes()
SOME = ["Latn", "Cyrl", "Grek", "Arab", "Hebr", "Deva", "Thai", "Hani", "Hira", "Kana", "Hang", "Ethi", "Geor", "Armn", "Khmr"]


def survey(*texts: str) -> scripts.Survey:
    """What the kernel finds."""
    encoded = [text.encode() for text in texts]
    borders = np.concatenate([[0], np.cumsum([len(text) for text in encoded])]).astype(np.int64)
    return scripts.survey(np.frombuffer(b"".join(encoded), np.uint8), borders[:-1], borders[1:])


CASES = {  # text -> letters, script
    "": (0, ""),
    "123 ... !": (0, ""),
    "word": (4, "Latn"),
    "Москва is": (8, "Cyrl"),
    "ab бв": (4, "Cyrl"),  # as many of each: the first by code
    "日本語のテキスト": (8, "Kana"),
    "日本語です": (5, "Hani"),
    "한국어": (3, "Hang"),
    "שלום": (4, "Hebr"),
    "नमस्ते": (4, "Deva"),
    "ー": (1, ""),
    "é" * 100 + "x" * 99: (199, "Latn"),
}


@pytest.mark.parametrize("text", CASES)
def test_letters_and_script(text):
    """Letters are counted in any script, and the script of most of them is named."""
    found = survey(text)
    assert (int(found.letters[0]), CODES[found.script[0]]) == CASES[text]


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30) | st.text("aB é\u0301ßДЯя中ª", max_size=200), max_size=5))
def test_like_python(texts):
    """Letters are those of `str.isalpha`; capitals and normal texts are never missed, nor any but them, by what Python knows."""
    found = survey(*texts)
    for i, text in enumerate(texts):
        known = [c for c in text if unicodedata.category(c) != "Cn"]
        if len(known) == len(text):
            assert found.letters[i] == sum(regex.match(r"\p{L}", c) is not None for c in text)
            assert found.maybe[i] or unicodedata.is_normalized("NFC", text)
            if text.isupper():
                assert found.capitals[i]
            if any("a" <= c <= "z" for c in text):
                assert not found.capitals[i]


@pytest.mark.parametrize("code", SOME)
def test_scripts_are_those_of_regex(code):
    """The table has the scripts that `regex` has."""
    ours = {chr(c) for c in np.flatnonzero(unicode.scripts() == CODES.index(code))}
    assert ours == set(regex.findall(rf"\p{{Script={code}}}", "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)))
