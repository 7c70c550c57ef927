"""How often our verdicts are those of datatrove and dolma themselves, rule by rule, as Markdown tables.

    python benchmarks/agreement.py PAGES.parquet --datatrove DATATROVE.parquet --split SPLIT.parquet --dolma DOLMA.parquet

PAGES has the columns id and text; a column corpus, if there is one, tells where differences lie. The other tables, each of which
may be left out, are what `agreement_peers.py` wrote about the same pages in the same order. `--differences OUT.parquet` writes
every page on which a rule differs, to be read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.edits.lines import Lines
from tamis.edits.mask import Mask
from tamis.stage import Filter
from tamis.stages.c4_quality import C4Quality
from tamis.stages.fineweb_quality import FinewebQuality
from tamis.stages.gopher_quality import GopherQuality
from tamis.stages.gopher_repetition import GopherRepetition

FINEWEB_LINES = Lines(
    max_uppercase_share=None,
    max_digit_share=None,
    counters=False,
    buttons=False,
    max_newlines=None,
    max_word_length=1000,
    citations=True,
    min_words=3,
    javascript=True,
    strip=True,
)
C4_LINES = replace(FINEWEB_LINES, end_mark=True)
# dolma has no rules for paragraphs, and its rules for words and lines of Gopher quality are no convention of ours.
GOPHER = {"max_duplicate_line_share": 0.3, "max_duplicate_paragraph_share": 0.3}
OF_C4 = {"max_curly_brackets": 0, "max_lorem_ipsum": 0}
OF_FINEWEB = {"max_duplicate_line_char_share": 0.01}
DOLMA_REPETITION = GopherRepetition(
    convention="dolma", word_rule="whitespace", **GOPHER | {"max_duplicate_paragraph_share": None, "max_duplicate_paragraph_char_share": None}
)
FILTERS: list[tuple[str, str, Filter]] = [
    ("datatrove", "convention: datatrove, word_rule: unicode", GopherQuality(convention="datatrove")),
    ("split", "convention: datatrove, word_rule: whitespace", GopherQuality(convention="datatrove", word_rule="whitespace")),
    ("dolma", "convention: datatrove, word_rule: whitespace", GopherQuality(convention="datatrove", word_rule="whitespace")),
    ("datatrove", "convention: datatrove, word_rule: unicode", GopherRepetition(convention="datatrove", **GOPHER)),
    ("split", "convention: datatrove, word_rule: whitespace", GopherRepetition(convention="datatrove", word_rule="whitespace", **GOPHER)),
    ("dolma", "convention: dolma, word_rule: whitespace", DOLMA_REPETITION),
    ("datatrove", "word_rule: unicode", FinewebQuality(**OF_FINEWEB)),
    ("split", "word_rule: whitespace", FinewebQuality(word_rule="whitespace", **OF_FINEWEB)),
    ("datatrove", "on the page as it is", C4Quality(**OF_C4)),
    ("dolma", "on the page as it is", C4Quality(min_sentences=None, **OF_C4)),
]
PEERS = {"datatrove": "datatrove, words of spaCy", "split": "datatrove, words of `str.split()`", "dolma": "dolma"}


@dataclass(frozen=True)
class Compared:
    """One rule asked of pages by two systems.

    Args:
        theirs, ours: bool[n], whether the page is dropped or changed.
        differs: bool[n]; for texts a page may differ that both changed.
        asked: bool[n], the pages that count: those about which both have something to say.
    """

    rule: str
    theirs: np.ndarray
    ours: np.ndarray
    differs: np.ndarray
    asked: np.ndarray

    @property
    def agreement(self) -> float:
        """Percent of the pages asked about."""
        return 100 * (1 - self.differs[self.asked].sum() / max(self.asked.sum(), 1))


def verdicts(rule: str, theirs: pl.Series, ours: np.ndarray) -> Compared:
    """Two answers of yes or no; pages on which they raised an exception do not count."""
    dropped = theirs.fill_null(value=False).to_numpy()
    return Compared(rule, dropped, ours, dropped != ours, theirs.is_not_null().to_numpy())


def texts(rule: str, before: pl.Series, theirs: pl.Series, ours: pl.Series) -> Compared:
    """Two texts of a page, of which one may be null: the page is dropped. Pages that both keep count."""
    kept = theirs.is_not_null() & ours.is_not_null()
    changed = [(text != before).fill_null(value=False).to_numpy() for text in (theirs, ours)]
    return Compared(rule, *changed, (theirs != ours).fill_null(value=False).to_numpy(), kept.to_numpy())


def our_verdicts(stage: Filter, docs: pa.Table) -> dict[str, np.ndarray]:
    """Limiting parameter → bool[n], whether its rule alone drops the page; "" → whether any does."""
    parameter_of = {reason: parameter for parameter, reason in stage.reasons.items()}
    null_keeps = stage.on_null == "keep"
    dropped = {parameter_of[reason]: ~keep.fill_null(value=null_keeps) for reason, keep in stage.rules().items()}
    found = stage.measure(docs).select(**dropped, all=~stage.keeps())
    return {"" if name == "all" else name: found[name].to_numpy() for name in found.columns}


def compare_filter(stage: Filter, docs: pa.Table, peer: pl.DataFrame) -> Iterator[Compared]:
    """Each rule that the peer has too, and all together."""
    for parameter, ours in our_verdicts(stage, docs).items():
        column = f"{stage.name()}.{parameter}".rstrip(".")
        if column in peer.columns:
            yield verdicts(f"`{parameter}`" if parameter else "all rules", peer[column], ours)


def edited(edit: Lines | Mask, docs: pa.Table) -> pa.Array:
    """The texts as the edit leaves them."""
    return edit.edit(docs)[0]


def compare_c4(name: str, lines: Lines, docs: pa.Table, peer: pl.DataFrame) -> Iterator[Compared]:
    """The pair `lines` and `c4_quality` against C4's one pass: the page, its text where both keep it, and the edit of every page."""
    before = pl.Series(docs.column("text").to_pylist(), dtype=pl.String)
    text = edited(lines, docs)
    ours = pl.Series(text.to_pylist(), dtype=pl.String)
    dropped = our_verdicts(C4Quality(**OF_C4), pa.table({"text": text}))[""]
    yield verdicts("the page is dropped", peer[name], dropped)
    kept = pl.select(pl.when(pl.Series(~dropped)).then(ours)).to_series()
    yield texts("the text of pages that both keep", before, peer[f"{name}.text"], kept)


def compare_lines(name: str, lines: Lines, docs: pa.Table, peer: pl.DataFrame) -> Iterator[Compared]:
    """The edit alone, of every page that C4's rules for pages would not have stopped at."""
    before = pl.Series(docs.column("text").to_pylist(), dtype=pl.String)
    ours = pl.Series(edited(lines, docs).to_pylist(), dtype=pl.String)
    yield texts("the text by the line rules alone", before, peer[f"{name}.lines.text"], ours)


def compare_mask(docs: pa.Table, peer: pl.DataFrame) -> Iterator[Compared]:
    """E-mail and IP addresses: whether anything is masked, and whether the text is the same letter by letter."""
    before = pl.Series(docs.column("text").to_pylist(), dtype=pl.String)
    for kind, what in (("email", "e-mail addresses"), ("ip", "IP addresses")):
        theirs = peer[f"mask.{kind}.text"]
        ours = pl.Series(edited(Mask(kinds=(kind,)), docs).to_pylist(), dtype=pl.String)
        yield verdicts(f"{what}: any masked", theirs != before, (ours != before).to_numpy())
        yield texts(f"{what}: the text", before, theirs, ours)


def comparisons(docs: pa.Table, peers: dict[str, pl.DataFrame]) -> Iterator[tuple[str, list[Compared]]]:
    """Title → what was compared, for the peers there are."""
    for peer, setting, stage in FILTERS:
        if peer in peers:
            yield f"`{stage.name()}` ({setting}) and {PEERS[peer]}", list(compare_filter(stage, docs, peers[peer]))
    if (datatrove := peers.get("datatrove")) is not None:
        for name, what, lines in (("c4", "as it comes", C4_LINES), ("c4_fineweb", "as FineWeb ran it", FINEWEB_LINES)):
            rows = [*compare_c4(name, lines, docs, datatrove), *compare_lines(name, lines, docs, datatrove)]
            yield f"`lines` and `c4_quality`, and C4 of datatrove {what}", rows
        yield "`mask` and PIIFormatter of datatrove", list(compare_mask(docs, datatrove))


def places(compared: Compared, corpus: np.ndarray | None) -> str:
    """Where the pages on which two systems differ come from."""
    if corpus is None:
        return ""
    names, counts = np.unique(corpus[compared.differs & compared.asked], return_counts=True)
    return ", ".join(f"{name} {count}" for name, count in zip(names, counts, strict=True))


def markdown(title: str, rows: list[Compared], corpus: np.ndarray | None) -> str:
    """One table, a rule a line."""
    head = ["rule", "pages", "they", "we", "only they", "only we", "agreement", *(["differences in"] if corpus is not None else [])]
    lines = [f"### {title}", "", f"| {' | '.join(head)} |", f"| --- |{' ---: |' * 6}{' --- |' if corpus is not None else ''}"]
    for row in rows:
        asked, theirs, ours = row.asked, row.theirs[row.asked], row.ours[row.asked]
        counts = (asked.sum(), theirs.sum(), ours.sum(), (theirs & ~ours).sum(), (ours & ~theirs).sum())
        cells = [
            row.rule,
            *(f"{count:,}" for count in counts),
            f"{row.agreement:.2f} %",
            *([places(row, corpus)] if corpus is not None else []),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", ""])


def differences(title: str, rows: list[Compared], ids: np.ndarray) -> Iterator[dict[str, Any]]:
    """Every page on which a rule differs."""
    for row in rows:
        for i in np.flatnonzero(row.differs & row.asked):
            yield {"comparison": title, "rule": row.rule, "id": str(ids[i]), "they": bool(row.theirs[i]), "we": bool(row.ours[i])}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", type=Path)
    for peer, what in PEERS.items():
        parser.add_argument(f"--{peer}", type=Path, help=f"the verdicts of {what}")
    parser.add_argument("--differences", type=Path, help="where to write the pages on which a rule differs")
    arguments = parser.parse_args()
    docs = pq.read_table(arguments.pages)
    docs = docs.set_column(docs.column_names.index("text"), "text", docs.column("text").cast(pa.large_string()).combine_chunks())
    peers = {name: pl.read_parquet(path) for name in PEERS if (path := getattr(arguments, name))}
    ids = np.asarray(docs.column("id").to_pylist())
    for name, peer in peers.items():
        if peer["id"].to_list() != ids.tolist():
            parser.error(f"the pages of --{name} are not those of {arguments.pages.name}.")
    corpus = np.asarray(docs.column("corpus").to_pylist()) if "corpus" in docs.column_names else None
    found: list[dict[str, Any]] = []
    for title, rows in comparisons(docs, peers):
        sys.stdout.write(markdown(title, rows, corpus))
        found.extend(differences(title, rows, ids))
    if arguments.differences:
        pl.DataFrame(found).write_parquet(arguments.differences)


if __name__ == "__main__":
    main()
