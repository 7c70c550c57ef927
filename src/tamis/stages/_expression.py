"""Numbers and expressions as people write them, valued exactly, in the style of English or of the Continent.

Nothing is executed: tokens, a grammar of five operators, and fractions of whole numbers of bounded size.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

Style = Literal["english", "continental"]
DEEPEST = 20
"""Parentheses inside parentheses, and signs before signs."""
LARGEST_EXPONENT = 64
MOST_DIGITS = 30
"""Of a number, and of the base of a power."""

_SPACES = re.compile(r"[ \u00a0\u202f]|\{,\}")
_GROUPED = {"english": re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?"), "continental": re.compile(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?")}
_PLAIN = {"english": re.compile(r"\d*\.?\d+"), "continental": re.compile(r"\d*,?\d+")}


class NotArithmetic(ValueError):
    """Tokens that are no expression, or one that is too large to be worked out."""


@dataclass(frozen=True)
class Token:
    """A piece of text that may stand in arithmetic: its kind, what it says, and whether space comes before it."""

    kind: str
    text: str
    spaced: bool


@dataclass(frozen=True)
class Value:
    """What an expression comes to.

    Args:
        value: exactly.
        operators: how many it has; 0: a bare number.
        unit: of a bare number, that of its last digit, and of its last one that is not 0; None otherwise.
        first: the value of its first number, as written.
        decimals: whether it has a number with decimals.
        unsigned: whether it has a product without a sign, "2(3 + 4)", which may be a function of a name that is a number.
    """

    value: Fraction
    operators: int = 0
    unit: tuple[Fraction, Fraction] | None = None
    first: Fraction | None = None
    decimals: bool = False
    unsigned: bool = False


def number(text: str, style: Style) -> Value:
    """The value of digits with separators.

    Raises:
        NotArithmetic: they are no number in this style: "1.2.3", "007", "3,5" in English.
    """
    digits = _SPACES.sub("", text)
    thousands, point = (",", ".") if style == "english" else (".", ",")
    if _GROUPED[style].fullmatch(digits):
        digits = digits.replace(thousands, "")
    elif not _PLAIN[style].fullmatch(digits):
        raise NotArithmetic
    whole, _, decimals = digits.partition(point)
    if len(digits) > MOST_DIGITS or (len(whole) > 1 and whole[0] == "0"):
        raise NotArithmetic
    value, unit = Fraction(int(whole + decimals or "0"), 10 ** len(decimals)), Fraction(1, 10 ** len(decimals))
    zeros = len(whole + decimals) - len((whole + decimals).rstrip("0")) if value else 0
    return Value(value, 0, (unit, unit * 10**zeros), value, bool(decimals))


@dataclass
class Parser:
    """Reads the longest expression at the beginning of tokens.

    Args:
        tokens: of kinds number, fraction, open, close, percent, of, times, over, plus, minus, power, exponent.
        style: of numbers.
        percent: "20%" is 20/100, or 20, as after "5 / 25 × 100 =".
    """

    tokens: Sequence[Token]
    style: Style
    percent: bool = True
    at: int = 0
    depth: int = 0

    def expression(self) -> Value:
        """A sum; "50 + 10%" is 50 and a tenth of it."""
        total = self._term()
        while (kind := self._kind()) in ("plus", "minus"):
            if not self._operand(self.at + 1) or self._is_sign():
                break
            begin = self.at = self.at + 1
            term = self._term()
            share = self.percent and term.operators == 0 and self.tokens[self.at - 1].kind == "percent" and self.at - begin == 2
            part = term.value * total.value if share else term.value
            total = self._joined(total, term, total.value + part if kind == "plus" else total.value - part)
        return total

    def _term(self) -> Value:
        product = self._signed()
        while True:
            kind = self._kind()
            if kind in ("times", "over", "of"):
                if not self._operand(self.at + 1):
                    return product
                self.at += 1
            elif not self._is_product():
                return product
            unsigned = kind in ("open", "number")
            loose = self.tokens[self.at - 1].spaced
            factor = self._signed()
            while loose and kind == "over" and self._is_tight_fraction():  # "2/3 / 1/6" divides two fractions
                self.at += 1
                factor = self._divided(factor, self._signed())
            joined = self._divided(product, factor) if kind == "over" else self._joined(product, factor, product.value * factor.value)
            product = replace(joined, unsigned=unsigned or joined.unsigned)

    def _is_product(self) -> bool:
        """Whether a product without a sign follows: "2(3 + 4)", "(2)(3)", "(1 + 2)3"."""
        if not 0 < self.at < len(self.tokens) or self.tokens[self.at].spaced:
            return False
        before, kind = self.tokens[self.at - 1].kind, self.tokens[self.at].kind
        return (kind == "open" and before in ("number", "close")) or (kind == "number" and before == "close")

    def _signed(self) -> Value:
        if self._kind() in ("plus", "minus"):
            negative = self._kind() == "minus"
            self._deeper()
            self.at += 1
            inner = self._signed()
            self.depth -= 1
            value = -inner.value if negative else inner.value
            return replace(inner, value=value, first=value)
        return self._power()

    def _power(self) -> Value:
        base = self._atom()
        if self._kind() == "exponent":
            exponent = Value(Fraction(int(self.tokens[self.at].text)))
            self.at += 1
        elif self._kind() == "power" and self._operand(self.at + 1):
            self.at += 1
            exponent = self._signed()
        else:
            return base
        size = len(str(base.value.numerator)) + len(str(base.value.denominator))
        if (
            exponent.value.denominator != 1
            or abs(exponent.value) > LARGEST_EXPONENT
            or size > MOST_DIGITS
            or (not base.value and exponent.value < 0)
        ):
            raise NotArithmetic
        return self._joined(base, exponent, base.value ** int(exponent.value))

    def _atom(self) -> Value:
        kind = self._kind()
        if kind == "open":
            self._deeper()
            begin = self.at = self.at + 1
            inner = self.expression()
            is_pair = not inner.operators and any("," in token.text for token in self.tokens[begin : self.at])
            if self._kind() != "close" or is_pair:
                raise NotArithmetic
            self.at += 1
            self.depth -= 1
            return self._percent(replace(inner, unit=None))
        if kind == "fraction":
            over, under = (number(part, self.style) for part in self.tokens[self.at].text.split())
            self.at += 1
            return self._divided(over, under)
        if kind != "number":
            raise NotArithmetic
        found = number(self.tokens[self.at].text, self.style)
        self.at += 1
        return self._mixed(found) or self._percent(found)

    def _mixed(self, whole: Value) -> Value | None:
        """ "1 1/2": a whole number and a fraction below 1."""
        ahead = self.tokens[self.at : self.at + 3]
        if [token.kind for token in ahead] != ["number", "over", "number"] or not ahead[0].spaced or ahead[1].spaced or ahead[2].spaced:
            return None
        over, under = number(ahead[0].text, self.style), number(ahead[2].text, self.style)
        if whole.decimals or not 0 < over.value < under.value:
            return None
        self.at += 3
        return Value(whole.value + over.value / under.value, 1, None, whole.value)

    def _percent(self, found: Value) -> Value:
        if self._kind() != "percent":
            return found
        self.at += 1
        if not self.percent:
            return found
        unit = (found.unit[0] / 100, found.unit[1] / 100) if found.unit else None
        return replace(found, value=found.value / 100, unit=unit)

    def _divided(self, a: Value, b: Value) -> Value:
        if not b.value:
            raise NotArithmetic
        return self._joined(a, b, a.value / b.value)

    def _joined(self, a: Value, b: Value, value: Fraction) -> Value:
        if value.numerator.bit_length() + value.denominator.bit_length() > 4_000:
            raise NotArithmetic
        return Value(value, a.operators + b.operators + 1, None, a.first, a.decimals or b.decimals, a.unsigned or b.unsigned)

    def _kind(self) -> str:
        return self.tokens[self.at].kind if self.at < len(self.tokens) else ""

    def _is_tight_fraction(self) -> bool:
        """Whether "/6" follows without space."""
        ahead = self.tokens[self.at : self.at + 2]
        return [token.kind for token in ahead] == ["over", "number"] and not any(token.spaced for token in ahead)

    def _is_sign(self) -> bool:
        """Whether the "-" here begins the next of several numbers: "7 -3"."""
        return self.tokens[self.at].spaced and not self.tokens[self.at + 1].spaced

    def _operand(self, i: int) -> bool:
        """Whether something that may be valued stands at i: "7-day" and "5/h" end before their sign."""
        while i < len(self.tokens) and self.tokens[i].kind in ("plus", "minus"):
            i += 1
        return i < len(self.tokens) and self.tokens[i].kind in ("number", "open", "fraction")

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise NotArithmetic


def equal(left: Value, right: Value, *, about: bool) -> bool:
    """Whether two sides agree, as far as what is shown tells.

    A bare number stands for what is rounded to it, or cut off at its last digit, where its digits cannot say the value
    itself; with "≈", for all within one of its last digit that is not 0. Two sums agree exactly, or, with decimals, within .1 %.
    """
    if left.value == right.value:
        return True
    shown, other = (right, left) if right.operators == 0 else (left, right)
    if shown.unit is None or shown.operators:
        loose = (left.decimals or right.decimals or about) and right.value != 0
        return bool(loose and abs(left.value / right.value - 1) < Fraction(1, 1000))
    difference = abs(other.value) - abs(shown.value) if other.value * shown.value >= 0 else abs(other.value - shown.value)
    if about:
        return abs(difference) < shown.unit[1]
    fits = (other.value / shown.unit[0]).denominator == 1
    return not fits and (abs(difference) <= shown.unit[0] / 2 or 0 <= difference < shown.unit[0])
