"""The sample recipe on the sample data, held against the planted truth."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import tamis

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "sample_data"


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """The ledger of a run of web-english, joined with the truth."""
    out = tmp_path_factory.mktemp("sample") / "out"
    tamis.run(tamis.load_recipe(ROOT / "pipelines" / "web-english.yaml"), [str(SAMPLE / "raw")], str(out))
    ledger = pl.read_parquet(out / "ledger" / "*.parquet")
    data = pl.read_parquet(out / "data" / "*.parquet")
    assert sorted(data["id"]) == sorted(ledger.filter(pl.col("copies") > 0)["id"])
    return ledger.join(pl.read_parquet(SAMPLE / "truth.parquet"), on="id", how="left", validate="1:1")


def test_planted_copies_are_found(outcome: pl.DataFrame) -> None:
    """Of an exact copy, or one with other white space and case, and its original never do both stay."""
    kept = set(outcome.filter(pl.col("copies") > 0)["id"])
    planted = outcome.filter(pl.col("what").is_in(["exact", "whitespace_case"]))
    assert planted.height == 48
    assert planted.filter(pl.col("id").is_in(kept) & pl.col("of").is_in(kept)).height == 0


def test_near_copies_go_and_others_stay(outcome: pl.DataFrame) -> None:
    """Of two texts that are alike in four of five parts one stays; what is less alike is nobody's near-duplicate."""
    dropped = outcome.filter(pl.col("stage") == "near_duplicates")
    assert dropped["similarity"].min() >= 0.8
    kept = set(outcome.filter(pl.col("copies") > 0)["id"])
    both = outcome.filter(pl.col("id").is_in(kept) & pl.col("of").is_in(kept))
    assert both.filter(pl.col("what") == "edit_35").height > 10
    # `lines` takes parts of some of them, so that what is left is a little less alike than what was planted.
    assert both.filter(pl.col("jaccard") >= 0.85).height == 0


@pytest.mark.parametrize("what", ["hex", "lorem", "mojibake", "repeated_lines", "stuffing", "table", "word_salad"])
def test_plain_junk_is_dropped(outcome: pl.DataFrame, what: str) -> None:
    """No document of these sorts of junk reaches the data."""
    junk = outcome.filter((pl.col("kind") == "junk") & (pl.col("what") == what))
    assert junk.height == 34
    assert junk.filter(pl.col("copies") > 0).height == 0


def test_good_english_prose_stays(outcome: pl.DataFrame) -> None:
    """Of clean real English documents at most a tenth are lost, but for those of which a longer near-copy stays."""
    lang = pl.read_parquet(SAMPLE / "raw" / "*.parquet").select("id", "lang")
    clean = outcome.join(lang, on="id").filter((pl.col("what") == "clean") & (pl.col("lang") == "en"))
    assert clean.height > 1000
    stays = (pl.col("copies") > 0) | (pl.col("stage") == "near_duplicates")
    assert clean.filter(stays).height >= 0.9 * clean.height
