"""One way to write each character and each line end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from tamis.documents import fresh_bytes, large_string, one_piece, utf8
from tamis.errors import StageError
from tamis.stage import Edit

if TYPE_CHECKING:
    from tamis.kernels.clean import Found, Replaced


@dataclass(frozen=True)
class Unicode(Edit):
    """Put text into a normal form, with "\\n" as line end and without control characters.

    Doing it again changes nothing. A text that needs nothing keeps its bytes.

    Signals:
        removed_chars: u32, control characters removed.
        newlines_changed: u32, line ends changed; "\\r\\n" counts once.
        normalised: bool, the text was not in the normal form.

    Args:
        form: the Unicode normal form, or None to leave characters as they are. NFKC also replaces look-alikes ("ﬁ" by
            "fi", "²" by "2"), which loses meaning.
        newlines: "lf" makes "\\r\\n", "\\r", vertical tab, form feed, U+0085, U+2028 and U+2029 a "\\n".
        controls: "remove" removes control characters (Cc) that neither end a line nor are a tab, and U+FEFF. Joiners,
            soft hyphens and direction marks stay: scripts need them. Line ends are the affair of `newlines` alone.

    Source:
        Unicode Standard Annex #15; the forms are those of the Unicode tables that polars contains.
    """

    form: Literal["NFC", "NFKC"] | None = "NFC"
    newlines: Literal["lf"] | None = "lf"
    controls: Literal["remove"] | None = "remove"

    allowed: ClassVar[dict[str, tuple[str | None, ...]]] = {
        "form": ("NFC", "NFKC", None),
        "newlines": ("lf", None),
        "controls": ("remove", None),
    }

    def check(self) -> None:
        """Refuse values that no parameter takes."""
        for parameter, values in self.allowed.items():
            if getattr(self, parameter) not in values:
                known = ", ".join("null" if value is None else f'"{value}"' for value in values)
                raise StageError(f'{self.name()}: "{parameter}" is one of {known}, not "{getattr(self, parameter)}".')

    def edit(self, docs: pa.Table) -> tuple[pa.Array, pl.DataFrame]:
        """Find the texts that need anything, and rewrite those."""
        from tamis.kernels.clean import rewrite, scan

        data, offsets = utf8(docs.column("text"))
        found = scan(data, offsets, form=self.form, newlines=self.newlines is not None, controls=self.controls is not None)
        replaced = _normalised(data, offsets, found, self.form)
        normalised = np.zeros(docs.num_rows, np.bool_)
        normalised[replaced.rows] = True
        if len(replaced.rows) or found.removed.any() or found.newlines.any():
            data, offsets = rewrite(data, offsets, found, replaced, fresh_bytes)
        signals = {"removed_chars": found.removed, "newlines_changed": found.newlines, "normalised": normalised}
        return large_string(data, offsets), pl.DataFrame(signals)


def _normalised(data: np.ndarray, offsets: np.ndarray, found: Found, form: Literal["NFC", "NFKC"] | None) -> Replaced:
    """The texts that are not in the normal form once they are clean, in that form."""
    from tamis.kernels.clean import Found, Replaced, rewrite

    rows = np.flatnonzero(found.maybe)
    before = large_string(data, offsets).take(pa.array(rows))
    if form is not None and len(rows):
        before = large_string(*rewrite(*utf8(before), Found(*(what[rows] for what in found))))
        # polars, and not pyarrow.compute.utf8_normalize, whose NFC leaves "e" + U+0301 apart before pyarrow 26.
        after = pl.Series(pl.from_arrow(before)).str.normalize(form).to_arrow().cast(pa.large_string())
        differs = pc.not_equal(before, after)
        return Replaced(rows[differs.to_numpy(zero_copy_only=False)], *utf8(one_piece(after.filter(differs))))
    return Replaced(rows[:0], *utf8(before[:0]))
