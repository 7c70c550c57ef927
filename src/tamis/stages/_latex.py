r"""Formulas of LaTeX in text, and whether they are balanced: "$", "\(", "\[", "\begin" and "\end", braces, "\left" and "\right".

A formula counts if it holds one of the common commands of mathematics ("\frac") or an index or power of a single letter ("x^2",
"a_{ij}"), so that prices and variables of shells are none. Code between fences or backticks is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

MOST = 2_000
"""Formulas and environments of one text that are looked at: the first ones."""

_CODE = re.compile(r"^[ ]{0,3}(`{3,}|~{3,})[^\n]*\n.*?^[ ]{0,3}\1[^\n]*$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_MARK = re.compile(r"\\\\|\\\$|\\begin\{(?P<begin>[A-Za-z]+\*?)\}|\\end\{(?P<end>[A-Za-z]+\*?)\}|\\[(\[]|\$\$?")
_CLOSING = {
    "\\(": re.compile(r"\\\\|(?P<close>\\\))|\n[ \t]*\n"),
    "\\[": re.compile(r"\\\\|(?P<close>\\\])|\n[ \t]*\n"),
    "$$": re.compile(r"\\\\|\\\$|(?P<close>\$\$)|\n[ \t]*\n"),
    "$": re.compile(r"\\\\|\\\$|(?P<close>\$)|\n[ \t]*\n"),
}
_NAMES = (
    "[dt]?frac sqrt sum prod i?int oint lim log ln exp sin cos tan cdots? ldots dots times div pm mp leq? geq? neq? approx equiv sim propto infty partial "
    "nabla in notin subseteq subset cup cap forall exists to rightarrow Rightarrow mapsto implies iff mathbb mathbf mathcal mathrm mathit mathfrak text(?:it|bf|rm)? "
    "operatorname left right over choose binom bmod pmod quad hat bar vec overline underline tilde ell deg max min "
    "alpha beta gamma delta epsilon varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi varphi chi psi omega "
    "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
)
_COMMAND = re.compile(rf"\\(?:{_NAMES.replace(' ', '|')})(?![A-Za-z])")
_MATHS = re.compile(rf"{_COMMAND.pattern}|(?<![A-Za-z\\$])[A-Za-z)}}][\^_]\{{?[A-Za-z0-9]+(?![A-Za-z0-9_])")
_CODE_LIKE = re.compile(r"\"[;,)]|=~|->|&&|\$\{|\\n\"")
_PIECE = re.compile(r"\\\\|\\[{}]|(?P<brace>[{}])|\\(?P<side>left|right)(?![A-Za-z])|\\(?P<border>begin|end)\{(?P<name>[A-Za-z]+\*?)\}")
_VERBATIM = frozenset({"verbatim", "lstlisting", "minted", "alltt", "comment"})


def check(text: str) -> tuple[int, int]:
    """How many formulas and environments a text has, and how many of them are not balanced."""
    verdicts = [right for _, right in islice(formulas(text), MOST)]
    return len(verdicts), verdicts.count(False)


def formulas(text: str) -> Iterator[tuple[str, bool]]:
    """Each formula as it stands, or the name of an environment, and whether it is balanced, in order of their ends."""
    text = _CODE.sub(" ", text) if "`" in text or "~~~" in text else text
    environments: list[str] = []
    at = 0
    while mark := _MARK.search(text, at):
        at = mark.end()
        if mark["begin"] in _VERBATIM:
            end = text.find(f"\\end{{{mark['begin']}}}", at)
            yield mark["begin"], end >= 0
            at = end + len(mark["begin"]) + 6 if end >= 0 else at
        elif mark["begin"]:
            environments.append(mark["begin"])
        elif mark["end"]:
            yield from _ended(environments, mark["end"])
        elif mark.group() in _CLOSING:
            formula, whole, stop = _formula(text, mark)
            if whole and _MATHS.search(formula) and not _CODE_LIKE.search(formula):
                yield formula, is_balanced(formula)
                at = stop
            elif not whole and _COMMAND.match(formula) and not _CODE_LIKE.search(formula):
                yield formula, False
            elif whole and mark.group() != "$":
                at = stop
    for name in environments:
        yield name, False


def _formula(text: str, mark: re.Match[str]) -> tuple[str, bool, int]:
    """What an opening mark opens, up to where it is closed or the paragraph ends; whether it is closed; where that is."""
    closing, at = _CLOSING[mark.group()], mark.end()
    dollar = mark.group() == "$"
    if dollar and text[at : at + 1].isspace():
        return "", False, at
    while found := closing.search(text, at):
        at = found.end()
        if found["close"] is None and not found.group().isspace():
            continue
        content = text[mark.end() : found.start()]
        # As in Markdown, a "$" after a space or before a digit closes nothing: "$5 and $10".
        closes = found["close"] is not None and not (dollar and (content[-1:].isspace() or text[at : at + 1].isdigit()))
        return content, closes, at
    return text[mark.end() :], False, len(text)


def _ended(environments: list[str], name: str) -> Iterator[tuple[str, bool]]:
    """The environments that an end closes: what was begun inside and not ended is wrong, and so is an end without a beginning."""
    if name not in environments:
        yield name, False
        return
    while (inner := environments.pop()) != name:
        yield inner, False
    yield name, True


def is_balanced(formula: str) -> bool:
    r"""Whether braces, "\left" and "\right", "\begin" and "\end" come in pairs."""
    braces = sides = 0
    environments: list[str] = []
    for piece in _PIECE.finditer(formula):
        if piece["brace"]:
            braces += 1 if piece["brace"] == "{" else -1
        elif piece["side"]:
            sides += 1 if piece["side"] == "left" else -1
        elif piece["border"] == "begin":
            environments.append(piece["name"])
        elif piece["border"] == "end" and (not environments or environments.pop() != piece["name"]):
            return False
        if braces < 0 or sides < 0:
            return False
    return not (braces or sides or environments)
