"""The comparison with other systems counts what it says it counts."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import agreement
from agreement import C4_LINES, PEERS, compare_c4, compare_filter, differences, markdown, texts, verdicts
from tamis.stages.gopher_quality import GopherQuality

PROSE = "The cat sat with the dog and that was to be the end of it. " * 8
TEXTS = [PROSE, "too short", PROSE.replace("a", "{"), ""]


def docs() -> pa.Table:
    """Four pages."""
    return pa.table({"id": ["a", "b", "c", "d"], "text": pa.array(TEXTS, pa.large_string())})


def peer(**columns: list[object]) -> pl.DataFrame:
    """What another system says of them."""
    return pl.DataFrame({"id": ["a", "b", "c", "d"], **columns})


def test_a_page_without_a_verdict_does_not_count() -> None:
    """A page on which the other system raised an exception is neither agreement nor difference."""
    compared = verdicts("rule", pl.Series([True, None, False, True]), np.array([True, True, True, True]))
    assert compared.asked.tolist() == [True, False, True, True]
    assert compared.agreement == pytest.approx(200 / 3)
    assert "| rule | 3 | 2 | 3 | 0 | 1 | 66.67 % |" in markdown("title", [compared], None)


def test_texts_count_where_both_keep_the_page() -> None:
    """A text that one of them drops is no difference of texts."""
    compared = texts("rule", pl.Series(["a", "b", "c"]), pl.Series(["a", None, "x"]), pl.Series(["a", "b", "c"]))
    assert compared.asked.tolist() == [True, False, True]
    assert compared.differs[compared.asked].tolist() == [False, True]


def test_rules_are_compared_by_the_name_of_our_parameter() -> None:
    """A rule the peer has no column for is left out, and the whole filter bears the name of the stage."""
    other = peer(**{"gopher_quality.min_words": [False, True, False, False], "gopher_quality": [False, True, False, True]})
    rows = {row.rule: row for row in compare_filter(GopherQuality(convention="datatrove"), docs(), other)}
    assert list(rows) == ["`min_words`", "all rules"]
    assert rows["`min_words`"].differs.tolist() == [False, False, False, True]
    assert [found["id"] for found in differences("title", [rows["`min_words`"]], np.array(["a", "b", "c", "d"]))] == ["d"]


def test_c4_is_our_pair_of_stages() -> None:
    """Pages are dropped by what `lines` leaves of them, and texts compared where both keep the page."""
    other = peer(**{"c4": [False, True, True, True], "c4.text": [PROSE.strip(), None, None, None]})
    page, text = compare_c4("c4", C4_LINES, docs(), other)
    assert page.agreement == 100
    assert text.asked.tolist() == [True, False, False, False]
    assert text.agreement == 100


def test_tables_of_other_pages_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Verdicts belong to the pages in their order, or nothing is printed."""
    pq.write_table(docs(), tmp_path / "pages.parquet")
    peer(gopher_quality=[True] * 4).reverse().write_parquet(tmp_path / "dolma.parquet")
    monkeypatch.setattr(sys, "argv", ["agreement.py", str(tmp_path / "pages.parquet"), "--dolma", str(tmp_path / "dolma.parquet")])
    with pytest.raises(SystemExit):
        agreement.main()
    printed = capsys.readouterr()
    assert "the pages of --dolma are not those of pages.parquet." in printed.err
    assert not printed.out


def test_every_peer_is_described() -> None:
    """No comparison names a peer that the command line lacks."""
    assert {name for name, _, _ in agreement.FILTERS} <= set(PEERS)
