"""Scores of evaluation items: hand-computed, and against the obvious slow program."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.ablate.item_scores import VERSION, per_item, scores
from tamis.ablate.items import ItemSet, Kind, Sequences


def made(kind: Kind, continuations: Sequence[Sequence[str]], gold: Sequence[int], groups: dict[str, list[str]] | None = None) -> ItemSet:
    """A set of items of which only the continuations matter."""
    flat = [text for texts in continuations for text in texts]
    sequences = Sequences(
        pa.array([""] * len(flat), pa.large_string()),
        pa.array(flat, pa.large_string()),
        np.repeat(np.arange(len(gold)), [len(texts) for texts in continuations]),
        np.array([place == right for texts, right in zip(continuations, gold, strict=True) for place in range(len(texts))]),
    )
    return ItemSet("set", kind, sequences, [f"set:{i}" for i in range(len(gold))], groups or {})


def values(table: pl.DataFrame, column: str = "value") -> dict[str, float]:
    """Measure → what a column says of the whole set."""
    return dict(table.filter(by="set").select("measure", column).iter_rows())


CHOICE = made("choice", [[" aaa", " b", " cc"], [" aaa", " b"]], [0, 1])
CHOICE_BITS = np.array([8.0, 6.0, 6.0, 4.0, 6.0])
# bits a byte: item 0: 2 (gold), 3, 2; item 1: 1, 3 (gold)


def test_choices_are_compared_by_bits_a_byte() -> None:
    """Two items by hand: the first ties with one other option, the second is lost though it is short."""
    found = scores(CHOICE, CHOICE_BITS)
    chance = (1 / 3 + 1 / 2) / 2
    shares = [0.25 / (0.25 + 0.125 + 0.25), 0.125 / (0.5 + 0.125)]
    assert values(found) == pytest.approx(
        {
            "gold_bits_per_byte": 2.5,
            "gold_share": sum(shares) / 2,
            "accuracy": (0.5 + 0) / 2,
            "centred_accuracy": (0.25 - chance) / (1 - chance),
            "margin": (0.0 - 2.0) / 2,
        }
    )
    assert values(found, "chance") == {
        "gold_bits_per_byte": None,
        "gold_share": pytest.approx(chance),
        "accuracy": pytest.approx(chance),
        "centred_accuracy": 0.0,
        "margin": None,
    }
    assert values(found, "better") == {
        "gold_bits_per_byte": "lower",
        "gold_share": "higher",
        "accuracy": "higher",
        "centred_accuracy": "higher",
        "margin": "higher",
    }


def test_standard_errors_are_by_item() -> None:
    """The error of a mean is the deviation between items over the root of their number; that of a centred accuracy is stretched with it."""
    errors = values(scores(CHOICE, CHOICE_BITS), "se")
    chance = (1 / 3 + 1 / 2) / 2
    assert errors["gold_bits_per_byte"] == pytest.approx(0.5)  # 2 and 3: deviation .7071, over root 2
    assert errors["accuracy"] == pytest.approx(0.25)
    assert errors["centred_accuracy"] == pytest.approx(0.25 / (1 - chance))


def test_pairs_are_compared_by_whole_sentences() -> None:
    """A good sentence of more bytes must win by its bits, not by its bits a byte."""
    pairs = made("pairs", [["abcdefgh", "abcd"], ["ab", "abcd"]], [0, 0])
    found = scores(pairs, np.array([10.0, 8.0, 5.0, 6.0]))
    assert values(found) == pytest.approx(
        {
            "gold_bits_per_byte": (10 / 8 + 5 / 2) / 2,
            "gold_share": (1 / 5 + 2 / 3) / 2,
            "accuracy": 0.5,
            "centred_accuracy": 0.0,
            "margin": (-2.0 + 1.0) / 2,
        }
    )
    assert values(found, "chance")["margin"] == 0.0


def test_where_there_is_nothing_to_choose_there_is_one_score() -> None:
    """A single continuation has bits a byte, and neither accuracy nor chance; one item has no standard error."""
    found = scores(made("continuation", [[" barn"]], [0]), np.array([10.0]))
    assert found.to_dicts() == [
        {
            "set": "set",
            "by": "set",
            "group": "set",
            "measure": "gold_bits_per_byte",
            "better": "lower",
            "value": 2.0,
            "se": None,
            "items": 1,
            "chance": None,
            "version": VERSION,
        }
    ]


def test_bytes_are_counted_not_characters() -> None:
    """ " é" is three bytes."""
    assert values(scores(made("continuation", [[" é"]], [0]), np.array([6.0]))) == {"gold_bits_per_byte": 2.0}


def test_groups_are_scored_beside_the_set() -> None:
    """Each paradigm and each phenomenon has its own mean over its items, in the order of names."""
    pairs = made("pairs", [["ab", "ba"]] * 3, [0, 0, 0], {"phenomenon": ["f", "f", "e"]})
    found = scores(pairs, np.array([1.0, 2.0, 4.0, 3.0, 1.0, 9.0])).filter(measure="accuracy")
    assert found.select("by", "group", "value", "items").rows() == [
        ("set", "set", pytest.approx(2 / 3), 3),
        ("phenomenon", "e", 1.0, 1),
        ("phenomenon", "f", 0.5, 2),
    ]


def test_likeness_within_rounding_is_a_tie() -> None:
    """Sums of the same bits in another order are equal; a real difference, however small, is not."""
    pair = made("pairs", [["ab", "ba"]], [0])
    assert values(scores(pair, np.array([0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1])))["accuracy"] == 0.5
    assert values(scores(pair, np.array([0.6, 0.6 + 1e-6])))["accuracy"] == 1.0
    assert values(scores(pair, np.array([0.6 + 1e-6, 0.6])))["accuracy"] == 0.0


def test_a_hopeless_option_is_no_overflow() -> None:
    """A gold option of thousands of bits has a share of 0, not of NaN."""
    pair = made("pairs", [["ab", "ba"]], [0])
    assert values(scores(pair, np.array([5000.0, 1.0])))["gold_share"] == 0.0
    assert values(scores(pair, np.array([9000.0, 9001.0])))["gold_share"] == pytest.approx(2 / 3)


items = st.lists(
    st.lists(st.tuples(st.text("aé ", min_size=1, max_size=6), st.integers(1, 40)), min_size=2, max_size=4), min_size=1, max_size=6
)


@given(items, st.sampled_from(["choice", "schema", "pairs"]), st.randoms())
def test_scores_match_the_slow_program(options: list[list[tuple[str, int]]], kind: Kind, random: object) -> None:
    """Every measure of every item agrees with a program that reads like its definition."""
    gold = [random.randrange(len(some)) for some in options]
    one = made(kind, [[text for text, _ in some] for some in options], gold)
    found = per_item(one, np.array([float(bits) for some in options for _, bits in some]))
    for item, (some, right) in enumerate(zip(options, gold, strict=True)):
        compared = [bits / len(text.encode()) if kind == "choice" else float(bits) for text, bits in some]
        best = [place for place, score in enumerate(compared) if math.isclose(score, min(compared), abs_tol=1e-9)]
        assert found["accuracy"].values[item] == (1 / len(best) if right in best else 0)
        assert found["gold_share"].values[item] == pytest.approx(2.0 ** -compared[right] / sum(2.0**-score for score in compared))
        assert found["margin"].values[item] == pytest.approx(min(s for p, s in enumerate(compared) if p != right) - compared[right])
        assert found["gold_bits_per_byte"].values[item] == pytest.approx(some[right][1] / len(some[right][0].encode()))
        assert found["accuracy"].chance[item] == 1 / len(some)
