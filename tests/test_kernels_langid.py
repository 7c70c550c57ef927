"""The automaton that tells languages: beside a slow program, on automata drawn at random, and beside py3langid."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.kernels import langid, langid_model
from tamis.kernels._exp import exp
from tamis.kernels._jit import f64, kernel, reads, writes
from tamis.kernels.langid_walk import PIECE

LETTERS = b"abc\xc3\xa9 "


def drawn(seed: int, states: int = 12, features: int = 9, columns: int = 5) -> dict:
    """A model as it is published, with any automaton: states share rows and features, some emit none."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, states // 2 + 1, states)
    rows[: states // 2 + 1] = rng.permutation(states // 2 + 1)
    weights = rng.integers(-7600, -1100, (features, columns)) / 512
    return {
        "moves": rng.integers(0, states, (states // 2 + 1) * 256).astype(np.uint32),
        "rows": rows.astype(np.uint16),
        "features": rng.integers(-1, features, states).astype(np.int32),
        "weights": weights.astype(np.float16),
        "priors": rng.normal(size=columns).astype(np.float32),
        "names": ["xx", "yy", "zz", "yy", "vv"][:columns],
    }


def slow(text: bytes, model: dict) -> list[tuple[str, float]]:
    """Labels and probabilities, the most probable first, step by step."""
    state, seen = 0, Counter()
    for byte in text:
        state = int(model["moves"][int(model["rows"][state]) * 256 + byte])
        if model["features"][state] >= 0:
            seen[int(model["features"][state])] += 1
    if not seen:
        return []
    outputs = model["priors"].astype(float)
    for feature, count in seen.items():
        outputs = outputs + math.log1p(count) * model["weights"][feature].astype(float)
    powers = np.exp((outputs - outputs.max()) / math.sqrt(len(text)))
    chances: dict[str, float] = {}
    for name, power in zip(model["names"], powers, strict=True):
        chances[name] = chances.get(name, 0.0) + float(power / powers.sum())
    return sorted(chances.items(), key=lambda item: -item[1])


def identify(texts: list[bytes], packed: langid_model.Automaton) -> tuple[np.ndarray, np.ndarray]:
    """The kernel's answers."""
    borders = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64)
    return langid.identify(np.frombuffer(b"".join(texts), np.uint8), borders[:-1], borders[1:], packed)


def near(texts: list[bytes], model: dict) -> None:
    """Hold the kernel beside the slow program."""
    labels, scores = identify(texts, langid_model.pack(**model))
    names = list(dict.fromkeys(model["names"]))
    for text, found, chance in zip(texts, labels, scores, strict=True):
        wanted = slow(text, model)
        if not wanted:
            assert found.tolist() == [-1, -1]
            continue
        assert chance == pytest.approx([wanted[0][1], wanted[1][1]], abs=1e-9)
        for place in range(2):  # of equals either
            assert dict(wanted)[names[found[place]]] == pytest.approx(wanted[place][1], abs=1e-9)


@given(st.integers(0, 40), st.lists(st.lists(st.sampled_from(LETTERS), max_size=400).map(bytes), max_size=4))
def test_any_automaton_is_walked(seed, texts):
    """Counts, weights, columns of one name and texts without features are those of the slow program, whatever the automaton."""
    near(texts, drawn(seed))


@given(
    st.integers(0, 40),
    st.lists(st.sampled_from(LETTERS), max_size=300).map(bytes),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=6),
)
def test_parts_of_a_text_are_judged_as_texts(seed, text, borders):
    """What lies within the text before it, whole, in part, or in a part of it, gets the answer that it gets by itself, whatever the automaton."""
    packed = langid_model.pack(**drawn(seed))
    parts = [(0, len(text)), *((min(a, len(text)), min(max(a, b), len(text))) for a, b in borders)]
    starts, ends = np.array(parts).T
    labels, scores = langid.identify(np.frombuffer(text, np.uint8), starts, ends, packed)
    for (a, b), label, score in zip(parts, labels, scores, strict=True):
        alone = identify([text[a:b]], packed)
        assert (label.tolist(), score.tolist()) == (alone[0][0].tolist(), alone[1][0].tolist())


def test_parts_of_a_long_text_are_judged_as_texts():
    """So do parts of a text of several pieces: only the last of them can be used again."""
    text = bytes(np.random.default_rng(0).choice(list(LETTERS), 3 * PIECE).tolist())
    packed = langid_model.pack(**drawn(7))
    borders = [
        (0, len(text)),
        (5, 300),
        (PIECE - 50, PIECE + 50),
        (2 * PIECE, 3 * PIECE),
        (2 * PIECE + 9, 3 * PIECE - 9),
        (2 * PIECE - 1, 2 * PIECE + 99),
    ]
    starts, ends = np.array(borders).T
    found = langid.identify(np.frombuffer(text, np.uint8), starts, ends, packed)
    wanted = identify([text[a:b] for a, b in borders], packed)
    assert found[0].tolist() == wanted[0].tolist()
    assert found[1].tolist() == wanted[1].tolist()


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 66, 67, 68, 255, 256, 257, 1000, 5003, PIECE - 1, PIECE + 63, 2 * PIECE + 64])
def test_a_text_of_any_length_is_walked_whole(size):
    """Quarters meet, whatever is left over: automata that forget fast, and one that never forgets where it was."""
    rng = np.random.default_rng(size)
    texts = [bytes(rng.choice(list(LETTERS), size).tolist()) for _ in range(3)]
    for seed in range(5):
        near(texts, drawn(seed))
    never = drawn(1, states=8)
    never["rows"] = np.arange(8).astype(np.uint16)
    never["moves"] = ((np.arange(8)[:, None] + np.arange(256)) % 8).astype(np.uint32).ravel()
    near(texts, never)


def test_features_seen_often_are_weighed_one_by_one():
    """A feature seen 14, 15, 16 or a million times has the logarithm of that as its weight."""
    model = drawn(3)
    near([b"a" * n for n in (13, 14, 15, 16, 17, 100, 1_000_000)], model)


@kernel(reads(f64), writes(f64))
def exponentials(numbers, found):
    """The kernel's own exponential function."""
    for i in range(len(numbers)):
        found[i] = exp(numbers[i])


def test_exponentials_are_those_of_the_library():
    """To within two units of the last place, from 0 down to where they are as good as nothing; below that they stay the same."""
    numbers = np.concatenate([-np.random.default_rng(0).exponential(50, 20_000), np.linspace(-700, 0, 1401), [-1e-300]])
    found = np.empty_like(numbers)
    exponentials(numbers, found)
    kept = numbers >= -700
    assert np.abs(found[kept] / np.exp(numbers[kept]) - 1).max() < 4.5e-16
    assert set(found[~kept].tolist()) <= {found[kept].min()}


def test_what_cannot_be_laid_out_is_refused():
    """Weights finer than 16 bits hold are an error, not a wrong number."""
    model = drawn(0)
    model["weights"] = model["weights"] * np.float16(0.001)
    with pytest.raises(ValueError, match="weights that 16 bits do not hold"):
        langid_model.pack(**model)


def test_a_wrong_count_would_be_noticed():
    """Meta-test: of a model in which one feature weighs more, the slow program says something else."""
    model, other = drawn(5), drawn(5)
    other["weights"] = model["weights"].copy()
    other["weights"][:, 0] += np.float16(0.5)
    assert slow(b"abc abc", model)[0][1] != pytest.approx(slow(b"abc abc", other)[0][1], abs=1e-6)
