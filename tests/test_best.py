"""The best share: of documents or bytes, of all or within groups, by order or by a draw."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis import judge, make_stage
from tamis.errors import TamisError


def table(scores: list[float | None], **columns: Any) -> pl.DataFrame:
    """Documents of three bytes with these scores."""
    return pl.DataFrame(
        {"text": [f"{i:03}" for i in range(len(scores))], "score": scores, **columns}, schema_overrides={"score": pl.Float64}
    )


def kept(data: pl.DataFrame, **values: Any) -> list[int]:
    """The rows that stay."""
    copies = judge(data, [make_stage("best", **{"of": "score", **values})])["copies"]
    return [i for i, many in enumerate(copies) if many]


TEN = [0.5, 0.1, 0.9, 0.3, 0.8, 0.2, 0.7, 0.4, 0.6, 0.0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"share": 0.1}, [2]),
        ({"share": 0.2}, [2, 4]),
        ({"share": 0.21}, [2, 4, 6]),
        ({"share": 0.3}, [2, 4, 6]),
        ({"share": 0.0}, []),
        ({"share": 1.0}, list(range(10))),
        ({"of": "-score", "share": 0.2}, [1, 9]),
        ({"share": 0.2, "unit": "bytes"}, [2, 4]),
        ({"share": 0.2, "where": "score < 0.75"}, [2, 4, 6, 8]),
    ],
)
def test_the_share_is_taken_from_the_best_on(values: Mapping[str, Any], expected: list[int]) -> None:
    """A tenth of ten is one, a bit more than two tenths are three; those whom `where` leaves out are neither asked nor counted."""
    assert kept(table(TEN), **values) == expected


def test_within_groups_each_has_its_share() -> None:
    """Half of each language stays, whatever the scores of the languages; null is a group, and every group keeps one at least."""
    data = table([0.9, 0.8, 0.7, 0.6, 0.2, 0.1, 0.5], lang=["en", "en", "en", "en", "fr", "fr", None])
    assert kept(data, share=0.5) == [0, 1, 2, 3]
    assert kept(data, share=0.5, within=["lang"]) == [0, 1, 4, 6]
    assert kept(data, share=0.01, within=["lang"]) == [0, 4, 6]
    assert kept(data, share=0.5, within=["lang", "length"]) == [0, 1, 4, 6]


def test_length_bands_are_powers_of_two() -> None:
    """Documents of 4 to 7 bytes compete with each other, and not with one of 8."""
    data = pl.DataFrame({"text": ["x" * n for n in (4, 5, 7, 8, 15, 3)], "score": [0.1, 0.2, 0.3, 0.9, 0.8, 0.0]})
    assert kept(data, share=0.3, within=["length"]) == [2, 3, 5]


def test_bytes_are_filled_until_the_share_is_reached() -> None:
    """A long document that begins below the share is kept whole."""
    data = pl.DataFrame({"text": ["x" * 10, "y" * 80, "z" * 10], "score": [0.9, 0.8, 0.7]})
    assert kept(data, share=0.1, unit="bytes") == [0]
    assert kept(data, share=0.11, unit="bytes") == [0, 1]
    assert kept(data, share=0.9, unit="bytes") == [0, 1]


def test_empty_texts_are_a_byte() -> None:
    """All of a corpus is all of it, empty texts too; and a group of nothing else keeps its best."""
    data = pl.DataFrame({"text": ["abc", "", "", ""], "score": [0.9, 0.1, 0.3, 0.2], "lang": ["en", "en", "fr", "fr"]})
    assert kept(data, share=1.0, unit="bytes") == [0, 1, 2, 3]
    assert kept(data, share=0.5, unit="bytes", within=["lang"]) == [0, 2]


def test_without_a_score() -> None:
    """A document without a score counts for no share, and is dropped with that reason, or kept."""
    data = table([0.9, None, 0.1, float("nan")])
    verdicts = judge(data, [make_stage("best", of="score", share=0.5)])
    assert verdicts["reasons"].to_list() == [[], ["score not measurable"], ["not among the best"], ["score not measurable"]]
    assert verdicts["better_share"].to_list() == [0.0, None, 0.5, None]
    assert kept(data, share=0.5, on_null="keep") == [0, 1, 3]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b"]), st.integers(0, 5)), min_size=1, max_size=40),
    st.sampled_from([0.1, 0.3, 1 / 3, 0.7]),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_against_the_obvious_program(rows: list[tuple[int, str, int]], share: float, in_bytes: bool) -> None:  # noqa: FBT001
    """Ties and groups and both units: the kept are those of a sort and a loop, in any order of documents."""
    data = pl.DataFrame(
        {
            "text": [f"{i}" + "x" * long for i, (_, _, long) in enumerate(rows)],
            "score": [float(s) for s, _, _ in rows],
            "g": [g for _, g, _ in rows],
        }
    )
    stage = make_stage("best", of="score", share=share, within=["g"], unit="bytes" if in_bytes else "documents")
    found = judge(data, [stage])
    for group in set(data["g"]):
        members = data.with_row_index().filter(pl.col("g") == group)
        weights = [len(text) if in_bytes else 1 for text in members["text"]]
        limit = math.ceil(Fraction(str(share)) * sum(weights))
        said = [bool(found["copies"][int(i)]) for i in members["index"]]
        least = min((s for s, k in zip(members["score"], said, strict=True) if k), default=math.inf)
        assert all(k or s <= least for s, k in zip(members["score"], said, strict=True))
        total = sum(w for w, k in zip(weights, said, strict=True) if k)
        lightest = [w for w, k, s in zip(weights, said, members["score"], strict=True) if k and s == least]
        assert total >= limit
        assert total - max(lightest) < limit
    order = np.random.default_rng(1).permutation(len(rows))
    again = judge(data[order], [stage])["copies"].to_numpy()
    assert (again == found["copies"].to_numpy()[order]).all()


def test_soft_sampling_prefers_the_good_and_repeats_itself() -> None:
    """Near 0 a draw is the top share; at a temperature, odds of being drawn first are exp(difference / temperature); a seed is a draw."""
    n = 4_000
    data = pl.DataFrame({"text": [f"d{i}" for i in range(n)], "score": [float(i % 2) for i in range(n)]})
    assert kept(data, share=0.5, temperature=1e-6) == list(range(1, n, 2))
    one = kept(data, share=0.01, temperature=1.0, seed=1)
    assert one == kept(data, share=0.01, temperature=1.0, seed=1)
    assert one != kept(data, share=0.01, temperature=1.0, seed=2)
    good = [sum(i % 2 for i in kept(data, share=0.02, temperature=1.0, seed=seed)) / 80 for seed in range(12)]
    assert abs(float(np.mean(good)) - math.e / (1 + math.e)) < 0.04
    blind = [sum(i % 2 for i in kept(data, share=0.02, temperature=1e6, seed=seed)) / 80 for seed in range(12)]
    assert abs(float(np.mean(blind)) - 0.5) < 0.05


def test_a_larger_share_keeps_all_that_a_smaller_one_keeps() -> None:
    """Also of a draw."""
    data = table([i % 7 / 7 for i in range(50)])
    assert set(kept(data, share=0.2, temperature=0.3)) < set(kept(data, share=0.4, temperature=0.3))


def test_only_the_living_compete() -> None:
    """What a stage above dropped takes nobody's place."""
    data = table(TEN)
    stages = [make_stage("rules", max={"score": 0.75}), make_stage("best", of="score", share=0.1)]
    assert judge(data, stages)["copies"].to_list().index(1) == 6


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"share": 1.5}, '"share" must be between 0 and 1, not 1.5'),
        ({"temperature": 0.0}, '"temperature" must be above 0, not 0.0'),
        ({"unit": "words"}, '"documents" or "bytes"'),
    ],
)
def test_mistakes(values: dict[str, Any], said: str) -> None:
    """Impossible values are one sentence."""
    with pytest.raises(TamisError, match=said):
        make_stage("best", **{"of": "score", **values})


def test_a_score_that_nobody_measures() -> None:
    """The nearest name is offered."""
    with pytest.raises(TamisError, match=r'best decides by the column "scor", which the data lacks\. Did you mean "score"'):
        judge(table(TEN), [make_stage("best", of="scor")])
