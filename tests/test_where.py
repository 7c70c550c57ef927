"""Conditions mean what they would mean in Python, with null counting as not met; what is not understood is said."""

from __future__ import annotations

from contextlib import suppress

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.errors import StageError
from tamis.where import condition, names_in, values_compared

FRAME = pl.DataFrame({
    "doc.lang": ["en", "fr", None, "de"],
    "doc.n": [1, 2, 3, None],
    "quality.score": [0.1, None, 0.7, 0.9],
    "doc.ok": [True, False, None, True],
})
CASES = {
    'lang == "fr"': "-x--",
    'lang != "fr"': "x--x",
    'not lang == "fr"': "x--x",
    'lang in ["en", "de"]': "x--x",
    'lang in ("en",)': "x---",
    'lang not in ["en", "de"]': "-x--",
    "lang is None": "--x-",
    "lang == None": "--x-",
    "lang is not None": "xx-x",
    "lang != None": "xx-x",
    "None == lang": "--x-",
    "None is not lang": "xx-x",
    "lang in ['fr', None]": "-x--",
    "n in [1, 2.5]": "x---",
    "n in []": "----",
    "n in [2.0, None]": "-x--",
    "n not in [2.5, 3]": "xx--",
    "quality.score not in [0, 1]": "x-xx",
    "ok in [True]": "x--x",
    "n > 1": "-xx-",
    "1 < n <= 3": "-xx-",
    "3 >= n": "xxx-",
    "n * 2 - 1 == 3": "-x--",
    "n / 2 == 1.5": "--x-",
    "n == -1 + 2": "x---",
    "quality.score > 0.5": "--xx",
    "quality.score > 0.5 and n > 1": "--x-",
    "quality.score > 0.5 or n > 1": "-xxx",
    "not (quality.score > 0.5 or n > 1)": "x---",
    "ok == True": "x--x",
    "ok": "x--x",
    "not ok": "-x--",
    "  n == 1  ": "x---",
    "True": "xxxx",
}


@pytest.mark.parametrize("text", CASES)
def test_conditions(text: str) -> None:
    """Rows that meet the condition, by hand."""
    met = FRAME.select(pl.repeat(value=True, n=4).and_(condition(text)).alias("met"))["met"].to_list()
    assert "".join({True: "x", False: "-", None: "?"}[one] for one in met) == CASES[text]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("lang == 'fr' and quality.score > quality.score * 2 and lang != 'x'", ("doc.lang", "quality.score")),
        ("a.b.c > 1", ("a.b.c",)),
        ("True", ()),
        ("n in [1, 2] or text.bytes > 3", ("doc.n", "text.bytes")),
    ],
)
def test_names(text: str, names: tuple[str, ...]) -> None:
    """The columns that a condition looks at, each once, in order of appearance."""
    assert names_in(text) == names


REFUSED = {
    "lang ==": "invalid syntax",
    "lang and": "invalid syntax",
    "len(lang) > 2": '"len(lang)" is not understood',
    "lang[0] == 'f'": '"lang[0]" is not understood',
    "__import__('os').system('true')": "\"__import__('os').system('true')\" is not understood",
    "lambda: 1": '"lambda: 1" is not understood',
    "n ** 2 > 3": '"n ** 2" is not understood',
    "n in 3": '"in" wants a list of values, not "3"',
    "n in other": '"in" wants a list of values, not "other"',
    "lang is 'fr'": "\"lang is 'fr'\" is not understood",
    "n < None": '"n < None" is not understood',
    "1 <= n > None": '"n > None" is not understood',
    "None >= n": '"None >= n" is not understood',
    "lang == ...": '"..." is not understood',
    "n == 1j": '"1j" is not understood',
    "lang == b'fr'": "\"b'fr'\" is not understood",
    "n == 18446744073709551616": '"18446744073709551616" is not understood',
    "lang in ['fr', 1]": "\"in\" wants a list of values, not \"['fr', 1]\"",
    "ok in [True, 1]": '"in" wants a list of values, not "[True, 1]"',
    "n in [[1]]": '"in" wants a list of values, not "[[1]]"',
    "n in {1: 2}": '"in" wants a list of values, not "{1: 2}"',
    "n in [1j]": '"in" wants a list of values, not "[1j]"',
    "x if y else z": '"x if y else z" is not understood',
}


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize("text", REFUSED)
def test_refused(text: str) -> None:
    """What is no condition is quoted, with what in it is not understood."""
    with pytest.raises(StageError) as caught:
        condition(text)
    assert str(caught.value) == f"""the condition "{text}" cannot be read: {REFUSED[text]}.\nFix: write it like lang == "fr" and quality.score > 0.5"""


COMPARED = {
    "stage == 'a' or not (stage != 'b')": ("a", "b"),
    "'c' == stage and stage in ['a', 'c']": ("c", "a"),
    "stage not in ('x', 'y')": ("x", "y"),
    "stage is None and lang == 'fr'": (None,),
    "doc.stage == 'x' or n == 3 or stage == lang": (),
}


@pytest.mark.parametrize("text", COMPARED)
def test_values_compared(text: str) -> None:
    """What a condition compares a name with is found wherever it stands; what it compares others with is not."""
    assert sorted(map(str, values_compared(text, "stage"))) == sorted(map(str, COMPARED[text]))


def test_in_a_text() -> None:
    """`in` wants a list; a text is none."""
    with pytest.raises(StageError, match='"in" wants a list of values'):
        condition('lang in "fr"')


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=20), st.lists(st.sampled_from(["(", ")", "[", "]", "n", "lang", ".", "==", "<", ">", "in", "not", "and", "or", "1", "1j", "...", "b''", "'a'", ",", "None", "is", "-", "*", "if", ":", "="]), max_size=12).map(" ".join)))
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_any_text(text: str) -> None:
    """Any text is a condition or is refused in words; nothing else happens."""
    with suppress(StageError):
        assert isinstance(condition(text), pl.Expr)
