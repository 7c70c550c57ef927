"""The program that measures known truths draws what it says it draws, and its page says what was found."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import _truth_experiments as experiments
from _truth_experiments import EXPERIMENTS, Truth, _disjoint, _four, _replaced, rate
from _truths import DOMAINS, Ground
from ablation_truths import page
from tamis.lm.tokens import Tokens

PAGE = Path(__file__).parent.parent / "docs" / "ablation_truths.md"


def _walks(random: np.random.Generator, lengths: np.ndarray, chain: np.ndarray) -> Tokens:
    """Documents of one of two chains with three followers a token each, so that more of one lowers its loss and not the other's."""
    follow = np.random.default_rng(0).integers(0, 2048, (2, 2048, 3))
    choices, ids = random.integers(0, 3, lengths.sum()), list[int]()
    for length, which in zip(lengths.tolist(), chain.tolist(), strict=True):
        at = 0
        for choice in choices[len(ids) : len(ids) + length].tolist():
            at = int(follow[which, at, choice])
            ids.append(at)
    return Tokens(np.array(ids, np.uint16), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))


@pytest.fixture(scope="module")
def ground() -> Ground:
    """Eight thousand documents of two sources, in clusters of a few; held-out text is mostly of the first."""
    random = np.random.default_rng(1)
    lengths, held, source = random.integers(20, 60, 8000), np.full(2 * DOMAINS, 100), random.integers(0, 2, 8000)
    return Ground(
        path="",
        tokens=_walks(random, lengths, source),
        row=np.arange(8000),
        size=lengths * 3,
        key=random.integers(0, 2**63, 8000).astype(np.uint64),
        cluster=np.sort(random.integers(0, 4000, 8000)),
        source=np.array(["one", "two"])[source],
        held=_walks(random, held, np.arange(2 * DOMAINS) // 10),
        held_domain=np.repeat(np.arange(DOMAINS), 2),
        held_size=held * 3,
        tokenizer=b"",
    )


def test_folds_are_disjoint_whole_and_drawn_anew(ground: Ground) -> None:
    """No document, and no cluster, stands in two folds of a repeat; the next repeat has others."""
    drawn = ground.draw(20_000, 8, 1)
    rows = np.concatenate(drawn)
    assert len(np.unique(rows)) == len(rows)
    clusters = [set(ground.cluster[fold].tolist()) for fold in drawn]
    assert sum(map(len, clusters)) == len(set().union(*clusters))
    assert set(drawn[0].tolist()) != set(ground.draw(20_000, 8, 2)[0].tolist())
    with pytest.raises(SystemExit, match="makes 3 folds of 80,000 tokens, and 8 are needed"):
        ground.draw(80_000, 8, 1)


def test_losses_are_bits_per_byte_over_domains(ground: Ground) -> None:
    """The mean over domains of bits over bytes, at each budget; more text, less loss."""
    losses = ground.losses(ground.tokens, [1000, 50_000, 300_000])
    assert losses[0] > losses[1] > losses[2] > np.log2(3) / 3
    assert ground.losses(Tokens.of([]), [0]) == pytest.approx([11 / 3], abs=0.01)


def test_arms_are_what_they_are_called(ground: Ground) -> None:
    """Disjoint arms share no document; random ones have the curated arm's bytes, matched ones its mix; junk replaces as many tokens."""
    rows = ground.draw(100_000, 1, 3)[0]
    one, other = _disjoint(ground, rows, (20_000, 40_000), 3)
    assert not set(one.tolist()) & set(other.tolist())
    kept = ground.source[rows] == "one"
    raw, random, matched, curated = _four(ground, rows, kept, 3)
    assert raw.tolist() == rows.tolist()
    assert matched.tolist() == curated.tolist() == rows[kept].tolist()
    assert abs(int(ground.size[random].sum() - ground.size[curated].sum())) <= 200
    stream, junk = ground.tokens.take(rows[:3]), np.arange(10, dtype=np.uint16)
    spoilt = _replaced(ground, rows[:3], junk, np.array([False, True, False]))
    assert spoilt.starts.tolist() == stream.starts.tolist()
    assert (spoilt[0].tolist(), spoilt[2].tolist()) == (stream[0].tolist(), stream[2].tolist())
    assert spoilt[1].max() < 10


@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if name != "corruption"])
def test_every_experiment_runs(name: str, ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each gives its lines, with a rate of as many trials as there were repeats."""
    monkeypatch.setattr(experiments, "T", 2000)
    monkeypatch.setattr(experiments, "PILOT", 10)
    monkeypatch.setattr(experiments, "_junk", lambda _: np.arange(10, dtype=np.uint16))
    said = EXPERIMENTS[name][1](ground, 4)
    assert all(one.measured and "nan" not in one.measured for one in said)
    assert any(f"% of {4:,} (" in one.measured for one in said)


@pytest.mark.parametrize(("hits", "kept"), [(2, False), (3, True), (7, True), (8, False)])
def test_a_rate_is_kept_within_its_bounds(hits: int, kept: bool) -> None:  # noqa: FBT001
    """Both bounds count as kept, and the exact interval stands beside the rate."""
    found = rate("false positives", hits, 100, 0.03, 0.07)
    assert (found.wanted, found.kept) == ("3% to 7%", kept)
    assert found.measured.startswith(f"{hits}.0% of 100 (")


def test_the_page_says_what_was_found() -> None:
    """A broken promise is as visible as a kept one."""
    said = [Truth("a", "5 %", "4 %", True), Truth("b", "5 %", "9 %", False), Truth("c", "told", "7 %", None)]
    text = page({"power": {"truths": [vars(one) for one in said], "cpu_seconds": 90.0}}, "some text")
    assert "| a | 5 % | 4 % | yes |\n| b | 5 % | 9 % | **no** |\n| c | told | 7 % |  |\n" in text
    assert "measured this on some text." in text


def test_the_page_in_docs_is_whole() -> None:
    """docs/ablation_truths.md has the table of every experiment, and none of its promises is broken."""
    text = PAGE.read_text("utf-8")
    assert [heading for heading, _, _ in EXPERIMENTS.values() if f"## {heading}\n" not in text] == []
    assert "**no**" not in text
