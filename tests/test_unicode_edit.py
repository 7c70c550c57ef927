"""The edit "unicode" does what plain Python does, once and for all."""

import unicodedata
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.edits.unicode import Unicode
from tamis.errors import StageError

DATA = Path(__file__).parents[2] / "shared" / "data"
SIGNALS = {"removed_chars": pl.UInt32, "newlines_changed": pl.UInt32, "normalised": pl.Boolean}
LINE_ENDS = ["\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"]


def table(*texts: str) -> pa.Table:
    """The documents as stages get them."""
    return pa.table({"text": pa.array(texts, pa.large_string())})


def slow_edit(text: str, edit: Unicode) -> tuple[str, int, int, bool]:
    """(new text, characters removed, line ends changed, whether it was not normal), the obvious way."""
    removed = changed = 0
    if edit.newlines:
        for end in LINE_ENDS:
            changed += text.count(end)
            text = text.replace(end, "\n")
    if edit.controls:
        kept = [c for c in text if c in "\n\t\r\x0b\x0c\x85" or (unicodedata.category(c) != "Cc" and c != "\ufeff")]
        removed = len(text) - len(kept)
        text = "".join(kept)
    normal = unicodedata.normalize(edit.form, text) if edit.form else text
    return normal, removed, changed, normal != text


def fast_edit(texts: list[str], edit: Unicode) -> list[tuple[str, int, int, bool]]:
    """The same from the edit."""
    edited, signals = edit.edit(table(*texts))
    return list(zip(edited.to_pylist(), *(signals[name].to_list() for name in SIGNALS), strict=True))


PIECES = [*LINE_ENDS, "\n", "\t", "\x00", "\x1c", "\x1f", "\x7f", "\x80", "\x9f", "\ufeff", "\u200d", "\u200c", "\xad", "\u200b"]
PIECES += ["e\u0301", "é", "\u0301", "a\u0323\u0307", "a\u0307\u0323", "\u0345\u0301", "ﬁ", "²", "①", "Å", "\u212b", "\u2126"]
PIECES += ["각", "\u1100\u1161\u11a8", "가\u11a8", "क\u093c", "\u0958", "が", "か\u3099", "ｶﾞ", "\u1100", "\u1161", "漢\ufa1e"]
PIECES += ["\u0651\u064e", "\u05bc\u05b0", "\U0002f800", "\U0001d15e", "plain ascii text, and more of it", "x" * 8, "ñandú", "👩\u200d💻"]
# The library that normalises may know another Unicode version than this Python: keep to what both have known for long.
characters = st.characters(codec="utf-8", exclude_categories=["Cn", "Co"], max_codepoint=0x1FFF)
texts = st.lists(st.sampled_from(PIECES) | characters, max_size=20).map("".join)
edits = st.builds(Unicode, *(st.sampled_from(values) for values in Unicode.allowed.values()))


@settings(max_examples=300, deadline=None)
@given(st.lists(texts, max_size=5), edits)
def test_edit_is_that_of_the_slow_program(batch, edit):
    """On text of any script, with any parameters, text and signals are those of plain Python."""
    assert fast_edit(batch, edit) == [slow_edit(text, edit) for text in batch]


def test_comparison_with_the_slow_program_can_fail():
    """Meta-test: with another parameter, the two differ on every kind of change."""
    for text, other in {"e\u0301": Unicode(form=None), "a\r": Unicode(newlines=None), "\x00": Unicode(controls=None)}.items():
        assert fast_edit([text], other) != [slow_edit(text, Unicode())]


@settings(max_examples=200, deadline=None)
@given(st.lists(texts, max_size=5), edits)
def test_edit_is_idempotent(batch, edit):
    """Doing it again changes nothing, and says so."""
    once = [row[0] for row in fast_edit(batch, edit)]
    assert fast_edit(once, edit) == [(text, 0, 0, False) for text in once]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\nb\rc\n", ("a\nb\nc\n", 0, 2, False)),
        ("a\x0bb\x0cc\x85d\u2028e\u2029f", ("a\nb\nc\nd\ne\nf", 0, 5, False)),
        ("\ufeffa\x00\tb\x1c", ("a\tb", 3, 0, False)),
        ("\r\x00\n", ("\n\n", 1, 1, False)),
        ("cafe\u0301", ("café", 0, 0, True)),
        ("cafe\x00\u0301", ("café", 1, 0, True)),
        ("\u0301\u0323", ("\u0323\u0301", 0, 0, True)),
        ("\u0634\u0651\u064e", ("\u0634\u064e\u0651", 0, 0, True)),
        ("\u0634\u064e\u0651", ("\u0634\u064e\u0651", 0, 0, False)),
        ("ﬁ²", ("ﬁ²", 0, 0, False)),
        ("fa\xadmily \u0645\u200c\u062e", ("fa\xadmily \u0645\u200c\u062e", 0, 0, False)),
        ("", ("", 0, 0, False)),
        (" \t\n", (" \t\n", 0, 0, False)),
    ],
)
def test_edits_by_eye(text, expected):
    """The defaults do what their description says."""
    assert fast_edit([text], Unicode()) == [expected]


def test_compatibility_form_replaces_look_alikes():
    """NFKC writes ligatures, superscripts and full-width letters plainly."""
    assert fast_edit(["ﬁ²Ａ"], Unicode(form="NFKC")) == [("fi2A", 0, 0, True)]


def test_line_ends_are_not_control_characters():
    """With newlines off, removing controls joins no lines."""
    text = "".join(LINE_ENDS)
    assert fast_edit([text], Unicode(newlines=None)) == [(text, 0, 0, False)]


def test_texts_that_need_nothing_keep_their_bytes():
    """If no text needs a change, the edit returns the buffer it was given."""
    docs = table("plain", "naïve café", "漢字", "")
    edited, _ = Unicode().edit(docs)
    assert edited.buffers()[2].address == docs.column("text").chunk(0).buffers()[2].address


def test_one_broken_text_among_many():
    """Only the text that needs it is changed, wherever it lies, also in a slice of a larger table."""
    texts = [f"text {i} é" for i in range(20)]
    docs = table(*texts[:7], "e\u0301\r", *texts[7:])
    edited, signals = Unicode().edit(docs.slice(5, 5))
    assert edited.to_pylist() == [*texts[5:7], "é\n", *texts[7:9]]
    assert signals["normalised"].to_list() == [False, False, True, False, False]


def test_zero_documents_have_the_same_columns():
    """No documents give no texts, of the same type, and signals of the same types."""
    for docs in (table(), table("a"), table("e\u0301\r")):
        edited, signals = Unicode().edit(docs)
        assert (edited.type, edited.null_count, len(edited)) == (pa.large_string(), 0, docs.num_rows)
        assert dict(signals.schema) == SIGNALS


def test_a_long_document():
    """A document of 5 MB is edited as its parts are."""
    piece = "Some text, “quoted”…\r\ncafe\u0301\x00 and so on. "
    times = 5_000_000 // len(piece.encode())
    clean, removed, changed, normalised = slow_edit(piece, Unicode())
    assert fast_edit([piece * times], Unicode()) == [(clean * times, removed * times, changed * times, normalised)]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"form": "NFD"}, 'unicode: "form" is one of "NFC", "NFKC", null, not "NFD".'),
        ({"newlines": "crlf"}, 'unicode: "newlines" is one of "lf", null, not "crlf".'),
        ({"controls": True}, 'unicode: "controls" is one of "remove", null, not "True".'),
    ],
)
def test_impossible_parameters_are_refused(parameters, message):
    """The check says which parameter, what it holds and what it may hold."""
    with pytest.raises(StageError) as refused:
        Unicode(**parameters).check()
    assert str(refused.value) == message


def test_check_accepts_every_known_value():
    """Every documented value passes the check, and so does None."""
    assert [Unicode(form, None, None).check() for form in ("NFC", "NFKC", None)] == [None] * 3


@pytest.mark.skipif(not DATA.exists(), reason="shared data is absent")
@pytest.mark.parametrize("name", ["wcxb/pages", "turku_registers/web_registers"])
def test_real_pages(name):
    """On crawled pages of six languages the edit does what plain Python does."""
    texts = pq.read_table(DATA / f"{name}.parquet", columns=["text"]).column("text").to_pylist()[:400]
    assert fast_edit(texts, Unicode()) == [slow_edit(text, Unicode()) for text in texts]
