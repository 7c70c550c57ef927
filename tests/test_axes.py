"""Axes and importance: format, domain, year and month, and likeness to a wanted corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from tamis import judge, make_stage
from tamis.errors import TamisError
from tamis.memory import Table

SENTENCE = "The committee met again on Tuesday and heard what the harbour master had to say about it. "
FORMATS = [
    ("article", SENTENCE * 12),
    ("article", (SENTENCE * 3 + "\n") * 5),
    ("article", "word"),
    ("list", "\n".join(f"- item {i} of a list" for i in range(20))),
    ("list", "\n".join(f"{i}. The item of a list that is longer than most" for i in range(4)) + f"\n{SENTENCE}\n{SENTENCE}"),
    ("article", "\n".join(f"{i}. The item of a list that is longer than most" for i in range(4)) + f"\n{SENTENCE * 2}\n{SENTENCE * 2}"),
    ("list", "Home\nNews\nContact\nImprint\nSearch"),
    ("article", "Home\nNews\nContact\nImprint"),  # four lines are too few to tell
    ("code", "def f(x):\n    y = x[0] + g(x)\n    return y ** 2\n\nclass A(B):\n    pass"),
    ("code", "int main() {\n  return 0;\n}"),
    ("shop", "Red shoes $59.99\nBlue shoes $49.99\nGreen shoes €39\nadd to cart"),
    ("shop", "Canvas bag\nAdd to cart\nIn stock, free shipping\nProduct details below"),
    ("article", SENTENCE * 8 + "It cost $5, then $6, and at last $7."),  # three prices, but in sentences
    ("forum", "posted by ann\nwhat is this\n3 replies\nposted by bob\nit is that\nview topic"),
    ("question-answer", "Q: What is a sieve?\nA: A thing with holes.\nQ: Why?\nA: To part the fine from the coarse."),
    ("question-answer", "How do I start?\nYou begin.\nWhere do I go?\nThere.\nWhen do I stop?\nNever, they say."),
    (None, ""),
    (None, " \n \t\n"),
]


@pytest.mark.parametrize(("wanted", "text"), FORMATS)
def test_format(wanted: str | None, text: str) -> None:
    """What a reader would call the page, on both sides of the rules that part formats."""
    docs = pa.table({"text": pa.array([text], pa.large_string())})
    assert make_stage("axes").measure(docs)["format"].to_list() == [wanted]


URLS = {
    "https://www.Example.com:8080/a?b#c": "example.com",
    "http://user:pass@sub.example.org./x": "sub.example.org",
    "example.net/path": "example.net",
    "//cdn.example.com": None,
    "ftp://www.a.b": "a.b",
    "": None,
}
DATES = {
    "2024-05-03T10:00:00Z": ("2024", "2024-05"),
    "20230104": ("2023", "2023-01"),
    "May 1999": ("1999", None),
    "2001": ("2001", None),
    "1850-01-01": (None, None),
    "2024-13-01": ("2024", None),
    "no date": (None, None),
    "201905": ("2019", "2019-05"),
    "published 2019/05/06": ("2019", "2019-05"),
    "1520190512": (None, None),  # seconds since 1970, in which 2019-05 stands by chance
    "-12021-05": (None, None),
}


def test_domains_years_and_months() -> None:
    """Read off url and date, of whatever form; null where there is none."""
    stage = make_stage("axes", axes=["domain"])
    assert stage.measure(pa.table({"url": [*URLS, None]}))["domain"].to_list() == [*URLS.values(), None]
    both = make_stage("axes", axes=["year", "month"])
    assert both.measure(pa.table({"date": [*DATES, None]})).rows() == [*DATES.values(), (None, None)]
    real = pa.table({"date": pl.Series(["2020-02-29"]).str.to_date().to_arrow()})
    assert both.measure(real).rows() == [("2020", "2020-02")]
    assert both.columns_read() == ("date",)


def test_no_axis_is_refused() -> None:
    """A stage that would tell nothing, or something that nobody knows, is one sentence."""
    with pytest.raises(TamisError) as none:
        make_stage("axes", axes=[])
    assert str(none.value) == 'make_stage, stage 1: axes: "axes" takes format, domain, year and month, and has none.'
    with pytest.raises(TamisError, match='"axes" must be a list of'):
        make_stage("axes", axes=["length"])


def law(n: int, seed: int) -> list[str]:
    """Texts about law."""
    draw = np.random.default_rng(seed)
    return [
        " ".join(draw.choice(["the", "court", "held", "that", "appeal", "of", "judge", "was", "a", "statute", "and"], 40)) for _ in range(n)
    ]


def food(n: int, seed: int) -> list[str]:
    """Texts about food."""
    draw = np.random.default_rng(seed)
    return [" ".join(draw.choice(["the", "onion", "and", "butter", "in", "a", "pan", "of", "sauce", "is", "hot"], 40)) for _ in range(n)]


def test_importance_draws_what_is_like_the_wanted(tmp_path: Path) -> None:
    """Of a corpus of much food and little law, a budget drawn by importance for a corpus of law is law."""
    pl.DataFrame({"text": [*law(50, 1), None]}).write_parquet(tmp_path / "law.parquet")
    texts = [*food(900, 2), *law(100, 3)]
    stages: list[Any] = [
        make_stage("importance", like=[str(tmp_path / "law.parquet")]),
        make_stage("rebalance", unit="documents", budget=80, importance="importance.log_ratio"),
    ]
    copies = judge(pl.DataFrame({"text": texts}), stages)["copies"].to_list()
    assert (sum(copies[:900]), sum(copies[900:])) == (0, 80)


def test_importance_is_the_sum_of_log_ratios(tmp_path: Path) -> None:
    """Words and pairs that are as frequent here as there count for nothing; a text without words is 0, and has no mean."""
    (tmp_path / "same.txt").write_text("a b")
    stage = make_stage("importance", like=[str(tmp_path / "same.txt")], min_mean_log_ratio=0.0)
    docs = pa.table({"text": pa.array(["a b", ""], pa.large_string())})
    assert stage.measure(docs, stage.fit(Table(docs))).rows() == [(0.0, 0.0), (0.0, None)]
    assert judge(docs, [stage])["reasons"].to_list() == [[], ["mean log ratio not measurable"]]
    (tmp_path / "other.txt").write_text("c d")
    other = make_stage("importance", like=[str(tmp_path / "other.txt")])
    (total, mean), _ = other.measure(docs, other.fit(Table(docs))).rows()
    # Three places are one more frequent here, and there are three n-grams on either side.
    assert total == pytest.approx(3 * np.log(1 / 2))
    assert mean == pytest.approx(np.log(1 / 2))


REFUSED = [
    ({"like": []}, 'make_stage, stage 1: importance: "like" names no file.'),
    ({"like": ["a.csv"]}, 'make_stage, stage 1: importance: "like" takes files that end in .parquet or .txt, not "a.csv".'),
]


@pytest.mark.parametrize(("how", "said"), REFUSED)
def test_importance_refuses(how: dict[str, Any], said: str) -> None:
    """No wanted corpus, or one that cannot be read."""
    with pytest.raises(TamisError) as refused:
        make_stage("importance", **how)
    assert str(refused.value) == said


def test_a_wanted_corpus_without_texts(tmp_path: Path) -> None:
    """A column that is not there is named, with the nearest."""
    pl.DataFrame({"content": ["x"]}).write_parquet(tmp_path / "a.parquet")
    stage = make_stage("importance", like=[str(tmp_path / "a.parquet")], text="contents")
    with pytest.raises(TamisError) as refused:
        judge(pl.DataFrame({"text": ["x"]}), [stage])
    assert str(refused.value) == f'importance: "{tmp_path / "a.parquet"}" lacks the column "contents". Did you mean "content"?'
