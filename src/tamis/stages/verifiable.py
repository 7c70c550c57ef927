"""What a text claims and anybody can check: arithmetic, code, formulas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import polars as pl
import pyarrow as pa

from tamis.documents import one_piece, utf8
from tamis.errors import StageError
from tamis.stage import Filter


@dataclass(frozen=True)
class Verifiable(Filter):
    r"""Measure what can be checked in a text, and drop documents of which much is wrong: arithmetic, code, formulas.

    Worked solutions that come out right are worth more than prose, and prose is not touched: a share of nothing is null, and null
    is kept here by default. Checking is cautious: a statement is wrong only if no plausible reading makes it true, and what
    is not clearly one is not counted.

    Arithmetic: "12 × 3 = 36", also in chains, with decimals (a result may be rounded or cut off), "%", fractions, powers,
    thousands in English or Continental style, LaTeX's signs, "≈". Not dates, ranges, remainders, "x = 3", "f(2 + 3) = 6".
    Code: blocks between fences that say python, json or xml, and blocks, fenced or indented, that begin like them; Python is read by
    `ast` (the grammar of the Python that runs tamis; Python 2 is not counted), sessions with ">>>" prompt by prompt, XML as
    a piece of a document, without document types. Nothing is run. Formulas: "$…$", "$$…$$", "\\(…\\)", "\\[…\\]" with a command
    of mathematics, and environments; balanced are braces, "\\left" and "\\right", "\\begin" and "\\end".

    Signals:
        statements, code_blocks, formulas: u32, what was checked; at most 1,000, 200 and 2,000 of a text are.
        wrong_statements, wrong_code_blocks, wrong_formulas: u32, of them, what is false, does not parse or is not balanced.
        wrong_statement_share, wrong_code_share, wrong_formula_share: f64, their share; null below `least`.

    Args:
        least: a share of fewer things than this is null: one slip, or one misreading, says little.

    Source:
        Limits and readings are our own. Read by us, on 1.3 GB of manuals and web pages: see docs/quality.md.
    """

    max_wrong_statement_share: float | None = 0.5
    max_wrong_code_share: float | None = None
    max_wrong_formula_share: float | None = None
    least: int = 3
    on_null: Literal["drop", "keep"] = field(default="keep", kw_only=True)

    measured_by: ClassVar[tuple[str, ...] | None] = ("least",)
    reasons: ClassVar[Mapping[str, str]] = {
        "max_wrong_statement_share": "too much arithmetic is wrong",
        "max_wrong_code_share": "too much code does not parse",
        "max_wrong_formula_share": "too many formulas are not balanced",
    }

    def check(self) -> None:
        """Refuse shares of nothing."""
        super().check()
        if self.least < 1:
            raise StageError(f'{self.name()}: "least" must be at least 1, not {self.least}: a share of nothing is not measurable.')

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        """Find the texts that may hold something, a gigabyte a second, and check those alone."""
        from tamis.kernels import candidates
        from tamis.stages import _arithmetic, _code_blocks, _latex

        text = one_piece(docs.column("text"))
        kinds = candidates.kinds(*utf8(text))
        statements = _counted(text, kinds & candidates.EQUATION, _arithmetic.check)
        blocks = _counted(text, kinds & (candidates.FENCE | candidates.INDENTED), _code_blocks.check)
        formulas = _counted(text, kinds & candidates.FORMULA, _latex.check)
        return pl.DataFrame(
            {
                "statements": statements[0],
                "wrong_statements": statements[1],
                "wrong_statement_share": self._share(*statements),
                "code_blocks": blocks[0],
                "wrong_code_blocks": blocks[1],
                "wrong_code_share": self._share(*blocks),
                "formulas": formulas[0],
                "wrong_formulas": formulas[1],
                "wrong_formula_share": self._share(*formulas),
            }
        )

    def _share(self, checked: np.ndarray, wrong: np.ndarray) -> pl.Series:
        whole = pl.Series(checked)
        return pl.select(pl.when(whole >= self.least).then(pl.Series(wrong / np.maximum(checked, 1)))).to_series()


def _counted(text: pa.Array, candidate: np.ndarray, check: Callable[[str], tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """How much there is to check in each text, and how much of it is wrong, u32 each."""
    checked, wrong = np.zeros(len(text), np.uint32), np.zeros(len(text), np.uint32)
    for i in np.flatnonzero(candidate):
        checked[i], wrong[i] = check(text[int(i)].as_py())
    return checked, wrong
