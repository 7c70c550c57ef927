"""Text that was decoded with the wrong encoding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import polars as pl
import pyarrow as pa

from tamis.documents import fresh_bytes, large_string, utf8
from tamis.stage import Edit

LONGEST = 1_000_000
"""Characters of a line that are repaired at once; the time ftfy takes for a line may grow faster than its length."""


@dataclass(frozen=True)
class Mojibake(Edit):
    """Repair text that was decoded with the wrong encoding: "donâ€™t" becomes "don’t".

    Put it above `unicode`: to that edit, half of what a wrong encoding leaves behind ("â\\x80\\x99") is control characters.

    A line (to the next "\\n") is repaired by itself, with ftfy. Nothing but encodings is repaired: quotes stay curly,
    ligatures and full-width letters whole, "&amp;" as it is. A text that needs nothing keeps its bytes. Only lines that may
    need it are shown to ftfy, which is plain Python (4 MB/s): for a corpus full of them there is `--mapper processes`.

    U+0085 is taken for the "…" of Windows-1252, as browsers do, never for the end of a line.

    Signals:
        repaired_lines: u32, lines that were changed.
        repaired_chars: u32, characters those lines had before.

    Args:
        restore_byte_a0: take a space after "Ã" and the like for the no-break space that it was ("voilÃ  le").
        replace_lossy_sequences: put U+FFFD for a character of which a part is lost ("â€\\ufffd").
        decode_inconsistent_utf8: also repair parts of a line that holds other characters, which are right.
        fix_c1_controls: take what is left of U+0080 to U+009F for Windows-1252, as browsers do.

    Source:
        ftfy (Speer 2019, doi:10.5281/zenodo.2591652), `fix_encoding`; the parameters are those of its TextFixerConfig
        that this function heeds. Another version of ftfy may repair other lines, so it is part of the key.
    """

    restore_byte_a0: bool = True
    replace_lossy_sequences: bool = True
    decode_inconsistent_utf8: bool = True
    fix_c1_controls: bool = True

    packages: ClassVar[tuple[str, ...]] = ("ftfy",)

    def edit(self, docs: pa.Table) -> tuple[pa.Array, pl.DataFrame]:
        """Find the lines that may need it, and have those repaired."""
        from tamis.kernels.mojibake import suspicious_lines
        from tamis.kernels.splice import Parts, splice

        data, offsets = utf8(docs.column("text"))
        found = suspicious_lines(data, offsets)
        before = [data[a:b].tobytes().decode() for a, b in zip(*found, strict=True)]
        after = _repaired(before, self._repair()) if before else []
        changed = np.array([i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new], np.int64)
        parts = Parts(found.begins[changed], found.ends[changed])
        owners = parts.owners(offsets)
        lines = np.bincount(owners, minlength=docs.num_rows)
        chars = np.bincount(owners, weights=[len(before[i]) for i in changed], minlength=docs.num_rows)
        signals = pl.DataFrame({"repaired_lines": lines.astype(np.uint32), "repaired_chars": chars.astype(np.uint32)})
        if not len(changed):
            return large_string(data, offsets), signals
        pieces = [after[i].encode() for i in changed]
        borders = np.cumsum([0, *map(len, pieces)])
        spliced = splice(data, offsets, parts, np.frombuffer(b"".join(pieces), np.uint8), borders, np.arange(len(pieces)), fresh_bytes)
        return large_string(*spliced), signals

    def _repair(self) -> Callable[[str], str]:
        import ftfy

        config = ftfy.TextFixerConfig(
            unescape_html=False,
            restore_byte_a0=self.restore_byte_a0,
            replace_lossy_sequences=self.replace_lossy_sequences,
            decode_inconsistent_utf8=self.decode_inconsistent_utf8,
            fix_c1_controls=self.fix_c1_controls,
            explain=False,
        )
        return partial(ftfy.fix_encoding, config=config)


def _repaired(lines: Sequence[str], repair: Callable[[str], str]) -> list[str]:
    return ["".join(repair(line[i : i + LONGEST]) for i in range(0, len(line), LONGEST)) for line in lines]
