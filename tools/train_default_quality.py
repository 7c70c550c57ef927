"""Rebuild src/tamis/stages/models/default.bin, the quality model that ships: running prose against what stands around it.

    python tools/train_default_quality.py CORPUS [--out src/tamis/stages/models/default.bin]

CORPUS is the folder that `benchmarks/corpus.py` makes of registry packages (`raw/*.parquet`); only its real documents are read, neither
variants nor planted copies nor pages from a template. Both classes come from the same documents: of each, the paragraphs that are
running prose (PROSE says how one is told) are one good text, and all else in it, menus, tables of contents, indexes, lists of names, code,
tables, changes, is one of the others. So neither the topic nor the author tells the classes apart, whose numbers are made equal in every
package, every language and every half octave of bytes. A fifth of the packages, drawn by a hash of their names, validates.

No person labelled anything: "good" means no more than sentences. The same corpus, seed and versions give the same bytes.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import zlib
from pathlib import Path

import polars as pl

from tamis.documents import Columns
from tamis.train import report
from tamis.train.examples import from_column
from tamis.train.quality import How, train
from tamis.train.settings import Settings

OUT = Path(__file__).parents[1] / "src" / "tamis" / "stages" / "models" / "default.bin"
SETTINGS = Settings(dim=2, epochs=5, learning_rate=0.1, word_ngrams=1, buckets=1, min_count=60)
"""Of two classes one number a word is enough; rarer words would tell packages. More passes at higher rates are worth the same on packages held out
(AUC .934 to .938), and nearly all scores are 0 or 1 then."""
PROSE_WORDS = 20
"""Words of a paragraph of prose: an English sentence has about as many, and captions, items and headings have fewer."""
SENTENCE = re.compile(r"[.!?…。！？؟।][\"'”’»)\]]*$")
WRAPPED = 50
"""Characters from which on a line without an end goes on in the next, as plain text of 72 columns does."""
LEAST_BYTES, MOST_BYTES = 200, 4_000
MOST_OF_PACKAGE = 400
"""Texts of one class, package and language: no package may be the corpus."""
HELD_OUT_EVERY = 5
HELD_OUT, MATCH = "yes", ("length", "source")


def paragraphs(text: str) -> list[str]:
    """Lines, where a long one without an end is put together with those that follow it."""
    found: list[str] = []
    goes_on = False
    for line in text.split("\n"):
        if not (stripped := line.strip()):
            goes_on = False
        elif goes_on:
            found[-1] += "\n" + stripped
            goes_on = len(stripped) >= WRAPPED and not SENTENCE.search(stripped)
        else:
            found.append(stripped)
            goes_on = len(stripped) >= WRAPPED and not SENTENCE.search(stripped)
    return found


def is_prose(paragraph: str) -> bool:
    """Whether a paragraph has the words of a sentence, nearly all of them letters, and ends as one does."""
    words = paragraph.split()
    plain = sum(word.strip("\"'“”‘’«»().,;:!?-").replace("-", "").replace("'", "").replace("’", "").isalpha() for word in words)
    return len(words) >= PROSE_WORDS and plain >= 0.85 * len(words) and bool(SENTENCE.search(paragraph))


def parted(text: str) -> tuple[str, str]:
    """The prose of a document, and the rest, each cut between paragraphs to at most MOST_BYTES."""
    sides: dict[bool, list[str]] = {True: [], False: []}
    sizes = {True: 0, False: 0}
    for paragraph in paragraphs(text):
        side, size = is_prose(paragraph), len(paragraph.encode()) + 1
        if sizes[side] + size <= MOST_BYTES:
            sides[side].append(paragraph)
            sizes[side] += size
    return "\n".join(sides[True]), "\n".join(sides[False])


def drawn(documents: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Texts with their label and source.

    Args:
        documents: id, text, lang of a corpus made by `benchmarks/corpus.py`, in any order.
        seed: of the draw within a package.

    Returns:
        text, label ("positive", "negative"), source (package and language), held_out ("yes", "no").
    """
    real = documents.filter(~pl.col("id").str.contains("~") & ~pl.col("id").str.contains("^(copy|template)-"))
    rows = []
    for id_, text, lang in real.select("id", "text", "lang").sort("id").iter_rows():
        package = re.sub(r"-\d+$", "", id_)
        held = HELD_OUT if zlib.crc32(package.encode()) % HELD_OUT_EVERY == 0 else "no"
        rows += [
            (side, label, f"{package} {lang}", held, zlib.crc32(f"{seed} {id_}".encode()))
            for side, label in zip(parted(text), ("positive", "negative"), strict=True)
            if len(side.encode()) >= LEAST_BYTES
        ]
    made = pl.DataFrame(rows, schema=["text", "label", "source", "held_out", "rank"], orient="row").unique("text", keep="none")
    first = pl.struct("rank", "text").rank("ordinal").over("label", "source") <= MOST_OF_PACKAGE
    return made.filter(first).sort("source", "label", "rank", "text").drop("rank")


def main() -> None:
    """Draw, train, write the model with its card and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    documents = pl.read_parquet(given.corpus / "raw" / "*.parquet", columns=["id", "text", "lang"])
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "drawn.parquet"
        drawn(documents, given.seed).write_parquet(place)
        examples = from_column([str(place)], "label", Columns())
    how = How(SETTINGS, match=MATCH, held_out_where=f'held_out == "{HELD_OUT}"', seed=given.seed, preset="small, changed")
    made = train(examples, how, given.out)
    report.write(given.out, made)
    print(f"{given.out}: {made['bytes']:,} bytes")


if __name__ == "__main__":
    main()
