"""One way to write each character and each line end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from tamis.documents import large_string, utf8
from tamis.errors import StageError
from tamis.stage import Edit


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
        rewritten = found.removed.any() or found.newlines.any()
        texts = large_string(*(rewrite(data, offsets, found) if rewritten else (data, offsets)))
        texts, normalised = _normalise(texts, np.flatnonzero(found.maybe), self.form)
        return texts, pl.DataFrame({"removed_chars": found.removed, "newlines_changed": found.newlines, "normalised": normalised})


def _normalise(texts: pa.Array, rows: np.ndarray, form: Literal["NFC", "NFKC"] | None) -> tuple[pa.Array, np.ndarray]:
    """The texts with these rows in normal form, and which of all rows that changed (bool[n])."""
    changed = np.zeros(len(texts), np.bool_)
    if form is None or not len(rows):
        return texts, changed
    before = texts.take(pa.array(rows))
    # polars, and not pyarrow.compute.utf8_normalize, whose NFC leaves "e" + U+0301 apart before pyarrow 26.
    after = pl.Series(pl.from_arrow(before)).str.normalize(form).to_arrow().cast(pa.large_string())
    differs = pc.not_equal(before, after)
    changed[rows] = differs.to_numpy(zero_copy_only=False)
    if changed.any():
        texts = pc.replace_with_mask(texts, pa.array(changed), after.filter(differs))
    return texts, changed
