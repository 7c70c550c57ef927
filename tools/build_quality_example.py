"""Rebuild src/tamis/stages/quality_example.bin: the smallest useful model, for compiling ahead and for the contract's tests.

python tools/build_quality_example.py
"""

from __future__ import annotations

from pathlib import Path

from tamis.documents import Columns
from tamis.train import fit
from tamis.train.examples import from_column
from tamis.train.settings import Settings

GOOD = ("the", "cat", "sat", "on", "mat", "and", "looked", "at", "dog", "with", "that", "was", "a", "day", "to", "be", "happy")
BAD = (
    "click",
    "here",
    "buy",
    "now",
    "cart",
    "login",
    "share",
    "menu",
    "price",
    "sale",
    "free",
    "cookies",
    "subscribe",
    "home",
    "next",
    "more",
    "page",
)


def main() -> None:
    """Train on forty lines, and write the model without a card."""
    import tempfile

    import polars as pl

    rows = [
        (" ".join(words[(i * k) % len(words)] for k in range(1, 12)), label)
        for label, words in (("good", GOOD), ("bad", BAD))
        for i in range(1, 21)
    ]
    with tempfile.TemporaryDirectory() as folder:
        place = str(Path(folder) / "lines.parquet")
        pl.DataFrame(rows, schema=["text", "label"], orient="row").write_parquet(place)
        examples = from_column([place], "label", Columns())
        out = Path(__file__).parents[1] / "src" / "tamis" / "stages" / "quality_example.bin"
        fit.fit(examples, Settings(dim=1, epochs=20, learning_rate=0.5, word_ngrams=2, buckets=20, min_count=1), 0, out)
        print(out, out.stat().st_size)


if __name__ == "__main__":
    main()
