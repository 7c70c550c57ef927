"""Conditions a person writes, `lang == "fr" and quality.score > 0.5`, turned into polars expressions.

The grammar is Python's, of which comparisons, `in`, `not`, `and`, `or`, arithmetic and constants are allowed. A plain
name is a column of the document; a dotted one is a stage's signal.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

import polars as pl

from tamis.errors import StageError

_COMPARE: dict[type, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ARITHMETIC: dict[type, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_VALUES = (ast.Constant, ast.List, ast.Tuple, ast.Set)


def reference(name: str) -> str:
    """The name inside `decide` of what a recipe calls `name`: "lang" → "doc.lang", "quality.score" as it is."""
    return name if "." in name else f"doc.{name}"


def condition(text: str, rename: Callable[[str], str] = reference) -> pl.Expr:
    """A condition as an expression over the columns that `rename` gives; null counts as not met.

    Raises:
        StageError: the text is not a condition; says what in it is not understood.
    """
    return _expression(_parse(text), text, rename).fill_null(value=False)


def names_in(text: str, rename: Callable[[str], str] = reference) -> tuple[str, ...]:
    """The columns that a condition looks at, each once, in order of appearance."""
    return tuple(dict.fromkeys(_expression(_parse(text), text, rename).meta.root_names()))


def values_compared(text: str, name: str) -> tuple[Any, ...]:
    """The constants that a condition says a name equals, does not equal, or is among, each once, in order of appearance.

    >>> values_compared("stage == 'words' or stage in ['rules', 'words']", "stage")
    ('words', 'rules')
    """
    found: list[Any] = []
    for node in ast.walk(_parse(text)):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        if any(isinstance(side, ast.Name) and side.id == name for side in sides):
            given = [
                side.value if isinstance(side, ast.Constant) else ast.literal_eval(side) for side in sides if isinstance(side, _VALUES)
            ]
            found += [value for one in given for value in (one if isinstance(one, list | tuple | set) else [one])]
    return tuple(dict.fromkeys(found))


def _parse(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise StageError(_message(text, getattr(error, "msg", None) or str(error))) from error


def _expression(node: ast.expr, text: str, rename: Callable[[str], str]) -> pl.Expr:
    def inner(child: ast.expr) -> pl.Expr:
        return _expression(child, text, rename)

    match node:
        case ast.BoolOp(op=op, values=values):
            return reduce(operator.and_ if isinstance(op, ast.And) else operator.or_, map(inner, values))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return ~inner(operand)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -inner(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            return _ARITHMETIC[type(op)](inner(left), inner(right))
        case ast.Compare(left=left, ops=ops, comparators=rights):
            pairs = zip([left, *rights], ops, rights, strict=False)
            return reduce(operator.and_, [_comparison(a, op, b, text, rename) for a, op, b in pairs])
        case ast.Name() | ast.Attribute():
            return pl.col(rename(_dotted(node, text)))
        case ast.Constant(value=str() | int() | float() | None as value) if _is_small(value):  # a bool is an int
            return pl.lit(value)
    raise StageError(_message(text, _not_understood(node)))


def _comparison(a: ast.expr, op: ast.cmpop, b: ast.expr, text: str, rename: Callable[[str], str]) -> pl.Expr:
    left = _expression(a, text, rename)
    if isinstance(op, ast.In | ast.NotIn):
        try:
            values = _listed(b)
        except (ValueError, TypeError) as error:
            raise StageError(_message(text, f'"in" wants a list of values, not "{ast.unparse(b)}"')) from error
        among = _is_among(left, values)
        return among if isinstance(op, ast.In) else ~among
    if _is_none(a) or _is_none(b):
        if not isinstance(op, ast.Is | ast.IsNot | ast.Eq | ast.NotEq):
            raise StageError(_message(text, _not_understood(ast.Compare(a, [op], [b]))))
        other = _expression(b, text, rename) if _is_none(a) else left
        return other.is_null() if isinstance(op, ast.Is | ast.Eq) else other.is_not_null()
    if type(op) not in _COMPARE:
        raise StageError(_message(text, _not_understood(ast.Compare(a, [op], [b]))))
    return _COMPARE[type(op)](left, _expression(b, text, rename))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _listed(node: ast.expr) -> list[Any]:
    """The values of a list, all of them texts, all numbers, or all true and false; null may stand among them.

    Raises:
        ValueError, TypeError: it is something else, such as "fr", which Python would take for a list of letters.
    """
    values = ast.literal_eval(node)
    if not isinstance(values, list | tuple | set):
        raise TypeError
    kinds = {float if type(value) is int else type(value) for value in values if value is not None}
    if len(kinds) > 1 or not kinds <= {str, float, bool} or not all(map(_is_small, values)):
        raise TypeError
    return list(values)


def _is_among(value: pl.Expr, values: list[Any]) -> pl.Expr:
    """Whether it is one of a list; numbers are compared one by one, as `is_in` refuses whole ones for a column of others."""
    numbers = [one for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
    return pl.any_horizontal([value == one for one in numbers]) if numbers else value.is_in(values)


def _is_small(value: Any) -> bool:
    """Whether it is no number, or one of 64 bits, which is what columns hold."""
    return not isinstance(value, int) or -(2**63) <= value < 2**64


def _dotted(node: ast.expr, text: str) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, text)}.{node.attr}"
    raise StageError(_message(text, f'"{ast.unparse(node)}" is not a name'))


def _not_understood(node: ast.expr) -> str:
    return f'"{ast.unparse(node)}" is not understood'


def _message(text: str, what: str) -> str:
    return f"""the condition "{text}" cannot be read: {what}.\nFix: write it like lang == "fr" and quality.score > 0.5"""
