"""The tables of code points say what Python and `regex` say."""

import importlib.util
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import regex

from tamis.kernels import unicode

NOT_SURROGATES = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def has(bit: int, rule: unicode.WordRule = "unicode") -> set[int]:
    """The code points with a bit."""
    return set(np.flatnonzero(unicode.flags(rule) & bit).tolist())


def known() -> list[int]:
    """Code points that this Python knows, and of whose category `regex` thinks the same."""
    return [c for c in NOT_SURROGATES if (kind := unicodedata.category(chr(c))) != "Cn" and regex.match(rf"\p{{{kind}}}", chr(c))]


KNOWN = known()


def test_table_is_what_its_generator_writes():
    """With the `regex` it was made with, tools/build_unicode_table.py gives the same tables again."""
    path = Path(__file__).parents[1] / "tools" / "build_unicode_table.py"
    generator = importlib.util.module_from_spec(spec := importlib.util.spec_from_file_location("generator", path))
    spec.loader.exec_module(generator)
    if generator.members(r"\P{Cn}").sum() != unicode._file()["assigned"]:
        pytest.skip("the installed regex has another Unicode version")
    assert (generator.properties() == unicode.flags()).all()
    assert (generator.combining() == unicode.combining()).all()
    assert (generator.sentences() == unicode.sentences()).all()
    agree = np.array(KNOWN)
    assert (generator.lower()[agree] == unicode.lower()[agree]).all()


@pytest.mark.parametrize(
    ("bit", "says_python"),
    [
        (unicode.SPACE, str.isspace),
        (unicode.LINE_END, lambda c: len(f"{c}x".splitlines()) == 2),
        (unicode.LETTER, str.isalpha),
        (unicode.DIGIT, str.isdecimal),
        (unicode.LETTER | unicode.NUMBER, str.isalnum),
        (unicode.PUNCTUATION, lambda c: unicodedata.category(c)[0] in "PS"),
    ],
)
def test_properties_are_those_of_python(bit, says_python):
    """For every character that Python knows, a bit is set exactly where the method of `str` says so."""
    assert has(bit) & set(KNOWN) == {c for c in KNOWN if says_python(chr(c))}


def test_capitals_are_those_of_python():
    """A character that Python knows is a capital exactly where `str.isupper` says so."""
    capitals = set(np.flatnonzero(unicode.sentences() & unicode.UPPERCASE).tolist())
    assert capitals & set(KNOWN) == {c for c in KNOWN if chr(c).isupper()}


def test_each_code_point_has_one_part_in_a_word_rule():
    """No code point is two of separator, mark, alone and run."""
    for rule in ("unicode", "whitespace"):
        flags = unicode.flags(rule)
        parts = [unicode.SEPARATOR, unicode.MARK, unicode.ALONE, unicode.RUN]
        assert sum(((flags & part) != 0).astype(int) for part in parts).max() == 1


def test_whitespace_rule_has_only_runs_and_separators():
    """Under the rule "whitespace" a code point is white space, or part of a run."""
    assert has(unicode.SEPARATOR, "whitespace") == has(unicode.SPACE)
    assert has(unicode.RUN, "whitespace") == set(range(0x110000)) - has(unicode.SPACE)
    assert not has(unicode.MARK | unicode.ALONE | unicode.JOINS_DIGITS | unicode.JOINS_LETTERS, "whitespace")


def test_lower_is_the_simple_mapping():
    """Lower case is that of `str.lower`, of which only the first character is taken ("İ")."""
    lower = unicode.lower()
    assert [c for c in KNOWN if lower[c] != ord(chr(c).lower()[0])] == []
    assert chr(lower[ord("İ")]) == "i"


def test_lower_case_never_needs_twice_the_bytes():
    """The scratch space of the hash kernel is enough: no code point grows by more than half."""
    grown = {c for c in NOT_SURROGATES if len(chr(unicode.lower()[c]).encode()) * 2 > len(chr(c).encode()) * 3}
    assert grown == set()


@pytest.mark.parametrize(("form", "bit"), [("NFC", unicode.MAYBE_NOT_NFC), ("NFKC", unicode.MAYBE_NOT_NFKC)])
def test_whatever_is_not_normal_is_flagged(form, bit):
    """A character that a normal form changes has the bit, and so has the second half of every composition."""
    flagged = has(bit)
    assert {c for c in KNOWN if unicodedata.normalize(form, chr(c)) != chr(c)} <= flagged
    decomposed = {c: unicodedata.normalize("NFD", chr(c)) for c in KNOWN if unicodedata.normalize("NFC", chr(c)) == chr(c)}
    assert {ord(parts[-1]) for parts in decomposed.values() if len(parts) > 1} <= flagged
    assert set(range(0x300)) & flagged == {c for c in range(0x300) if unicodedata.normalize(form, chr(c)) != chr(c)}


def test_combining_classes_are_those_of_python():
    """The combining class of every character that Python knows is `unicodedata.combining`."""
    assert [hex(c) for c in KNOWN if unicode.combining()[c] != unicodedata.combining(chr(c))] == []


@pytest.mark.parametrize(("table", "dtype"), [(unicode.flags(), np.uint16), (unicode.lower(), np.int32), (unicode.combining(), np.uint8)])
def test_tables_cover_unicode_and_cannot_be_changed(table, dtype):
    """Every table has one entry a code point, and is read-only, for it is shared."""
    assert (table.shape, table.dtype, table.flags.writeable) == ((0x110000,), dtype, False)


def test_tables_do_not_load_numba():
    """The tables and the compiled-kernel folder can be asked without loading numba."""
    code = "import sys; from tamis.kernels import cache, unicode; unicode.flags(); cache.compiled('x')"
    code += "; print('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
