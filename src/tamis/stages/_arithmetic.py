"""Arithmetic statements in text, true or false: "12 × 3 = 36", "1/2 + 1/3 = 5/6", "20% of 50 = 10", "5 + 3 = 8 × 2 = 16".

A statement is wrong only if no plausible reading of it is true. What is not clearly arithmetic is not counted: dates,
ranges ("90-100 = 4.0"), "x = 3", "f(2 + 3) = 6", "3 x + 4 = 10", remainders, other bases.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product

from tamis.stages._expression import NotArithmetic, Parser, Style, Token, Value, equal

MOST = 1_000
"""Statements of one text that are looked at: the first ones."""
REACH = 160
"""Characters on either side of an equals sign that are looked at."""

_SIGN = re.compile(r"(?<![=<>!:~^*+\-/|&.])=(?![=>~])|≈|\\approx\b")
_TOKEN = re.compile(
    r"""(?P<space>[ \t\u00a0\u202f\u2009]+|\\[,;!: ()\[\]\\]|\\(?:left|right)(?=[()])|\\?\$|[€£¥₹])
    |\\[dt]?frac\{(?P<over_part>[\d.,]+)\}\{(?P<under_part>[\d.,]+)\}(?P<fraction>)
    |(?P<number>\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?!\d)(?:[.,]\d+)?|\d+(?:(?:[.,]|\{,\})\d+)*|\.\d+)
    |(?P<exponent>[²³]|\^\{-?\d+\})
    |(?P<open>\()|(?P<close>\))
    |(?P<percent>\\?%)
    |(?P<of>of\b)
    |(?P<times>[×⋅·]|\\times\b|\\cdot\b|\*(?!\*)|[xX](?=[ ]+[\d(.$€£])(?<=[\d)%][ ]x))
    |(?P<over>[÷∕/]|\\div\b)
    |(?P<plus>\+)|(?P<minus>[-−]|–(?=[ ]))
    |(?P<power>\^|\*\*)
    |(?P<word>[^\W\d_]+)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_NEVER_MATH = ("word", "other")
_NEED_AN_OPERAND = frozenset(
    [
        "plus",
        "minus",
        "times",
        "of",
        "over",
        "by",
        "mod",
        "per",
        "log",
        "ln",
        "exp",
        "sin",
        "cos",
        "tan",
        "sqrt",
        "root",
        "lim",
        "max",
        "min",
        "base",
        "from",
        "between",
        "than",
        "to",
    ]
)
"""Words after which a number is only a part of what is meant."""
_OPENING = frozenset("([{<>|\"'“‘«=→⇒•►`~∴")
_ENDING = frozenset(".:;,?!)]}…—>|\"'”’") | _OPENING
_OTHERWISE = re.compile(
    r"[\s$]*[\d.,]+\s{0,2}(?:\(?\s*mod\b|r(?:em(?:ainder)?)?\.?\s?\d|remainder\b|\(?(?:in )?(?:base|binary|hex|octal)\b|[₀-₉])",
    re.IGNORECASE,
)
"""A result with a remainder, or of another base."""
_FACTORS = (7, 12, 24, 60, 100, 168, 365, 1000, 1024, 3600, 86400, 10**6, 2**20, 10**9, 2**30)
"""Of one unit in another."""
_VARIABLE = re.compile(r"\s*\$\d\b(?![.,]\d)")
"""Of a shell or an installer: "5 + 5 = $0"."""
_UNITS = frozenset("mgshlLKJNWVACFMBTRkdDcp")
_PROSE_COMMANDS = frozenset(
    [
        "text",
        "textbf",
        "textrm",
        "mathrm",
        "rm",
        "mbox",
        "quad",
        "qquad",
        "ldots",
        "dots",
        "end",
        "approx",
        "ne",
        "rightarrow",
        "Rightarrow",
        "to",
        "implies",
    ]
)
_STYLES: tuple[Style, Style] = ("english", "continental")


def check(text: str) -> tuple[int, int]:
    """How many arithmetic statements a text makes, and how many of them no reading makes true."""
    verdicts = [true for _, true in statements(text)]
    return len(verdicts), verdicts.count(False)


def statements(text: str) -> Iterator[tuple[str, bool]]:
    """Each arithmetic statement as it stands, in order, and whether it is true."""
    end = -1
    signs = list(_SIGN.finditer(text))
    for i, sign in enumerate(signs[:MOST]):
        line = text.rfind("\n", 0, sign.start()) + 1
        start = max(end, line, sign.start() - REACH)
        whole, chained, end = start in (line, end), start == end, sign.end()
        next_line = text.find("\n", end)
        stops = [end + REACH, len(text), *([next_line] if next_line >= 0 else []), *([signs[i + 1].start()] if i + 1 < len(signs) else [])]
        left, right = text[start : sign.start()], text[end : min(stops)]
        if not _is_numeric(left, right):
            continue
        true = _judge(left, right, whole=whole, chained=chained, about=sign.group() != "=")
        if true is not None:
            yield f"{left.strip()} {sign.group()} {right.strip()}", true


def _is_numeric(left: str, right: str) -> bool:
    """Whether both sides may be numbers: cheap, for most equals signs stand in code."""
    a, b = left.rstrip()[-1:], right.lstrip()[:1]
    return (a.isdigit() or a in ")%}²³$") and a != "" and (b.isdigit() or b in "($-−–+.\\€£¥₹")


def _judge(left: str, right: str, *, whole: bool, chained: bool, about: bool) -> bool | None:
    """Whether left = right is true; None: not clearly arithmetic.

    A number before the sign may be a label ("Problem 12 = 5 + 8") unless it is a result itself.

    Args:
        left: what stands before the sign, from the last sign or the beginning of the line on.
        right: what stands after it.
        whole: `left` begins where a line or a side begins.
        chained: `left` begins after another sign.
        about: the sign is "≈".
    """
    before, after = _tokens(left), _tokens(right)
    if _OTHERWISE.match(right) or (_VARIABLE.match(right) and "$" not in left):
        return None
    starts, judged = _starts(before, whole=whole), False
    for style, percent in product(_STYLES, (True, False)) if starts else ():
        try:
            b, rest = _prefix(after, style, percent=percent)
        except NotArithmetic:
            continue
        for tokens in starts if _ends(rest) else ():
            try:
                a = _all(tokens, style, percent=percent)
            except NotArithmetic:
                continue
            if (a.operators or b.operators) and not (
                _is_range(tokens, a, b) or _is_range(after[: len(after) - len(rest)], b, a, loose=True)
            ):
                if equal(a, b, about=about) or _goes_on(a, after, style, about=about) or _in_units(a, b, rest):
                    return True
                judged |= not (a.unsigned or b.unsigned) and (a.operators > 0 or (chained and len(tokens) == len(before)))
    return False if judged else None


def _tokens(text: str) -> list[Token]:
    found, spaced = [], False
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup)
        if kind == "space":
            spaced = True
            continue
        said = f"{match['over_part']} {match['under_part']}" if kind == "fraction" else match.group()
        if kind == "exponent":
            said = {"²": "2", "³": "3"}.get(said, said.strip("^{}"))
        found.append(Token(kind, said, spaced))
        spaced = False
    return found


def _prefix(tokens: Sequence[Token], style: Style, *, percent: bool) -> tuple[Value, Sequence[Token]]:
    """The expression that tokens begin with, and what follows it."""
    parser = Parser(tokens, style, percent)
    return parser.expression(), tokens[parser.at :]


def _all(tokens: Sequence[Token], style: Style, *, percent: bool) -> Value:
    value, rest = _prefix(tokens, style, percent=percent)
    if rest:
        raise NotArithmetic
    return value


def _goes_on(a: Value, after: Sequence[Token], style: Style, *, about: bool) -> bool:
    """Whether the right side begins with the result and goes on from there: "5 + 3 = 8 × 2 = 16"."""
    return after[0].kind == "number" and len(after) > 1 and equal(a, _prefix(after[:1], style, percent=True)[0], about=about)


def _in_units(a: Value, b: Value, rest: Sequence[Token]) -> bool:
    """Whether the sides agree in other units: "20000 * 8 = 160 kilobytes", "24 * 7 = 1 week"."""
    return bool(rest) and rest[0].kind == "word" and any(equal(a, Value(b.value * factor, 1), about=False) for factor in _FACTORS)


def _starts(tokens: Sequence[Token], *, whole: bool) -> list[Sequence[Token]]:
    """What the left side may be: the tokens of arithmetic at the end, without a bullet, a number or a parenthesis before them.

    None if they are but the end of something else.
    """
    s = len(tokens)
    while s and tokens[s - 1].kind not in _NEVER_MATH:
        s -= 1
    run = tokens[s:]
    if not run or not (_is_clean(tokens, s) if s else whole):
        return []
    kinds = [token.kind for token in run[:2]]
    if s == 0 and kinds == ["number", "close"]:  # "1) 3 + 4 = 7"
        return [run[2:]]
    if len(run) > 1 and kinds[0] in ("minus", "plus", "times") and s == 0 and run[1].spaced:  # a bullet, or a sign
        return [run[1:], run]
    if kinds[0] == "power":  # "**3 + 4 = 7**"
        return [run[1:]]
    unclosed = sum((token.kind == "open") - (token.kind == "close") for token in run)
    while unclosed > 0 and run and run[0].kind == "open":  # "(3 + 4 = 7)"
        run, unclosed = run[1:], unclosed - 1
    if kinds == ["number", "number"] and run[1].spaced:  # "Problem 12 3 + 4 = 7", or "1 1/2 + 1/2 = 2"
        return [run, run[1:]]
    return [run]


def _is_clean(tokens: Sequence[Token], s: int) -> bool:
    """Whether what stands before token s is no part of the arithmetic that begins there."""
    before, first = tokens[s - 1], tokens[s]
    if before.kind == "word":
        said = before.text
        is_variable = len(said) == 1 and said not in "aAI"
        return first.spaced and not is_variable and said.lower() not in _NEED_AN_OPERAND and first.kind not in ("plus", "minus")
    if before.text in _OPENING:
        return before.text != "[" or before.spaced or s == 1
    named = before.text == ":" and s > 1 and tokens[s - 2].kind == "word"
    return before.text in _ENDING and (first.spaced or named)


def _ends(rest: Sequence[Token]) -> bool:
    """Whether a result is whole, as far as the tokens after it tell."""
    if not rest:
        return True
    first, then = rest[0], rest[1] if len(rest) > 1 else Token("other", "", spaced=True)
    match first.kind:
        case "close" | "of":
            return True
        case "number" | "open":
            return first.spaced
        case "minus":  # "7-day", "7 - so", and the next of some numbers, "7 -3"
            return (then.kind == "word" and (not first.spaced or len(then.text) > 1)) or (first.spaced and then.kind == "number")
        case "times" | "power":  # "= 7**"
            return not first.spaced and (then.spaced or then.kind == "other")
        case "word":
            said = first.text
            return (
                (first.spaced or then.kind != "minus")
                and said.lower() != "pi"
                and (len(said) > 1 or (first.spaced and (said in _UNITS or said in "aAI")))
            )
        case "other":
            return _ends_by_mark(first, then)
    return False


def _ends_by_mark(first: Token, then: Token) -> bool:
    if first.text == "\\":
        return then.kind != "word" or then.text in _PROSE_COMMANDS
    if first.text in ":.,":
        return then.spaced or then.kind not in ("number", "word")
    return first.text != "_" and (first.text != "[" or first.spaced)


def _is_range(tokens: Sequence[Token], a: Value, b: Value, *, loose: bool = False) -> bool:
    """Whether a side is no sum, but a range ("90-100 = 4.0"), years, a date, a telephone number, or a power of ten ("10-3 = 0.001").

    Args:
        tokens: of the side.
        a: what it comes to.
        b: what the other side comes to.
        loose: spaces do not matter: "\\tempo 4 = 40 - 46".
    """
    between = tokens[1::2]
    if not between or len({token.kind for token in between}) != 1 or any(token.kind != "number" for token in tokens[::2]):
        return False
    dense = not any(token.spaced for token in tokens[1:])
    if len(between) > 1:
        return dense and between[0].kind in ("minus", "over")
    if between[0].kind != "minus" or not (dense or loose):
        return False
    years = all(len(token.text) == 4 and token.text[0] in "12" for token in tokens[::2])
    falling = a.value < 0 and (b.value >= 0 or b.operators > 0)
    power = tokens[0].text == "10" and 0 < b.value < 1
    return years or falling or power
