"""The edit "mojibake" repairs what ftfy repairs, line by line, and looks at little else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import ClassVar

import ftfy
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ftfy.badness import MOJIBAKE_CATEGORIES, is_bad
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis import keys
from tamis.documents import Columns
from tamis.edits.mojibake import LONGEST, Mojibake
from tamis.edits.unicode import Unicode
from tamis.errors import MissingPackage
from tamis.kernels import mojibake
from tamis.stage import Stage

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
SIGNALS = {"repaired_lines": pl.UInt32, "repaired_chars": pl.UInt32}


def table(*texts: str) -> pa.Table:
    """The documents as stages get them."""
    return pa.table({"text": pa.array(texts, pa.large_string())})


def slow_edit(text: str) -> tuple[str, int, int]:
    """(new text, lines changed, characters of those), each line given to ftfy."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    repaired = [ftfy.fix_encoding(line) for line in lines]
    changed = [old for old, new in zip(lines, repaired, strict=True) if old != new]
    return "".join(repaired), len(changed), sum(map(len, changed))


def fast_edit(texts: list[str], edit: Mojibake | None = None) -> list[tuple[str, int, int]]:
    """The same from the edit."""
    edited, signals = (edit or Mojibake()).edit(table(*texts))
    return list(zip(edited.to_pylist(), *(signals[name].to_list() for name in SIGNALS), strict=True))


def suspicious(texts: list[str]) -> list[bool]:
    """Whether the kernel finds a line in each text."""
    encoded = [text.encode() for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)])
    found = mojibake.suspicious_lines(np.frombuffer(b"".join(encoded), np.uint8), offsets)
    return np.isin(np.arange(len(texts)), found.owners(offsets)).tolist()


def broken(text: str, encoding: str) -> str:
    """UTF-8 read as another encoding."""
    return "".join(bytes([byte]).decode(encoding, errors="ignore") or chr(byte) for byte in text.encode())


WORDS = ["don’t", "naïve café", "“quoted”", "Größe", "só", "Привет", "Ελλάδα", "東京", "العربية", "zażółć", "it costs 5 €", "…", "ASCII only", "👍", "à la", "\u00a0"]
PIECES = WORDS + [broken(word, encoding) for word in WORDS for encoding in mojibake.ENCODINGS] + ["\n", " ", "Ã ", "Â ", "œ", "œ ", "\x85", "\x92s", "\ufffd"]
texts = st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8", max_codepoint=0x24F), max_size=10).map("".join)


@settings(max_examples=1000, deadline=None)
@given(st.lists(texts, max_size=4))
def test_edit_is_that_of_ftfy_on_each_line(batch: list[str]) -> None:
    """On any text, text and signals are what ftfy makes of its lines."""
    assert fast_edit(batch) == [slow_edit(text) for text in batch]


CLUES = sorted({chr(c) for c in np.flatnonzero(mojibake.classes())} | {c for c in map(chr, range(0x80, 0xFFFF)) if re.match(f"[{''.join(MOJIBAKE_CATEGORIES.values())}]", c)})


def test_whatever_ftfy_takes_for_mojibake_is_suspicious() -> None:
    """Of all pairs of characters that mojibake leaves behind, in six surroundings, the kernel finds each that ftfy finds."""
    around = [("", ""), ("a", ""), (" ", " "), ("a", "a"), (".", ""), ("x", " ")]
    made = [f"{before}{a}{b}{after}" for a, b in product([*CLUES, *" aZ5.\n"], repeat=2) for before, after in around]
    bad = [text for text in made if is_bad(text)]
    assert len(bad) > 100_000
    assert [text for text, found in zip(bad, suspicious(bad), strict=True) if not found] == []


def test_suspicion_is_rare() -> None:
    """Good text of many languages is not suspicious, so that ftfy never reads it."""
    good = ["« À l’été », dit-il — “Où ?”", "Größe: 5 µm, ±3 °C", "¿Qué? ¡Sí! “Niño”", "Он сказал: «Привет!» — и ушёл…", "Ήταν ένα “μικρό” καράβι·", "東京は「大きい」。", "naïve café, 50 €", "├── src\n│   └── a.py", "╔═╦═╗ ▒▓█"]
    assert suspicious(good) == [False] * len(good)
    assert [text for text in good if ftfy.fix_encoding(text) != text] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("donâ€™t", ("don’t", 1, 7)),
        ("itâ\x80\x99s", ("it’s", 1, 6)),
        ("first\nsÃ³ donâ€™t\nlast é\n", ("first\nsó don’t\nlast é\n", 1, 12)),
        ("Ð\x9fÑ\x80Ð¸Ð²ÐµÑ\x82", ("Привет", 1, 12)),
        ("voilÃ  le travail", ("voilà le travail", 1, 17)),
        ("the \x93cat\x94 sat", ("the “cat” sat", 1, 13)),
        ("“â€œ” 東京", ("““” 東京", 1, 8)),
        ("naïve café “quoted” … 東京 Привет", ("naïve café “quoted” … 東京 Привет", 0, 0)),
        ("&amp; ﬁ Ａ ‘x’ \x1b[0m", ("&amp; ﬁ Ａ ‘x’ \x1b[0m", 0, 0)),
        ("cafe\u0301\r\n", ("cafe\u0301\r\n", 0, 0)),
        ("", ("", 0, 0)),
        (" \n\n", (" \n\n", 0, 0)),
    ],
)
def test_repairs_by_eye(text: str, expected: tuple[str, int, int]) -> None:
    """Encodings are repaired, and nothing else that ftfy could straighten."""
    assert fast_edit([text]) == [expected]


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        ("restore_byte_a0", "voilÃ  le"),
        ("replace_lossy_sequences", "â€œ like this â€\ufffd"),
        ("decode_inconsistent_utf8", "“â€œ” 東京"),
        ("fix_c1_controls", "東京\x92s"),
    ],
)
def test_parameters(parameter: str, text: str) -> None:
    """Each parameter is a step of ftfy, which is left out when it is off."""
    assert fast_edit([text])[0][0] != fast_edit([text], Mojibake(**{parameter: False}))[0][0]


def test_texts_that_need_nothing_keep_their_bytes() -> None:
    """If no text needs a repair, the edit returns the buffer it was given, even where a line was suspicious."""
    docs = table("plain", "naïve café", "漢字", "", "œ, °°")
    edited, _ = Mojibake().edit(docs)
    assert edited.buffers()[2].address == docs.column("text").chunk(0).buffers()[2].address


def test_one_text_among_many() -> None:
    """Only the text that needs it is changed, wherever it lies, also in a slice of a larger table."""
    texts = [f"text {i} é" for i in range(20)]
    edited, signals = Mojibake().edit(table(*texts[:7], "donâ€™t", *texts[7:]).slice(5, 5))
    assert edited.to_pylist() == [*texts[5:7], "don’t", *texts[7:9]]
    assert signals["repaired_lines"].to_list() == [0, 0, 1, 0, 0]


def test_zero_documents_have_the_same_columns() -> None:
    """No documents give no texts, of the same type, and signals of the same types."""
    for docs in (table(), table("a"), table("donâ€™t")):
        edited, signals = Mojibake().edit(docs)
        assert (edited.type, edited.null_count, len(edited)) == (pa.large_string(), 0, docs.num_rows)
        assert dict(signals.schema) == SIGNALS


def test_a_long_line() -> None:
    """A line of more than a million characters is repaired in pieces of a million."""
    piece = "don’t "
    good = piece * (LONGEST // len(piece) + 1000)
    bad = good[:LONGEST // 3] + "â€™" + good
    assert fast_edit([bad])[0][0] == good[:LONGEST // 3] + "’" + good


def test_it_belongs_above_unicode() -> None:
    """Below `unicode`, which removes control characters, much can no longer be repaired; above it, all of this."""
    text = "itâ\x80\x99s"
    removed = Unicode().edit(table(text))[0]
    assert Mojibake().edit(pa.table({"text": removed}))[0].to_pylist() == ["itâs"]
    assert fast_edit([text])[0][0] == "it’s"


def test_another_ftfy_is_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signals that another version of ftfy made are not taken for those of this one; other stages do not mind."""
    described = [keys.keys([("one", stage)], Columns(), ()) for stage in (Mojibake(), Unicode())]
    monkeypatch.setattr(keys, "installed", lambda package, needed_by: {("ftfy", "mojibake"): "99"}[package, needed_by])
    assert [keys.keys([("one", stage)], Columns(), ()) == before for stage, before in zip((Mojibake(), Unicode()), described, strict=True)] == [False, True]


@dataclass(frozen=True)
class _Elsewhere(Stage):
    packages: ClassVar[tuple[str, ...]] = ("no-such-package",)


def test_a_package_that_is_missing() -> None:
    """A stage that leaves its work to a package says so when there is none."""
    with pytest.raises(MissingPackage) as missing:
        keys.keys([("one", _Elsewhere())], Columns(), ())
    assert str(missing.value) == '_elsewhere needs the package "no-such-package", which is not installed.\nFix: pip install no-such-package'


def test_planted_mojibake_is_repaired() -> None:
    """Every document of the sample data whose UTF-8 was read as cp1252 becomes what it was, to the last character."""
    truth = pl.read_parquet(ROOT / "sample_data" / "truth.parquet").filter(pl.col("what") == "mojibake")
    found = pl.read_parquet(ROOT / "sample_data" / "raw" / "*.parquet").join(truth, on="id")["text"].to_list()
    repaired = Mojibake().edit(table(*found))[0].to_pylist()
    assert [broken(text, "cp1252") for text in repaired] == found
    assert len(found) == 34


@pytest.mark.skipif(not DATA.exists(), reason="shared data is absent")
@pytest.mark.parametrize(("name", "lines"), [("wcxb/pages", 740), ("turku_registers/web_registers", 57)])
def test_real_pages(name: str, lines: int) -> None:
    """On crawled pages of six languages these many lines are repaired; a reader found all of the 87 he read to be repairs."""
    texts = pq.read_table(DATA / f"{name}.parquet", columns=["text"]).column("text").to_pylist()
    edited, signals = Mojibake().edit(table(*texts))
    assert signals["repaired_lines"].sum() == lines
    assert edited.to_pylist()[:300] == [slow_edit(text)[0] for text in texts[:300]]
