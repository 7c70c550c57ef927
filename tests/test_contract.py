"""Laws over all stages: what is built in keeps the promises that third parties are held to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import models
import polars as pl
import pyarrow as pa
import pytest

from tamis.errors import StageError
from tamis.stage import Edit, Filter, Stage, parameters
from tamis.table import TABLE, make_stage, reference_of, stage_class
from tamis.testing import check_stage
from tamis.warm import examples

MODEL = Path(__file__).parents[1] / "src" / "tamis" / "stages" / "quality_example.bin"
EXAMPLES = {type(one).name(): one for one in examples()} | {
    "rules with lists": make_stage(
        "rules",
        min={"score": 0.1},
        max={"score": 0.9},
        allow={"lang": ["en", "fr"]},
        block={"url": ["https://example.com/3"], "domain": ["example.org"]},
        by={"lang": {"fr": {"min_score": 0.3}}},
    ),
    "gopher_quality, stop words by language": make_stage("gopher_quality", stop_words={"lang": {"en": ("the", "of"), "fr": ("le",)}}),
    "gopher_quality by and where": make_stage(
        "gopher_quality", by={"lang": {"fr": {"min_words": 3}}}, where='source == "web"', convention="dclm", word_rule="whitespace"
    ),
    "gopher_repetition by datatrove": make_stage("gopher_repetition", convention="datatrove", where='source == "web"'),
    "gopher_repetition by dclm": make_stage("gopher_repetition", convention="dclm", word_rule="whitespace"),
    "gopher_repetition by dolma": make_stage("gopher_repetition", convention="dolma", on_null="keep"),
    "lines of c4": make_stage(
        "lines", max_word_length=1000, citations=True, end_mark=True, min_words=5, javascript=True, min_repeated_chars=4, strip=True, convention="c4"
    ),
    "c4_quality with a list": make_stage("c4_quality", bad_words=str(Path(__file__)), convention="c4", by={"lang": {"fr": {"min_sentences": 2}}}),
    "fineweb_quality of another language": make_stage("fineweb_quality", unpunctuated="keep", word_rule="whitespace", max_short_line_share=None),
    "exact_duplicates folded": make_stage("exact_duplicates", ignore=["case", "white_space", "punctuation"], prefer=["length"]),
    "exact_duplicates of a column": make_stage("exact_duplicates", column="source", prefer=[{"lang": ["fr", "en"]}, "-score"]),
    "near_duplicates inside": make_stage("near_duplicates", containment=0.9, unit="auto", prefer=["length"], keep_copies={2: 2}),
    "near_duplicates by characters": make_stage("near_duplicates", unit="characters", shingle=9, normalise="none", bands=[20, 5], where='source == "web"'),
    "verifiable, all limits": make_stage("verifiable", least=1, max_wrong_code_share=0.2, max_wrong_formula_share=0.2, on_null="drop"),
    "quality, several labels": make_stage("quality", model=str(MODEL), label={"good": 2.0, "bad": -1.0}, min_score=0.5, on_null="keep"),
    "best of a column": make_stage("best", of="-score", share=0.5, unit="bytes", within=["lang", "length"], on_null="keep"),
    "best, drawn": make_stage("best", of="text.bytes", share=0.5, temperature=100.0, seed=3, where='source == "web"'),
    "topics of a column": make_stage("topics", column="source", min_confidence=0.5),
    "axes, all": make_stage("axes", axes=["format", "domain"]),
    "rebalance by two": make_stage("rebalance", by=["source", "lang"], exponent=0.5, budget="all", weights={"lang": {"fr": 2}}, unit="words"),
    "rebalance best first": make_stage("rebalance", by="source", budget=500, prefer=["-score"], where='lang == "en"', emit="weights"),
    "language of parts": make_stage("language", keep=["en", "fr"], min_score=0.6, min_score_of={"fr": 0.3}, max_bytes=99, short=5, mixed="dominant"),
    "sample": make_stage("sample", share=0.4, seed=3),
    "perplexity": make_stage("perplexity", model=models.english(), max_bits_per_byte=6.0),
    "perplexity by language": make_stage("perplexity", model={"en": models.english(), "fr": models.french()}, min_bits_per_byte=2, on_null="keep"),
    "perplexity by the language found": make_stage("perplexity", model={"en": models.english(), "fr": models.french()}, column=None),
    "head_middle_tail": make_stage("head_middle_tail", signal="score", within="lang", keep=["head", "tail"]),
    "head_middle_tail of all": make_stage("head_middle_tail", signal="score", within=None, best="high", on_null="drop", where='source == "web"'),
    "mask of two kinds": make_stage("mask", kinds=["phone", "email"], replacements={"email": ""}),
    "mojibake of whole lines": make_stage("mojibake", decode_inconsistent_utf8=False, fix_c1_controls=False),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_stage_keeps_its_promises(name: str) -> None:
    """Any built-in stage obeys the contract."""
    check_stage(EXAMPLES[name], other_process=name in TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_every_stage_is_called_by_its_name(name: str) -> None:
    """The table's name is the one that the class gives itself, and the way back is the same."""
    assert stage_class(name).name() == name
    assert reference_of(EXAMPLES[name]) == name


@pytest.mark.parametrize("name", TABLE)
def test_every_stage_is_documented(name: str) -> None:
    """Each has a docstring that names all its own parameters, or gives them as limits with reasons."""
    cls = stage_class(name)
    shared = {"by", "where", "on_null"} if issubclass(cls, Filter) else set()
    told = (cls.__doc__ or "") + " ".join(getattr(cls, "reasons", {}) if isinstance(getattr(cls, "reasons", None), dict) else ())
    assert [one for one in parameters(EXAMPLES[name]) if one not in told and one not in shared] == []


@dataclass(frozen=True)
class _Digits(Filter):
    """A filter as a user would write it; each test below breaks one promise of it."""

    max_digit_share: float | None = 0.3
    unused: float = 1.0
    measured_by: ClassVar[tuple[str, ...]] = ()
    reasons: ClassVar[Mapping[str, str]] = {"max_digit_share": "too many digits"}

    def measure(self, docs: pa.Table) -> pl.DataFrame:
        text = pl.Series("text", pl.from_arrow(docs.column("text")))
        return pl.DataFrame({"digit_share": text.str.count_matches(r"\d") / text.str.len_chars().clip(1)})


class _Nan(_Digits):
    def measure(self, docs: pa.Table) -> pl.DataFrame:
        text = pl.Series("text", pl.from_arrow(docs.column("text")))
        return pl.DataFrame({"digit_share": text.str.count_matches(r"\d") / text.str.len_chars()})


class _Neighbours(_Digits):
    def measure(self, docs: pa.Table) -> pl.DataFrame:
        return super().measure(docs).with_columns(pl.col("digit_share").cum_sum())


class _Shapeless(_Digits):
    def measure(self, docs: pa.Table) -> pl.DataFrame:
        return super().measure(docs) if docs.num_rows else pl.DataFrame()


class _Measuring(_Digits):
    def measure(self, docs: pa.Table) -> pl.DataFrame:
        return super().measure(docs).with_columns(pl.col("digit_share") * self.unused)


class _Silent(_Digits):
    def decide(self, signals: pl.LazyFrame, relations: pl.LazyFrame | None = None) -> pl.LazyFrame:
        return super().decide(signals).with_columns(reasons=pl.lit([], pl.List(pl.String)))


class _FirstOnly(_Digits):
    def decide(self, signals: pl.LazyFrame, relations: pl.LazyFrame | None = None) -> pl.LazyFrame:
        first = pl.int_range(pl.len()) == 0
        return signals.select(
            copies=pl.when(first).then("copies").otherwise(pl.lit(0, pl.UInt8)),
            reasons=pl.when(first).then(pl.lit([], pl.List(pl.String))).otherwise(pl.lit(["not the first"])),
        )


@dataclass(frozen=True)
class _Truncates(Edit):
    def edit(self, docs: pa.Table) -> tuple[pa.Array, pl.DataFrame]:
        return docs.column("text").combine_chunks().slice(1), pl.DataFrame()


def test_a_user_filter_of_ten_lines_passes() -> None:
    """A filter needs a parameter, a reason and a measure, and nothing else."""
    check_stage(_Digits(), other_process=False)


BROKEN = [
    (_Nan(), "must not measure NaN"),
    (_Neighbours(), "must measure a document by itself"),
    (_Shapeless(), "must measure the same columns and types for zero documents"),
    (_Measuring(), 'must name in measured_by all that changes measure: "unused" does'),
    (_Silent(), "must give reasons if and only if it drops a document"),
    (_FirstOnly(), "must decide on a batch as on its parts"),
    (_Truncates(), "must return a text for every document"),
]


@pytest.mark.parametrize(("broken", "law"), BROKEN, ids=[type(one).__name__ for one, _ in BROKEN])
def test_check_stage_notices(broken: Stage, law: str) -> None:
    """Each broken promise is named; without this, the contract test could be always green."""
    with pytest.raises(StageError, match=law):
        check_stage(broken, other_process=False)
