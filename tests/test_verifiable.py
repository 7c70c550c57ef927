"""What can be checked in text: arithmetic, code, formulas; what is false, and what is not to be counted at all."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis import judge, make_stage
from tamis.documents import utf8
from tamis.errors import RecipeError
from tamis.kernels import candidates
from tamis.stages import _arithmetic, _code_blocks, _latex

TRUE = [
    "12 × 3 = 36", "12 x 3 = 36", "2+2=4", "So 3 + 4 = 7 apples.", "(3 + 4 = 7)", "- 3 + 4 = 7", "1) 3 + 4 = 7", "1. 3 + 4 = 7", "**3 + 4 = 7**",
    "3 - 5 = -2", "3 − 5 = −2", "2(3 + 4) = 14", "(2)(3) = 6", "3² + 4² = 25", "2^10 = 1024", "2**10 = 1024", "2^{-1} = 0.5", "1/2 + 1/3 = 5/6",
    "2/3 / 1/6 = 4/1", "1 1/2 + 1/2 = 2", "20% of 50 = 10", "50 + 10% = 55", "5/10 = 50%", "5/10 × 100 = 50%", "7/2 = 3.5", "7/2 = 3", "7/2 = 4",
    "10/3 = 3.33", "10/3 = 3.3333...", "22/7 ≈ 3.14", "7006 × 1001 ≈ 7,000,000", "1,234 + 1 = 1,235", "1.000 + 500 = 1.500", "3,5 + 1,5 = 5",
    "1 250 + 500 = 1 750", "$5 + $6 = $11.", "$3 \\times 4 = 12$", "\\(3 \\cdot 4 = 12\\)", "\\frac{1}{2} + \\frac{1}{3} = \\frac{5}{6}", "<<48/2=24>>24",
    "10 = 2 × 5", "60 × 60 × 24 = 86400 seconds = a day", "24 * 7 = 1 week", "2^20 = 1 MiB", "16 ÷ 4 = 4", "5 + 2 = 7-day", "x: 3 + 4 = 7",
]  # fmt: skip
FALSE = [
    "12 × 3 = 35", "2+2=5", "So 3 + 4 = 8 apples.", "1. 3 + 4 = 8", "3 - 5 = 2", "2^10 = 1023", "1/2 + 1/3 = 2/5", "20% of 50 = 11", "7/2 = 5", "10/3 = 3.35",
    "22/7 ≈ 3.3", "1,234 + 1 = 1,236", "3,5 + 1,5 = 6", "$5 + $6 = $12.", "$3 \\times 4 = 13$", "\\frac{1}{2} + \\frac{1}{3} = \\frac{2}{5}", "<<48/2=25>>25",
    "999999999999 × 999999999999 = 3", "0.1 + 0.2 = 0.4",
]  # fmt: skip
UNCOUNTED = [
    "x = 3", "3 = 3", "2x + 3 = 7", "3 x + 4 = 10", "x + 3 + 4 = 7", "f(2 + 3) = 6", "a[1+2] = 3", "log 10 + 2 = 5", "cost - 3 + 5 = 2", "3 + 4 == 8", "3 + 4 != 8",
    "90-100 = 4.0", "2019-2020 = 30 games", "2012-05-12 = 5", "555-123-4567 = 8", "12/5/2012 = 3", "10:30 - 9:15 = 1:16", "1.2.3 + 1 = 5", "007 + 1 = 009",
    "17 / 5 = 3 R 2", "7 + 5 = 2 (mod 10)", "7 + 1 = 10 in base 8", "0x10 = 16", "utf-8 = 1", "50% = 40 people", "20% = 40", "10-3 = 0.001", "(0,1) * (0,1) = (-1,0)",
    '"5 + 5 = $0"', "-1 = 0    -0 = 1", "Problem 12 = 5 + 8", "2 + 3 = 5x + 1", "1 / 0 = 3", "9^9^9^9 = 1", "v1 2-3 = 5", "3 +", "= 5", "",
]  # fmt: skip


@pytest.mark.parametrize(("texts", "verdict"), [(TRUE, True), (FALSE, False)])
def test_arithmetic_is_judged_as_a_reader_would(texts: list[str], *, verdict: bool) -> None:
    """Each statement is found, whole, and true or false."""
    judged = {text: [true for _, true in _arithmetic.statements(text)] for text in texts}
    assert {text: found for text, found in judged.items() if not found or set(found) != {verdict}} == {}


def test_what_is_no_arithmetic_is_not_counted() -> None:
    """Dates, ranges, variables, versions, remainders, other bases and code are neither true nor false."""
    found = {text: list(_arithmetic.statements(text)) for text in UNCOUNTED}
    assert {text: said for text, said in found.items() if said} == {}


def test_chains_and_running_totals() -> None:
    """Each sign of a chain is a statement, and "5 + 3 = 8 × 2 = 16" goes on from 8."""
    assert [true for _, true in _arithmetic.statements("5 + 3 = 8 × 2 = 16")] == [True, True]
    assert [true for _, true in _arithmetic.statements("2 + 2 = 4 = 2 × 3")] == [True, False]
    assert _arithmetic.check("1 + 1 = 2, and 1 + 1 = 3;\n2 + 2 = 4") == (3, 1)


@given(a=st.integers(0, 10**6), b=st.integers(1, 10**6), sign=st.sampled_from("+-*/"), off=st.integers(-3, 3), places=st.integers(0, 4))
@settings(max_examples=300, deadline=None)
def test_any_sum_of_two_numbers(a: int, b: int, sign: str, off: int, places: int) -> None:
    """A result that is the value, rounded to what is shown, is true; one that is off by a whole unit and more of its last digit is false."""
    value = {"+": Fraction(a + b), "-": Fraction(a - b), "*": Fraction(a * b), "/": Fraction(a, b)}[sign]
    unit = Fraction(1, 10**places)
    shown = round(value / unit) * unit + off * unit
    text = f"so {a} {sign} {b} = {float(shown):.{places}f}" if places else f"so {a} {sign} {b} = {int(shown)}"
    expected = True if not off else None if abs(off) == 1 and sign == "/" else False
    if expected is not None:
        assert [true for _, true in _arithmetic.statements(text)] == [expected], text


@given(st.text(alphabet="0123456789 +-*/=().,%^$x≈×\\{}fracn\n", max_size=120))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_without_an_error(text: str) -> None:
    """Whatever stands around an equals sign, there is an answer."""
    checked, wrong = _arithmetic.check(text)
    assert 0 <= wrong <= checked


@pytest.mark.parametrize(
    "text", ["1+1=2 " * 200_000, "(" * 5000 + "1" + ")" * 5000 + "=1", "-" * 5000 + "1+1=2", "9" * 100_000 + "*2=3", "9**9**9**9=1\n" * 500]
)
def test_arithmetic_is_bounded(text: str) -> None:
    """Long, deep and huge expressions take no longer than a thousand statements do."""
    assert _arithmetic.check(text)[0] <= _arithmetic.MOST


PYTHON = "def f(x):\n    return x + 1\n"
CODE = {  # text -> (blocks counted, blocks wrong)
    "no code at all": (0, 0),
    f"```python\n{PYTHON}```": (1, 0),
    "   ```python\n   x = 1\n   ```": (1, 0),
    "    ```python\n    x = (\n    ```": (0, 0),
    f"~~~ py\n{PYTHON}~~~": (1, 0),
    "```python\ndef f(x:\n    return\n```": (1, 1),
    "```python\nprint 'two'\n```": (0, 0),
    "```python\n%timeit f(\n```": (0, 0),
    "```rust\nfn main() {}\n```": (0, 0),
    "```\nsome words (\n```": (0, 0),
    f"```python\n{PYTHON}": (0, 0),
    f"```\n{PYTHON}```": (1, 0),
    "Text:\n\n    >>> f(1)\n    2\n    >>> g(\n    ...   1)\n\nmore": (1, 0),
    "Text:\n\n    >>> f(1\n    2\n\nmore": (1, 1),
    "Text:\n\n    def f(x):\n        return x\n\nmore": (1, 0),
    "Text:\n\n    a poem with a line\n    that is indented (\n": (0, 0),
    '```json\n{"a": [1, 2, {"b": null}]}\n```': (1, 0),
    '```json\n{"a": 1,}\n```': (1, 1),
    '```json\n{"a": 1, ...}\n```': (0, 0),
    '```json\n{"a": 1}\n{"a": 2}\n```': (1, 0),
    '```json\n"a": {"b": 1}\n```': (1, 0),
    "```xml\n<a><b/>text &amp; more</a>\n```": (1, 0),
    "```xml\n<a><b></a>\n```": (1, 1),
    "```xml\n<a/>\n<b/>\n```": (1, 0),
    '```xml\n<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>\n```': (0, 0),
}


@pytest.mark.parametrize("text", CODE)
def test_code_is_judged_as_a_reader_would(text: str) -> None:
    """Blocks of Python, JSON and XML are found, and parse or do not; what cannot be judged is not counted."""
    assert _code_blocks.check(text) == CODE[text]


PATHOLOGICAL = """
from tamis.stages import _code_blocks
for code in ("(" * 60 + ")" * 60, "(" * 100_000, "-" * 40_000 + "1", "not " * 10_000 + "x", "x" + ".a" * 20_000, "x" + "+x" * 20_000, "lambda: " * 5_000 + "1",
             "x" + "[0]" * 15_000, "f" + "()" * 20_000, "a if b else " * 4_000 + "c", "9" * 40_000, "\\x00", "{" * 1000, "await " * 8000 + "x", "x = " * 10_000 + "1",
             "if 1:\\n" + "elif 1:\\n pass\\n" * 4_000, "".join(" " * i + "if 1:\\n" for i in range(300)), "*" * 40_000 + "x", "'\\\\d'", "f'{" * 200):
    _code_blocks.check(f"```python\\n{code}\\n```")
    _code_blocks.check(f"```json\\n{code}\\n```")
for code in ("[" * 100_000, '{"a":' * 40_000, "9" * 49_000, "[1" + ",1" * 20_000 + "]"):
    _code_blocks.check(f"```json\\n{code}\\n```")
_code_blocks.check("```xml\\n" + "<a>" * 16_000 + "</a>" * 1000 + "\\n```")
print("alive")
"""


def test_code_made_to_break_parsers_breaks_nothing() -> None:
    """Deep nesting, long chains and huge numbers neither end the process nor raise."""
    done = subprocess.run([sys.executable, "-c", PATHOLOGICAL], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("alive", "")


LATEX = {  # text -> (formulas counted, formulas wrong)
    "It costs $5 and $10, or $x in a shell, $PATH and ${HOME}.": (0, 0),
    "Let $x^2 + y_{ij}$ be.": (1, 0),
    "Let $\\frac{1}{2}$ and \\(\\alpha\\) be.": (2, 0),
    "Let $\\frac{1}{2$ be.": (1, 1),
    "\\[ \\left( \\frac{1}{2} \\right) \\]": (1, 0),
    "\\[ \\left( \\frac{1}{2} ) \\]": (1, 1),
    "$$\\sum_i x_i$$": (1, 0),
    "$\\alpha is never closed\n\nnew paragraph": (1, 1),
    "\\(\\beta is never closed\n\nnew paragraph": (1, 1),
    "\\begin{align}\na &= b \\\\[2pt]\n\\end{align}": (1, 0),
    "\\begin{align} a \\end{aligned}": (2, 2),
    "\\begin{a}\\begin{b}\\end{a}": (2, 1),
    "\\begin{verbatim} $\\alpha \\end{verbatim}": (1, 0),
    "`$\\alpha` in code, and\n```\n\\begin{x}\n```\n": (0, 0),
    "$\\{ a_1 \\} \\in A$": (1, 0),
    "\\$5 and $\\beta$": (1, 0),
}


NO_COMMAND = "Let $x^2 + y_{ij}$ be."
"""Only texts with a backslash somewhere are looked at."""


@pytest.mark.parametrize("text", LATEX)
def test_formulas_are_judged_as_a_reader_would(text: str) -> None:
    """Formulas and environments are found, and balanced or not."""
    assert _latex.check(text) == LATEX[text]


def test_the_scan_misses_nothing_that_is_counted() -> None:
    """Whatever a check would count is a candidate; plain prose is none."""
    for text in (*TRUE, *FALSE):
        assert candidates.kinds(*utf8(pa.array([text], pa.large_string())))[0] & candidates.EQUATION, text
    for text, (checked, _) in CODE.items():
        flagged = candidates.kinds(*utf8(pa.array([text], pa.large_string())))[0] & (candidates.FENCE | candidates.INDENTED)
        assert flagged or not checked, text
    for text, (checked, _) in LATEX.items():
        assert candidates.kinds(*utf8(pa.array([text], pa.large_string())))[0] & candidates.FORMULA or not checked or text == NO_COMMAND, (
            text
        )
    assert candidates.kinds(*utf8(pa.array(["Prose, with a = sign.\n  Two spaces.", ""], pa.large_string()))).tolist() == [0, 0]


@given(st.lists(st.text(alphabet="a1 =\n\t`~\\>(≈", max_size=150), max_size=4), st.integers(0, 70))
@settings(max_examples=200, deadline=None)
def test_the_scan_does_not_depend_on_where_a_text_lies(texts: list[str], before: int) -> None:
    """A text's kinds are those of the text alone, wherever the blocks of 64 bytes begin."""
    together = candidates.kinds(*utf8(pa.array(["x" * before, *texts], pa.large_string())))[1:]
    alone = [candidates.kinds(*utf8(pa.array([text + " " * 200, ""], pa.large_string()).slice(0, 1)))[0] for text in texts]
    short = [candidates.kinds(*utf8(pa.array([text], pa.large_string())))[0] for text in texts]
    assert together.tolist() == short
    assert all(int(a) & 13 == int(b) & 13 or "\n" in text or text for a, b, text in zip(alone, short, texts, strict=True))


def test_signals_and_rules() -> None:
    """Counts stand beside shares; a share of fewer than `least` things is null, and null is kept."""
    texts = ["1+1=2 1+1=3 1+1=4", "1+1=3", "prose", "1+1=2 2+2=4 1+1=3 1+1=2"]
    stage = make_stage("verifiable")
    frame = stage.measure(pa.table({"text": pa.array(texts, pa.large_string())}))
    assert frame["statements"].to_list() == [3, 1, 0, 4]
    assert frame["wrong_statements"].to_list() == [2, 1, 0, 1]
    assert frame["wrong_statement_share"].to_list() == [2 / 3, None, None, 0.25]
    assert judge(pa.table({"text": texts}), [stage])["reasons"].to_list() == [["too much arithmetic is wrong"], [], [], []]
    half = ["1+1=2 1+1=3 1+1=2 1+1=3"]
    assert judge(pa.table({"text": half}), [stage])["copies"].to_list() == [1]
    strict = make_stage("verifiable", least=1, max_wrong_statement_share=0.49)
    assert judge(pa.table({"text": [*half, texts[1]]}), [strict])["copies"].to_list() == [0, 0]
    code = make_stage("verifiable", least=1, max_wrong_code_share=0.5, max_wrong_formula_share=0.5)
    found = judge(pa.table({"text": ["```json\n{]\n```", "$\\frac{1$"]}), [code])["reasons"].to_list()
    assert found == [["too much code does not parse"], ["too many formulas are not balanced"]]
    assert frame["wrong_code_share"].dtype == frame["wrong_formula_share"].dtype == frame["wrong_statement_share"].dtype
    assert not np.isnan(frame["wrong_statement_share"].fill_null(0).to_numpy()).any()


def test_a_share_of_nothing_is_refused() -> None:
    """`least: 0` is a mistake, and said to be one."""
    with pytest.raises(RecipeError, match=r'verifiable: "least" must be at least 1, not 0'):
        make_stage("verifiable", least=0)
